"""Production orders between what people edit and what is reckoned: expanded into runs, released, fed back, judged."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from math import ceil
from typing import Any, Final, NamedTuple

from schemas.ids import short, work_order_id
from schemas.messages.work_orders import BomLine, WorkOrderAssign, WorkOrderCommand, WorkOrderCreated
from sql.database import Rows
from sql.edited import production
from sql.edited.base import Conflict, Edit
from sql.edited.production import ProductionOrder, ProductionRun
from sql.reads import production as reads
from sql.reads import routings, work_orders
from streams.domain import capacity, routing
from streams.open_times import open_times, work_center_calendars
from streams.routings import runs_of

HORIZON: Final = timedelta(days=365)
OPEN: Final = frozenset({"planned", "expanded", "scheduled"})
"""Statuses of a production order of which nothing was released."""


def expand(edit: Edit, order: ProductionOrder) -> list[ProductionRun]:
    """The runs that its routing makes of a held production order, in this transaction.

    Runs of an earlier expansion that nobody has released give way. Raises Conflict with a sentence.
    """
    if order.status not in OPEN:
        raise Conflict(f"{order.production_order_number} is {order.status}: it is not expanded any more.")
    order.routing_id = order.routing_id or routings.for_product(edit.rows, order.product_id, None)
    if order.routing_id is None:
        raise Conflict(f"No active routing makes {order.product_id}; name one, or make one.")
    steps = routings.as_they_hold(edit.rows, [order.routing_id])[order.routing_id]
    try:
        expanded = runs_of(steps, order.quantity)
    except ValueError as error:
        raise Conflict(f"The routing cannot be expanded. {error}") from error
    for earlier in production.runs_of(edit, order):
        if earlier.work_order_id is not None:
            raise Conflict(f"{order.production_order_number} was released: it is not expanded any more.")
        edit.session.delete(earlier)
    edit.session.flush()
    runs = [_run(edit, order, run, step) for run, step in zip(expanded, steps, strict=True)]
    edit.session.add_all(runs)
    edit.session.flush()
    production.change(edit, order, {"status": "expanded"})
    return runs


def _run(edit: Edit, order: ProductionOrder, run: routing.Run, step: routings.RoutingOperation) -> ProductionRun:
    return ProductionRun(
        **edit.born(),
        production_order_id=order.id,
        routing_operation_id=step.id,
        operation_id=run.operation_id,
        sequence_number=run.sequence_number,
        predecessors=list(run.predecessors),
        is_concurrent=run.is_concurrent,
        quantity=Decimal(run.quantity),
        setup_minutes=run.setup_minutes,
        run_minutes=run.run_minutes,
        transfer_quantity=step.transfer_quantity,
        setup_family=step.product_category or order.product_id,
        work_center_id=run.work_center_id,
        alternative_work_center_ids=list(step.alternative_work_center_ids),
        work_instructions=run.instructions,
    )


class RunBill(NamedTuple):
    """What a production order takes in all, and which revision says so; none where its product has no bill."""

    lines: tuple[BomLine, ...] = ()
    bom_id: str | None = None
    bom_revision: str | None = None


def release(edit: Edit, order: ProductionOrder, bill: RunBill) -> list[str]:
    """Make a work order of each run that has none: known at once, said in this transaction; their ids.

    The materials are those of the first operation. Raises Conflict with a sentence.
    """
    if order.status in ("completed", "cancelled"):
        raise Conflict(f"{order.production_order_number} is {order.status}.")
    runs = production.runs_of(edit, order)
    if not runs:
        raise Conflict(f"{order.production_order_number} has no runs yet: expand it first.")
    machines = {each.work_center.id: each.work_center.machine_id for each in work_center_calendars(edit.rows).values()}
    released = []
    for nth, run in enumerate(runs):
        if run.work_order_id is None:
            _release(edit, order, run, bill if nth == 0 else RunBill(), machines[run.work_center_id])
            released.append(str(run.work_order_id))
    production.change(edit, order, {})
    return released


def _release(edit: Edit, order: ProductionOrder, run: ProductionRun, bill: RunBill, machine_id: str | None) -> None:
    number = short(f"{order.production_order_number}-{run.sequence_number}")
    identity = work_order_id(edit.tenant_id, number)
    if taken := work_orders.claim(edit.rows, edit.tenant_id, number, identity):
        raise Conflict(f"The work order {taken} has the number {number} already.")
    run.work_order_id, run.status = identity, "released"
    edit.touch(run)
    created = WorkOrderCreated(
        work_order_id=identity,
        erp_work_order_id=number,
        work_order_number=number,
        product_id=order.product_id,
        product_name=order.product_name,
        quantity_ordered=run.quantity,
        unit_of_measure=order.unit_of_measure,
        priority=order.priority,  # type: ignore[arg-type]
        due_date=run.scheduled_end or order.due_date,
        customer_order_id=order.sales_order_id,
        bill_of_materials=bill.lines,
        special_instructions=run.work_instructions,
        origin="plant",
        bom_id=bill.bom_id,
        bom_revision=bill.bom_revision,
    )
    edit.say("erp.work_order_created", created, f"{run.id}-created", run.version)
    command = WorkOrderCommand(work_order_id=identity, actor=edit.actor, reason=f"run of {number}")
    edit.say("work_order.release", command, f"{run.id}-released", run.version)
    if machine_id is not None:
        given = WorkOrderAssign(work_order_id=identity, actor=edit.actor, machine_id=machine_id)
        edit.say("work_order.assign", given, f"{run.id}-assigned", run.version)


def cancel(edit: Edit, order: ProductionOrder, reason: str) -> None:
    """Give up a production order: its runs are cancelled, and so are work orders that are not done."""
    if order.status in ("completed", "cancelled"):
        raise Conflict(f"{order.production_order_number} is {order.status} already.")
    for run in production.runs_of(edit, order):
        if run.status in ("completed", "cancelled"):
            continue
        run.status = "cancelled"
        edit.touch(run)
        if run.work_order_id is not None:
            command = WorkOrderCommand(work_order_id=run.work_order_id, actor=edit.actor, reason=reason)
            edit.say("work_order.cancel", command, f"{run.id}-cancelled", run.version)
    production.change(edit, order, {"status": "cancelled"})


def feasibility(rows: Rows, order: Mapping[str, Any], now: datetime) -> capacity.CapacityFeasibility:
    """Whether a production order can be done by its due date beside what is planned. Raises Conflict, a sentence."""
    needed = _requirements(rows, order)
    until = max(now + HORIZON, order["due_date"])
    opened = open_times(rows, now, until)
    known = work_center_calendars(rows, now)
    centers = {
        identity: capacity.WorkCenter(identity, each.work_center.name, opened[identity])
        for identity, each in known.items()
    }
    planned = [
        capacity.Load(each.work_center_id, max(now, each.start_at or now), _left(each))
        for each in reads.planned(rows, order["production_order_id"])
    ]
    return capacity.feasibility(needed, centers, planned, now, order["due_date"])


def _left(planned: reads.Planned) -> int:
    """Minutes of planned work that are left: what was produced is done."""
    left = max(Decimal(0), planned.quantity - planned.quantity_produced)
    return ceil(planned.minutes * Fraction(left) / Fraction(planned.quantity))


def _requirements(rows: Rows, order: Mapping[str, Any]) -> list[capacity.Requirement]:
    runs = order["runs"]
    if runs:
        return [
            capacity.Requirement(
                str(run["sequence_number"]),
                run["work_center_id"],
                run["setup_minutes"] + run["run_minutes"],
                tuple(str(before) for before in run["predecessors"]),
            )
            for run in runs
        ]
    routing_id = order["routing_id"] or routings.for_product(rows, order["product_id"], None)
    if routing_id is None:
        raise Conflict(f"No active routing makes {order['product_id']}: nobody can say what it needs.")
    try:
        expanded = runs_of(routings.as_they_hold(rows, [routing_id])[routing_id], order["quantity"])
    except ValueError as error:
        raise Conflict(f"The routing cannot be expanded. {error}") from error
    return [
        capacity.Requirement(
            str(run.sequence_number),
            run.work_center_id,
            run.setup_minutes + run.run_minutes,
            tuple(str(before) for before in run.predecessors),
        )
        for run in expanded
    ]


def now() -> datetime:
    """This moment, by whole minutes: plans are made of those."""
    return datetime.now(UTC).replace(second=0, microsecond=0)
