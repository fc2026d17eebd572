"""What is remembered of a machine, and how it is told: the shared words of the fold of machines."""

from datetime import datetime, timedelta
from typing import Any

import msgspec

from schemas.envelope import Message
from schemas.ids import milliseconds
from schemas.messages import machines as says
from schemas.messages.failures import AlertRaised, Severity
from schemas.messages.machines import CounterScope, MachineState
from schemas.messages.work_orders import ProductionInterrupted
from streams.domain import status_log
from streams.domain.counters import Counter
from streams.domain.downtimes import Downtime, Downtimes
from streams.domain.status_log import Since
from streams.driver import Emit, Step

SEEN_EVERY = timedelta(seconds=5)


class Machine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is remembered of a machine. `is_inferred`: the status was concluded, not told."""

    machine_id: str
    machine_name: str
    line: str
    counter_scope: CounterScope
    ideal_cycle_time_seconds: float | None = None
    version: int = 0
    status: MachineState = "unknown"
    status_since: datetime
    is_inferred: bool = True
    utilization_percentage: float | None = None
    overall_equipment_effectiveness: float | None = None
    cycle_time_seconds: float | None = None
    current_work_order_id: str | None = None
    current_product_id: str | None = None
    current_quantity_ordered: float | None = None
    total_units: int = 0
    last_seen_at: datetime
    published_at: datetime
    counters: dict[str, Counter] = {}
    inspections: tuple[str, ...] = ()
    downtimes: Downtimes = Downtimes()
    statuses: tuple[Since, ...] = ()


def set_status(
    state: Machine, status: MachineState, at: datetime, *, is_inferred: bool, reason: str | None = None
) -> Step:
    """The status from a moment on, which is not before that of the present one."""
    statuses = status_log.follow(statuses_of(state), at, status)
    changed = msgspec.structs.replace(state, status=status, status_since=at, is_inferred=is_inferred, statuses=statuses)
    return publish(changed, "machine.status_changed", at, previous=state.status, reason=reason)


def seen(state: Machine, at: datetime, *, is_urgent: bool = False) -> Step:
    """The machine gave a sign of life; it is told onwards every few seconds, or at once where something changed."""
    if at < state.last_seen_at:
        return Step(state)
    if is_urgent or at - state.published_at >= SEEN_EVERY:
        return publish(state, "machine.seen", at)
    return Step(msgspec.structs.replace(state, last_seen_at=at))


def publish(
    state: Machine, event: str, at: datetime, *, previous: MachineState | None = None, reason: str | None = None
) -> Step:
    """The machine with a new version, and the event that tells of it."""
    seen_at = max(at, state.last_seen_at)
    fresh = msgspec.structs.replace(state, version=state.version + 1, last_seen_at=seen_at, published_at=seen_at)
    changed = says.MachineChanged(
        machine_id=fresh.machine_id,
        version=fresh.version,
        machine_name=fresh.machine_name,
        line=fresh.line,
        status=fresh.status,
        previous_status=previous,
        status_since=fresh.status_since,
        utilization_percentage=fresh.utilization_percentage,
        overall_equipment_effectiveness=fresh.overall_equipment_effectiveness,
        current_work_order_id=fresh.current_work_order_id,
        cycle_time_seconds=fresh.cycle_time_seconds,
        total_units=fresh.total_units,
        last_seen_at=fresh.last_seen_at,
        reason=reason,
        current_product_id=fresh.current_product_id,
        current_quantity_ordered=fresh.current_quantity_ordered,
    )
    return Step(fresh, (Emit(event, changed),))


def statuses_of(state: Machine) -> status_log.Log:
    """Its latest statuses; of one that was never told any, the one it has."""
    return state.statuses or (Since(state.status_since, state.status),)


def recorded(state: Machine, downtime: Downtime) -> says.DowntimeRecorded:
    """A downtime as it is told."""
    ended_at = downtime.ended_at
    return says.DowntimeRecorded(
        machine_id=state.machine_id,
        downtime_id=downtime.downtime_id,
        downtime_reason_code=downtime.reason_code,
        downtime_reason_description=downtime.description,
        severity=downtime.severity,
        started_at=downtime.started_at,
        ended_at=ended_at,
        duration_seconds=(ended_at - downtime.started_at).total_seconds() if ended_at else None,
        estimated_repair_time_minutes=downtime.estimated_repair_time_minutes,
        work_order_affected=downtime.work_order_affected,
    )


def interrupted(state: Machine, work_order_id: str, is_interrupted: bool, reason: str) -> Emit:
    """A word to an order that this machine works on."""
    told = ProductionInterrupted(
        work_order_id=work_order_id, machine_id=state.machine_id, is_interrupted=is_interrupted, reason=reason
    )
    return Emit("production.interrupted", told)


def breakdown_alert(state: Machine, sentence: str, at: datetime, message: Message[Any]) -> Emit:
    """The alert of a breakdown; its key follows from machine and moment."""
    key = f"breakdown-{state.machine_id}-{milliseconds(at)}"
    return alert(key, "machine.breakdown", "critical", state, sentence, message)


def alert(key: str, kind: str, severity: Severity, state: Machine, sentence: str, message: Message[Any]) -> Emit:
    """An alert about this machine."""
    alert = AlertRaised(
        alert_id=key,
        alert_key=key,
        kind=kind,
        severity=severity,
        entity_type="machine",
        entity_id=state.machine_id,
        message=sentence,
        raised_at=message.timestamp,
    )
    return Emit("alert.raised", alert)
