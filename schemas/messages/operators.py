"""What is said of an operator: master data, shifts, attendance; and what became of them."""

from datetime import date
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from schemas.envelope import Moment
from schemas.messages.values import Count, Name, Text

Level = Annotated[int, Meta(ge=0, le=1000)]
ClockEvent = Literal["clock_in", "break_start", "break_end", "clock_out"]
Presence = Literal["available", "on_break", "off_duty"]
ShiftStatus = Literal["scheduled", "working", "ended", "withdrawn"]


class Skill(msgspec.Struct, frozen=True, kw_only=True):
    """Something an operator is certified to do; without an expiry it holds for good."""

    skill_code: Name
    skill_name: Text | None = None
    proficiency_level: Level | None = None
    certification_date: date | None = None
    certification_expiry: date | None = None


class EmployeeUpserted(msgspec.Struct, frozen=True, kw_only=True):
    """Master data of an employee as the HR system has them (002 section 5.2.1): a total, skills included."""

    employee_id: Name
    first_name: Text
    last_name: Text
    email: Text | None = None
    phone: Text | None = None
    department: Text | None = None
    job_title: Text | None = None
    hire_date: date | None = None
    location: Text | None = None
    is_active: bool = True
    skills: tuple[Skill, ...] = ()


class EmployeeGone(msgspec.Struct, frozen=True, kw_only=True):
    """The HR system no longer names this employee among the active ones."""

    employee_id: Name
    reason: Text | None = None


class ShiftScheduled(msgspec.Struct, frozen=True, kw_only=True):
    """A shift an employee is planned for; `shift_date` is the plant's day on which it begins.

    A shift that was planned and is not any more comes again with `is_cancelled`.
    """

    employee_id: Name
    shift_date: date
    shift_name: Name
    scheduled_start: Moment
    scheduled_end: Moment
    break_start: Moment | None = None
    break_end: Moment | None = None
    is_overtime: bool = False
    is_cancelled: bool = False

    def __post_init__(self) -> None:
        if self.scheduled_end <= self.scheduled_start:
            raise ValueError("scheduled_end must be after scheduled_start")


class Clocked(msgspec.Struct, frozen=True, kw_only=True):
    """An employee came, went, or took a break; `work_date` is the plant's day of that moment."""

    employee_id: Name
    event_type: ClockEvent
    work_date: date
    location: Text | None = None
    shift_id: Name | None = None


class OperatorChanged(msgspec.Struct, frozen=True, kw_only=True):
    """An operator after a change. `status_since` is the clock event that gave the current status."""

    operator_id: Name
    employee_id: Name
    version: Count
    first_name: Text
    last_name: Text
    email: Text | None
    phone: Text | None
    department: Text | None
    job_title: Text | None
    hire_date: date | None
    location: Text | None
    is_active: bool
    current_status: Presence
    status_since: Moment | None
    skills: tuple[Skill, ...]
    synced_at: Moment
    changed_at: Moment


class ShiftChanged(msgspec.Struct, frozen=True, kw_only=True):
    """A shift of an operator after a change: the plan, and what really happened.

    `version` is the operator's. `away_seconds` is what was clocked as absence between coming and going.
    "withdrawn": no longer planned, or what was clocked belongs to another shift.
    """

    operator_id: Name
    employee_id: Name
    shift_id: Name
    shift_date: date
    shift_name: Name
    version: Count
    status: ShiftStatus
    is_scheduled: bool
    is_overtime: bool
    scheduled_start: Moment | None
    scheduled_end: Moment | None
    break_start: Moment | None
    break_end: Moment | None
    actual_clock_in: Moment | None
    actual_clock_out: Moment | None
    away_seconds: float
    changed_at: Moment
