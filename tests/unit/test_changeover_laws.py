"""The rule that is shown is the one that is planned with; and what a report of savings adds up to."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from sql import snapshots
from streams.domain.changeover_rules import ChangeoverRule, effective
from streams.domain.changeover_savings import Following, Saving, savings
from streams.domain.scheduling.changeovers import Changeover, ChangeoverMatrix, ExactChangeover
from streams.planning.problems import changeovers

FAMILIES, CENTERS = ["black", "white", "red"], ["press", "saw"]
families, centers = st.sampled_from(FAMILIES), st.sampled_from(CENTERS)
rules = st.dictionaries(
    st.tuples(st.none() | centers, st.none() | families, st.none() | families), st.integers(0, 500), max_size=20
)


@given(rules, centers, families, families)
def test_the_rule_that_is_shown_is_the_one_that_is_planned_with(
    told: dict[tuple[str | None, str | None, str | None], int], center: str, before: str, after: str
) -> None:
    kept = [ChangeoverRule(str(number), *key, minutes, 0) for number, (key, minutes) in enumerate(told.items())]
    kept.sort(key=lambda each: each.to_family is None)
    matrix = changeovers([snapshots.ChangeoverRule(*each[1:]) for each in kept], FAMILIES)
    planned = matrix.between(center, before, after)
    assert effective(kept, center, before, after).setup_minutes == (None if planned is None else planned.minutes)


MATRIX = ChangeoverMatrix(
    (
        ExactChangeover("black", "white", Changeover(45, 15)),
        ExactChangeover("white", "black", Changeover(60, 40)),
        ExactChangeover("red", "black", Changeover(0)),
    )
)


def test_savings_are_told_by_changeover_the_largest_first() -> None:
    order = ["black", "white", "black", "white", "red", "black"]
    following = [Following("press", *pair) for pair in pairwise(order)]
    assert savings(MATRIX, following) == [
        Saving("press", "white", "black", 1, 60, 40),
        Saving("press", "black", "white", 2, 90, 30),
    ]


@given(st.lists(st.builds(Following, centers, families, families), max_size=30))
def test_no_more_is_saved_than_is_spent_and_order_does_not_matter(following: list[Following]) -> None:
    found = savings(MATRIX, following)
    assert all(0 <= each.external_minutes <= each.setup_minutes for each in found)
    assert sum(each.setup_minutes for each in found) == sum(
        taken.minutes for each in following if (taken := MATRIX.between(*each)) is not None
    )
    assert savings(MATRIX, following[::-1]) == found
