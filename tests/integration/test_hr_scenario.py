"""A day with the HR system, against the running plant and a simulated HR system: synced, planned, clocked, told."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from tests.gateways import anybody, operator
from tests.plants import RunningPlant, eventually

pytestmark = pytest.mark.services

ATTENDANCE = "/api/v1/integrations/hr/attendance"


@pytest.fixture
def employee(plant: RunningPlant) -> Iterator[str]:
    """Somebody hired today and planned for a shift that lasts now, and for one tomorrow should today end meanwhile."""
    name, now = f"EMP-{uuid4().hex[:8]}", datetime.now(UTC)
    midnight = now.replace(hour=0, minute=0)
    systems = plant.systems
    hired = {
        "employee_id": name,
        "first_name": "John",
        "last_name": "Doe",
        "department": "Manufacturing",
        "is_active": True,
        "skills": [{"skill_code": "WELD-L3", "certification_expiry": f"{now + timedelta(days=90):%Y-%m-%d}"}],
    }
    planned = [_planned(name, max(now - timedelta(hours=1), midnight)), _planned(name, midnight + timedelta(days=1))]
    before = systems.held("hr", "employees")
    systems.serve("hr", "employees", [*before, hired])
    systems.serve("hr", "schedules", planned)
    yield name
    systems.serve("hr", "employees", before)


def _planned(employee: str, begin: datetime) -> dict[str, str]:
    return {
        "employee_id": employee,
        "shift_date": f"{begin:%Y-%m-%d}",
        "shift_name": "Shift A",
        "start_time": f"{begin:%H:%M}:00",
        "end_time": f"{begin + timedelta(hours=8):%H:%M}:00",
    }


def _run(person: httpx2.Client, job: str) -> None:
    assert person.post(f"/api/v1/jobs/{job}/run").status_code == 202


def _clock(plant: RunningPlant, employee: str, event: str, at: datetime) -> int:
    told = {"event_type": event, "timestamp": at.isoformat(), "employee_id": employee, "location": "Entrance A"}
    with anybody(plant) as hr:
        return hr.post(ATTENDANCE, json=told, headers={"X-API-Key": plant.endpoints["HR_API_KEY"]}).status_code


def _shift(plant: RunningPlant, employee: str, status: str) -> tuple[Any, ...]:
    """The employee's shift once it stands so."""
    query = "SELECT shift_date, actual_clock_in, actual_clock_out FROM operator_shifts"
    (row,) = plant.await_rows(f"{query} WHERE employee_id = %s AND status = %s", employee, status, seconds=60)
    return row


def test_an_employee_is_synced_planned_clocked_and_their_hours_are_told_once(
    plant: RunningPlant, employee: str
) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    came, left = now - timedelta(minutes=30), now
    with operator(plant) as person:
        assert _clock(plant, employee, "clock_in", came) == 404, "nobody knows them yet"
        _run(person, "hr_employees")
        plant.await_rows("SELECT 1 FROM operators WHERE employee_id = %s", employee, seconds=60)
        _run(person, "hr_schedules")
        day, *_ = _shift(plant, employee, "scheduled")
        assert _clock(plant, employee, "clock_in", came) == 200
        assert _shift(plant, employee, "working")[1:] == (came, None)
        shown = person.get(f"/api/v1/operators/{employee}").json()
        assert (shown["current_status"], shown["is_active"]) == ("available", True)
        assert [skill["is_expired"] for skill in shown["skills"]] == [False]
        found = person.get("/api/v1/operators", params={"q": employee, "skill": "WELD-L3", "status": "available"})
        assert [each["employee_id"] for each in found.json()["operators"]] == [employee]
        assert _clock(plant, employee, "clock_out", left) == 200
        assert _shift(plant, employee, "ended")[1:] == (came, left)
        shifts = person.get("/api/v1/shifts", params={"date": day.isoformat(), "limit": 500}).json()["shifts"]
        assert [each["shift_name"] for each in shifts if each["employee_id"] == employee] == ["Shift A"]
        _run(person, "hr_time_entries")
        entry = eventually(lambda: _told(plant, employee), 60, "the HR system was not told")
        assert entry
        assert (entry["total_hours"], entry["overtime_hours"]) == (0.5, 0.0)
        syncs = person.get("/api/v1/integrations/syncs").json()["syncs"]
        assert {"hr_employee_sync_inbound", "hr_schedule_sync_inbound"} <= {each["integration_type"] for each in syncs}
        _run(person, "hr_time_entries")
        plant.await_rows(
            "SELECT count(*) FROM deliveries WHERE kind = 'hr.time_entries' AND created_at > %s "
            "AND finished_at IS NOT NULL HAVING count(*) >= 2",
            now,
            seconds=60,
        )
        assert len(_entries(plant, employee)) == 1


def _entries(plant: RunningPlant, employee: str) -> list[dict[str, Any]]:
    days = plant.systems.held("hr", "time-entries")
    return [each for day in days for each in day["time_entries"] if each["employee_id"] == employee]


def _told(plant: RunningPlant, employee: str) -> dict[str, Any] | None:
    return next(iter(_entries(plant, employee)), None)
