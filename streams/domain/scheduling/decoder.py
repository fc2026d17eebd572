"""From an order of operations, and a work centre for each, to times: the one place where these are made.

Each operation begins as early as its predecessors, its material and its work centre allow, behind what the order puts
before it there. Setups are done in open time directly before the run; nights, breaks and maintenance interrupt both.
What is pinned stays, and others pass by it or fit before it.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import NamedTuple

from streams.domain.calendars import OutsideHorizon, moment
from streams.domain.scheduling.layout import NEVER, Layout
from streams.domain.scheduling.problem import Schedule, Slot, order_of

STRIDE = 16
"""After so many places the state of the work centres is kept, so that a change later on need not begin at the front."""


_begin = attrgetter("begin")


class Mark(NamedTuple):
    """The work centres before a place of the order: free from which position, set up for what, up to which block."""

    free: list[int]
    last: list[int]
    block: list[int]
    guard: list[int]


class Times(NamedTuple):
    """Per operation: the position at which it begins, the minute at which it ends, its setup minutes."""

    begin: list[int]
    end: list[int]
    setup: list[int]
    marks: list[Mark]

    def copy(self) -> "Times":
        return Times(self.begin.copy(), self.end.copy(), self.setup.copy(), self.marks.copy())


def nothing_placed(layout: Layout) -> Times:
    """Times in which only what is pinned has its place. `OutsideHorizon`: that does not end within it."""
    times = Times([0] * layout.size, [0] * layout.size, [0] * layout.size, [])
    for operation, block in layout.pinned.items():
        finishes = layout.finishes[block.center]
        if block.end >= len(finishes):
            raise outside(layout)
        times.begin[operation], times.end[operation] = block.begin, finishes[block.end]
    guard = [_guard(layout, center, 0) for center in range(len(layout.blocks))]
    times.marks.append(Mark(layout.free, layout.last, [0] * len(layout.blocks), guard))
    return times


def decode(layout: Layout, order: Sequence[int], centers: Sequence[int], times: Times, place: int = 0) -> None:
    """Write the times of all that is ordered from a place on, predecessors first; what goes before it is as it was.

    IndexError: something does not fit into the horizon.
    """
    begins, ends, setups, marks = times
    position, finishes, release, run = layout.position, layout.finishes, layout.release, layout.run
    before, overlaps, changeover = layout.before, layout.overlaps, layout.changeover
    family, own = layout.family, layout.own_setup
    first = place // STRIDE
    del marks[first + 1 :]
    for chunk in range(first * STRIDE, len(order), STRIDE):
        free, last, block, guard = (each.copy() for each in marks[-1])
        for operation in order[chunk : chunk + STRIDE]:
            center = centers[operation]
            ready = release[operation]
            if overlaps[operation]:
                begin = earliest = _after_lots(layout, operation, center, centers, times)
            else:
                for each in before[operation]:
                    if ends[each] > ready:
                        ready = ends[each]
                begin = earliest = position[center][ready]
            setup = changeover[center][last[center]][family[operation]]
            if setup < 0:
                setup = own[operation][center]
            if free[center] + setup > begin:
                begin = free[center] + setup
            end = begin + run[operation][center]
            if end > guard[center]:
                begin, setup = _pass_blocks(layout, operation, center, earliest, Mark(free, last, block, guard))
                end = begin + run[operation][center]
            free[center] = end
            last[center] = family[operation]
            begins[operation] = begin
            setups[operation] = setup
            ends[operation] = finishes[center][end]
        marks.append(Mark(free, last, block, guard))


def _after_lots(layout: Layout, operation: int, center: int, centers: Sequence[int], times: Times) -> int:
    """The first position at which an operation can begin that is handed lots while its predecessors still run."""
    position, run = layout.position[center], layout.run[operation][center]
    begin = position[layout.release[operation]]
    for each, percent in layout.overlaps[operation]:
        if percent == 100:
            begin = max(begin, position[times.end[each]])
            continue
        there = layout.pinned[each].center if each in layout.pinned else centers[each]
        lot = times.begin[each] + -(-layout.run[each][there] * percent // 100)
        begin = max(begin, position[layout.finishes[there][lot]])
        begin = max(begin, position[times.end[each]] + -(-run * percent // 100) - run)
    return begin


def _pass_blocks(layout: Layout, operation: int, center: int, earliest: int, mark: Mark) -> tuple[int, int]:
    """Begin and setup of an operation in the first gap between pinned ones that holds it and leaves time for setups."""
    blocks, family, run = layout.blocks[center], layout.family[operation], layout.run[operation][center]
    place = bisect_right(blocks, earliest, lo=mark.block[center], key=_begin)
    while True:
        if place > mark.block[center]:
            mark.free[center] = max(mark.free[center], blocks[place - 1].passed)
            mark.last[center] = layout.family[blocks[place - 1].operation]
            mark.block[center] = place
        setup = layout.setup(center, mark.last[center], operation)
        begin = max(earliest, mark.free[center] + setup)
        if place == len(blocks):
            break
        following = blocks[place]
        if begin + run + layout.setup(center, family, following.operation) <= following.begin:
            break
        place += 1
        while place < len(blocks) and blocks[place].gap < run:
            place += 1
    mark.guard[center] = _guard(layout, center, place)
    return begin, setup


def overtaken(layout: Layout, centers: Sequence[int], times: Times) -> Iterator[int]:
    """The pinned operations that begin before everything that they follow allows."""
    for operation in layout.held:
        block = layout.pinned[operation]
        if layout.overlaps[operation]:
            if _after_lots(layout, operation, block.center, centers, times) > block.begin:
                yield operation
        elif any(times.end[each] > block.start for each in layout.before[operation]):
            yield operation


def fitting(layout: Layout, order: Sequence[int], centers: Sequence[int]) -> Times | None:
    """The times of a whole order; None: it does not fit into the horizon, or before what is pinned."""
    times = nothing_placed(layout)
    try:
        decode(layout, order, centers, times)
    except IndexError:
        return None
    return times if next(overtaken(layout, centers, times), None) is None else None


def _guard(layout: Layout, center: int, block: int) -> int:
    """Up to which position an operation fits before the next pinned one whatever that is changed over from."""
    if block == len(layout.blocks[center]):
        return NEVER
    following = layout.blocks[center][block]
    change = layout.longest[center][layout.family[following.operation]]
    return following.begin - max(change, layout.own_setup[following.operation][center])


def to_schedule(layout: Layout, centers: Sequence[int], times: Times) -> Schedule:
    """The schedule of decoded times; the setups of pinned operations follow from what now runs before them."""
    slots: dict[str, Slot] = {}
    rows: list[list[tuple[int, int]]] = [[] for _ in layout.blocks]
    for operation in range(layout.size):
        center = layout.pinned[operation].center if operation in layout.pinned else centers[operation]
        rows[center].append((times.begin[operation], operation))
    for center, row in enumerate(rows):
        last = layout.last[center]
        for begin, operation in sorted(row):
            setup = layout.setup(center, last, operation)
            last = layout.family[operation]
            told = layout.problem.operations[operation]
            pinned = layout.pinned.get(operation)
            start = layout.origin + (pinned.start if pinned else layout.starts[center][begin])
            set_up_at = layout.origin + layout.starts[center][max(0, begin - setup)] if setup else start
            slots[told.operation_id] = Slot(
                told.operation_id,
                layout.problem.work_centers[center].work_center_id,
                min(set_up_at, start),
                start,
                layout.origin + times.end[operation],
                setup,
            )
    return order_of(slots)


def of_order(layout: Layout, order: Sequence[int], centers: Sequence[int]) -> Schedule:
    """The schedule of an order of the movable operations. `OutsideHorizon`: something does not fit, in a sentence."""
    times = nothing_placed(layout)
    try:
        decode(layout, order, centers, times)
    except IndexError:
        raise outside(layout) from None
    return to_schedule(layout, centers, times)


def outside(layout: Layout) -> OutsideHorizon:
    to_minute = layout.problem.work_centers[0].open_time.to_minute
    return OutsideHorizon(
        f"Not all operations fit into the horizon, which ends {moment(to_minute):%Y-%m-%d %H:%M} UTC."
    )


def cost(layout: Layout, ends: Sequence[int]) -> int:
    """What the objective of the problem says of ends by operation: weighted minutes late, or the minutes it takes."""
    if layout.problem.objective == "makespan":
        return max(ends, default=0)
    total = 0
    for last, due, weight in layout.ends:
        late = (ends[last[0]] if len(last) == 1 else max(ends[each] for each in last)) - due
        if late > 0:
            total += weight * late
    return total
