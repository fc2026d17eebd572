"""The fold of machines: status, counters, cycle time, downtime."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

import msgspec

from schemas.envelope import Message
from schemas.ids import milliseconds
from schemas.messages import machines as says
from schemas.messages.failures import AlertRaised, Severity
from schemas.messages.machines import CounterScope, MachineState
from schemas.messages.work_orders import InspectionRecorded, ProductionCounted, ProductionInterrupted
from streams.domain import downtimes
from streams.domain.counters import Counter, Reading, read
from streams.domain.downtimes import Downtime, Downtimes
from streams.driver import Emit, Rejected, Step

SEEN_EVERY = timedelta(seconds=5)
COUNTERS_KEPT = 32
INSPECTIONS_KEPT = 256
WHOLE_MACHINE = ""

Value = TypeVar("Value")


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
    total_units: int = 0
    last_seen_at: datetime
    published_at: datetime
    counters: dict[str, Counter] = {}
    inspections: tuple[str, ...] = ()
    downtimes: Downtimes = Downtimes()


def fold(state: Machine | None, message: Message[Any]) -> Step:
    """What a message does to a machine. Refuses what a machine outside the plant layout says."""
    if isinstance(message.payload, says.MachineRegistered):
        return _register(state, message, message.payload)
    if state is None:
        machine_id = message.payload.machine_id
        raise Rejected("UNKNOWN_MACHINE", f"No machine {machine_id} is registered in this plant.", "machine_id")
    return _HANDLERS[message.type](state, message, message.payload)


def _register(state: Machine | None, message: Message[Any], told: says.MachineRegistered) -> Step:
    at = message.timestamp
    known = state or Machine(
        machine_id=told.machine_id,
        machine_name=told.machine_name,
        line=told.line,
        counter_scope=told.counter_scope,
        status_since=at,
        last_seen_at=at,
        published_at=at,
    )
    fresh = msgspec.structs.replace(
        known,
        machine_name=told.machine_name,
        line=told.line,
        counter_scope=told.counter_scope,
        ideal_cycle_time_seconds=told.ideal_cycle_time_seconds,
    )
    if fresh == state:
        return Step(state)
    return _publish(fresh, "machine.registered", at)


def _count(state: Machine, message: Message[Any], told: says.ProductionCount) -> Step:
    at = message.timestamp
    scope = told.work_order_id if state.counter_scope == "order" else WHOLE_MACHINE
    reading = read(
        state.counters.get(scope, ()),
        at,
        told.cumulative_units,
        told.units_produced,
        starts_at_zero=state.counter_scope == "order",
    )
    if not reading.units and not reading.filled:
        return _seen(state, at)
    own_units = reading.filled or min(told.units_produced, reading.units)
    counted = ProductionCounted(
        work_order_id=told.work_order_id,
        machine_id=state.machine_id,
        log_id=message.message_id,
        units=reading.units,
        scrapped_units=own_units if told.quality_status == "fail" else 0,
        units_reported=told.units_produced,
        cumulative_units=told.cumulative_units,
        counter_epoch=reading.epoch,
        quality_status=told.quality_status,
        cycle_time_seconds=told.cycle_time_seconds,
    )
    changed = _with_counter(state, scope, reading)
    if at >= state.last_seen_at:
        changed = msgspec.structs.replace(
            changed, cycle_time_seconds=told.cycle_time_seconds or state.cycle_time_seconds
        )
        step = _running(changed, at, told.work_order_id)
    else:
        step = Step(changed)
    return Step(step.state, (Emit("production.counted", counted), *step.emits))


def _with_counter(state: Machine, scope: str, reading: Reading) -> Machine:
    """The machine with a counter moved on; of counters per order only the latest are kept."""
    kept = {name: counter for name, counter in state.counters.items() if name != scope}
    while len(kept) >= COUNTERS_KEPT:
        del kept[min(kept, key=lambda name: kept[name][-1].last_at)]
    kept[scope] = reading.counter
    return msgspec.structs.replace(state, counters=kept, total_units=state.total_units + reading.units)


def _running(state: Machine, at: datetime, work_order_id: str) -> Step:
    """A machine that counts is running, unless it was told otherwise."""
    moved = msgspec.structs.replace(state, current_work_order_id=work_order_id)
    if state.is_inferred and state.status != "running":
        return _set_status(moved, "running", at, is_inferred=True)
    return _seen(moved, at, is_urgent=work_order_id != state.current_work_order_id)


def _inspect(state: Machine, message: Message[Any], told: says.Inspection) -> Step:
    if told.inspection_id in state.inspections:
        return Step(state)
    recorded = InspectionRecorded(**msgspec.structs.asdict(told))
    emits = [Emit("production.inspected", recorded)]
    if told.defect_detected or told.result == "fail":
        what = told.defect_type or "a defect"
        sentence = f"{state.machine_name} ({state.machine_id}): {what} found on {told.work_order_id}."
        emits.append(_alert(f"defect-{told.inspection_id}", "quality.defect", "warning", state, sentence, message))
    remembered = (*state.inspections, told.inspection_id)[-INSPECTIONS_KEPT:]
    return Step(msgspec.structs.replace(state, inspections=remembered), emits)


def _status(state: Machine, message: Message[Any], told: says.MachineStatus) -> Step:
    at = message.timestamp
    if at < state.status_since:
        return Step(state)
    changed = msgspec.structs.replace(
        state,
        utilization_percentage=_newer(told.utilization_percentage, state.utilization_percentage),
        overall_equipment_effectiveness=_newer(
            told.overall_equipment_effectiveness, state.overall_equipment_effectiveness
        ),
        cycle_time_seconds=_newer(told.cycle_time_seconds, state.cycle_time_seconds),
        current_work_order_id=_newer(told.current_work_order_id, state.current_work_order_id),
        is_inferred=False,
    )
    if told.status == state.status:
        return _seen(changed, at, is_urgent=told.current_work_order_id != state.current_work_order_id)
    ended = _end_downtime(changed, at) if told.status == "running" else Step(changed)
    step = _set_status(ended.state, told.status, at, is_inferred=False)
    emits = [*ended.emits, *step.emits]
    if told.status == "breakdown":
        sentence = f"{state.machine_name} ({state.machine_id}) reports a fault."
        emits.append(_breakdown_alert(state, sentence, at, message))
    return Step(step.state, emits)


def _start_downtime(state: Machine, message: Message[Any], told: says.DowntimeStarted) -> Step:
    at = message.timestamp
    downtime = Downtime(
        downtime_id=f"DT-{state.machine_id}-{milliseconds(at)}",
        reason_code=told.downtime_reason_code,
        description=told.downtime_reason_description,
        severity=told.severity,
        started_at=at,
        estimated_repair_time_minutes=told.estimated_repair_time_minutes,
        work_order_affected=told.work_order_affected or state.current_work_order_id,
    )
    change = downtimes.start(state.downtimes, downtime)
    if change.downtimes == state.downtimes:
        return Step(state)
    emits = [Emit("downtime.started", _recorded(state, downtime)), *_ended(state, change)]
    down = msgspec.structs.replace(state, downtimes=change.downtimes)
    if change.downtimes.open is None or change.downtimes.open.downtime_id != downtime.downtime_id:
        return Step(down, emits)
    return _broken_down(down, message, downtime, emits)


def _broken_down(state: Machine, message: Message[Any], downtime: Downtime, emits: list[Emit]) -> Step:
    """The machine stands still now: its status, an alert, and a word to the order it works on."""
    reason = downtime.description or downtime.reason_code
    if downtime.started_at >= state.status_since:
        step = _set_status(state, "breakdown", downtime.started_at, is_inferred=False, reason=downtime.reason_code)
        state, emits = step.state, [*emits, *step.emits]
    sentence = f"{state.machine_name} ({state.machine_id}) is down: {reason}."
    emits.append(_breakdown_alert(state, sentence, downtime.started_at, message))
    if downtime.work_order_affected:
        emits.append(_interrupted(state, downtime.work_order_affected, True, reason))
    return Step(state, emits)


def _stop_downtime(state: Machine, message: Message[Any], told: says.DowntimeEnded) -> Step:
    at = message.timestamp
    ended = _end_downtime(state, at)
    if state.downtimes.open is None or ended.state.downtimes.open is not None:
        return ended
    if state.status != "breakdown" or at < state.status_since:
        return ended
    step = _set_status(ended.state, "idle", at, is_inferred=True)
    return Step(step.state, (*ended.emits, *step.emits))


def _end_downtime(state: Machine, at: datetime) -> Step:
    """The machine was available at a moment: what lasted until then has ended."""
    change = downtimes.end(state.downtimes, at)
    return Step(msgspec.structs.replace(state, downtimes=change.downtimes), _ended(state, change))


def _ended(state: Machine, change: downtimes.Change) -> list[Emit]:
    """What is said of downtimes whose end is known now; the order of the one that lasted goes on."""
    emits = [Emit("downtime.ended", _recorded(state, each)) for each in change.ended]
    lasted = state.downtimes.open
    if lasted and lasted.work_order_affected and lasted.downtime_id in {each.downtime_id for each in change.ended}:
        emits.append(_interrupted(state, lasted.work_order_affected, False, f"{state.machine_id} is available again"))
    return emits


def _mark_gap(state: Machine, message: Message[Any], told: says.ConnectionGap) -> Step:
    marked = says.GapMarked(**msgspec.structs.asdict(told))
    return Step(state, (Emit("machine.gap_marked", marked),))


def _recorded(state: Machine, downtime: Downtime) -> says.DowntimeRecorded:
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


def _interrupted(state: Machine, work_order_id: str, is_interrupted: bool, reason: str) -> Emit:
    told = ProductionInterrupted(
        work_order_id=work_order_id, machine_id=state.machine_id, is_interrupted=is_interrupted, reason=reason
    )
    return Emit("production.interrupted", told)


def _breakdown_alert(state: Machine, sentence: str, at: datetime, message: Message[Any]) -> Emit:
    key = f"breakdown-{state.machine_id}-{milliseconds(at)}"
    return _alert(key, "machine.breakdown", "critical", state, sentence, message)


def _alert(key: str, kind: str, severity: Severity, state: Machine, sentence: str, message: Message[Any]) -> Emit:
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


def _seen(state: Machine, at: datetime, *, is_urgent: bool = False) -> Step:
    """The machine gave a sign of life; it is told onwards every few seconds, or at once where something changed."""
    if at < state.last_seen_at:
        return Step(state)
    if is_urgent or at - state.published_at >= SEEN_EVERY:
        return _publish(state, "machine.seen", at)
    return Step(msgspec.structs.replace(state, last_seen_at=at))


def _set_status(
    state: Machine, status: MachineState, at: datetime, *, is_inferred: bool, reason: str | None = None
) -> Step:
    changed = msgspec.structs.replace(state, status=status, status_since=at, is_inferred=is_inferred)
    return _publish(changed, "machine.status_changed", at, previous=state.status, reason=reason)


def _publish(
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
    )
    return Step(fresh, (Emit(event, changed),))


def _newer(told: Value | None, known: Value | None) -> Value | None:
    return known if told is None else told


_HANDLERS: dict[str, Callable[[Machine, Message[Any], Any], Step]] = {
    "mes.production_count": _count,
    "mes.inspection": _inspect,
    "mes.machine_status": _status,
    "mes.downtime_started": _start_downtime,
    "mes.downtime_ended": _stop_downtime,
    "mes.connection_gap": _mark_gap,
}
