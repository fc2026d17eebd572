"""The fold of operators: master data and skills, shifts, attendance."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import msgspec

from schemas.envelope import Message
from schemas.ids import operator_id
from schemas.messages import operators as says
from schemas.messages.failures import AlertRaised
from schemas.messages.operators import OperatorChanged, Presence, ShiftChanged, Skill
from streams.domain import attendance
from streams.domain.attendance import Clock, Plan, Shift
from streams.driver import Emit, Rejected, Step

CLOCKS_KEPT = 48
PLANS_KEPT = 16
LONGEST_SHIFT = timedelta(days=1)


class Operator(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is remembered of an operator: their shifts follow from the latest plans and clock events.

    What lies before `settled_at` is not corrected any more, because not all of it is remembered.
    """

    employee_id: str
    first_name: str
    last_name: str
    email: str | None = None
    phone: str | None = None
    department: str | None = None
    job_title: str | None = None
    hire_date: date | None = None
    location: str | None = None
    is_active: bool = True
    skills: tuple[Skill, ...] = ()
    synced_at: datetime
    current_status: Presence = "off_duty"
    status_since: datetime | None = None
    plans: tuple[Plan, ...] = ()
    clocks: tuple[Clock, ...] = ()
    settled_at: datetime | None = None
    version: int = 0


def fold(state: Operator | None, message: Message[Any]) -> Step:
    """What a message does to an operator. Refuses shifts and attendance of somebody without master data."""
    told = message.payload
    if isinstance(told, says.EmployeeUpserted):
        return _upsert(state, message, told)
    if state is None:
        sentence = f"No operator with the employee id {told.employee_id} is known (requires master data sync)."
        raise Rejected("UNKNOWN_OPERATOR", sentence, "employee_id")
    return _HANDLERS[message.type](state, message, told)


def _upsert(state: Operator | None, message: Message[Any], told: says.EmployeeUpserted) -> Step:
    """Master data are a total: an older sync than the last changes nothing."""
    if state and message.timestamp < state.synced_at:
        return Step(state)
    fields = msgspec.structs.asdict(told)
    if state is None:
        return _publish(Operator(synced_at=message.timestamp, **fields), None, message)
    fresh = msgspec.structs.replace(state, synced_at=message.timestamp, **fields)
    step = _publish(_present(fresh), state, message)
    return Step(step.state, (*step.emits, *_expired(fresh, state, message)))


def _gone(state: Operator, message: Message[Any], _told: says.EmployeeGone) -> Step:
    if message.timestamp < state.synced_at:
        return Step(state)
    fresh = msgspec.structs.replace(state, is_active=False, synced_at=message.timestamp)
    return _publish(_present(fresh), state, message)


def _schedule(state: Operator, message: Message[Any], told: says.ShiftScheduled) -> Step:
    """A plan replaces the one of the same day and name, unless that was told later."""
    _refuse_settled(state, told.scheduled_start, f"The shift {told.shift_name} of {told.shift_date}")
    plan = Plan(
        shift_date=told.shift_date,
        shift_name=told.shift_name,
        start=told.scheduled_start,
        end=told.scheduled_end,
        break_start=told.break_start,
        break_end=told.break_end,
        is_overtime=told.is_overtime,
        is_cancelled=told.is_cancelled,
        told_at=message.timestamp,
    )
    known = next((each for each in state.plans if each.key == plan.key), None)
    if known and known.told_at > plan.told_at:
        return Step(state)
    others = (each for each in state.plans if each.key != plan.key)
    plans = sorted((*others, plan), key=lambda each: (each.start, each.key))
    settled_at = _settled(state, [each.start for each in plans], PLANS_KEPT)
    fresh = msgspec.structs.replace(state, plans=tuple(plans[-PLANS_KEPT:]), settled_at=settled_at)
    return _publish(fresh, state, message)


def _clock(state: Operator, message: Message[Any], told: says.Clocked) -> Step:
    """An attendance event is a fact: it counts once, whenever it comes, for the shift it belongs to."""
    _refuse_settled(
        state, message.timestamp, f"The {told.event_type.replace('_', '-')} at {message.timestamp:%Y-%m-%d %H:%M} UTC"
    )
    clock = Clock(at=message.timestamp, event=told.event_type, work_date=told.work_date, shift_id=told.shift_id)
    if any(each.place == clock.place for each in state.clocks):
        return Step(state)
    clocks = sorted((*state.clocks, clock), key=lambda each: each.place)
    settled_at = _settled(state, [each.at for each in clocks], CLOCKS_KEPT)
    fresh = msgspec.structs.replace(state, clocks=tuple(clocks[-CLOCKS_KEPT:]), settled_at=settled_at)
    return _publish(_present(fresh), state, message)


def _settled(state: Operator, moments: list[datetime], kept: int) -> datetime | None:
    """Up to when shifts are settled once only the latest `kept` moments are remembered.

    Refuses what would settle a shift that may still last.
    """
    if len(moments) <= kept:
        return state.settled_at
    settled_at = moments[-kept - 1] + LONGEST_SHIFT
    if settled_at > moments[-1] - LONGEST_SHIFT:
        sentence = f"{state.employee_id} has {kept} shifts or clock events in two days; one more cannot be right."
        raise Rejected("TOO_MUCH_ATTENDANCE", sentence, "employee_id")
    return max(settled_at, state.settled_at or settled_at)


def _refuse_settled(state: Operator, at: datetime, what: str) -> None:
    if state.settled_at and at < state.settled_at:
        sentence = f"{what} comes too late: attendance before {state.settled_at:%Y-%m-%d %H:%M} UTC is settled."
        raise Rejected("ATTENDANCE_SETTLED", sentence, "timestamp")


def _present(operator: Operator) -> Operator:
    """The operator with the status that the latest clock event gave; who is gone is off duty."""
    status, since = attendance.presence(operator.clocks)
    return msgspec.structs.replace(
        operator, current_status=status if operator.is_active else "off_duty", status_since=since
    )


def _moved(fresh: Operator, before: Operator | None) -> list[Shift]:
    """The shifts that are other than before; one that does not follow any more is withdrawn."""
    if before is None or (fresh.plans, fresh.clocks) == (before.plans, before.clocks):
        return []
    known = attendance.concluded(before.plans, before.clocks)
    found = attendance.concluded(fresh.plans, fresh.clocks)
    gone = [attendance.withdrawn(shift) for key, shift in known.items() if key not in found]
    moved = [shift for key, shift in found.items() if shift != known.get(key)]
    return [each for each in (*gone, *moved) if not fresh.settled_at or each.begins_at >= fresh.settled_at]


def _publish(fresh: Operator, before: Operator | None, message: Message[Any]) -> Step:
    """Say what is different: the operator, and each shift."""
    moved = _moved(fresh, before)
    is_changed = before is None or _shown(fresh) != _shown(before)
    if not moved and not is_changed:
        return Step(fresh)
    fresh = msgspec.structs.replace(fresh, version=fresh.version + 1)
    emits = [Emit("operator.changed", _changed(fresh, message))] if is_changed else []
    shifts = [Emit("operator.shift_changed", _shift_changed(fresh, each, message)) for each in moved]
    return Step(fresh, (*emits, *shifts))


_SHOWN = tuple(
    name
    for name in OperatorChanged.__struct_fields__
    if name not in ("operator_id", "synced_at", "version", "changed_at")
)


def _shown(operator: Operator) -> tuple[Any, ...]:
    return tuple(getattr(operator, name) for name in _SHOWN)


def _changed(operator: Operator, message: Message[Any]) -> OperatorChanged:
    return OperatorChanged(
        operator_id=operator_id(operator.employee_id),
        version=operator.version,
        synced_at=operator.synced_at,
        changed_at=message.timestamp,
        **{name: getattr(operator, name) for name in _SHOWN},
    )


def _shift_changed(operator: Operator, shift: Shift, message: Message[Any]) -> ShiftChanged:
    plan = shift.plan
    return ShiftChanged(
        operator_id=operator_id(operator.employee_id),
        employee_id=operator.employee_id,
        shift_id=shift.shift_id,
        shift_date=shift.shift_date,
        shift_name=shift.shift_name,
        version=operator.version,
        status=shift.status,
        is_scheduled=plan is not None and not plan.is_cancelled,
        is_overtime=plan is not None and plan.is_overtime,
        scheduled_start=plan.start if plan else None,
        scheduled_end=plan.end if plan else None,
        break_start=plan.break_start if plan else None,
        break_end=plan.break_end if plan else None,
        actual_clock_in=shift.clock_in,
        actual_clock_out=shift.clock_out,
        away_seconds=shift.away_seconds,
        changed_at=message.timestamp,
    )


def _expired(fresh: Operator, before: Operator, message: Message[Any]) -> tuple[Emit, ...]:
    """One alert for the certificates that ran out since the last sync; what ran out earlier was told then."""
    today, then = fresh.synced_at.date(), before.synced_at.date()
    ran_out = [
        skill for skill in fresh.skills if skill.certification_expiry and then <= skill.certification_expiry < today
    ]
    if not ran_out or not fresh.is_active:
        return ()
    identity = operator_id(fresh.employee_id)
    key = f"skill-expired-{identity}-{today}"
    what = ", ".join(f"{skill.skill_code} (until {skill.certification_expiry})" for skill in ran_out)
    alert = AlertRaised(
        alert_id=key,
        alert_key=key,
        kind="operator.skill_expired",
        severity="warning",
        entity_type="operator",
        entity_id=identity,
        message=f"{fresh.first_name} {fresh.last_name} ({identity}) is no longer certified for {what}."[:4000],
        raised_at=message.timestamp,
    )
    return (Emit("alert.raised", alert),)


_HANDLERS: dict[str, Callable[[Operator, Message[Any], Any], Step]] = {
    "hr.employee_gone": _gone,
    "hr.shift_scheduled": _schedule,
    "hr.clocked": _clock,
}
