"""The way from planned to productive time, and which shift is meant."""

from datetime import UTC, date, datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.gateway.oee_shown import definition, shift_window, waterfall
from connectors.gateway.problems import Problem
from connectors.machine_oee import Plan
from schemas.definitions import OEE_LOSSES
from streams.domain.calendars import Calendar, Shift
from streams.domain.oee import LOSSES, Loss

EVERY_DAY = frozenset(range(1, 8))
EARLY = Shift(name="Early", weekdays=EVERY_DAY, begins=time(6), ends=time(14))
NIGHT = Shift(name="Night", weekdays=EVERY_DAY, begins=time(22), ends=time(6))
PLAN = Plan(calendar=Calendar(zone="UTC", shifts=(EARLY, NIGHT)))
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def lost(**told: float | None) -> dict[Loss, float | None]:
    return {name: told.get(name, 0.0) for name in LOSSES}


def test_every_loss_has_its_words() -> None:
    assert set(OEE_LOSSES) == set(LOSSES)
    assert [each["loss"] for each in definition()["losses"]] == list(LOSSES)


def test_each_bar_begins_where_what_is_left_ends() -> None:
    steps = waterfall(200, lost(breakdowns=50, reduced_speed=30, process_defects=20), 100)
    assert [(each.name, each.begins, each.width) for each in steps if each.width] == [
        ("planned", 0, 100),
        ("breakdowns", 75, 25),
        ("reduced_speed", 60, 15),
        ("process_defects", 50, 10),
        ("productive", 0, 50),
    ]
    assert [each.percentage for each in steps][:2] == [100, 25]


def test_what_was_faster_than_its_ideal_is_gained() -> None:
    steps = {each.name: each for each in waterfall(100, lost(reduced_speed=-25), 125)}
    assert (steps["reduced_speed"].seconds, steps["reduced_speed"].begins, steps["reduced_speed"].width) == (
        -25,
        80,
        20,
    )
    assert steps["productive"].width == 100


def test_without_an_ideal_the_bars_of_lost_time_remain() -> None:
    steps = waterfall(100, lost(breakdowns=40, reduced_speed=None, process_defects=None, startup_rejects=None), None)
    assert [each.name for each in steps if each.seconds is None] == [
        "reduced_speed",
        "process_defects",
        "startup_rejects",
        "productive",
    ]


def test_without_planned_time_there_is_nothing_to_show() -> None:
    assert waterfall(0, lost(), 0) == []


@given(
    st.lists(st.floats(0, 1e6), min_size=3, max_size=3), st.floats(-1e6, 1e6), st.floats(0, 1e6), st.floats(0.001, 1e6)
)
def test_no_bar_leaves_the_picture(stops: list[float], speed: float, defects: float, productive: float) -> None:
    told: dict[Loss, float | None] = dict(zip(LOSSES, [*stops, speed, defects, 0.0], strict=True))
    planned = productive + sum(stops) + speed + defects
    for each in waterfall(max(planned, 0.0), told, productive):
        assert -1e-6 <= each.begins <= 100 + 1e-6
        assert -1e-6 <= each.width <= 100 + 1e-6


def test_the_latest_shift_of_a_name_is_meant_or_that_of_a_day() -> None:
    assert shift_window(PLAN, "UTC", "early", None, NOON).day == date(2026, 11, 21)
    assert shift_window(PLAN, "UTC", "Night", None, NOON).day == date(2026, 11, 20)
    assert shift_window(PLAN, "UTC", "Night", date(2026, 11, 18), NOON).from_at == NOON.replace(day=18, hour=22)


@pytest.mark.parametrize(
    ("plan", "name", "day", "sentence"),
    [
        (PLAN, "Late", None, "There was no shift 'Late' in the last eight days. Its calendar has Early, Night."),
        (PLAN, "Early", date(2026, 11, 22), "There was no shift 'Early' on 2026-11-22. Its calendar has Early, Night."),
        (Plan(), "Early", None, "There was no shift 'Early' in the last eight days. It has no calendar with shifts."),
    ],
)
def test_a_shift_that_was_not_is_said(plan: Plan, name: str, day: date | None, sentence: str) -> None:
    with pytest.raises(Problem) as refused:
        shift_window(plan, "UTC", name, day, NOON)
    assert (refused.value.status, refused.value.detail) == (404, sentence)
