"""The HR system (002 section 5): employees and shifts are asked for, the hours worked are told."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from connectors.deliveries.kind import Call, Due, Kind, New, NotNeeded, Reacted, Refused, Rows
from connectors.said import alert, said
from connectors.systems import hr
from connectors.systems.hr import Rejection
from schemas.ids import operator_id, short
from schemas.messages.failures import Severity
from schemas.messages.operators import EmployeeGone, EmployeeUpserted, ShiftScheduled
from schemas.settings import Settings
from sql.reads import operators
from streams.driver import Output, failure_output

EMPLOYEES: Final = "/api/v1/employees"
SCHEDULES: Final = "/api/v1/schedules"
TIME_ENTRIES: Final = "/api/v1/time-entries"
SYSTEM: Final = "HR"
PAGE_SIZE: Final = 100
MOST_PAGES: Final = 2000
DAYS_LEFT_OVER: Final = timedelta(days=7)


def employees_due(_rows: Rows, moment: datetime, settings: Settings) -> Reacted:
    """The clock's job: ask for all employees."""
    return _due("hr.employees", settings.hr_department, moment, settings)


def schedules_due(_rows: Rows, moment: datetime, settings: Settings) -> Reacted:
    """The clock's job: ask for the shifts of the plant's day."""
    day = _plant_day(moment, settings)
    return _due("hr.schedules", f"{day}/{settings.hr_department}", moment, settings, date=day.isoformat())


def time_entries_due(_rows: Rows, moment: datetime, settings: Settings) -> Reacted:
    """The clock's job: tell the hours worked on the plant's day."""
    day = _plant_day(moment, settings)
    return _due("hr.time_entries", day.isoformat(), moment, settings, date=day.isoformat())


def _due(kind: str, subject: str, moment: datetime, settings: Settings, **told: str) -> Reacted:
    if settings.hr_url is None:
        return Reacted()
    return Reacted(deliveries=(New(kind, settings.tenant_id, subject, f"{kind}/{moment.isoformat()}", told),))


def _plant_day(moment: datetime, settings: Settings) -> date:
    return moment.astimezone(ZoneInfo(settings.plant_timezone)).date()


def _ask_employees(_rows: Rows, _due: Due, settings: Settings) -> Call:
    query = {"department": settings.hr_department, "status": "active", "page": "1", "page_size": str(PAGE_SIZE)}
    return Call("GET", EMPLOYEES, query=query)


def _next_page(call: Call, answer: Any) -> Call | None:
    """The page after this one, while the HR system says that it has more employees than the pages so far hold."""
    if not _rows_of(answer, "employees"):
        return None
    page, size = int(call.query["page"]), _figure(answer, "page_size") or PAGE_SIZE
    if page >= MOST_PAGES or page * size >= _figure(answer, "total_count"):
        return None
    return call._replace(query={**call.query, "page": str(page + 1)})


def _rows_of(answer: Any, name: str) -> list[Any]:
    """The rows of an answer. Raises Refused where it has none."""
    found = answer.get(name) if isinstance(answer, dict) else None
    if not isinstance(found, list):
        raise Refused(f"The HR system's answer has no list called {name}.")
    return found


def _figure(answer: Mapping[str, Any], name: str) -> int:
    found = answer.get(name)
    return found if isinstance(found, int) and found > 0 else 0


def _take_employees(rows: Rows, due: Due, answers: Sequence[Any], at: datetime, settings: Settings) -> Sequence[Output]:
    """Everybody named is upserted; who is active and not named is deactivated, if the answer can be trusted."""
    told = [row for answer in answers for row in _rows_of(answer, "employees")]
    found, rejected = hr.employees(told)
    known = operators.everybody(rows)
    active = {employee_id for employee_id, row in known.items() if row["is_active"]}
    _refuse_suspicious(sum(each.is_active for each in found.values()) + len(rejected), len(active))
    named = {*found, *(each.employee_id for each in rejected)}
    doubt = _doubt(answers, len(told), rejected)
    gone = [] if doubt else sorted(active - named)
    operators.claim(rows, due.tenant_id, found)
    operators.remember(rows, due.tenant_id, _employee_sync(due, found, known, len(gone), len(rejected), doubt, at))
    reason = f"not among the {len(found)} employees that the HR system named"
    return [
        *(_said(due, "hr.employee_upserted", each, each.employee_id, at) for each in found.values()),
        *(_said(due, "hr.employee_gone", EmployeeGone(employee_id=each, reason=reason), each, at) for each in gone),
        *(_dead_letter(due, EMPLOYEES_KIND, each, at) for each in rejected),
    ]


def _refuse_suspicious(named: int, active: int) -> None:
    """Raises Refused for an answer that would empty the plant."""
    if named == 0:
        raise Refused(f"The HR system named no active employee at all; {active} active operators stay as they are.")
    if named * 2 < active:
        raise Refused(
            f"The HR system named only {named} active employees, fewer than half of the {active} active operators; "
            "nothing was changed, and a person must look at it."
        )


def _doubt(answers: Sequence[Any], told: int, rejected: Sequence[Rejection]) -> str | None:
    """Why nobody may be deactivated by this answer, if there is a reason."""
    totals = {_figure(answer, "total_count") for answer in answers} - {0}
    if len(totals) > 1 or (totals and told < min(totals)):
        return "the pages do not hold as many employees as the HR system counts"
    if any(each.employee_id is None for each in rejected):
        return "a row that could not be read names nobody"
    return None


def _employee_sync(
    due: Due,
    found: Mapping[str, EmployeeUpserted],
    known: Mapping[str, Any],
    gone: int,
    rejected: int,
    doubt: str | None,
    at: datetime,
) -> operators.Sync:
    added = sum(1 for employee_id in found if employee_id not in known)
    updated = sum(1 for each in found.values() if each.employee_id in known and _differs(each, known[each.employee_id]))
    sentence = f"{added} added, {updated} updated, {gone} deactivated"
    sentence += f"; {rejected} rejected" if rejected else ""
    sentence += f"; nobody was deactivated, because {doubt}" if doubt else ""
    return operators.Sync(due.delivery_id, EMPLOYEES_KIND, added, updated, gone, rejected, f"{sentence}.", at)


def _differs(told: EmployeeUpserted, row: Mapping[str, Any]) -> bool:
    skills = [
        {name: _plain(getattr(skill, name)) for name in skill.__struct_fields__}
        for skill in sorted(told.skills, key=lambda each: each.skill_code)
    ]
    names = (name for name in told.__struct_fields__ if name != "skills")
    return skills != (row["skills"] or []) or any(getattr(told, name) != row[name] for name in names)


def _plain(value: Any) -> Any:
    """As JSON has it."""
    return value.isoformat() if isinstance(value, date) else value


def _ask_schedules(_rows: Rows, due: Due, settings: Settings) -> Call:
    return Call("GET", SCHEDULES, query={"date": due.told["date"], "department": settings.hr_department})


def _take_schedules(rows: Rows, due: Due, answers: Sequence[Any], at: datetime, settings: Settings) -> Sequence[Output]:
    """Every shift is planned; one of that day that was planned before and is not named any more is cancelled.

    A shift of somebody unknown goes to the fold as well, which makes a dead letter of it that can be retried.
    """
    told = [row for answer in answers for row in _rows_of(answer, "schedules")]
    found, rejected = hr.shifts(told, ZoneInfo(settings.plant_timezone))
    day = date.fromisoformat(due.told["date"])
    planned = operators.planned(rows, day, settings.hr_department)
    cancelled = _cancelled(found, planned) if found and not rejected else []
    unknown = sorted(operators.unknown(rows, {each.employee_id for each in found}))
    sentence = f"{len(found)} shifts planned, {len(cancelled)} cancelled"
    sentence += f"; {len(rejected)} rejected" if rejected else ""
    sentence += f"; {len(unknown)} employees are not known here (requires master data sync)" if unknown else ""
    before = {(row["employee_id"], row["shift_date"], row["shift_name"]) for row in planned}
    updated = sum(1 for each in found if (each.employee_id, each.shift_date, each.shift_name) in before)
    sync = operators.Sync(
        due.delivery_id,
        SCHEDULES_KIND,
        len(found) - updated,
        updated,
        len(cancelled),
        len(rejected),
        f"{sentence}.",
        at,
    )
    operators.remember(rows, due.tenant_id, sync)
    return [
        *(
            _said(due, "hr.shift_scheduled", each, f"{each.employee_id}-{each.shift_date}-{each.shift_name}", at)
            for each in (*found, *cancelled)
        ),
        *(_dead_letter(due, SCHEDULES_KIND, each, at) for each in rejected),
        *([_unknown_alert(due, unknown, at)] if unknown else []),
    ]


def _cancelled(found: Sequence[ShiftScheduled], planned: Sequence[Mapping[str, Any]]) -> list[ShiftScheduled]:
    """The planned shifts that nobody has begun and that the answer does not name; none if that were half of them."""
    named = {(each.employee_id, each.shift_date, each.shift_name) for each in found}
    missing = [
        row
        for row in planned
        if row["status"] == "scheduled" and (row["employee_id"], row["shift_date"], row["shift_name"]) not in named
    ]
    if len(missing) * 2 > len(planned):
        return []
    names = ("employee_id", "shift_date", "shift_name", "scheduled_start", "scheduled_end", "break_start", "break_end")
    return [
        ShiftScheduled(**{name: row[name] for name in names}, is_overtime=row["is_overtime"], is_cancelled=True)
        for row in missing
    ]


def _unknown_alert(due: Due, unknown: Sequence[str], at: datetime) -> Output:
    who = ", ".join(unknown[:20]) + (" and others" if len(unknown) > 20 else "")
    sentence = f"The HR system planned shifts for employees who are not known here (requires master data sync): {who}."
    return _alert(due, "operator.unknown", "warning", f"schedules/{due.told['date']}", sentence, at)


def _tell_hours(rows: Rows, due: Due, settings: Settings) -> Call:
    """The hours of all shifts that ended and were not reported yet; from now on this delivery reports them.

    Raises NotNeeded where nobody's shift ended.
    """
    day = date.fromisoformat(due.told["date"])
    worked = operators.worked(rows, day - DAYS_LEFT_OVER, day, due.delivery_id)
    if not worked:
        raise NotNeeded(f"No shift up to {day} has ended that is not reported yet.")
    operators.report(rows, worked, due.delivery_id)
    return Call(
        "POST",
        TIME_ENTRIES,
        body=hr.time_entries(day, worked, timedelta(minutes=settings.overtime_from_minutes)),
    )


def _hours_told(rows: Rows, due: Due, _answers: Sequence[Any], at: datetime, _settings: Settings) -> Sequence[Output]:
    """What was reported is kept as a line; who has not clocked out waits for the next report, and is named."""
    day = date.fromisoformat(due.told["date"])
    reported = operators.reported(rows, due.delivery_id)
    waiting = operators.unfinished(rows, day - DAYS_LEFT_OVER, day)
    who = [f"{row['employee_id']} ({row['shift_name']}, {row['shift_date']})" for row in waiting]
    sentence = f"{reported} time entries reported"
    sentence += f"; {len(who)} without both clock-in and clock-out are left for the next report" if who else ""
    sync = operators.Sync(due.delivery_id, TIME_ENTRIES_KIND, reported, 0, 0, 0, f"{sentence}.", at)
    operators.remember(rows, due.tenant_id, sync)
    if not who:
        return ()
    named = ", ".join(who[:50]) + (" and others" if len(who) > 50 else "")
    left = f"Not in the time entries of {day}, because they have not clocked in and out: {named}."
    return (_alert(due, "operator.no_clock_out", "info", f"time-entries/{day}", left, at),)


def _said(due: Due, type_name: str, payload: Any, natural: str, at: datetime) -> Output:
    """A message of a sync; its id follows from the delivery and from whom it is about."""
    return said(
        type_name,
        due.tenant_id,
        payload,
        message_id=short(f"{type_name}-{due.delivery_id}-{natural}"),
        timestamp=at,
        correlation_id=due.correlation_id,
        source_system=SYSTEM,
    )


def _alert(due: Due, kind: str, severity: Severity, about: str, sentence: str, at: datetime) -> Output:
    return alert(
        due.tenant_id,
        kind,
        severity,
        ("hr", about),
        sentence,
        at,
        key=short(f"{kind}-{about}-{due.delivery_id}"),
        message_id=short(f"alert.raised-{due.delivery_id}-{about}"),
        correlation_id=due.correlation_id,
    )


def _dead_letter(due: Due, integration_type: str, rejection: Rejection, at: datetime) -> Output:
    """A row that cannot be read; the same row of a later sync is the same dead letter."""
    digest = hashlib.sha256(f"{due.tenant_id}/{due.kind}/".encode() + rejection.data).hexdigest()[:32]
    who = operator_id(rejection.employee_id) if rejection.employee_id else "nobody"
    return failure_output(
        tenant_id=due.tenant_id,
        failure_key=digest,
        moment=at,
        integration_type=integration_type,
        data=rejection.data,
        refusal=rejection.refusal,
        inbox="operator-inbox",
        address=f"{due.kind}/{due.delivery_id}/{who}"[:4000],
        message_id=None,
        correlation_id=due.correlation_id,
    )


EMPLOYEES_KIND: Final = "hr_employee_sync_inbound"
SCHEDULES_KIND: Final = "hr_schedule_sync_inbound"
TIME_ENTRIES_KIND: Final = "hr_time_entries_outbound"

KINDS: Final = (
    Kind(
        name="hr.employees",
        system=SYSTEM,
        integration_type=EMPLOYEES_KIND,
        description="asks for all active employees of the department, page by page (002 section 5.2.1)",
        request=_ask_employees,
        following=_next_page,
        accepted=_take_employees,
        is_asking=True,
    ),
    Kind(
        name="hr.schedules",
        system=SYSTEM,
        integration_type=SCHEDULES_KIND,
        description="asks for the shifts of a day (002 section 5.2.1)",
        request=_ask_schedules,
        accepted=_take_schedules,
        is_asking=True,
    ),
    Kind(
        name="hr.time_entries",
        system=SYSTEM,
        integration_type=TIME_ENTRIES_KIND,
        description="tells the hours worked on a day, with the orders they were worked on (002 section 5.2.2)",
        request=_tell_hours,
        accepted=_hours_told,
    ),
)
