"""The fold of operators: master data, shifts, attendance in whatever order it comes."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.codec import decode
from schemas.envelope import Message
from schemas.messages.operators import Clocked, EmployeeGone, EmployeeUpserted, ShiftScheduled, Skill
from streams.driver import Batch
from tests.contracts.examples import example_bytes
from tests.messages import emitted, message, refusals, run

DAY = date(2025, 11, 18)
EMPLOYEE = "EMP-2024-0156"


def _at(clock: str, day: int = 0) -> datetime:
    """A time of the day, or of one some days later."""
    hours, minutes, seconds, *_ = [*map(int, clock.split(":")), 0]
    midnight = datetime.combine(DAY, time(), UTC)
    return midnight + timedelta(days=day, hours=hours, minutes=minutes, seconds=seconds)


def _said(type_name: str, told: Any, moment: datetime, **fields: Any) -> Message[Any]:
    identity = f"{type_name}-{moment:%m%d%H%M%S%f}-{fields.pop('tag', '')}"
    return message(type_name, told, timestamp=moment, received_at=moment, message_id=identity, **fields)


def _employee(moment: datetime = _at("1:00"), tag: str = "", **fields: Any) -> Message[Any]:
    told = EmployeeUpserted(**({"employee_id": EMPLOYEE, "first_name": "John", "last_name": "Doe"} | fields))
    return _said("hr.employee_upserted", told, moment, tag=tag)


def _planned(
    start: str = "6:00", end: str = "14:00", name: str = "Shift A", day: int = 0, said: str = "5:00", **fields: Any
) -> Message[Any]:
    start_at, end_at = _at(start, day), _at(end, day)
    told = ShiftScheduled(
        employee_id=EMPLOYEE,
        shift_date=DAY + timedelta(days=day),
        shift_name=name,
        scheduled_start=start_at,
        scheduled_end=end_at if end_at > start_at else end_at + timedelta(days=1),
        **fields,
    )
    return _said("hr.shift_scheduled", told, _at(said, day), tag=name)


def _clock(event: Any, clock: str, day: int = 0, shift_id: str | None = None) -> Message[Any]:
    moment = _at(clock, day)
    told = Clocked(employee_id=EMPLOYEE, event_type=event, work_date=moment.date(), shift_id=shift_id)
    return _said("hr.clocked", told, moment, tag=event)


def _shifts(batch: Batch) -> dict[str, tuple[str, str | None, str | None]]:
    """The shifts as they stand at the end: status, and when somebody came and went."""
    found = {}
    for each in emitted(batch, "operator.shift_changed"):
        told = each.payload
        moments = (f"{at:%d %H:%M}" if at else None for at in (told.actual_clock_in, told.actual_clock_out))
        found[told.shift_id] = (told.status, *moments)
    return {identity: shown for identity, shown in found.items() if shown[0] != "withdrawn"}


def _after(*said: Message[Any]) -> dict[str, tuple[str, str | None, str | None]]:
    return _shifts(run("operators", [_employee(), *said]))


def test_the_document_s_day_makes_an_operator_who_came_to_shift_a() -> None:
    order = ("hr.employee_upserted", "hr.shift_scheduled", "hr.clocked")
    batch = run("operators", [decode(example_bytes(name)) for name in order])
    operator = emitted(batch, "operator.changed")[-1].payload
    assert (operator.operator_id, operator.current_status) == ("O-2024-0156", "available")
    shift = emitted(batch, "operator.shift_changed")[-1].payload
    assert (shift.shift_id, shift.status) == ("SH-20251118-A", "working")
    assert shift.actual_clock_in == _at("6:02:15")


def test_attendance_and_shifts_of_somebody_unknown_wait_for_the_master_data() -> None:
    batch = run("operators", [_planned(), _clock("clock_in", "6:00")])
    assert refusals(batch) == ["UNKNOWN_OPERATOR"] * 2
    sentence = emitted(batch, "integration.failed")[0].payload.error_details.error_message
    assert "requires master data sync" in sentence


def test_an_older_sync_changes_nothing() -> None:
    batch = run("operators", [_employee(_at("2:00"), job_title="Welder"), _employee(_at("1:00"), job_title="Clerk")])
    assert [each.payload.job_title for each in emitted(batch)] == ["Welder"]


def test_the_same_master_data_again_say_nothing() -> None:
    assert len(run("operators", [_employee(), _employee(_at("1:00", 1))]).outputs) == 1


def test_who_is_gone_is_inactive_and_off_duty_and_may_come_back() -> None:
    gone = _said("hr.employee_gone", EmployeeGone(employee_id=EMPLOYEE), _at("1:00", 1))
    batch = run("operators", [_employee(), _clock("clock_in", "6:00"), gone, _employee(_at("1:00", 2), "back")])
    shown = [(each.payload.is_active, each.payload.current_status) for each in emitted(batch, "operator.changed")]
    assert shown == [(True, "off_duty"), (True, "available"), (False, "off_duty"), (True, "available")]


def test_who_was_synced_after_they_were_missed_is_not_gone() -> None:
    gone = _said("hr.employee_gone", EmployeeGone(employee_id=EMPLOYEE), _at("0:30"))
    assert [each.payload.is_active for each in emitted(run("operators", [_employee(), gone]))] == [True]


def test_clock_events_give_the_status() -> None:
    said = [
        _clock("clock_in", "6:00"),
        _clock("break_start", "9:30"),
        _clock("break_end", "10:00"),
        _clock("clock_out", "14:00"),
    ]
    batch = run("operators", [_employee(), *said])
    statuses = [each.payload.current_status for each in emitted(batch, "operator.changed")]
    assert statuses == ["off_duty", "available", "on_break", "available", "off_duty"]


def test_an_older_clock_event_does_not_change_the_status() -> None:
    batch = run("operators", [_employee(), _clock("clock_out", "14:00"), _clock("clock_in", "6:00")])
    assert emitted(batch, "operator.changed")[-1].payload.current_status == "off_duty"


def test_a_repeated_clock_event_changes_nothing() -> None:
    once = run("operators", [_employee(), _planned(), _clock("clock_in", "6:02")])
    again = run("operators", [_clock("clock_in", "6:02")], once.changed, 3)
    assert again.outputs == []


def test_coming_and_going_are_the_shift_s_whatever_their_order() -> None:
    came, left = _clock("clock_in", "6:02"), _clock("clock_out", "14:05")
    expected = {"SH-20251118-A": ("ended", "18 06:02", "18 14:05")}
    assert _after(_planned(), came, left) == expected
    assert _after(_planned(), left, came) == expected
    assert _after(left, came, _planned()) == expected


def test_going_before_coming_is_not_the_end_of_the_shift() -> None:
    said = [_clock("clock_out", "5:58", shift_id="SH-20251118-A"), _clock("clock_in", "6:02")]
    assert _after(_planned(), *said) == {"SH-20251118-A": ("working", "18 06:02", None)}


def test_coming_twice_keeps_the_first_and_going_twice_the_first() -> None:
    said = [_clock(event, clock) for clock, event in (("6:00", "clock_in"), ("6:01", "clock_in"))]
    said += [_clock("clock_out", "14:00"), _clock("clock_out", "14:30")]
    assert _after(_planned(), *said) == {"SH-20251118-A": ("ended", "18 06:00", "18 14:00")}


def test_who_goes_and_comes_again_was_away_between() -> None:
    clocks = (("clock_in", "6:00"), ("clock_out", "10:00"), ("clock_in", "10:30"), ("clock_out", "14:00"))
    batch = run("operators", [_employee(), _planned(), *(_clock(event, clock) for event, clock in clocks)])
    assert _shifts(batch) == {"SH-20251118-A": ("ended", "18 06:00", "18 14:00")}
    assert emitted(batch, "operator.shift_changed")[-1].payload.away_seconds == 1800


def test_a_night_shift_ends_the_next_morning() -> None:
    said = [_planned("22:00", "6:00", "Shift C"), _clock("clock_in", "21:55"), _clock("clock_out", "6:03", 1)]
    assert _after(*said) == {"SH-20251118-C": ("ended", "18 21:55", "19 06:03")}


def test_between_two_shifts_the_nearest_start_counts() -> None:
    plans = [_planned(), _planned("14:00", "22:00", "Shift B")]
    shifts = _after(*plans, _clock("clock_in", "13:50"))
    assert {name: status for name, (status, *_) in shifts.items()} == {
        "SH-20251118-A": "scheduled",
        "SH-20251118-B": "working",
    }


def test_the_shift_that_an_event_names_counts_before_the_nearest() -> None:
    plans = [_planned(), _planned("14:00", "22:00", "Shift B")]
    shifts = _after(*plans, _clock("clock_in", "13:50", shift_id="SH-20251118-A"))
    assert shifts["SH-20251118-A"] == ("working", "18 13:50", None)


def test_attendance_without_a_planned_shift_makes_an_unscheduled_one() -> None:
    assert _after(_clock("clock_in", "6:02")) == {"SH-20251118-Unscheduled": ("working", "18 06:02", None)}


def test_the_plan_that_comes_late_takes_over_what_was_unscheduled() -> None:
    batch = run("operators", [_employee(), _clock("clock_in", "6:02"), _planned()])
    assert _shifts(batch) == {"SH-20251118-A": ("working", "18 06:02", None)}
    withdrawn = [
        each.payload for each in emitted(batch, "operator.shift_changed") if each.payload.status == "withdrawn"
    ]
    assert [(each.shift_name, each.actual_clock_in) for each in withdrawn] == [("Unscheduled", None)]


def test_a_named_shift_whose_plan_comes_late_is_the_same_shift() -> None:
    batch = run("operators", [_employee(), _clock("clock_in", "6:02", shift_id="SH-20251118-A"), _planned()])
    shown = [(each.payload.shift_id, each.payload.is_scheduled) for each in emitted(batch, "operator.shift_changed")]
    assert shown == [("SH-20251118-A", False), ("SH-20251118-A", True)]


def test_who_forgot_to_clock_out_begins_the_next_day_anew() -> None:
    said = [_planned(), _planned(day=1), _clock("clock_in", "6:00"), _clock("clock_in", "6:00", 1)]
    assert _after(*said) == {
        "SH-20251118-A": ("working", "18 06:00", None),
        "SH-20251119-A": ("working", "19 06:00", None),
    }


def test_a_plan_of_an_older_sync_does_not_replace_a_newer_one() -> None:
    batch = run("operators", [_employee(), _planned(end="15:00", said="5:30"), _planned(end="14:00", said="5:00")])
    assert [each.payload.scheduled_end for each in emitted(batch, "operator.shift_changed")] == [_at("15:00")]


def test_the_same_plan_again_says_nothing() -> None:
    assert len(run("operators", [_employee(), _planned(), _planned(said="5:30")]).outputs) == 2


def test_a_cancelled_plan_withdraws_the_shift() -> None:
    batch = run("operators", [_employee(), _planned(), _planned(said="5:30", is_cancelled=True)])
    assert emitted(batch, "operator.shift_changed")[-1].payload.status == "withdrawn"


def test_attendance_of_long_ago_is_settled_and_becomes_a_dead_letter() -> None:
    said = [_clock("clock_in", "6:00", day) for day in range(60)]
    batch = run("operators", [_employee(), *said])
    assert refusals(batch) == []
    late = run("operators", [_clock("clock_out", "14:00", 3)], batch.changed, 61)
    assert refusals(late) == ["ATTENDANCE_SETTLED"]
    recent = run("operators", [_clock("clock_out", "14:00", 50)], batch.changed, 61)
    assert _shifts(recent) == {"SH-20260107-Unscheduled": ("ended", "07 06:00", "07 14:00")}


def test_more_clock_events_than_a_day_can_hold_are_refused_and_the_others_stay() -> None:
    said = [_clock("clock_in", f"6:{minute}") for minute in range(60)]
    batch = run("operators", [_employee(), *said])
    assert set(refusals(batch)) == {"TOO_MUCH_ATTENDANCE"}
    assert _shifts(batch)["SH-20251118-Unscheduled"] == ("working", "18 06:00", None)


def test_a_certificate_that_ran_out_since_the_last_sync_is_told_once() -> None:
    skill = Skill(skill_code="WELD-L3", certification_expiry=DAY)
    days = [_employee(_at("1:00", day), skills=(skill,)) for day in range(4)]
    alerts = [each.payload for each in emitted(run("operators", days), "alert.raised")]
    assert [(each.kind, each.entity_id) for each in alerts] == [("operator.skill_expired", "O-2024-0156")]
    assert "WELD-L3 (until 2025-11-18)" in alerts[0].message


EVENTS = st.sampled_from(["clock_in", "break_start", "break_end", "clock_out"])
CLOCKS = st.builds(
    lambda event, minutes, named: _clock(
        event, f"{minutes // 60 % 24}:{minutes % 60}", minutes // 1440, "SH-20251118-A" if named else None
    ),
    EVENTS,
    st.integers(0, 2 * 1440 - 1),
    st.booleans(),
)
PLANS = [_planned(), _planned("14:00", "22:00", "Shift B"), _planned("22:00", "6:00", "Night")]


@settings(max_examples=200, deadline=None)
@given(
    clocks=st.lists(CLOCKS, max_size=12, unique_by=lambda each: each.message_id),
    order=st.randoms(use_true_random=False),
)
def test_shifts_do_not_depend_on_the_order_in_which_plans_and_attendance_come(clocks: Any, order: Any) -> None:
    said = [*PLANS, *clocks]
    shuffled = [*said, *said[:5]]
    order.shuffle(shuffled)
    assert _after(*shuffled) == _after(*said)


@pytest.mark.parametrize("shift_id", ["SH-20259999-A", "4711", "SH-20251118-", "x" * 128])
def test_a_shift_id_that_names_nothing_is_as_good_as_none(shift_id: str) -> None:
    assert _after(_planned(), _clock("clock_in", "6:00", shift_id=shift_id)) == {
        "SH-20251118-A": ("working", "18 06:00", None)
    }
