"""Lanes, their families, and whom a lane may learn from while it has seen little itself."""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple, Self

from streams.domain.estimation.posterior import Evidence

LANE_COUNTS_AT_MOST: Final = 4.0
"""The weight of one lane among its relatives: one that runs a thousand times a day is still one lane."""
PLANT: Final = frozenset({"op", "setup"})
"""The families of operations and of setups (operations.py)."""


def family_of(lane_id: str) -> str:
    """The family of a lane: what stands before the first `-`, `_`, `.` or `:` of its id."""
    return re.split(r"[-_.:]", lane_id, maxsplit=1)[0]


def is_of_plant(lane_id: str) -> bool:
    """Whether a lane is an operation of the plant, whose minutes are of one unit: no task learns anything of it."""
    return family_of(lane_id) in PLANT


def prior_id(lane_id: str, provider: str) -> str:
    """What observations and priors of a lane and a provider are kept by."""
    return f"{lane_id}/{provider}"


class Pool(NamedTuple):
    """Sums over the evidence of several lanes, so that one of them is quickly added or left out."""

    weight: float = 0.0
    total: float = 0.0
    squares: float = 0.0

    def plus(self, other: Self, sign: float = 1.0) -> "Pool":
        return Pool(
            self.weight + sign * other.weight, self.total + sign * other.total, self.squares + sign * other.squares
        )

    def evidence(self) -> Evidence | None:
        """What they saw together, spread within lanes and between lanes; None where nothing is left of them."""
        if self.weight < 1e-6:
            return None
        mean = self.total / self.weight
        return Evidence(self.weight, mean, max(0.0, self.squares - self.weight * mean * mean))


def pool_of(evidence: Evidence) -> Pool:
    """What one lane adds to a pool."""
    if evidence.weight <= 0:
        return Pool()
    weight = min(evidence.weight, LANE_COUNTS_AT_MOST)
    squares = weight * (evidence.square_log / evidence.weight + evidence.mean_log**2)
    return Pool(weight, weight * evidence.mean_log, squares)


class Relatives:
    """The evidence of one figure in all lanes and providers, and what each may learn from the others."""

    def __init__(self, known: Mapping[tuple[str, str], Evidence]) -> None:
        """`known` by lane and provider."""
        self._own = {key: pool_of(each) for key, each in known.items()}
        self._pools: dict[tuple[str, str], Pool] = {}
        for key, pool in self._own.items():
            for group in self._groups(*key):
                self._pools[group] = self._pools.get(group, Pool()).plus(pool)

    def of(self, lane_id: str, provider: str) -> list[Evidence]:
        """What others saw, nearest first: its family, its provider, all of the plant or of projects; not its own."""
        own = self._own.get((lane_id, provider), Pool())
        pools = (self._pools.get(group, Pool()).plus(own, -1.0) for group in self._groups(lane_id, provider))
        return [found for pool in pools if (found := pool.evidence()) is not None]

    @staticmethod
    def _groups(lane_id: str, provider: str) -> tuple[tuple[str, str], ...]:
        return ("family", family_of(lane_id)), ("provider", provider), ("all", str(is_of_plant(lane_id)))
