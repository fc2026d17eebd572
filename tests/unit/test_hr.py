"""What the HR system says and is told, with the examples of 002 section 5, word for word."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from connectors.clock import CLOCK
from connectors.deliveries.kind import Call, Due, Refused
from connectors.deliveries.kinds import hr as kinds
from connectors.deliveries.registry import KINDS
from connectors.systems import hr
from schemas.codec import Unreadable
from schemas.ids import DEFAULT_TENANT, operator_id
from schemas.settings import Settings

EMPLOYEES = json.loads("""
{
  "employees": [
    {
      "employee_id": "EMP-2024-0156",
      "first_name": "John",
      "last_name": "Doe",
      "email": "john.doe@company.com",
      "phone": "+1-555-0123",
      "department": "Manufacturing",
      "job_title": "Production Operator",
      "hire_date": "2020-03-15",
      "is_active": true,
      "location": "Plant 1 - Zone A",
      "skills": [
        {
          "skill_code": "WELD-L3",
          "skill_name": "Welding Level 3",
          "proficiency_level": 3,
          "certification_date": "2023-06-15",
          "certification_expiry": "2026-06-30"
        }
      ]
    }
  ],
  "total_count": 247,
  "page": 1,
  "page_size": 100
}
""")
SCHEDULES = json.loads("""
{
  "schedules": [
    {
      "employee_id": "EMP-2024-0156",
      "shift_date": "2025-11-18",
      "shift_name": "Shift A",
      "start_time": "06:00:00",
      "end_time": "14:00:00",
      "break_start": "09:30:00",
      "break_end": "10:00:00",
      "is_overtime": false
    }
  ]
}
""")
ATTENDANCE = json.loads("""
{
  "event_type": "clock_in",
  "timestamp": "2025-11-18T06:02:15Z",
  "employee_id": "EMP-2024-0156",
  "location": "Plant 1 - Entrance A",
  "shift_id": "SH-20251118-A"
}
""")
TIME_ENTRIES = json.loads("""
{
  "date": "2025-11-18",
  "time_entries": [
    {
      "employee_id": "EMP-2024-0156",
      "clock_in": "2025-11-18T06:02:15Z",
      "clock_out": "2025-11-18T14:05:30Z",
      "total_hours": 8.05,
      "break_hours": 0.5,
      "work_hours": 7.55,
      "overtime_hours": 0.0,
      "work_orders_assigned": ["WO-4600", "WO-4612", "WO-4623"]
    }
  ]
}
""")
QUARTER = timedelta(minutes=15)
MOMENT = datetime(2025, 11, 18, 23, 30, tzinfo=UTC)


def _at(hour: int, minute: int = 0, second: int = 0) -> datetime:
    return datetime(2025, 11, 18, hour, minute, second, tzinfo=UTC)


def _worked(**fields: Any) -> dict[str, Any]:
    """The document's shift as it was worked."""
    shift = {
        "employee_id": "EMP-2024-0156",
        "is_scheduled": True,
        "is_overtime": False,
        "scheduled_start": _at(6),
        "scheduled_end": _at(14),
        "break_start": _at(9, 30),
        "break_end": _at(10),
        "actual_clock_in": _at(6, 2, 15),
        "actual_clock_out": _at(14, 5, 30),
        "away_seconds": 0.0,
        "work_orders_assigned": ["WO-4600", "WO-4612", "WO-4623"],
    }
    return shift | fields


def _hours(**fields: Any) -> tuple[float, float, float, float]:
    told = hr.time_entry(_worked(**fields), QUARTER)
    return told["total_hours"], told["break_hours"], told["work_hours"], told["overtime_hours"]


def test_the_document_s_employee_is_read_whole() -> None:
    found, rejected = hr.employees(EMPLOYEES["employees"])
    told = found["EMP-2024-0156"]
    assert rejected == []
    assert (told.first_name, told.job_title, told.hire_date) == ("John", "Production Operator", date(2020, 3, 15))
    (skill,) = told.skills
    assert (skill.skill_code, skill.proficiency_level, skill.certification_expiry) == ("WELD-L3", 3, date(2026, 6, 30))


@pytest.mark.parametrize(
    ("row", "path", "names"),
    [
        ("nonsense", None, None),
        ({}, "employee_id", None),
        ({"employee_id": "E-1", "first_name": "A", "last_name": "B", "hire_date": "yesterday"}, "hire_date", "E-1"),
        ({"employee_id": "E-1", "first_name": "A", "last_name": None}, "last_name", "E-1"),
        ({"employee_id": "E-1", "first_name": "A\0", "last_name": "B"}, None, "E-1"),
        ({"employee_id": 7, "first_name": "A", "last_name": "B"}, "employee_id", None),
        ({"employee_id": "E-1", "first_name": "A", "last_name": "B", "skills": [{}]}, "skills.0.skill_code", "E-1"),
    ],
)
def test_one_bad_employee_does_not_stop_the_others(row: Any, path: str | None, names: str | None) -> None:
    found, (rejection,) = hr.employees([row, *EMPLOYEES["employees"]])
    assert list(found) == ["EMP-2024-0156"]
    assert (rejection.refusal.path, rejection.employee_id) == (path, names)


def test_the_document_s_shift_is_in_the_plant_s_time() -> None:
    (told,), rejected = hr.shifts(SCHEDULES["schedules"], ZoneInfo("Europe/Berlin"))
    assert rejected == []
    assert (told.scheduled_start, told.scheduled_end) == (_at(5), _at(13))
    assert (told.break_start, told.break_end) == (_at(8, 30), _at(9))


def test_a_shift_over_midnight_ends_the_next_day_and_so_may_its_break() -> None:
    night = SCHEDULES["schedules"][0] | {
        "start_time": "22:00:00",
        "end_time": "06:00:00",
        "break_start": "01:30:00",
        "break_end": "02:00:00",
    }
    (told,), _ = hr.shifts([night], UTC)
    assert (told.shift_date, told.scheduled_start) == (date(2025, 11, 18), _at(22))
    assert told.scheduled_end == _at(6) + timedelta(days=1)
    assert told.break_start == _at(1, 30) + timedelta(days=1)


@pytest.mark.parametrize("fields", [{"start_time": "25:00"}, {"end_time": "06:00:00"}, {"shift_date": "1200-01-01"}])
def test_a_shift_without_proper_times_is_refused(fields: dict[str, Any]) -> None:
    found, rejected = hr.shifts([SCHEDULES["schedules"][0] | fields], UTC)
    assert (found, len(rejected)) == ([], 1)


def test_the_document_s_attendance_is_a_clock_event_of_the_plant_s_day() -> None:
    told = hr.attendance(ATTENDANCE, ZoneInfo("America/Los_Angeles"))
    assert (told.type, told.timestamp, told.payload.shift_id) == ("hr.clocked", _at(6, 2, 15), "SH-20251118-A")
    assert told.payload.work_date == date(2025, 11, 17), "in Los Angeles it is still the day before"


def test_the_same_attendance_has_the_same_id_and_another_another() -> None:
    again = hr.attendance(ATTENDANCE | {"timestamp": "2025-11-18T07:02:15+01:00", "location": None}, UTC)
    other = hr.attendance(ATTENDANCE | {"event_type": "clock_out"}, UTC)
    assert hr.attendance(ATTENDANCE, UTC).message_id == again.message_id != other.message_id


@pytest.mark.parametrize(
    "fields",
    [
        {"event_type": "clocked"},
        {"timestamp": "2025-11-18T06:02:15"},
        {"timestamp": "0001-01-01T00:00:00Z"},
        {"timestamp": None},
        {"employee_id": ""},
        {"employee_id": 156},
        {"shift_id": "x" * 129},
    ],
)
def test_attendance_that_means_nothing_is_unreadable(fields: dict[str, Any]) -> None:
    with pytest.raises(Unreadable):
        hr.attendance(ATTENDANCE | fields, UTC)


def test_the_document_s_time_entries_come_out_to_the_letter() -> None:
    assert hr.time_entries(date(2025, 11, 18), [_worked()], QUARTER) == TIME_ENTRIES


def test_staying_two_hours_longer_is_two_hours_of_overtime() -> None:
    assert _hours(actual_clock_in=_at(6), actual_clock_out=_at(16)) == (10.0, 0.5, 9.5, 2.0)


def test_a_shift_planned_as_overtime_is_overtime_altogether() -> None:
    assert _hours(is_overtime=True) == (8.05, 0.5, 7.55, 7.55)


def test_who_left_before_the_break_had_none() -> None:
    assert _hours(actual_clock_out=_at(9)) == (2.96, 0.0, 2.96, 0.0)


def test_clocked_absence_counts_instead_of_the_planned_break() -> None:
    assert _hours(actual_clock_in=_at(6), actual_clock_out=_at(14), away_seconds=2700.0) == (8.0, 0.75, 7.25, 0.0)


def test_nobody_can_tell_overtime_of_a_shift_that_was_not_planned() -> None:
    plan = dict.fromkeys(("scheduled_start", "scheduled_end", "break_start", "break_end"))
    assert _hours(**plan, is_scheduled=False, actual_clock_out=_at(18, 2, 15)) == (12.0, 0.0, 12.0, 0.0)


def _pages(answers: list[Any]) -> list[str]:
    """The pages that are asked for while the HR system answers so."""
    rows: Any = None
    call: Any = KINDS["hr.employees"].request(rows, _due("hr.employees"), Settings())
    asked = []
    for answer in answers:
        assert call is not None
        asked.append(call.query["page"])
        call = KINDS["hr.employees"].following(call, answer)
    assert call is None
    return asked


def _due(kind: str, **told: str) -> Due:
    return Due("DLV-1", DEFAULT_TENANT, kind, "subject", "cause", told, "corr-1", MOMENT, 1)


def test_employees_are_asked_for_as_the_document_says() -> None:
    call = KINDS["hr.employees"].request(None, _due("hr.employees"), Settings())  # type: ignore[arg-type]
    assert call == Call(
        "GET",
        "/api/v1/employees",
        query={"department": "Manufacturing", "status": "active", "page": "1", "page_size": "100"},
    )


def test_247_employees_are_three_pages() -> None:
    assert _pages([EMPLOYEES, EMPLOYEES | {"page": 2}, EMPLOYEES | {"page": 3}]) == ["1", "2", "3"]


def test_an_empty_page_is_the_last_whatever_the_count_says() -> None:
    assert _pages([EMPLOYEES, {"employees": [], "total_count": 247, "page": 2, "page_size": 100}]) == ["1", "2"]


@pytest.mark.parametrize("answer", [None, [], {"employees": None}, {"error": "maintenance"}])
def test_an_answer_without_employees_is_no_answer(answer: Any) -> None:
    with pytest.raises(Refused, match="no list called employees"):
        _pages([answer])


def test_schedules_are_asked_for_as_the_document_says() -> None:
    call = KINDS["hr.schedules"].request(None, _due("hr.schedules", date="2025-11-18"), Settings())  # type: ignore[arg-type]
    assert call == Call("GET", "/api/v1/schedules", query={"date": "2025-11-18", "department": "Manufacturing"})


def test_the_clock_runs_the_three_exchanges_when_the_document_says() -> None:
    assert {job.name: job.cron for job in CLOCK if job.name.startswith("hr_")} == {
        "hr_employees": "0 1 * * *",
        "hr_schedules": "0 5 * * *",
        "hr_time_entries": "0 23 * * *",
    }


@pytest.mark.parametrize("run", [kinds.employees_due, kinds.schedules_due, kinds.time_entries_due])
def test_an_hr_system_without_an_address_is_not_called(run: Any) -> None:
    assert run(None, MOMENT, Settings()).deliveries == ()
    once, again = (run(None, MOMENT, Settings(hr_url="http://hr")).deliveries for _ in range(2))
    assert once == again
    assert once[0].kind in KINDS


def test_the_day_is_the_plant_s() -> None:
    settings = Settings(hr_url="http://hr", plant_timezone="Asia/Tokyo")
    (delivery,) = kinds.time_entries_due(None, MOMENT, settings).deliveries  # type: ignore[arg-type]
    assert delivery.told == {"date": "2025-11-19"}


def test_an_operator_s_id_follows_from_the_employee_s() -> None:
    assert operator_id("EMP-2024-0156") == "O-2024-0156"
