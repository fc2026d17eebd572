"""The fold of machines: status, counters, cycle time, downtime. What it remembers is in `machine_state`."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from schemas.envelope import Message
from schemas.ids import milliseconds
from schemas.messages import machines as says
from schemas.messages.machines import MachineState
from schemas.messages.work_orders import InspectionRecorded, ProductionCounted
from streams.domain import downtimes, status_log
from streams.domain.counters import Reading, read
from streams.domain.downtimes import Downtime
from streams.domain.machine_state import (
    Machine,
    alert,
    breakdown_alert,
    interrupted,
    publish,
    recorded,
    seen,
    set_status,
    statuses_of,
)
from streams.driver import Emit, Rejected, Step

COUNTERS_KEPT = 32
INSPECTIONS_KEPT = 256
WHOLE_MACHINE = ""
READ_BACK = "read back from the server's history"

Value = TypeVar("Value")


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
    return publish(fresh, "machine.registered", at)


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
        return seen(state, at)
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
    step = _counting(changed, message, told) if at >= state.last_seen_at else Step(changed)
    return Step(step.state, (Emit("production.counted", counted), *step.emits))


def _with_counter(state: Machine, scope: str, reading: Reading) -> Machine:
    """The machine with a counter moved on; of counters per order only the latest are kept."""
    kept = {name: counter for name, counter in state.counters.items() if name != scope}
    while len(kept) >= COUNTERS_KEPT:
        del kept[min(kept, key=lambda name: kept[name][-1].last_at)]
    kept[scope] = reading.counter
    return msgspec.structs.replace(state, counters=kept, total_units=state.total_units + reading.units)


def _counting(state: Machine, message: Message[Any], told: says.ProductionCount) -> Step:
    """A machine that counts has the status it says; if it says none it is running, unless it was told otherwise."""
    at = message.timestamp
    moved = _with_figures(state, told, told.work_order_id)
    moved = msgspec.structs.replace(moved, cycle_time_seconds=told.cycle_time_seconds or state.cycle_time_seconds)
    is_urgent = _job(moved) != _job(state)
    if told.status is not None:
        said = msgspec.structs.replace(moved, is_inferred=False)
        return _say_status(said, message, told.status, is_urgent=is_urgent)
    if state.is_inferred and state.status != "running":
        return set_status(moved, "running", at, is_inferred=True)
    return seen(moved, at, is_urgent=is_urgent)


def _inspect(state: Machine, message: Message[Any], told: says.Inspection) -> Step:
    if told.inspection_id in state.inspections:
        return Step(state)
    recorded = InspectionRecorded(**msgspec.structs.asdict(told))
    emits = [Emit("production.inspected", recorded)]
    if told.defect_detected or told.result == "fail":
        what = told.defect_type or "a defect"
        sentence = f"{state.machine_name} ({state.machine_id}): {what} found on {told.work_order_id}."
        emits.append(alert(f"defect-{told.inspection_id}", "quality.defect", "warning", state, sentence, message))
    remembered = (*state.inspections, told.inspection_id)[-INSPECTIONS_KEPT:]
    return Step(msgspec.structs.replace(state, inspections=remembered), emits)


def _status(state: Machine, message: Message[Any], told: says.MachineStatus) -> Step:
    reason = READ_BACK if told.is_historical else None
    if message.timestamp < state.status_since:
        return _restate(state, told.status, message.timestamp, reason)
    changed = msgspec.structs.replace(
        _with_figures(state, told, told.current_work_order_id),
        utilization_percentage=_newer(told.utilization_percentage, state.utilization_percentage),
        cycle_time_seconds=_newer(told.cycle_time_seconds, state.cycle_time_seconds),
        is_inferred=False,
    )
    return _say_status(changed, message, told.status, is_urgent=_job(changed) != _job(state), reason=reason)


def _say_status(
    state: Machine, message: Message[Any], status: MachineState, *, is_urgent: bool, reason: str | None = None
) -> Step:
    """The machine says its status itself."""
    at = message.timestamp
    if status == state.status:
        return seen(state, at, is_urgent=is_urgent)
    ended = _end_downtime(state, at) if status == "running" else Step(state)
    step = set_status(ended.state, status, at, is_inferred=False, reason=reason)
    emits = [*ended.emits, *step.emits]
    if status == "breakdown":
        sentence = f"{state.machine_name} ({state.machine_id}) reports a fault."
        emits.append(breakdown_alert(state, sentence, at, message))
    return Step(step.state, emits)


def _restate(state: Machine, status: MachineState, at: datetime, reason: str | None) -> Step:
    """A status from before the present one: it gets its place in the history, and the present one stays."""
    change = status_log.restate(statuses_of(state), at, status)
    if change is None:
        return Step(state)
    fresh = msgspec.structs.replace(state, statuses=change.log, version=state.version + 1)
    restated = says.StatusRestated(
        machine_id=fresh.machine_id,
        version=fresh.version,
        status=status,
        previous_status=change.previous,
        from_at=at,
        to_at=change.to_at,
        reason=reason,
    )
    ended = _end_downtime(fresh, at) if status == "running" else Step(fresh)
    return Step(ended.state, (Emit("machine.status_restated", restated), *ended.emits))


def _with_figures(
    state: Machine, told: says.MachineStatus | says.ProductionCount, work_order_id: str | None
) -> Machine:
    """The machine with what the MES says of its job and its OEE; another job has its own part and quantity."""
    is_same = work_order_id in (None, state.current_work_order_id)
    return msgspec.structs.replace(
        state,
        current_work_order_id=_newer(work_order_id, state.current_work_order_id),
        current_product_id=_newer(told.product_id, state.current_product_id if is_same else None),
        current_quantity_ordered=_newer(told.quantity_ordered, state.current_quantity_ordered if is_same else None),
        overall_equipment_effectiveness=_newer(
            told.overall_equipment_effectiveness, state.overall_equipment_effectiveness
        ),
    )


def _job(state: Machine) -> tuple[str | None, str | None, float | None]:
    return state.current_work_order_id, state.current_product_id, state.current_quantity_ordered


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
    own = [each for each in change.ended if each.downtime_id == downtime.downtime_id]
    earlier = change._replace(ended=tuple(each for each in change.ended if each not in own))
    emits = [*_ended(state, earlier), Emit("downtime.started", recorded(state, downtime))]
    emits += [Emit("downtime.ended", recorded(state, each)) for each in own]
    down = msgspec.structs.replace(state, downtimes=change.downtimes)
    if change.downtimes.open is None or change.downtimes.open.downtime_id != downtime.downtime_id:
        return Step(down, emits)
    return _broken_down(down, message, downtime, emits)


def _broken_down(state: Machine, message: Message[Any], downtime: Downtime, emits: list[Emit]) -> Step:
    """The machine stands still now: its status, an alert, and a word to the order it works on."""
    reason = downtime.description or downtime.reason_code
    if downtime.started_at >= state.status_since:
        step = set_status(state, "breakdown", downtime.started_at, is_inferred=False, reason=downtime.reason_code)
        state, emits = step.state, [*emits, *step.emits]
    sentence = f"{state.machine_name} ({state.machine_id}) is down: {reason}."
    emits.append(breakdown_alert(state, sentence, downtime.started_at, message))
    if downtime.work_order_affected:
        emits.append(interrupted(state, downtime.work_order_affected, True, reason))
    return Step(state, emits)


def _stop_downtime(state: Machine, message: Message[Any], told: says.DowntimeEnded) -> Step:
    at = message.timestamp
    ended = _end_downtime(state, at)
    if state.downtimes.open is None or ended.state.downtimes.open is not None:
        return ended
    if state.status != "breakdown" or at < state.status_since:
        return ended
    step = set_status(ended.state, "idle", at, is_inferred=True)
    return Step(step.state, (*ended.emits, *step.emits))


def _end_downtime(state: Machine, at: datetime) -> Step:
    """The machine was available at a moment: what lasted until then has ended."""
    change = downtimes.end(state.downtimes, at)
    return Step(msgspec.structs.replace(state, downtimes=change.downtimes), _ended(state, change))


def _ended(state: Machine, change: downtimes.Change) -> list[Emit]:
    """What is said of downtimes whose end is known now; the order of the one that lasted goes on."""
    emits = [Emit("downtime.ended", recorded(state, each)) for each in change.ended]
    lasted = state.downtimes.open
    if lasted and lasted.work_order_affected and lasted.downtime_id in {each.downtime_id for each in change.ended}:
        emits.append(interrupted(state, lasted.work_order_affected, False, f"{state.machine_id} is available again"))
    return emits


def _mark_gap(state: Machine, message: Message[Any], told: says.ConnectionGap) -> Step:
    marked = says.GapMarked(**msgspec.structs.asdict(told))
    return Step(state, (Emit("machine.gap_marked", marked),))


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
