"""Of the rules of a changeover matrix the most particular one holds, and says why."""

import pytest

from streams.domain.changeover_rules import ChangeoverRule, effective

PRESS, SAW = "press", "saw"


def rule(
    minutes: int, before: str | None = None, after: str | None = None, center: str | None = None
) -> ChangeoverRule:
    return ChangeoverRule(f"rule-{minutes}", center, before, after, minutes, minutes // 3)


MATRIX = [
    rule(60),
    rule(50, center=PRESS),
    rule(40, after="white"),
    rule(35, before="black"),
    rule(30, after="white", center=PRESS),
    rule(20, "black", "white"),
    rule(15, "black", "white", PRESS),
    rule(5, "red", "red", PRESS),
]


@pytest.mark.parametrize(
    ("center", "before", "after", "minutes"),
    [
        (PRESS, "black", "white", 15),
        (SAW, "black", "white", 20),
        (PRESS, "red", "white", 30),
        (SAW, "red", "white", 40),
        (PRESS, "black", "red", 35),
        (PRESS, "red", "green", 50),
        (SAW, "red", "green", 60),
        (PRESS, "red", "red", 5),
        (SAW, "red", "red", 0),
        (PRESS, "white", "white", 0),
    ],
)
def test_the_most_particular_rule_holds(center: str, before: str, after: str, minutes: int) -> None:
    for rules in (MATRIX, MATRIX[::-1]):
        assert effective(rules, center, before, after).setup_minutes == minutes


def test_of_two_with_one_family_that_of_what_comes_after_holds() -> None:
    found = effective([rule(35, before="black"), rule(40, after="white")], SAW, "black", "white")
    assert (found.setup_minutes, found.explanation) == (40, "The rule of all work centres from any family to white.")


def test_where_nothing_is_said_the_operation_has_its_own_time() -> None:
    assert effective([rule(9, center=SAW)], PRESS, "black", "black").setup_minutes is None
    found = effective([rule(9, "a", "b")], PRESS, "b", "a")
    assert (found.setup_minutes, found.rule) == (None, None)
    assert found.explanation == "No rule holds from b to a: the operation's own setup time holds."
