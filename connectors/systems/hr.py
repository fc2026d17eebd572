"""What the HR system says (002 section 5), checked and translated; and the time entries it is told."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated, Any, NamedTuple, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from connectors.systems.erp import validated
from connectors.systems.statement import Statement, in_utc
from schemas.codec import Unreadable, encode, parse
from schemas.ids import milliseconds, short
from schemas.messages.operators import Clocked, ClockEvent, EmployeeUpserted, ShiftScheduled, Skill

Id = Annotated[str, Field(min_length=1, max_length=128)]
Words = Annotated[str, Field(max_length=4000)]
Day = Annotated[date, Field(ge=date(1970, 1, 1), le=date(2200, 1, 1))]
HUNDREDTH = Decimal("0.01")


Told = TypeVar("Told")


class _Told(BaseModel):
    """Unknown fields of the HR system are of no concern to us."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class HrSkill(_Told):
    """A certified skill."""

    skill_code: Id
    skill_name: Words | None = None
    proficiency_level: Annotated[int, Field(ge=0, le=1000)] | None = None
    certification_date: date | None = None
    certification_expiry: date | None = None


class HrEmployee(_Told):
    """An employee of the master data sync."""

    employee_id: Id
    first_name: Words
    last_name: Words
    email: Words | None = None
    phone: Words | None = None
    department: Words | None = None
    job_title: Words | None = None
    hire_date: date | None = None
    location: Words | None = None
    is_active: bool = True
    skills: list[HrSkill] = Field(default_factory=list, max_length=500)


class HrShift(_Told):
    """A planned shift; its times are of the plant's clock, and one that ends before it begins ends the next day."""

    employee_id: Id
    shift_date: Day
    shift_name: Id
    start_time: time
    end_time: time
    break_start: time | None = None
    break_end: time | None = None
    is_overtime: bool = False


class HrAttendance(_Told):
    """The body of `POST /api/v1/integrations/hr/attendance`."""

    event_type: ClockEvent
    timestamp: AwareDatetime
    employee_id: Id
    location: Words | None = None
    shift_id: Id | None = None


class Rejection(NamedTuple):
    """A row that cannot be read: its bytes, why, and whom it names, if it does."""

    data: bytes
    refusal: Unreadable
    employee_id: str | None


def employees(rows: Sequence[Any]) -> tuple[dict[str, EmployeeUpserted], list[Rejection]]:
    """The employees of a sync by id, and the rows that cannot be read. Named twice, the later row counts."""
    told, rejected = _read(rows, lambda row: _employee(validated(HrEmployee, row)))
    return {each.employee_id: each for each in told}, rejected


def shifts(rows: Sequence[Any], zone: tzinfo) -> tuple[list[ShiftScheduled], list[Rejection]]:
    """The planned shifts of a sync, and the rows that cannot be read. Named twice, the later row counts."""
    told, rejected = _read(rows, lambda row: _shift(validated(HrShift, row), zone))
    found = {(each.employee_id, each.shift_date, each.shift_name): each for each in told}
    return list(found.values()), rejected


def _read(rows: Sequence[Any], read: Callable[[Any], Told]) -> tuple[list[Told], list[Rejection]]:
    """What each row says, and those that cannot be read."""
    found: list[Told] = []
    rejected: list[Rejection] = []
    for row in rows:
        try:
            found.append(read(_readable(row)))
        except Unreadable as refusal:
            rejected.append(_rejection(row, refusal))
    return found, rejected


def _readable(row: Any) -> Any:
    """The row through the gate that every message goes through. Raises Unreadable."""
    return parse(encode(row))


def _rejection(row: Any, refusal: Unreadable) -> Rejection:
    named = row.get("employee_id") if isinstance(row, dict) else None
    return Rejection(encode(row), refusal, named if isinstance(named, str) else None)


def _employee(told: HrEmployee) -> EmployeeUpserted:
    skills = {skill.skill_code: Skill(**skill.model_dump()) for skill in told.skills}
    return EmployeeUpserted(**told.model_dump(exclude={"skills"}), skills=tuple(skills.values()))


def _shift(told: HrShift, zone: tzinfo) -> ShiftScheduled:
    """Raises Unreadable for a shift that ends when it begins."""

    def moment(clock: time) -> datetime:
        day = told.shift_date + timedelta(days=1) if clock < told.start_time else told.shift_date
        return datetime.combine(day, clock.replace(tzinfo=None), zone).astimezone(UTC)

    has_break = told.break_start is not None and told.break_end is not None
    try:
        return ShiftScheduled(
            employee_id=told.employee_id,
            shift_date=told.shift_date,
            shift_name=told.shift_name,
            scheduled_start=moment(told.start_time),
            scheduled_end=moment(told.end_time),
            break_start=moment(told.break_start) if has_break and told.break_start else None,
            break_end=moment(told.break_end) if has_break and told.break_end else None,
            is_overtime=told.is_overtime,
        )
    except (ValueError, TypeError) as error:
        raise Unreadable("VALIDATION_ERROR", f"The times of the shift are not those of a shift: {error}.") from error


def attendance(document: Any, zone: tzinfo) -> Statement:
    """A clock event, under an id that follows from employee, type and moment. Raises Unreadable naming the fields."""
    told = validated(HrAttendance, document)
    at = in_utc(told.timestamp)
    payload = Clocked(
        employee_id=told.employee_id,
        event_type=told.event_type,
        work_date=at.astimezone(zone).date(),
        location=told.location,
        shift_id=told.shift_id,
    )
    return Statement("hr.clocked", payload, at, clock_id(told.employee_id, told.event_type, at))


def clock_id(employee_id: str, event_type: str, at: datetime) -> str:
    """The message id of a clock event: the same for the same event, whoever sends it again."""
    return short(f"clock-{employee_id}-{event_type}-{milliseconds(at)}")


def time_entries(day: date, worked: Sequence[Mapping[str, Any]], overtime_from: timedelta) -> dict[str, Any]:
    """The body of `POST /api/v1/time-entries` (002 section 5.2.2)."""
    return {"date": day.isoformat(), "time_entries": [time_entry(each, overtime_from) for each in worked]}


def time_entry(shift: Mapping[str, Any], overtime_from: timedelta) -> dict[str, Any]:
    """The hours of one shift, with two decimals; breaks and work add up to the total.

    The break is the absence that was clocked, else the planned one as far as it lies between coming and going.
    Overtime is all work of a shift that was planned as overtime, else what goes beyond the planned working time by
    `overtime_from` or more. Nobody can tell overtime of a shift that was not planned.
    """
    came, left = shift["actual_clock_in"], shift["actual_clock_out"]
    total, pause = _hours(left - came), _hours(_break(shift))
    work = max(total - pause, Decimal(0))
    return {
        "employee_id": shift["employee_id"],
        "clock_in": _text(came),
        "clock_out": _text(left),
        "total_hours": float(total),
        "break_hours": float(pause),
        "work_hours": float(work),
        "overtime_hours": float(work if shift["is_overtime"] else _overtime(shift, work, overtime_from)),
        "work_orders_assigned": list(shift["work_orders_assigned"]),
    }


def _break(shift: Mapping[str, Any]) -> timedelta:
    if shift["away_seconds"]:
        return timedelta(seconds=shift["away_seconds"])
    if shift["break_start"] is None or shift["break_end"] is None:
        return timedelta()
    begin: datetime = max(shift["break_start"], shift["actual_clock_in"])
    end: datetime = min(shift["break_end"], shift["actual_clock_out"])
    return max(end - begin, timedelta())


def _overtime(shift: Mapping[str, Any], work: Decimal, overtime_from: timedelta) -> Decimal:
    if shift["scheduled_start"] is None or not shift["is_scheduled"]:
        return Decimal(0)
    planned = shift["scheduled_end"] - shift["scheduled_start"]
    if shift["break_start"] is not None and shift["break_end"] is not None:
        planned -= shift["break_end"] - shift["break_start"]
    beyond = work - _hours(planned)
    return beyond if beyond > 0 and beyond >= _hours(overtime_from) else Decimal(0)


def _hours(time_span: timedelta) -> Decimal:
    return (Decimal(time_span // timedelta(milliseconds=1)) / 3_600_000).quantize(HUNDREDTH, ROUND_HALF_UP)


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
