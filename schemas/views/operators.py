"""Operators, shifts, syncs and keys as the API shows them."""

from datetime import date, datetime

from pydantic import AwareDatetime, Field

from schemas.messages.operators import ClockEvent, Presence, ShiftStatus
from schemas.views.values import View


class SkillView(View):
    """Something an operator is certified to do."""

    skill_code: str
    skill_name: str | None
    proficiency_level: int | None
    certification_date: date | None
    certification_expiry: date | None
    is_expired: bool = Field(description="whether it ran out before today, by the plant's clock")
    expires_in_days: int | None = Field(description="days from today; negative once it ran out; absent: for good")


class OperatorView(View):
    """An operator as they stand now."""

    operator_id: str
    employee_id: str
    first_name: str
    last_name: str
    email: str | None
    phone: str | None
    department: str | None
    job_title: str | None
    hire_date: date | None
    location: str | None
    is_active: bool
    current_status: Presence
    status_since: AwareDatetime | None
    synced_at: AwareDatetime
    skills: list[SkillView]
    version: int
    updated_at: datetime


class OperatorPage(View):
    """A page of operators."""

    operators: list[OperatorView]
    next_cursor: str | None


class ShiftView(View):
    """A shift of an operator: the plan, and what really happened."""

    operator_id: str
    employee_id: str
    shift_id: str
    shift_date: date
    shift_name: str
    status: ShiftStatus
    is_scheduled: bool
    is_overtime: bool
    scheduled_start: AwareDatetime | None
    scheduled_end: AwareDatetime | None
    break_start: AwareDatetime | None
    break_end: AwareDatetime | None
    actual_clock_in: AwareDatetime | None
    actual_clock_out: AwareDatetime | None
    away_seconds: float
    reported_in: str | None = Field(description="delivery that reported its hours to the HR system")
    version: int
    updated_at: datetime


class OperatorDetail(OperatorView):
    """An operator with their latest shifts, latest first."""

    shifts: list[ShiftView]


class PersonShift(ShiftView):
    """A shift with who has it."""

    first_name: str | None
    last_name: str | None
    current_status: Presence | None


class ShiftPage(View):
    """A page of the shifts of a day."""

    date: date
    shifts: list[PersonShift]
    next_cursor: str | None


class AttendanceAnswer(View):
    """An attendance event that was taken."""

    status: str = "success"
    message: str
    employee_id: str
    operator_id: str
    event_type: ClockEvent
    timestamp: AwareDatetime


class SyncView(View):
    """What a sync came to."""

    run_id: str
    integration_type: str
    added: int
    updated: int
    deactivated: int
    rejected: int
    summary: str
    finished_at: AwareDatetime


class SyncList(View):
    """The latest syncs, latest first."""

    syncs: list[SyncView]


class ApiKeyView(View):
    """A key of the HR system's webhook; the key itself is shown once, when it is made."""

    key_id: str
    description: str | None
    created_at: AwareDatetime
    created_by: str
    age_days: float
    is_due: bool = Field(description="whether it is older than a key should get (002 section 9.1)")
    last_used_at: AwareDatetime | None
    revoked_at: AwareDatetime | None


class ApiKeyMade(ApiKeyView):
    """A new key."""

    key: str = Field(description="what goes into X-API-Key; it is not shown again")


class ApiKeyList(View):
    """Keys, those in use first."""

    keys: list[ApiKeyView]
