"""The fold of work orders: receive, update, assign, progress, interruptions, completion, cancellation."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from schemas.envelope import Message
from schemas.messages import work_orders as says
from schemas.messages.work_orders import BomLine, OrderStatus, Priority
from streams.domain import needs
from streams.domain.needs import Need
from streams.driver import Emit, Rejected, Step


class WorkOrder(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is remembered of an order until it is archived."""

    work_order_id: str
    created_by: str
    erp_work_order_id: str
    work_order_number: str | None = None
    product_id: str
    product_name: str | None = None
    product_variant: str | None = None
    quantity_ordered: Decimal
    quantity_produced: int = 0
    quantity_scrapped: int = 0
    unit_of_measure: str = "EA"
    status: OrderStatus = "received"
    priority: Priority = "normal"
    due_date: datetime
    customer_order_id: str | None = None
    production_line_preference: str | None = None
    special_instructions: str | None = None
    actual_start_at: datetime | None = None
    actual_end_at: datetime | None = None
    is_interrupted: bool = False
    inspection_count: int = 0
    defect_count: int = 0
    assigned_machine_id: str | None = None
    assigned_operator_id: str | None = None
    needs: tuple[Need, ...] = ()
    version: int = 0
    origin: says.Origin = "erp"
    bom_id: str | None = None
    bom_revision: str | None = None


def fold(state: WorkOrder | None, message: Message[Any]) -> Step:
    """What a message does to an order. Refuses what an unknown, cancelled or completed order cannot take."""
    if isinstance(message.payload, says.WorkOrderCreated):
        return _create(state, message, message.payload)
    if state is None and isinstance(message.payload, says.ReservationDecided):
        return Step(None)
    if state is None:
        order = message.payload.work_order_id
        raise Rejected("UNKNOWN_WORK_ORDER", f"No open work order {order} is known.", "work_order_id")
    return _HANDLERS[message.type](state, message, message.payload)


def progress(produced: int, ordered: Decimal) -> float:
    """Progress in per cent, 0 to 100, two decimals: produced / ordered (scrap included, 002 section 4.2.1)."""
    return min(100.0, round(100.0 * produced / float(ordered), 2))


def _create(state: WorkOrder | None, message: Message[Any], told: says.WorkOrderCreated) -> Step:
    if state is not None:
        if state.created_by == message.message_id:
            return Step(state)
        raise Rejected("DUPLICATE_WORK_ORDER", f"{told.work_order_id} exists already.", "erp_work_order_id")
    order = WorkOrder(
        work_order_id=told.work_order_id,
        created_by=message.message_id,
        erp_work_order_id=told.erp_work_order_id,
        work_order_number=told.work_order_number,
        product_id=told.product_id,
        product_name=told.product_name,
        product_variant=told.product_variant,
        quantity_ordered=told.quantity_ordered,
        unit_of_measure=told.unit_of_measure,
        priority=told.priority,
        due_date=told.due_date,
        customer_order_id=told.customer_order_id,
        production_line_preference=told.production_line_preference,
        special_instructions=told.special_instructions,
        needs=needs.of_bill(told.bill_of_materials),
        origin=told.origin,
        bom_id=told.bom_id,
        bom_revision=told.bom_revision,
    )
    return _publish(order, message, "work_order.received", bill_of_materials=told.bill_of_materials)


def _update(state: WorkOrder, message: Message[Any], told: says.WorkOrderUpdated) -> Step:
    _refuse_closed(state)
    if told.quantity_ordered is not None and told.quantity_ordered < state.quantity_produced:
        sentence = (
            f"{state.work_order_id} has produced {state.quantity_produced} already; "
            f"it cannot be lowered to {told.quantity_ordered.normalize():f}."
        )
        raise Rejected("QUANTITY_BELOW_PRODUCED", sentence, "quantity_ordered")
    changes = {
        name: value
        for name, value in msgspec.structs.asdict(told).items()
        if value is not None and name not in ("work_order_id", "bill_of_materials")
    }
    changed: WorkOrder = msgspec.structs.replace(state, **changes)
    emits: list[Emit] = []
    if told.bill_of_materials is not None:
        fresh, emits = needs.rebilled(state.needs, told.bill_of_materials, state.work_order_id)
        changed = msgspec.structs.replace(changed, needs=fresh)
    is_done = 0 < changed.quantity_ordered <= changed.quantity_produced
    step = (
        _complete_now(changed, message, told.bill_of_materials)
        if is_done
        else _publish(changed, message, "work_order.changed", bill_of_materials=told.bill_of_materials)
    )
    return Step(step.state, [*emits, *step.emits]) if emits else step


def _count(state: WorkOrder, message: Message[Any], told: says.ProductionCounted) -> Step:
    if state.status == "cancelled":
        raise Rejected("WORK_ORDER_CANCELLED", f"{state.work_order_id} is cancelled; nothing more counts for it.")
    counted = msgspec.structs.replace(
        state,
        quantity_produced=state.quantity_produced + told.units,
        quantity_scrapped=state.quantity_scrapped + told.scrapped_units,
        # Machines that worked at the same time are heard one after the other, when a worker has catching up to do.
        actual_start_at=state.actual_start_at and min(state.actual_start_at, message.timestamp),
    )
    started = _started(counted, message) if counted.actual_start_at is None else Step(counted)
    step = _progressed(started.state, message, told)
    emits = [*started.emits, *step.emits]
    order: WorkOrder = step.state
    if order.status != "completed" and order.quantity_produced >= order.quantity_ordered:
        completed = _complete_now(order, message)
        return Step(completed.state, [*emits, *completed.emits])
    if order.status == "completed" and order.needs:
        emits += _consumed(order, state.quantity_produced)
    return Step(order, emits)


def _started(state: WorkOrder, message: Message[Any]) -> Step:
    """The first unit starts an order, whatever was or was not announced: facts cannot be refused."""
    status = state.status if state.status in ("on_hold", "completed") else "in_progress"
    begun = msgspec.structs.replace(state, status=status, actual_start_at=message.timestamp)
    return _publish(begun, message, "work_order.changed", reason="production began")


def _progressed(state: WorkOrder, message: Message[Any], told: says.ProductionCounted) -> Step:
    fresh = msgspec.structs.replace(state, version=state.version + 1)
    event = says.WorkOrderProgressed(
        work_order_id=fresh.work_order_id,
        version=fresh.version,
        status=fresh.status,
        quantity_produced=fresh.quantity_produced,
        quantity_scrapped=fresh.quantity_scrapped,
        progress_percentage=progress(fresh.quantity_produced, fresh.quantity_ordered),
        log_id=told.log_id,
        machine_id=told.machine_id,
        units=told.units,
        scrapped_units=told.scrapped_units,
        units_reported=told.units_reported,
        cumulative_units=told.cumulative_units,
        counter_epoch=told.counter_epoch,
        quality_status=told.quality_status,
        cycle_time_seconds=told.cycle_time_seconds,
    )
    return Step(fresh, (Emit("work_order.progressed", event),))


def _complete_now(
    state: WorkOrder, message: Message[Any], bill_of_materials: tuple[BomLine, ...] | None = None
) -> Step:
    """What the order made used its materials up, reserved or not: that is a fact."""
    done = msgspec.structs.replace(state, status="completed", actual_end_at=message.timestamp, is_interrupted=False)
    step = _publish(done, message, "work_order.completed", bill_of_materials=bill_of_materials)
    if not done.needs:
        return step
    used_up = msgspec.structs.replace(step.state, needs=needs.unasked(done.needs))
    return Step(used_up, [*step.emits, *_consumed(step.state, 0)])


def _consumed(state: WorkOrder, before: int) -> list[Emit]:
    """What the units made since then used up."""
    made = (before, state.quantity_produced)
    return needs.consumed(state.needs, state.work_order_id, state.version, made, state.quantity_ordered)


def _assign(state: WorkOrder, message: Message[Any], told: says.WorkOrderAssign) -> Step:
    """Give the order to a machine and an operator, and ask for the materials that are not reserved yet.

    An order that has begun stays begun: it moves to another machine, or asks again for what it lacks.
    """
    _refuse_closed(state)
    asked, emits = needs.asked(state.needs, state.work_order_id)
    assigned = msgspec.structs.replace(
        state,
        status=state.status if state.status in ("in_progress", "on_hold") else "assigned",
        assigned_machine_id=told.machine_id or state.assigned_machine_id,
        assigned_operator_id=told.operator_id or state.assigned_operator_id,
        needs=asked,
    )
    step = _publish(assigned, message, "work_order.changed", reason=told.reason)
    return Step(step.state, [*step.emits, *emits])


def _decided(state: WorkOrder, message: Message[Any], told: says.ReservationDecided) -> Step:
    """An answer about a material: told to others when it is the last one, or changes whether all is reserved."""
    if state.status in ("completed", "cancelled"):
        return Step(state)
    fresh = msgspec.structs.replace(state, needs=needs.answered(state.needs, told))
    if _materials_status(fresh) == _materials_status(state):
        return Step(fresh)
    return _publish(fresh, message, "work_order.changed", reason=told.reason)


def _materials_status(state: WorkOrder) -> says.MaterialsStatus:
    if state.status == "completed" and state.needs:
        return "consumed"
    return "none" if state.status == "cancelled" else needs.status(state.needs)


def _inspect(state: WorkOrder, message: Message[Any], told: says.InspectionRecorded) -> Step:
    fresh = msgspec.structs.replace(
        state,
        version=state.version + 1,
        inspection_count=state.inspection_count + 1,
        defect_count=state.defect_count + told.defect_detected,
    )
    event = says.WorkOrderInspected(
        version=fresh.version,
        defect_count=fresh.defect_count,
        inspection_count=fresh.inspection_count,
        **msgspec.structs.asdict(told),
    )
    return Step(fresh, (Emit("work_order.inspected", event),))


def _interrupt(state: WorkOrder, message: Message[Any], told: says.ProductionInterrupted) -> Step:
    if state.status in ("completed", "cancelled") or state.is_interrupted == told.is_interrupted:
        return Step(state)
    changed = msgspec.structs.replace(state, is_interrupted=told.is_interrupted)
    return _publish(changed, message, "work_order.changed", reason=told.reason)


def _release(state: WorkOrder, message: Message[Any], told: says.WorkOrderCommand) -> Step:
    return _move(state, message, "released", ("received",), told.reason)


def _start(state: WorkOrder, message: Message[Any], told: says.WorkOrderCommand) -> Step:
    started_at = state.actual_start_at or message.timestamp
    begun = msgspec.structs.replace(state, actual_start_at=started_at)
    _refuse_move(state, "in_progress", ("received", "released", "assigned", "on_hold"))
    return _move(begun, message, "in_progress", (state.status,), told.reason)


def _hold(state: WorkOrder, message: Message[Any], told: says.WorkOrderCommand) -> Step:
    return _move(state, message, "on_hold", ("in_progress",), told.reason)


def _complete(state: WorkOrder, message: Message[Any], told: says.WorkOrderCommand) -> Step:
    _refuse_move(state, "completed", ("in_progress", "on_hold"))
    return _complete_now(state, message)


def _cancel(state: WorkOrder, message: Message[Any], told: says.WorkOrderCommand) -> Step:
    if state.status == "cancelled":
        return Step(state)
    _refuse_closed(state)
    cancelled = msgspec.structs.replace(
        state,
        status="cancelled",
        actual_end_at=message.timestamp,
        is_interrupted=False,
        needs=needs.unasked(state.needs),
    )
    step = _publish(cancelled, message, "work_order.changed", reason=told.reason)
    reason = told.reason or f"{state.work_order_id} is cancelled."
    return Step(step.state, [*step.emits, *needs.released(state.needs, state.work_order_id, reason)])


def _archive(state: WorkOrder, message: Message[Any], told: says.WorkOrderCommand) -> Step:
    _refuse_move(state, "archived", ("completed", "cancelled"))
    archived = says.WorkOrderArchived(
        work_order_id=state.work_order_id, version=state.version + 1, archived_at=message.timestamp
    )
    return Step(None, (Emit("work_order.archived", archived),))


def _move(
    state: WorkOrder, message: Message[Any], status: OrderStatus, allowed: tuple[str, ...], reason: str | None
) -> Step:
    _refuse_move(state, status, allowed)
    return _publish(msgspec.structs.replace(state, status=status), message, "work_order.changed", reason=reason)


def _refuse_closed(state: WorkOrder) -> None:
    if state.status in ("completed", "cancelled"):
        raise Rejected(f"WORK_ORDER_{state.status.upper()}", f"{state.work_order_id} is already {state.status}.")


def _refuse_move(state: WorkOrder, status: str, allowed: tuple[str, ...]) -> None:
    if state.status == status:
        raise Rejected("INVALID_TRANSITION", f"{state.work_order_id} is already {status}.", "status")
    if state.status not in allowed:
        sentence = f"{state.work_order_id} is {state.status}; it can become {status} only from {' or '.join(allowed)}."
        raise Rejected("INVALID_TRANSITION", sentence, "status")


def _publish(
    state: WorkOrder,
    message: Message[Any],
    event: str,
    *,
    bill_of_materials: tuple[BomLine, ...] | None = None,
    reason: str | None = None,
) -> Step:
    """The order with a new version, and the event that tells its whole head."""
    fresh = msgspec.structs.replace(state, version=state.version + 1)
    told = says.WorkOrderChanged(
        work_order_id=fresh.work_order_id,
        version=fresh.version,
        erp_work_order_id=fresh.erp_work_order_id,
        work_order_number=fresh.work_order_number,
        product_id=fresh.product_id,
        product_name=fresh.product_name,
        product_variant=fresh.product_variant,
        quantity_ordered=fresh.quantity_ordered,
        quantity_produced=fresh.quantity_produced,
        quantity_scrapped=fresh.quantity_scrapped,
        progress_percentage=progress(fresh.quantity_produced, fresh.quantity_ordered),
        unit_of_measure=fresh.unit_of_measure,
        status=fresh.status,
        priority=fresh.priority,
        due_date=fresh.due_date,
        customer_order_id=fresh.customer_order_id,
        production_line_preference=fresh.production_line_preference,
        special_instructions=fresh.special_instructions,
        actual_start_at=fresh.actual_start_at,
        actual_end_at=fresh.actual_end_at,
        is_interrupted=fresh.is_interrupted,
        defect_count=fresh.defect_count,
        inspection_count=fresh.inspection_count,
        changed_at=message.timestamp,
        reason=reason,
        bill_of_materials=bill_of_materials,
        assigned_machine_id=fresh.assigned_machine_id,
        assigned_operator_id=fresh.assigned_operator_id,
        materials_status=_materials_status(fresh),
        origin=fresh.origin,
        bom_id=fresh.bom_id,
        bom_revision=fresh.bom_revision,
    )
    return Step(fresh, (Emit(event, told),))


_HANDLERS: dict[str, Callable[[WorkOrder, Message[Any], Any], Step]] = {
    "erp.work_order_updated": _update,
    "erp.work_order_cancelled": _cancel,
    "production.counted": _count,
    "production.inspected": _inspect,
    "production.interrupted": _interrupt,
    "work_order.release": _release,
    "work_order.assign": _assign,
    "reservation.decided": _decided,
    "work_order.start": _start,
    "work_order.hold": _hold,
    "work_order.complete": _complete,
    "work_order.cancel": _cancel,
    "work_order.archive": _archive,
}
