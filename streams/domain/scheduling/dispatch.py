"""Dispatch rules: whenever a work centre is free, the operation of the highest priority that is ready for it is next.

EDD: earliest due date. SPT: shortest processing time. CR: critical ratio, the time that is left to the due date over
the work that is left. ATCS: apparent tardiness cost with setups (Lee, Bhaskaran and Pinedo 1997), the index
w/p * exp(-slack / (k1 * mean p)) * exp(-setup / (k2 * mean s)), here by its logarithm, over a grid of k1 and k2.
"""

from collections.abc import Callable, Iterable, Iterator
from heapq import heappop, heappush
from math import log
from typing import NamedTuple

from streams.domain.scheduling.decoder import cost, decode, nothing_placed, outside
from streams.domain.scheduling.layout import NEVER, Layout

K1 = (0.5, 1.0, 2.0, 4.0)
K2 = (0.1, 0.2, 0.5, 1.0)
MANY = 1_000
"""Operations from which on not all of the grid is tried."""

Choice = Callable[[list[int], int, int, int], int]
"""Which of the operations that wait is next at a work centre that is set up for a family, at a minute."""


class Dispatched(NamedTuple):
    """What a rule makes: the movable operations in order, a work centre for each operation, and what that costs."""

    rule: str
    order: list[int]
    centers: list[int]
    cost: int


class Jobs(NamedTuple):
    """What rules look at, per operation: when its order is due, its weight, and the minutes of work from it on."""

    due: list[int]
    weight: list[int]
    left: list[float]


def dispatch(layout: Layout, rule: str, choose: Choice) -> Dispatched | None:
    """None: the rule's schedule does not fit into the horizon."""
    floor = _Floor(layout)
    floor.run(choose)
    times = nothing_placed(layout)
    try:
        decode(layout, floor.order, floor.centers, times)
    except IndexError:
        return None
    if len(floor.order) < len(layout.movable):
        return None
    return Dispatched(rule, floor.order, floor.centers, cost(layout, times.end))


def best_of(layout: Layout, rules: tuple[str, ...]) -> Dispatched:
    """The cheapest of several rules, the first of equals. `OutsideHorizon`: none of them fits.

    Of ATCS all of the grid is tried; for many operations, only a line through it along each parameter.
    """
    jobs = jobs_of(layout)
    found = _made(layout, (each for each in simple_rules(layout, jobs) if each[0] in rules))
    if "ATCS" in rules and len(layout.movable) <= MANY:
        found += _made(layout, atcs_rules(layout, jobs))
    elif "ATCS" in rules:
        line = _made(layout, atcs_rules(layout, jobs, seconds=K2[1:2]))
        found += line
        if line:
            at = float(min(line, key=lambda each: each.cost).rule.split()[1].split("/")[0])
            found += _made(layout, atcs_rules(layout, jobs, (at,), K2[:1] + K2[2:]))
    if not found:
        raise outside(layout)
    return min(found, key=lambda each: each.cost)


def _made(layout: Layout, rules: Iterable[tuple[str, Choice]]) -> list[Dispatched]:
    """What rules make of a problem, as far as that fits into the horizon."""
    made = (dispatch(layout, name, choose) for name, choose in rules)
    return [each for each in made if each]


def simple_rules(layout: Layout, jobs: Jobs) -> Iterator[tuple[str, Choice]]:
    due, left = jobs.due, jobs.left
    minutes = [[row[center] for row in layout.run] for center in range(len(layout.position))]
    yield "EDD", lambda waiting, center, last, now: min(waiting, key=due.__getitem__)
    yield "SPT", lambda waiting, center, last, now: min(waiting, key=minutes[center].__getitem__)
    yield "CR", lambda waiting, center, last, now: min(waiting, key=lambda each: (due[each] - now) / left[each])


def atcs_rules(
    layout: Layout, jobs: Jobs, firsts: tuple[float, ...] = K1, seconds: tuple[float, ...] = K2
) -> Iterator[tuple[str, Choice]]:
    """The grid of ATCS."""
    mean_run = _mean([minutes for row in layout.run for minutes in row if minutes])
    mean_setup = _mean(
        [max(0, minutes) for matrix in layout.changeover for row in matrix[1:] for minutes in row[1:]]
        or [min(own[each] for each in at) for own, at in zip(layout.own_setup, layout.choices, strict=True)]
    )
    for first in firsts:
        for second in seconds:
            yield f"ATCS {first:g}/{second:g}", _atcs(layout, jobs, first * mean_run, second * mean_setup)


def _atcs(layout: Layout, jobs: Jobs, slack_scale: float, setup_scale: float) -> Choice:
    """The lowest negative logarithm of the index."""
    latest = [(due - left) / slack_scale for due, left in zip(jobs.due, jobs.left, strict=True)]
    weight = [log(max(each, 0.001)) for each in jobs.weight]
    logs = [
        [log(row[center]) - weight[each] if row[center] else 0.0 for each, row in enumerate(layout.run)]
        for center in range(len(layout.position))
    ]
    setups = [[[minutes / setup_scale for minutes in row] for row in matrix] for matrix in layout.changeover]
    used = set(layout.family)
    said = [[all(row[each] >= 0 for each in used) for row in matrix] for matrix in layout.changeover]
    family, own_setups = layout.family, [[minutes / setup_scale for minutes in row] for row in layout.own_setup]

    def choose(waiting: list[int], center: int, last: int, now: int) -> int:
        index, setup, at = logs[center], setups[center][last], now / slack_scale
        if said[center][last]:
            ranks = [
                index[each] + setup[family[each]] + (slack if (slack := latest[each] - at) > 0 else 0.0)
                for each in waiting
            ]
        else:
            ranks = [
                index[each]
                + (own_setups[each][center] if setup[family[each]] < 0 else setup[family[each]])
                + (slack if (slack := latest[each] - at) > 0 else 0.0)
                for each in waiting
            ]
        return waiting[ranks.index(min(ranks))]

    return choose


def jobs_of(layout: Layout) -> Jobs:
    """Work that is left counts the fastest work centres, stretched by the share of the horizon in which they close."""
    due, weight, left = [NEVER] * layout.size, [1] * layout.size, [0.0] * layout.size
    problem = layout.problem
    orders = {each.order_id: each for each in problem.orders}
    opened = sum(len(each) for each in layout.starts)
    stretch = sum(len(each) - 1 for each in layout.position) / opened if opened else 1.0
    for operation in reversed(layout.topological):
        order = orders[problem.operations[operation].order_id]
        due[operation] = NEVER if order.due is None else order.due - layout.origin
        weight[operation] = order.weight
        own = min(layout.run[operation][each] for each in layout.choices[operation]) * stretch
        left[operation] = own + max((left[each] for each in layout.after[operation]), default=0.0)
    return Jobs(due, weight, left)


def _mean(values: list[int]) -> float:
    return max(1.0, sum(values) / len(values)) if values else 1.0


class _Floor:
    """The shop at a moment: which work centres are free when, and which operations wait for each of them."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._free, self._last = layout.free.copy(), layout.last.copy()
        for center, blocks in enumerate(layout.blocks):
            if blocks:
                self._free[center] = max(self._free[center], blocks[-1].end)
                self._last[center] = layout.family[blocks[-1].operation]
        self._waiting: list[list[int]] = [[] for _ in layout.blocks]
        self._open = [sum(each not in layout.pinned for each in before) for before in layout.before]
        self._ends = nothing_placed(layout).end
        self._choices = layout.choices
        self._events: list[tuple[int, int, int]] = []
        self.order: list[int] = []
        self.centers = [choices[0] for choices in layout.choices]

    def run(self, choose: Choice) -> None:
        """Order all movable operations, as far as they fit into the horizon, and choose their work centres."""
        layout = self._layout
        for center in range(len(layout.blocks)):
            self._free_again(center)
        for operation in layout.movable:
            if not self._open[operation]:
                self._arrives(operation)
        idle: set[int] = set()
        while self._events:
            now = self._events[0][0]
            while self._events and self._events[0][0] == now:
                _, kind, which = heappop(self._events)
                if kind:
                    for center in self._choices[which]:
                        self._waiting[center].append(which)
                else:
                    idle.add(which)
            for center in sorted(idle):
                if center in idle and self._begin(center, now, idle, choose):
                    idle.discard(center)

    def _free_again(self, center: int) -> None:
        """A work centre is free when its next open minute comes; after the last one of the horizon, never."""
        starts = self._layout.starts[center]
        if self._free[center] < len(starts):
            heappush(self._events, (starts[self._free[center]], 0, center))

    def _arrives(self, operation: int) -> None:
        ready = max((self._ends[each] for each in self._layout.before[operation]), default=0)
        heappush(self._events, (max(ready, self._layout.release[operation]), 1, operation))

    def _begin(self, center: int, now: int, idle: set[int], choose: Choice) -> bool:
        """Give a work centre the operation that is next there, unless another idle one ends it sooner."""
        waiting = self._waiting[center]
        while waiting:
            chosen = choose(waiting, center, self._last[center], now)
            there = min(
                (self._end(chosen, each, now), each != center, each)
                for each in self._choices[chosen]
                if each == center or each in idle
            )
            if there[0] >= NEVER:
                return False
            self._place(chosen, there[2], there[0])
            if there[2] == center:
                return True
            idle.discard(there[2])
        return False

    def _position(self, operation: int, center: int, now: int) -> int:
        """Up to which position an operation would run; its setup may have been done while nobody waited."""
        layout = self._layout
        setup = layout.setup(center, self._last[center], operation)
        begin = max(layout.position[center][min(now, len(layout.position[center]) - 1)], self._free[center] + setup)
        return begin + layout.run[operation][center]

    def _end(self, operation: int, center: int, now: int) -> int:
        finishes, until = self._layout.finishes[center], self._position(operation, center, now)
        return finishes[until] if until < len(finishes) else NEVER

    def _place(self, operation: int, center: int, end: int) -> None:
        layout = self._layout
        for each in self._choices[operation]:
            self._waiting[each].remove(operation)
        self.order.append(operation)
        self.centers[operation] = center
        self._free[center] = layout.position[center][end]
        self._last[center] = layout.family[operation]
        self._ends[operation] = end
        self._free_again(center)
        for each in layout.after[operation]:
            self._open[each] -= 1
            if not self._open[each] and each not in layout.pinned:
                self._arrives(each)
