"""Data quality: nothing is said of ten quiet days, every fault is found, and what is found is explained."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.domain.anomalies import (
    CLEARED_BELOW,
    LEAST_PAST,
    LOOKS_TO_CLEAR,
    LOOKS_TO_RAISE,
    RAISED_AT,
    Judgement,
    Usual,
    judge,
    robust_spread,
    score,
    step,
    usual,
)
from streams.domain.signals import ADOPTED_AFTER_LOOKS, Look, Reading, Watched, watch
from tests.floor import FLOOR, MINUTE, MONDAY, Days, Fault

USUAL = Usual(45.0, 1.0, 200)
FAULTS = (
    ("drift", "M-1", "cycle_time"),
    ("doubled", "M-2", "rate"),
    ("jitter", "M-1", "jitter"),
    ("silent", "M-2", "silence"),
    ("stuck", "M-1", "counter"),
)
FAULT_BEGINS = MONDAY + timedelta(days=1, hours=14, minutes=40)


def raised(days: Days) -> Iterator[tuple[Look, str, Judgement]]:
    """Every anomaly as it begins."""
    states: dict[str, Watched] = {}
    for look in days.looks():
        before = states.get(look.machine_id, Watched())
        after = states[look.machine_id] = watch(before, look)
        for name, now in after.signals.items():
            earlier = before.signals.get(name)
            if now.is_anomaly and not (earlier and earlier.is_anomaly):
                yield look, name, now


@pytest.mark.timeout(240)
def test_nothing_is_said_of_ten_quiet_days() -> None:
    """Six machines, normal and quantised noise, three shifts, breaks, pauses of their own, three products."""
    days = Days(10, seed=1)
    assert sum(len(told) for told in days.readings.values()) > 100_000
    assert [(look.at, now.sentence) for look, _, now in raised(days)] == []


@pytest.mark.timeout(240)
@pytest.mark.parametrize(("kind", "machine", "signal"), FAULTS)
def test_a_fault_is_found_on_the_machine_that_has_it(kind: str, machine: str, signal: str) -> None:
    """Within 45 minutes, and nothing is said of its neighbours."""
    fault = Fault(kind, machine, FAULT_BEGINS, FAULT_BEGINS + timedelta(hours=3))
    found = list(raised(Days(2, seed=7, machines=FLOOR[:2], fault=fault)))
    assert {look.machine_id for look, _, _ in found} == {machine}
    assert all(look.at >= FAULT_BEGINS for look, _, _ in found)
    at = min(look.at for look, name, _ in found if name == signal)
    assert at - FAULT_BEGINS <= timedelta(minutes=45)


def steady(number: int, cycle: float = 44.8, units: int = 1, product: str = "PROD-1") -> list[Reading]:
    """So many readings, one a minute, hardly any noise."""
    return [Reading(MONDAY + index * MINUTE, units, cycle + (index % 3 - 1) * 0.8, product) for index in range(number)]


def looked(readings: list[Reading], state: Watched | None = None) -> Watched:
    """A look after each reading."""
    for index, reading in enumerate(readings, 1):
        if state is not None and state.at is not None and reading.at <= state.at:
            continue
        seen = Look("M-203", reading.at, True, True, True, True, readings[max(0, index - 40) : index])
        state = watch(state, seen)
    assert state is not None
    return state


def test_a_slow_machine_is_explained_in_a_sentence() -> None:
    readings = steady(200)
    readings += [Reading(MONDAY + (200 + index) * MINUTE, 1, 92.1, "PROD-1") for index in range(10)]
    now = looked(readings).signals["cycle_time"]
    assert now.is_anomaly
    assert now.sentence.startswith("M-203's cycle time is 92.1 s; it is usually 44.8 s ± 1.34 s (median of ")
    assert now.sentence.endswith(" readings): 35 times the usual spread.")


def test_another_product_is_compared_with_its_own_past() -> None:
    readings = steady(150)
    other = [Reading(MONDAY + (150 + index) * MINUTE, 1, 120.0, "PROD-2") for index in range(100)]
    state = looked([*readings, *other])
    assert not any(now.is_anomaly for now in state.signals.values())
    assert state.signals["cycle_time"].median == 120.0


def test_a_level_that_lasts_for_hours_becomes_the_usual_one() -> None:
    readings = steady(100)
    slow = [Reading(MONDAY + (100 + index) * MINUTE, 1, 90.0, "PROD-1") for index in range(ADOPTED_AFTER_LOOKS + 100)]
    before = looked([*readings, *slow[:100]])
    assert before.signals["cycle_time"].is_anomaly
    after = looked([*readings, *slow])
    assert not after.signals["cycle_time"].is_anomaly
    assert after.signals["cycle_time"].median == 90.0


def test_the_same_look_twice_changes_nothing() -> None:
    readings = steady(80)
    state = looked(readings)
    again = Look("M-203", readings[-1].at, True, False, True, True, readings[-40:])
    assert watch(state, again) is state


def test_one_odd_reading_is_no_anomaly() -> None:
    odd = Reading(MONDAY + 150 * MINUTE, 1, 900.0, "PROD-1")
    later = [each._replace(at=each.at + 151 * MINUTE) for each in steady(20)]
    state = looked(steady(150))
    for number in range(len(later)):
        state = looked([*steady(150), odd, *later[: number + 1]], state)
        assert not state.signals["cycle_time"].is_anomaly


def test_an_anomaly_begins_after_some_looks_and_ends_after_some_more() -> None:
    at, now, seen = MONDAY, None, []
    values = [60.0] * LOOKS_TO_RAISE + [50.0] * 5 + [45.0] * LOOKS_TO_CLEAR
    for value in values:
        at += MINUTE
        now = judge(now, at, value, USUAL)
        seen.append(now.is_anomaly)
    assert seen == [False] * (LOOKS_TO_RAISE - 1) + [True] * (5 + LOOKS_TO_CLEAR) + [False]


@given(st.lists(st.sampled_from([0.0, 1.0]), min_size=1, max_size=60))
def test_a_figure_that_hovers_around_the_limit_is_one_episode(sides: list[float]) -> None:
    """Once an anomaly, what stays above the lower limit keeps it one."""
    now = None
    for index in range(LOOKS_TO_RAISE):
        now = judge(now, MONDAY + index * MINUTE, USUAL.median + RAISED_AT, USUAL)
    assert now is not None
    since = now.since
    for index, side in enumerate(sides):
        value = USUAL.median + (CLEARED_BELOW + 0.1 if side else RAISED_AT + 1)
        now = judge(now, MONDAY + (10 + index) * MINUTE, value, USUAL)
    assert now.since == since is not None


def test_too_little_past_judges_nothing() -> None:
    assert usual([45.0] * (LEAST_PAST - 1)) is None
    assert judge(None, MONDAY, 900.0, None) == Judgement(value=900.0)


def test_a_past_without_any_spread_has_a_floor() -> None:
    known = usual([2.0] * LEAST_PAST, coarseness=1.0)
    assert known == Usual(2.0, 0.25, LEAST_PAST)
    assert score(3.0, known) == 4.0


@given(st.lists(st.floats(40, 50), min_size=121, max_size=240))
def test_a_third_of_nonsense_in_the_past_hardly_moves_what_is_usual(past: list[float]) -> None:
    nonsense = [10_000.0] * (len(past) // 3)
    known = usual([*past, *nonsense])
    assert known is not None
    assert 40 <= known.median <= 50
    assert known.spread <= 1.4826 * 10


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50), st.floats(-1e3, 1e3))
def test_the_spread_does_not_depend_on_where_zero_is(values: list[float], moved: float) -> None:
    assert robust_spread([each + moved for each in values], moved) == pytest.approx(
        robust_spread(values, 0.0), abs=1e-6 * max(map(abs, values), default=1) + 1e-6
    )


def test_a_step_is_the_smallest_difference() -> None:
    assert step([3.0, 1.0, 1.5, 1.0]) == 0.5
    assert step([2.0, 2.0]) == 0.0
