"""Simulated annealing: small changes of the order of operations and of their work centres, worse ones less and less.

Kirkpatrick, Gelatt and Vecchi (1983), on lists that the decoder times. An operation moves between its predecessors and
successors in the order; a change that no work centre notices is not tried.
"""

from collections.abc import Sequence
from math import exp
from typing import NamedTuple

from streams.domain.scheduling.budget import Budget, Chance, Progress, Watch
from streams.domain.scheduling.decoder import Times, cost, decode, nothing_placed, overtaken
from streams.domain.scheduling.layout import Layout

HEAT = 0.0002
"""The temperature at the beginning, as a part of what the cost there is above the target."""
REACH = 0.12
"""How far an operation moves, as a part of the order (one standard deviation)."""
ROUND = 32
"""After so many changes the clock is read and the watch asked."""


class Arrangement(NamedTuple):
    """The movable operations in order, a work centre for each operation, and what that costs."""

    order: list[int]
    centers: list[int]
    cost: int


def anneal(
    layout: Layout,
    start: Arrangement,
    budget: Budget,
    chance: Chance,
    watch: Watch,
    target: int = 0,
    pool: Sequence[int] = (),
) -> Arrangement:
    """The best arrangement met, never worse than the one it starts from. It ends early at a target cost.

    `pool`: the operations that it moves; none given: all movable ones.
    """
    search = _Search(layout, start, pool or start.order)
    rounds, begun = 0, budget.left()
    while search.best.cost > target and start.order and not watch.is_cancelled():
        left = budget.left()
        share = rounds * ROUND / max(1, budget.iterations) if left is None else 1 - left / max(begun or 0.0, 1e-9)
        if share >= 1:
            break
        watch.tell(Progress("annealing", share, search.best.cost))
        heat = max(1e-9, HEAT * (start.cost - target) * (1 - share) ** 2)
        for _ in range(ROUND):
            search.step(chance, heat)
        rounds += 1
    return search.best


class _Search:
    def __init__(self, layout: Layout, start: Arrangement, pool: Sequence[int]) -> None:
        self._layout = layout
        self._pool = pool
        self._order, self._centers = start.order.copy(), start.centers.copy()
        self._times = nothing_placed(layout)
        self._choices = layout.choices
        decode(layout, self._order, self._centers, self._times)
        self._cost = cost(layout, self._times.end)
        self._place = [-1] * layout.size
        for place, operation in enumerate(self._order):
            self._place[operation] = place
        self._reach = max(2.0, REACH * len(self._order))
        self.best = Arrangement(start.order, start.centers, self._cost)

    def step(self, chance: Chance, heat: float) -> None:
        """Try one change; keep it if it is cheaper, or by chance."""
        order, centers = self._order, self._centers
        operation = self._pool[chance.randrange(len(self._pool))]
        here = self._place[operation]
        there = self._bounded(operation, here + round(chance.gauss(0.0, self._reach)))
        center, choices = centers[operation], self._choices[operation]
        new = choices[chance.randrange(len(choices))] if len(choices) > 1 and chance.random() < 0.3 else center
        low, high = (there, here) if there < here else (here, there + 1)
        if new == center and all(centers[each] != center for each in order[low:high] if each != operation):
            return
        tried = order.copy()
        del tried[here]
        tried.insert(there, operation)
        centers[operation] = new
        times = self._times.copy()
        price = self._price(tried, times, min(here, there))
        if price is None or (price > self._cost and chance.random() >= exp((self._cost - price) / heat)):
            centers[operation] = center
            return
        self._order, self._times, self._cost = tried, times, price
        for place in range(min(here, there), max(here, there) + 1):
            self._place[tried[place]] = place
        if price < self.best.cost:
            self.best = Arrangement(tried, centers.copy(), price)

    def _price(self, order: list[int], times: Times, place: int) -> int | None:
        """What an order costs that is new from a place on; None: something does not fit."""
        try:
            decode(self._layout, order, self._centers, times, place)
        except IndexError:
            return None
        is_overtaken = next(overtaken(self._layout, self._centers, times), None) is not None
        return None if is_overtaken else cost(self._layout, times.end)

    def _bounded(self, operation: int, place: int) -> int:
        """The nearest place behind the predecessors of an operation and before its successors."""
        where = self._place
        low = max((where[each] for each in self._layout.before[operation]), default=-1) + 1
        high = (
            min((where[each] for each in self._layout.after[operation] if where[each] >= 0), default=len(self._order))
            - 1
        )
        return max(low, min(high, place))
