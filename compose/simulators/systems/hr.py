"""The HR system: tells employees and shifts, takes worked hours (002 section 5.2)."""

import json
from datetime import date
from typing import Any

from pydantic import AwareDatetime, Field

from compose.simulators.systems.asked import Asked, Body, Refusal, Route, page_of, read
from compose.simulators.systems.people import employees, shift


class TimeEntry(Body):
    """What somebody worked on a day."""

    employee_id: str = Field(min_length=1)
    clock_in: AwareDatetime
    clock_out: AwareDatetime
    total_hours: float = Field(ge=0, le=24)
    break_hours: float = Field(ge=0)
    work_hours: float = Field(ge=0)
    overtime_hours: float = Field(ge=0)
    work_orders_assigned: list[str]


class TimeEntries(Body):
    """The hours of a day."""

    date: date
    time_entries: list[TimeEntry]


class Hr:
    """The HR system. Without schedules of somebody else's it makes them up for any date."""

    name = "hr"

    def __init__(self, today: date) -> None:
        self.data: dict[str, Any] = {
            "employees": employees(today),
            "schedules": None,
            "time-entries": [],
            "strict": False,
        }
        self.routes = (
            Route("GET", "/api/v1/employees", self._employees),
            Route("GET", "/api/v1/schedules", self._schedules),
            Route("POST", "/api/v1/time-entries", self._take_hours),
        )

    def scope(self, method: str) -> str:
        """The document's scopes know one right here."""
        return "hr.read"

    def replaced(self, name: str) -> None:
        """Nothing follows from the data."""

    def _employees(self, asked: Asked) -> dict[str, Any]:
        department, status = asked.query.get("department"), asked.query.get("status")
        if status not in (None, "active", "inactive"):
            raise Refusal(400, f"The parameter status is active or inactive, not {status}.")
        found = [
            person
            for person in self.data["employees"]
            if department in (None, person["department"])
            and status in (None, "active" if person.get("is_active", True) else "inactive")
        ]
        return page_of(asked, "employees", found)

    def _schedules(self, asked: Asked) -> dict[str, Any]:
        day = _day(asked)
        department = asked.query.get("department")
        of = {person["employee_id"]: person["department"] for person in self.data["employees"]}
        if self.data["schedules"] is None:
            active = [person for person in self.data["employees"] if person["is_active"]]
            rows = [row for number, person in enumerate(active) if (row := shift(number, person["employee_id"], day))]
        else:
            rows = [row for row in self.data["schedules"] if row.get("shift_date") == day.isoformat()]
        return {"schedules": [row for row in rows if department in (None, of.get(row["employee_id"], department))]}

    def _take_hours(self, asked: Asked) -> dict[str, Any]:
        told = read(TimeEntries, asked)
        known = {person["employee_id"] for person in self.data["employees"]}
        unknown = sorted({entry.employee_id for entry in told.time_entries} - known)
        if self.data["strict"] and unknown:
            raise Refusal(404, f"There is no employee {', '.join(unknown)}.")
        self.data["time-entries"].append(json.loads(asked.body) | {"received_at": asked.at.isoformat()})
        return {"status": "success", "date": told.date.isoformat(), "entries_accepted": len(told.time_entries)}


def _day(asked: Asked) -> date:
    told = asked.query.get("date", "")
    try:
        return date.fromisoformat(told)
    except ValueError:
        raise Refusal(400, f"The parameter date is a day like 2025-11-18, not {told or 'empty'}.") from None
