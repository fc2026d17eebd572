"""Ways to go on with a disturbed schedule that need no search: all wait in turn, or what is hit takes what is free."""

from collections.abc import Mapping, Sequence, Set
from heapq import heapify, heappop, heappush
from typing import NamedTuple

from streams.domain.scheduling.anneal import Arrangement
from streams.domain.scheduling.bounds import earliest_ends
from streams.domain.scheduling.decoder import (
    Times,
    cost,
    decode,
    fitting,
    nothing_placed,
    outside,
    overtaken,
    to_schedule,
)
from streams.domain.scheduling.layout import Layout, pin
from streams.domain.scheduling.problem import Schedule, Slot


class Option(NamedTuple):
    """A way to go on, with its times; the layout has pinned what stays."""

    layout: Layout
    arrangement: Arrangement
    times: Times

    @property
    def schedule(self) -> Schedule:
        return to_schedule(self.layout, self.arrangement.centers, self.times)

    @property
    def cost(self) -> int:
        return self.arrangement.cost

    def start(self, operation: int) -> int:
        """The minute of the horizon at which an operation begins."""
        block = self.layout.pinned.get(operation)
        center = self.arrangement.centers[operation]
        return block.start if block else self.layout.starts[center][self.times.begin[operation]]


def option(layout: Layout, order: list[int], centers: list[int]) -> Option | None:
    """None: it does not fit into the horizon, or before what is pinned."""
    times = fitting(layout, order, centers)
    return times and Option(layout, Arrangement(order, centers, cost(layout, times.end)), times)


class Repair:
    """A disturbed problem, in which what has begun is pinned, and the slots that its operations had (by index)."""

    def __init__(self, layout: Layout, old: Mapping[int, Slot]) -> None:
        self._layout, self._old = layout, old
        self._begun = {each: (block.center, block.start) for each, block in layout.pinned.items()}
        self._seats = self._begun | {
            each: (layout.center_index[slot.work_center_id], slot.start - layout.origin)
            for each, slot in old.items()
            if each not in self._begun
        }

    def right_shifted(self) -> Option:
        """Everything at its work centre and in its turn, not before its old start; what is new goes when it can.

        `OutsideHorizon`: that does not fit.
        """
        layout = self._layout
        ends = earliest_ends(layout)
        fastest = [min((minutes, at) for at, minutes in enumerate(run) if minutes)[1] for run in layout.run]
        key = [
            self._seats[each][1] if each in self._seats else ends[each] - layout.run[each][fastest[each]]
            for each in range(layout.size)
        ]
        centers = [self._seats[each][0] if each in self._seats else fastest[each] for each in range(layout.size)]
        made = option(self.calm(layout), ordered(layout, key), centers)
        if made is None:
            raise outside(layout)
        return made

    def calm(self, layout: Layout) -> Layout:
        """The same layout, in which nothing begins before its old start."""
        return layout._replace(
            release=[
                max(release, self._seats[each][1]) if each in self._seats and each not in self._begun else release
                for each, release in enumerate(layout.release)
            ]
        )

    def without(self, those: Set[int]) -> Layout:
        """The layout in which all that had a place keeps it, except some operations."""
        held = pin(self._layout, {each: place for each, place in self._seats.items() if each not in those})
        loose = [any(each not in held.pinned or each in self._begun for each in before) for before in held.before]
        return held._replace(held=[each for each in held.pinned if each not in self._begun and loose[each]])

    def old_start(self, operation: int) -> int:
        """The minute at which an operation was to begin; 0 for a new one."""
        return self._seats[operation][1] if operation in self._seats else 0

    def hit(self) -> set[int]:
        """What is new, or cannot be done where and when it was planned, even alone."""
        layout = self._layout
        return {each for each in layout.movable if each not in self._old or not self._could_stay(each)}

    def _could_stay(self, operation: int) -> bool:
        layout, (center, start) = self._layout, self._seats[operation]
        begin = layout.position[center][start]
        end, finishes = begin + layout.run[operation][center], layout.finishes[center]
        if end >= len(finishes) or start < layout.release[operation] or layout.starts[center][begin] != start:
            return False
        return finishes[end] + layout.origin == self._old[operation].end

    def affected(self, shifted: Option) -> set[int]:
        """What is new or has to wait, and what has no time left to be set up once that is gone from before it."""
        layout, found = self._layout, set[int]()
        for each in layout.movable:
            start = layout.starts[shifted.arrangement.centers[each]][shifted.times.begin[each]]
            end = layout.origin + shifted.times.end[each]
            if each not in self._old or (start, end) != (self._seats[each][1], self._old[each].end):
                found.add(each)
        return found | self._squeezed(self.without(found))

    def in_gaps(self, shifted: Arrangement, hit: Set[int]) -> Option | None:
        """What is hit gets what is left free at its work centre; so does what follows it and cannot stay then.

        None: something does not fit into the horizon.
        """
        those = set(hit)
        while True:
            held = self.without(those)
            pushed = self._squeezed(held)
            if not pushed:
                order = [each for each in shifted.order if each in those]
                times = nothing_placed(held)
                try:
                    decode(held, order, shifted.centers, times)
                except IndexError:
                    return None
                pushed = set(overtaken(held, shifted.centers, times))
                if not pushed:
                    return Option(held, Arrangement(order, shifted.centers, cost(held, times.end)), times)
            those |= pushed

    def _squeezed(self, held: Layout) -> set[int]:
        """What is pinned, has not begun, and has no time left to be set up after what is pinned before it."""
        found: set[int] = set()
        for center, row in enumerate(held.blocks):
            free, last = held.free[center], held.last[center]
            for block in row:
                needed = held.setup(center, last, block.operation)
                if free + needed > block.begin and block.operation not in self._begun:
                    found.add(block.operation)
                else:
                    free, last = max(free, block.end), held.family[block.operation]
        return found


def ordered(layout: Layout, key: Sequence[int]) -> list[int]:
    """The movable operations by a key, each behind its predecessors."""
    rank = {operation: place for place, operation in enumerate(layout.topological)}
    waits = {each: sum(before not in layout.pinned for before in layout.before[each]) for each in layout.movable}
    ready = [(key[each], rank[each], each) for each, count in waits.items() if not count]
    heapify(ready)
    order: list[int] = []
    while ready:
        order.append(heappop(ready)[2])
        for each in layout.after[order[-1]]:
            if each in waits:
                waits[each] -= 1
                if not waits[each]:
                    heappush(ready, (key[each], rank[each], each))
    return order
