"""A problem laid out in numbers for searching: calendars as tables, operations and families as indices.

Minutes count from the beginning of the horizon. Per work centre, `position` turns a minute into open minutes worked by
then, `starts` and `finishes` turn open minutes back: where work begins that so much goes before, and where it ends.
"""

from collections.abc import Mapping
from typing import NamedTuple

from streams.domain.calendars import OpenTime
from streams.domain.scheduling.problem import Operation, Problem, faults

NEVER = 1 << 40
"""A minute after every horizon."""


class Block(NamedTuple):
    """A pinned operation between two positions of its work centre, from a minute on.

    `passed`: the position from which the work centre is free after this one and all pinned before it; `gap`: between
    what is pinned before it and its begin.
    """

    begin: int
    end: int
    operation: int
    center: int
    start: int
    passed: int = 0
    gap: int = 0


class Layout(NamedTuple):
    """A problem in numbers. A changeover of -1: nothing is said, so the operation's own setup minutes hold.

    `held`: pinned operations that follow such as are not.
    """

    problem: Problem
    origin: int
    operation_index: dict[str, int]
    center_index: dict[str, int]
    position: list[list[int]]
    starts: list[list[int]]
    finishes: list[list[int]]
    free: list[int]
    family: list[int]
    last: list[int]
    changeover: list[list[list[int]]]
    longest: list[list[int]]
    own_setup: list[list[int]]
    release: list[int]
    run: list[list[int]]
    choices: list[tuple[int, ...]]
    before: list[tuple[int, ...]]
    after: list[tuple[int, ...]]
    overlaps: list[tuple[tuple[int, int], ...]]
    pinned: dict[int, Block]
    blocks: list[list[Block]]
    held: list[int]
    ends: list[tuple[tuple[int, ...], int, int]]
    topological: list[int]
    movable: list[int]

    @property
    def size(self) -> int:
        return len(self.run)

    def setup(self, center: int, before: int, operation: int) -> int:
        said = self.changeover[center][before][self.family[operation]]
        return self.own_setup[operation][center] if said < 0 else said


def lay_out(problem: Problem) -> Layout:
    """ValueError: the problem is wrong, in sentences."""
    wrong = faults(problem)
    if wrong:
        raise ValueError(" ".join(wrong))
    origin = problem.work_centers[0].open_time.from_minute if problem.work_centers else 0
    index = {each.operation_id: place for place, each in enumerate(problem.operations)}
    centers = {each.work_center_id: place for place, each in enumerate(problem.work_centers)}
    families, changeover = _changeovers(problem)
    before = [tuple(index[link.operation_id] for link in each.predecessors) for each in problem.operations]
    after: list[list[int]] = [[] for _ in problem.operations]
    for operation, those in enumerate(before):
        for each in those:
            after[each].append(operation)
    tables = _tables(problem)
    order = _topological(before, after)
    own = [[each.own_setup(center.work_center_id) for center in problem.work_centers] for each in problem.operations]
    family = [families[each.family] for each in problem.operations]
    layout = Layout(
        problem=problem,
        origin=origin,
        operation_index=index,
        center_index=centers,
        position=[table[0] for table in tables],
        starts=[table[1] for table in tables],
        finishes=[table[2] for table in tables],
        free=[
            table[0][max(0, (each.busy_until or origin) - origin)]
            for each, table in zip(problem.work_centers, tables, strict=True)
        ],
        family=family,
        last=[families.get(each.last_family, 0) for each in problem.work_centers],
        changeover=changeover,
        longest=[[max(row[to] for row in matrix) for to in range(len(families))] for matrix in changeover],
        own_setup=own,
        release=[max(0, (each.release or origin) - origin) for each in problem.operations],
        run=[
            [each.run_minutes.get(center.work_center_id, 0) for center in problem.work_centers]
            for each in problem.operations
        ],
        choices=[tuple(sorted(centers[at] for at in each.run_minutes)) for each in problem.operations],
        before=before,
        after=[tuple(each) for each in after],
        overlaps=[
            tuple((index[link.operation_id], link.transfer_percent) for link in each.predecessors)
            if any(link.transfer_percent < 100 for link in each.predecessors)
            else ()
            for each in problem.operations
        ],
        pinned={},
        blocks=[],
        held=[],
        ends=_ends(problem, index, after, origin),
        topological=order,
        movable=[],
    )
    said = ((place, each.pin) for place, each in enumerate(problem.operations) if each.pin)
    return pin(layout, {place: (centers[at.work_center_id], at.start - origin) for place, at in said})


def _topological(before: list[tuple[int, ...]], after: list[list[int]]) -> list[int]:
    """All operations, each behind its predecessors."""
    waits = [len(each) for each in before]
    order = [operation for operation, count in enumerate(waits) if not count]
    for operation in order:
        for each in after[operation]:
            waits[each] -= 1
            if not waits[each]:
                order.append(each)
    return order


def pin(layout: Layout, places: Mapping[int, tuple[int, int]]) -> Layout:
    """The same problem with operations pinned to a work centre and a minute of the horizon, and no others."""
    pinned: dict[int, Block] = {}
    rows: list[list[Block]] = [[] for _ in layout.position]
    for operation, (center, start) in sorted(places.items()):
        begin = layout.position[center][start]
        pinned[operation] = Block(begin, begin + layout.run[operation][center], operation, center, start)
        rows[center].append(pinned[operation])
    return layout._replace(
        pinned=pinned,
        blocks=[_row(sorted(row)) for row in rows],
        held=[each for each in pinned if any(before not in pinned for before in layout.before[each])],
        movable=[each for each in layout.topological if each not in pinned],
    )


def _row(blocks: list[Block]) -> list[Block]:
    passed = 0
    found: list[Block] = []
    for block in blocks:
        found.append(block._replace(passed=max(passed, block.end), gap=block.begin - passed))
        passed = found[-1].passed
    return found


def _tables(problem: Problem) -> list[tuple[list[int], list[int], list[int]]]:
    opened = {each.open_time for each in problem.work_centers}
    longest = max((each.to_minute - each.from_minute for each in opened), default=0)
    numbers = list(range(longest + 1))
    made = {each: _table(each, numbers) for each in opened}
    return [made[each.open_time] for each in problem.work_centers]


def _table(opened: OpenTime, numbers: list[int]) -> tuple[list[int], list[int], list[int]]:
    """Positions by minute, starts and finishes by position; all share the same number objects."""
    position: list[int] = []
    starts: list[int] = []
    finishes: list[int] = [0]
    for begin, end, worked in zip(opened.begins, opened.ends, opened.worked, strict=False):
        first, last = begin - opened.from_minute, end - opened.from_minute
        position += [worked] * (first - len(position))
        position += numbers[worked : worked + last - first]
        starts += numbers[first:last]
        finishes += numbers[first + 1 : last + 1]
    position += [opened.minutes] * (opened.to_minute - opened.from_minute + 1 - len(position))
    return position, starts, finishes


def _changeovers(problem: Problem) -> tuple[dict[str | None, int], list[list[list[int]]]]:
    """Indices of families, 0 for an unknown one, and the minutes per work centre from one to another."""
    named = sorted(
        {each.family for each in problem.operations if each.family is not None}
        | {each.last_family for each in problem.work_centers if each.last_family is not None}
    )
    families: dict[str | None, int] = {None: 0} | {name: place for place, name in enumerate(named, 1)}
    return families, [
        [[_said(problem, center.work_center_id, before, after) for after in families] for before in families]
        for center in problem.work_centers
    ]


def _said(problem: Problem, work_center_id: str, before: str | None, after: str | None) -> int:
    changeover = problem.changeovers.between(work_center_id, before, after)
    return -1 if changeover is None else changeover.minutes


def _ends(
    problem: Problem, index: dict[str, int], after: list[list[int]], origin: int
) -> list[tuple[tuple[int, ...], int, int]]:
    """Per order with operations: those that nothing of it follows, its due minute and its weight."""
    of_order: dict[str, list[Operation]] = {each.order_id: [] for each in problem.orders}
    for operation in problem.operations:
        of_order[operation.order_id].append(operation)
    found: list[tuple[tuple[int, ...], int, int]] = []
    for order in problem.orders:
        own = {index[each.operation_id] for each in of_order[order.order_id]}
        last = tuple(sorted(each for each in own if not own.intersection(after[each])))
        if last:
            found.append((last, NEVER if order.due is None else order.due - origin, order.weight))
    return found
