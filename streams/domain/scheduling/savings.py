"""What changeovers take in a schedule, and what could be saved of it (SMED, Shingo 1985).

Internal minutes stand the work centre still; external ones could be prepared while it still runs. Two ways save: the
same operations in the best order of families, and external minutes done outside.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import NamedTuple

from streams.domain import changeover_savings
from streams.domain.changeover_savings import Following
from streams.domain.scheduling.problem import Operation, Problem, Schedule

EXACT = 11
"""Up to so many families at a work centre their best order is found by trying all; beyond, by the nearest next."""

Family = str | None


class PairSavings(NamedTuple):
    """A changeover at a work centre: how often it is in the schedule, and what it takes in all."""

    work_center_id: str
    from_family: str
    to_family: str
    times: int
    internal_minutes: int
    external_minutes: int


class CenterSavings(NamedTuple):
    """A work centre: what its setups take, what they would in the best order, and what of that is external."""

    work_center_id: str
    setup_minutes: int
    least_setup_minutes: int
    external_minutes: int

    @property
    def saved_by_sequencing(self) -> int:
        return self.setup_minutes - self.least_setup_minutes

    @property
    def saved_by_converting(self) -> int:
        return self.external_minutes


class Savings(NamedTuple):
    """The changeovers of a schedule, those that take most first."""

    pairs: tuple[PairSavings, ...]
    centers: tuple[CenterSavings, ...]


def savings(problem: Problem, schedule: Schedule) -> Savings:
    operations = {each.operation_id: each for each in problem.operations}
    pairs: list[PairSavings] = []
    centers: list[CenterSavings] = []
    last = {each.work_center_id: each.last_family for each in problem.work_centers}
    for center_id, row in sorted(schedule.by_work_center.items()):
        families = [last[center_id], *(operations[each.operation_id].family for each in row)]
        following = (
            Following(center_id, before, after)
            for before, after in pairwise(families)
            if before is not None and after is not None
        )
        made = [_split(each) for each in changeover_savings.savings(problem.changeovers, following)]
        pairs += made
        total = sum(each.setup_minutes for each in row)
        least = _least(problem, center_id, last[center_id], [operations[each.operation_id] for each in row])
        external = sum(each.external_minutes for each in made)
        centers.append(CenterSavings(center_id, total, min(total, least), external))
    return Savings(
        tuple(sorted(pairs, key=lambda each: (-each.internal_minutes - each.external_minutes, each))), tuple(centers)
    )


def _split(told: changeover_savings.Saving) -> PairSavings:
    return PairSavings(*told[:4], told.setup_minutes - told.external_minutes, told.external_minutes)


def _least(problem: Problem, center_id: str, last: Family, operations: list[Operation]) -> int:
    """Setup minutes of operations done family by family, in the best order of families."""
    groups: dict[Family, list[Operation]] = {}
    for each in operations:
        groups.setdefault(each.family, []).append(each)
    cheapest = {family: min(group, key=lambda each: each.setup_minutes) for family, group in groups.items()}
    within = 0
    for family, group in groups.items():
        within += sum(problem.setup(center_id, family, each) for each in group)
        within -= problem.setup(center_id, family, cheapest[family])
    into = {
        (before, after): problem.setup(center_id, before, cheapest[after])
        for before in {last, *groups}
        for after in groups
    }
    return within + (_best_order if len(groups) <= EXACT else _nearest_order)(last, frozenset(groups), into)


def _best_order(last: Family, families: frozenset[Family], into: Mapping[tuple[Family, Family], int]) -> int:
    """The least minutes into all families, one after the other (Held and Karp 1962)."""
    best: dict[tuple[frozenset[Family], Family], int] = {(frozenset(), last): 0}
    for _ in families:
        longer: dict[tuple[frozenset[Family], Family], int] = {}
        for (done, at), minutes in best.items():
            for each in families - done:
                key = done | {each}, each
                longer[key] = min(longer.get(key, minutes + into[at, each]), minutes + into[at, each])
        best = longer
    return min(best.values())


def _nearest_order(last: Family, families: frozenset[Family], into: Mapping[tuple[Family, Family], int]) -> int:
    total, at, left = 0, last, set(families)
    while left:
        following = min(left, key=lambda each: (into[at, each], each or ""))
        total += into[at, following]
        left.remove(following)
        at = following
    return total
