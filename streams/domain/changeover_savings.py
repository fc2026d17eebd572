"""What changeovers cost as runs follow one another, and what could be prepared while the work centre runs.

SMED (Shingo): of a changeover only what needs the work centre to stand is left inside it; the rest is done before.
"""

from collections.abc import Iterable
from typing import NamedTuple

from streams.domain.scheduling.changeovers import ChangeoverMatrix


class Following(NamedTuple):
    """At a work centre a run of one setup family follows one of another."""

    work_center_id: str
    from_family: str
    to_family: str


class Saving(NamedTuple):
    """What a changeover of a work centre costs, all times together; `external_minutes` are a part of its minutes."""

    work_center_id: str
    from_family: str
    to_family: str
    times: int
    setup_minutes: int
    external_minutes: int


def savings(matrix: ChangeoverMatrix, following: Iterable[Following]) -> list[Saving]:
    """Each changeover that takes time, the largest saving first; those of which nothing is said are left out."""
    counts: dict[Following, int] = {}
    for each in following:
        counts[each] = counts.get(each, 0) + 1
    found = [
        Saving(*each, times, times * taken.minutes, times * taken.external_minutes)
        for each, times in counts.items()
        if (taken := matrix.between(*each)) is not None and taken.minutes > 0
    ]
    return sorted(found, key=lambda each: (-each.external_minutes, -each.setup_minutes, each[:3]))
