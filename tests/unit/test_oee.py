"""OEE of a machine, counted by hand."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.domain.oee import Made, Oee, of
from streams.domain.stretches import Change, Stretch, stretches_of

SIX = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def at(minutes: float) -> datetime:
    return SIX + minutes * MINUTE


def stretch(status: str, begin: float, end: float, *, has_order: bool = True) -> Stretch:
    return Stretch(status, at(begin), at(end), has_order)


# A shift of 480 minutes: 360 running, 60 down, 30 idle with an order, 20 idle without one, 10 that nobody saw.
SHIFT = [
    stretch("running", 0, 200),
    stretch("breakdown", 200, 260),
    stretch("running", 260, 420),
    stretch("idle", 420, 450),
    stretch("idle", 450, 470, has_order=False),
    stretch("gap", 470, 480),
]


def counted(*logs: tuple[float, int, int]) -> list[Made]:
    return [Made(at(minutes), units, scrapped) for minutes, units, scrapped in logs]


def shift_of(logs: list[Made], ideal: float | None = 30) -> Oee:
    return of(SHIFT, logs, ideal, at(0), at(480))


def test_a_shift_counted_by_hand() -> None:
    """Planned 480 - 10 - 20 = 450 min, run 360 min; 30 s x 648 = 324 of 360 min; 648 - 12 of 648 are good."""
    found = shift_of(counted((100, 300, 2), (200, 48, 10), (400, 300, 0)))
    assert (found.availability, found.performance) == (0.8, 0.9)
    assert found.quality == 636 / 648
    assert found.oee == pytest.approx(0.8 * 0.9 * 636 / 648)
    assert (found.run_seconds, found.planned_seconds, found.unobserved_seconds) == (21_600, 27_000, 600)
    assert found.idle_without_order_seconds == 1_200
    assert found.seconds_by_status == {"breakdown": 3600, "gap": 600, "idle": 3000, "running": 21_600}


def test_what_is_faster_than_ideal_is_told_and_not_clamped() -> None:
    found = shift_of(counted((400, 900, 0)))
    assert found.performance == 1.25
    assert found.is_faster_than_ideal
    assert found.oee == 0.8 * 1.25 * 1.0


def test_without_an_ideal_cycle_time_performance_is_not_known_and_neither_is_oee() -> None:
    found = shift_of(counted((400, 10, 1)), ideal=None)
    assert (found.performance, found.oee) == (None, None)
    assert (found.availability, found.quality) == (0.8, 0.9)


def test_without_units_quality_is_not_known_and_neither_is_oee() -> None:
    found = shift_of([])
    assert (found.performance, found.quality, found.oee) == (0.0, None, None)


def test_a_machine_that_nobody_saw_has_no_availability() -> None:
    found = of([stretch("gap", 0, 60)], counted((30, 10, 0)), 30, at(0), at(60))
    assert (found.availability, found.performance, found.oee) == (None, None, None)
    assert found.quality == 1.0


def test_a_machine_that_stood_still_has_availability_zero_and_no_performance() -> None:
    found = of([stretch("breakdown", 0, 60)], [], 30, at(0), at(60))
    assert (found.availability, found.performance) == (0.0, None)


def test_units_of_unobserved_time_count_for_quality_alone() -> None:
    found = of(
        [stretch("running", 0, 30), stretch("gap", 30, 60)], counted((20, 30, 0), (45, 100, 13)), 60, at(0), at(60)
    )
    assert (found.performance, found.units, found.unobserved_units) == (1.0, 130, 100)
    assert found.quality == 0.9


def test_scrap_that_is_told_late_cannot_make_quality_negative() -> None:
    assert shift_of(counted((10, 3, 5))).quality == 0.0


def test_only_what_lies_between_the_two_moments_counts() -> None:
    """A reading at the beginning belongs to what was before; one at the end belongs here."""
    found = of([stretch("running", -60, 60)], counted((0, 7, 0), (10, 5, 0), (20, 3, 0)), 60, at(0), at(20))
    assert (found.units, found.run_seconds) == (8, 1200)


# -- how stretches are made


def change(status: str, minutes: float, version: int = 1) -> Change:
    return Change(status, at(minutes), version)


def test_a_status_holds_until_the_next_and_is_unknown_before_the_first() -> None:
    found = stretches_of([change("idle", 30), change("running", 10)], [], [(at(0), at(60))], at(0), at(60))
    assert found == [stretch("unknown", 0, 10), stretch("running", 10, 30), stretch("idle", 30, 60)]


def test_what_held_when_the_window_begins_is_known() -> None:
    found = stretches_of([change("running", -90)], [], [(at(-90), at(90))], at(0), at(60))
    assert found == [stretch("running", 0, 60)]


def test_in_a_gap_nobody_saw_the_machine_whatever_it_said_before() -> None:
    found = stretches_of([change("running", 0)], [(at(20), at(30)), (at(25), at(40))], [(at(0), at(60))], at(0), at(60))
    assert found == [stretch("running", 0, 20), stretch("gap", 20, 40), stretch("running", 40, 60)]


def test_after_its_last_sign_of_life_a_machine_is_unknown() -> None:
    found = stretches_of([change("running", 0)], [], [(at(0), at(60))], at(0), at(60), seen_until=at(45))
    assert found[-1] == stretch("unknown", 45, 60)


def test_idle_time_is_told_apart_by_whether_there_was_an_order() -> None:
    found = stretches_of([change("idle", 0)], [], [(at(15), at(40))], at(0), at(60))
    assert [each.has_order for each in found] == [False, True, False]


def test_of_two_statuses_at_one_moment_the_later_version_is_true() -> None:
    found = stretches_of([change("running", 0, 5), change("idle", 0, 4)], [], [], at(0), at(60))
    assert [each.status for each in found] == ["running"]


# -- laws

MINUTES = st.integers(-30, 150)
SPANS = st.lists(st.tuples(MINUTES, MINUTES), max_size=4)
CHANGES = st.lists(
    st.builds(change, st.sampled_from(["running", "idle", "stopped", "breakdown"]), MINUTES, st.integers(1, 9)),
    max_size=8,
)
LOGS = st.lists(
    st.builds(lambda m, u, s: Made(at(m), u, s), MINUTES, st.integers(0, 50), st.integers(0, 9)), max_size=12
)


def spans(told: list[tuple[int, int]]) -> list[tuple[datetime, datetime]]:
    return [(at(begin), at(end)) for begin, end in told]


@given(CHANGES, SPANS, SPANS)
def test_stretches_cover_the_window_once(
    changes: list[Change], gaps: list[tuple[int, int]], orders: list[tuple[int, int]]
) -> None:
    found = stretches_of(changes, spans(gaps), spans(orders), at(0), at(120))
    assert [found[0].from_at, found[-1].to_at] == [at(0), at(120)]
    assert all(one.to_at == next_.from_at for one, next_ in pairwise(found))
    assert all(each.from_at < each.to_at for each in found)


@given(CHANGES, SPANS, SPANS, LOGS, st.integers(1, 119))
def test_two_windows_add_up_to_the_one_over_both(
    changes: list[Change], gaps: list[tuple[int, int]], orders: list[tuple[int, int]], logs: list[Made], middle: int
) -> None:
    def over(begin: int, end: int) -> Oee:
        return of(stretches_of(changes, spans(gaps), spans(orders), at(begin), at(end)), logs, 30, at(begin), at(end))

    whole, first, second = over(0, 120), over(0, middle), over(middle, 120)
    for name in ("run_seconds", "planned_seconds", "unobserved_seconds", "units", "unobserved_units", "scrapped_units"):
        assert getattr(whole, name) == getattr(first, name) + getattr(second, name), name


@given(CHANGES, SPANS, SPANS, LOGS)
def test_shares_are_shares(
    changes: list[Change], gaps: list[tuple[int, int]], orders: list[tuple[int, int]], logs: list[Made]
) -> None:
    found = of(stretches_of(changes, spans(gaps), spans(orders), at(0), at(120)), logs, 30, at(0), at(120))
    for share in (found.availability, found.quality):
        assert share is None or 0 <= share <= 1
    assert found.performance is None or found.performance >= 0
    factors = (found.availability, found.performance, found.quality)
    assert (found.oee is None) == (None in factors)
