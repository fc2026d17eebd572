"""Exchanges with the HR system against a real Postgres: who is there, who is gone, which shifts, which hours."""

import json
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from connectors.deliveries.kind import Call, Due, NotNeeded, Refused
from connectors.deliveries.registry import KINDS
from schemas.codec import decode
from schemas.envelope import Message
from schemas.messages.operators import Clocked
from schemas.settings import Settings
from sql.database import rows_of
from sql.reads import operators
from sql.reads.operators import Wanted
from streams.driver import Output, Record, fold_batch, output_of
from streams.projection import Line, write
from streams.topology import processor
from tests.plants import RunningPlant

pytestmark = [pytest.mark.services]

DAY = date(2025, 11, 18)


def _at(hour: int, minute: int = 0, second: int = 0, day: int = 0) -> datetime:
    return datetime(2025, 11, 18, hour, minute, second, tzinfo=UTC) + timedelta(days=day)


@dataclass
class Town:
    """One tenant with its operators: what it is told is folded and becomes rows, as in a plant that runs."""

    url: str
    tenant_id: str = field(default_factory=lambda: str(uuid4()))
    settings: Settings = field(default_factory=Settings)
    states: dict[bytes, bytes] = field(default_factory=dict)
    ends: Counter[str] = field(default_factory=Counter)
    heard: list[Message[Any]] = field(default_factory=list)

    def rows(self) -> AbstractContextManager[psycopg.Cursor[dict[str, Any]]]:
        """A transaction of the application."""
        return rows_of(self.url, self.tenant_id)

    def due(self, kind: str, **told: str) -> Due:
        """A delivery of that kind whose time has come."""
        identity = f"DLV-{uuid4().hex[:12]}"
        return Due(identity, self.tenant_id, kind, "subject", "cause", told, f"corr-{identity}", _at(0), 1)

    def answer(self, due: Due, *answers: Any, at: datetime, again: bool = False) -> list[Message[Any]]:
        """The HR system has answered: everything that follows from it."""
        with self.rows() as rows:
            outputs = KINDS[due.kind].accepted(rows, due, json.loads(json.dumps(answers)), at, self.settings)
        return self.say(outputs)

    def say(self, outputs: Sequence[Output]) -> list[Message[Any]]:
        """Fold what is for operators, and write what follows."""
        records = []
        for output in outputs:
            if output.topic == "operator-inbox":
                records.append(Record(self.ends["operator-inbox"], output.key, output.value))
                self.ends["operator-inbox"] += 1
        batch = fold_batch(processor("operators"), 0, self.states, records)
        self.states |= batch.changed
        events = [*(each for each in outputs if each.topic != "operator-inbox"), *batch.outputs]
        self._project(events)
        said = [decode(each.value) for each in events]
        self.heard += said
        return said

    def _project(self, events: Sequence[Output]) -> None:
        lines = []
        for each in events:
            lines.append(Line(each.topic, 0, self.ends[each.topic], each.key, each.value))
            self.ends[each.topic] += 1
        with psycopg.connect(self.url) as connection, connection.cursor() as cursor:
            assert write(cursor, lines).refused == []

    def clock(self, employee_id: str, event: Any, at: datetime, day: date = DAY) -> None:
        """Somebody comes or goes."""
        told = Clocked(employee_id=employee_id, event_type=event, work_date=day)
        message = Message(
            message_id=f"clock-{employee_id}-{event}-{at}",
            type="hr.clocked",
            tenant_id=self.tenant_id,
            timestamp=at,
            source_system="HR",
            correlation_id="test",
            source="test",
            position=0,
            received_at=at,
            payload=told,
        )
        self.say([output_of(message)])

    def active(self) -> set[str]:
        """The employees that are active here."""
        with self.rows() as rows:
            found, _ = operators.page(rows, Wanted(is_active=True), DAY, 500, None)
        return {each["employee_id"] for each in found}

    def summary(self) -> dict[str, Any]:
        """What the latest sync came to."""
        with self.rows() as rows:
            return operators.syncs(rows, None, 1)[0]


@pytest.fixture
def town(migrated: RunningPlant) -> Town:
    """A tenant that nobody else knows."""
    return Town(migrated.app_url)


def employee(number: int, **fields: Any) -> dict[str, Any]:
    """An employee as the HR system has them."""
    complete = {
        "employee_id": f"EMP-{number:05}",
        "first_name": "John",
        "last_name": f"Doe {number}",
        "email": f"john.{number}@company.com",
        "phone": "+1-555-0123",
        "department": "Manufacturing",
        "job_title": "Production Operator",
        "hire_date": "2020-03-15",
        "is_active": True,
        "location": "Plant 1 - Zone A",
        "skills": [
            {
                "skill_code": "WELD-L3",
                "skill_name": "Welding Level 3",
                "proficiency_level": 3,
                "certification_date": "2023-06-15",
                "certification_expiry": "2026-06-30",
            }
        ],
    }
    return complete | fields


def pages(*employees: Any, size: int = 100) -> list[dict[str, Any]]:
    """The HR system's answers for so many employees."""
    parts = [employees[first : first + size] for first in range(0, len(employees), size)] or [()]
    return [
        {"employees": list(part), "total_count": len(employees), "page": number, "page_size": size}
        for number, part in enumerate(parts, 1)
    ]


def shift(number: int, **fields: Any) -> dict[str, Any]:
    """A planned shift as the HR system has it."""
    complete = {
        "employee_id": f"EMP-{number:05}",
        "shift_date": "2025-11-18",
        "shift_name": "Shift A",
        "start_time": "06:00:00",
        "end_time": "14:00:00",
        "break_start": "09:30:00",
        "break_end": "10:00:00",
        "is_overtime": False,
    }
    return complete | fields


def _synced(town: Town, *numbers: int, day: int = 0) -> list[Message[Any]]:
    return town.answer(town.due("hr.employees"), *pages(*map(employee, numbers), size=2), at=_at(1, day=day))


def _planned(town: Town, *shifts: Any, at: datetime = _at(5)) -> list[Message[Any]]:
    return town.answer(town.due("hr.schedules", date="2025-11-18"), {"schedules": list(shifts)}, at=at)


def test_employees_of_all_pages_become_operators_with_their_skills(town: Town) -> None:
    _synced(town, 1, 2, 3)
    with town.rows() as rows:
        found = operators.one(rows, "O-00002", DAY)
        skilled, _ = operators.page(rows, Wanted(skill="WELD-L3"), DAY, 10, None)
        expired, _ = operators.page(rows, Wanted(skill="WELD-L3"), date(2026, 7, 1), 10, None)
    assert found is not None
    assert (found["employee_id"], found["last_name"], found["hire_date"]) == ("EMP-00002", "Doe 2", date(2020, 3, 15))
    (skill,) = found["skills"]
    assert (skill["skill_code"], skill["is_expired"], skill["expires_in_days"]) == ("WELD-L3", False, 224)
    assert (len(skilled), len(expired)) == (3, 0)
    assert town.summary()["summary"] == "3 added, 0 updated, 0 deactivated."


def test_who_is_no_longer_named_is_deactivated_and_who_comes_back_is_active(town: Town) -> None:
    _synced(town, 1, 2, 3)
    _synced(town, 1, 3, day=1)
    assert town.active() == {"EMP-00001", "EMP-00003"}
    assert town.summary()["summary"] == "0 added, 0 updated, 1 deactivated."
    _synced(town, 1, 2, 3, day=2)
    assert town.active() == {"EMP-00001", "EMP-00002", "EMP-00003"}
    assert (town.summary()["added"], town.summary()["updated"]) == (0, 1)


def test_what_is_other_than_before_is_updated_and_counted(town: Town) -> None:
    _synced(town, 1, 2)
    changed = [employee(1, job_title="Welder"), employee(2, skills=[])]
    town.answer(town.due("hr.employees"), *pages(*changed), at=_at(1, day=1))
    assert town.summary()["summary"] == "0 added, 2 updated, 0 deactivated."
    with town.rows() as rows:
        found, _ = operators.page(rows, Wanted(), DAY, 10, None)
    assert [(each["job_title"], len(each["skills"])) for each in found] == [("Welder", 1), ("Production Operator", 0)]


def test_an_answer_without_anybody_empties_nothing(town: Town) -> None:
    _synced(town, 1, 2, 3)
    with pytest.raises(Refused, match="no active employee at all"):
        town.answer(town.due("hr.employees"), *pages(), at=_at(1, day=1))
    assert len(town.active()) == 3


def test_an_answer_with_fewer_than_half_changes_nothing(town: Town) -> None:
    _synced(town, *range(10))
    with pytest.raises(Refused, match="only 4 active employees, fewer than half of the 10"):
        _synced(town, *range(4), day=1)
    assert len(town.active()) == 10
    _synced(town, *range(5), day=2)
    assert len(town.active()) == 5


def test_pages_that_hold_fewer_than_the_hr_system_counts_deactivate_nobody(town: Town) -> None:
    _synced(town, 1, 2, 3)
    answers = [answer | {"total_count": 3} for answer in pages(employee(1, job_title="Welder"), employee(2))]
    town.answer(town.due("hr.employees"), *answers, at=_at(1, day=1))
    assert len(town.active()) == 3
    assert "nobody was deactivated, because the pages do not hold" in town.summary()["summary"]
    assert town.summary()["updated"] == 1


def test_one_bad_row_is_a_dead_letter_and_the_person_it_names_stays(town: Town) -> None:
    _synced(town, 1, 2, 3)
    answers = pages(employee(1), employee(2, hire_date="yesterday"), employee(3))
    said = town.answer(town.due("hr.employees"), *answers, at=_at(1, day=1))
    (letter,) = [each.payload for each in said if each.type == "integration.failed"]
    assert letter.integration_type == "hr_employee_sync_inbound"
    assert "hire_date" in letter.error_details.error_message
    assert letter.original_message["employee_id"] == "EMP-00002"
    assert len(town.active()) == 3
    again = town.answer(town.due("hr.employees"), *answers, at=_at(1, day=2))
    assert letter.failure_key in {getattr(each.payload, "failure_key", None) for each in again}


def test_an_answer_that_is_taken_twice_is_taken_once(town: Town) -> None:
    due, answers = town.due("hr.employees"), pages(employee(1), employee(2))
    town.answer(due, *answers, at=_at(1))
    assert town.answer(due, *answers, at=_at(1, 1)) == []
    assert town.summary()["added"] == 2


def test_somebody_just_synced_is_known_before_their_row_is_there(town: Town) -> None:
    due = town.due("hr.employees")
    with town.rows() as rows:
        KINDS["hr.employees"].accepted(rows, due, pages(employee(7)), _at(1), town.settings)
    with town.rows() as rows:
        assert operators.one(rows, "O-00007", DAY) is None
        assert operators.unknown(rows, ["EMP-00007", "EMP-404"]) == {"EMP-404"}


def test_planned_shifts_are_shown_for_their_day(town: Town) -> None:
    _synced(town, 1, 2)
    _planned(town, shift(1), shift(2, shift_name="Shift C", start_time="22:00:00", end_time="06:00:00"))
    with town.rows() as rows:
        first, cursor = operators.shifts(rows, DAY, 1, None)
        second, end = operators.shifts(rows, DAY, 1, cursor)
    assert [(each["operator_id"], each["shift_id"], each["status"]) for each in (*first, *second)] == [
        ("O-00001", "SH-20251118-A", "scheduled"),
        ("O-00002", "SH-20251118-C", "scheduled"),
    ]
    assert second[0]["scheduled_end"] == _at(6, day=1)
    assert end is None


def test_a_shift_of_somebody_unknown_is_a_dead_letter_and_a_warning(town: Town) -> None:
    _synced(town, 1)
    said = _planned(town, shift(1), shift(404))
    (letter,) = [each.payload for each in said if each.type == "integration.failed"]
    assert letter.error_details.error_code == "UNKNOWN_OPERATOR"
    assert "requires master data sync" in letter.error_details.error_message
    (alert,) = [each.payload for each in said if each.type == "alert.raised"]
    assert (alert.kind, alert.severity) == ("operator.unknown", "warning")
    assert "EMP-00404" in alert.message
    assert "1 employees are not known here" in town.summary()["summary"]


def test_a_shift_that_is_no_longer_planned_is_withdrawn(town: Town) -> None:
    _synced(town, 1, 2)
    _planned(town, shift(1), shift(2))
    _planned(town, shift(1), at=_at(5, 30))
    with town.rows() as rows:
        found, _ = operators.shifts(rows, DAY, 10, None)
    assert [each["operator_id"] for each in found] == ["O-00001"]


def _hours(town: Town, day: int = 0) -> tuple[Due, dict[str, Any]]:
    """The time entries that are told on a day, and by which delivery."""
    due = town.due("hr.time_entries", date=(DAY + timedelta(days=day)).isoformat())
    with town.rows() as rows:
        call = KINDS["hr.time_entries"].request(rows, due, town.settings)
    assert isinstance(call, Call)
    assert (call.method, call.path) == ("POST", "/api/v1/time-entries")
    return due, call.body


def test_the_hours_of_the_day_are_told_in_the_document_s_words(town: Town) -> None:
    _synced(town, 1)
    _planned(town, shift(1))
    town.clock("EMP-00001", "clock_in", _at(6, 2, 15))
    town.clock("EMP-00001", "clock_out", _at(14, 5, 30))
    _, body = _hours(town)
    assert body == {
        "date": "2025-11-18",
        "time_entries": [
            {
                "employee_id": "EMP-00001",
                "clock_in": "2025-11-18T06:02:15Z",
                "clock_out": "2025-11-18T14:05:30Z",
                "total_hours": 8.05,
                "break_hours": 0.5,
                "work_hours": 7.55,
                "overtime_hours": 0.0,
                "work_orders_assigned": [],
            }
        ],
    }


ORDER = """
INSERT INTO work_orders (tenant_id, work_order_id, erp_work_order_id, product_id, quantity_ordered, quantity_produced,
  quantity_scrapped, progress_percentage, unit_of_measure, status, priority, due_date, version, created_at, updated_at,
  assigned_operator_id, actual_start_at, actual_end_at)
VALUES (%s, %s, %s, 'P', 1, 0, 0, 0, 'EA', 'in_progress', 'normal', now(), 1, now(), now(), %s, %s, %s)
"""


def test_hours_name_the_orders_that_were_worked_on_meanwhile(town: Town) -> None:
    _synced(town, 1)
    with town.rows() as rows:
        for order, operator, start, end in (
            ("WO-1", "O-00001", _at(5), _at(7)),
            ("WO-2", "O-00001", _at(7), None),
            ("WO-EARLIER", "O-00001", _at(1), _at(5)),
            ("WO-LATER", "O-00001", _at(15), None),
            ("WO-NOT-BEGUN", "O-00001", None, None),
            ("WO-OTHERS", "O-00002", _at(7), None),
        ):
            rows.execute(ORDER, [town.tenant_id, order, f"ERP-{order}", operator, start, end])
    town.clock("EMP-00001", "clock_in", _at(6))
    town.clock("EMP-00001", "clock_out", _at(14))
    _, body = _hours(town)
    assert body["time_entries"][0]["work_orders_assigned"] == ["WO-1", "WO-2"]


def test_a_shift_is_told_once_and_who_has_not_gone_is_named_and_told_the_next_day(town: Town) -> None:
    _synced(town, 1, 2)
    town.clock("EMP-00001", "clock_in", _at(6))
    town.clock("EMP-00001", "clock_out", _at(14))
    town.clock("EMP-00002", "clock_in", _at(22))
    due, body = _hours(town)
    assert [each["employee_id"] for each in body["time_entries"]] == ["EMP-00001"]
    (alert,) = [each.payload for each in town.answer(due, {"status": "accepted"}, at=_at(23))]
    assert (alert.kind, "EMP-00002 (Unscheduled, 2025-11-18)" in alert.message) == ("operator.no_clock_out", True)
    assert town.summary()["summary"].startswith("1 time entries reported; 1 without")
    town.clock("EMP-00002", "clock_out", _at(6, day=1))
    _, next_body = _hours(town, 1)
    assert [each["employee_id"] for each in next_body["time_entries"]] == ["EMP-00002"]
    assert next_body["date"] == "2025-11-19"
    with pytest.raises(NotNeeded):
        _hours(town, 1)


def test_a_report_that_is_made_again_after_a_crash_is_the_same(town: Town) -> None:
    _synced(town, 1)
    town.clock("EMP-00001", "clock_in", _at(6))
    town.clock("EMP-00001", "clock_out", _at(14))
    due, body = _hours(town)
    with town.rows() as rows:
        call = KINDS["hr.time_entries"].request(rows, due, town.settings)
    assert isinstance(call, Call)
    assert call.body == body


def test_a_day_without_attendance_needs_no_report(town: Town) -> None:
    with pytest.raises(NotNeeded, match="No shift up to 2025-11-18"):
        _hours(town)
