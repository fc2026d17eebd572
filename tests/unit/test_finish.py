"""When an order will be finished, counted by hand."""

from datetime import UTC, datetime, timedelta
from math import sqrt

from hypothesis import given
from hypothesis import strategies as st

from streams.domain.finish import Finish, NotKnown, of
from streams.domain.oee import Made

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def readings(*told: tuple[float, int]) -> list[Made]:
    """(minutes before noon, units)."""
    return [Made(NOON - timedelta(minutes=minutes), units) for minutes, units in told]


def test_a_steady_pace_has_a_finish_without_spread() -> None:
    """A unit a minute, 30 are left: the last was counted at noon."""
    found = of(readings((3, 1), (2, 1), (1, 1), (0, 1)), 30, NOON)
    assert isinstance(found, Finish)
    assert found.at == found.earliest_at == found.latest_at == NOON + timedelta(minutes=30)
    assert (found.seconds_per_unit, found.readings, found.units) == (60, 4, 3)


def test_the_units_of_the_first_reading_were_made_before_it() -> None:
    found = of(readings((2, 500), (1, 2), (0, 2)), 10, NOON)
    assert isinstance(found, Finish)
    assert (found.units, found.seconds_per_unit) == (4, 30)


def test_a_restless_pace_has_a_spread() -> None:
    """Lengths 30 and 90 s vary by s = sqrt(1800); k = 2 readings are left of n = 2."""
    found = of(readings((2, 1), (1.5, 1), (0, 1)), 2, NOON)
    assert isinstance(found, Finish)
    spread = 1.645 * sqrt(1800) * sqrt(2 + 2 * 2 / 2)
    assert found.at == NOON + timedelta(minutes=2)
    assert abs((found.latest_at - found.at).total_seconds() - spread) < 1e-3
    assert found.earliest_at == NOON, "it cannot be finished before now"


def test_what_was_counted_more_than_an_hour_ago_says_nothing() -> None:
    told = of(readings((90, 1), (80, 1), (70, 1), (5, 1)), 10, NOON)
    assert told == NotKnown("Fewer than three readings were counted for it within the last hour.")


def test_a_repeated_counter_is_no_reading() -> None:
    assert isinstance(of(readings((3, 1), (2, 0), (1, 0), (0, 1)), 10, NOON), NotKnown)


def test_an_order_with_nothing_left_has_no_finish_to_come() -> None:
    assert of(readings((2, 1), (1, 1), (0, 1)), 0, NOON) == NotKnown("Nothing is left to make.")


def test_readings_of_one_moment_have_no_pace() -> None:
    assert isinstance(of(readings((1, 1), (1, 1), (1, 1)), 5, NOON), NotKnown)


def test_a_finish_that_should_have_been_by_now_is_now() -> None:
    found = of(readings((32, 1), (31, 1), (30, 1)), 5, NOON)
    assert isinstance(found, Finish)
    assert found.at == NOON


@given(
    st.lists(st.tuples(st.integers(0, 3600), st.integers(0, 40)), max_size=30),
    st.floats(0.5, 1e6),
)
def test_the_order_of_readings_does_not_matter_and_the_finish_lies_in_its_spread(
    told: list[tuple[int, int]], left: float
) -> None:
    made = [Made(NOON - timedelta(seconds=seconds), units) for seconds, units in told]
    found = of(made, left, NOON)
    assert of(list(reversed(made)), left, NOON).__class__ is found.__class__
    if isinstance(found, Finish):
        assert NOON <= found.earliest_at <= found.at <= found.latest_at
