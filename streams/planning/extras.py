"""Orders that only a what-if has: made by their products' routings, as if somebody had ordered and expanded them."""

from collections.abc import Sequence
from decimal import Decimal

from schemas.views.plans import ExtraOrder
from sql.database import Rows
from sql.reads import routings
from sql.reads.routings import RoutingOperation
from sql.snapshots import Order, Run
from streams.routings import runs_of

PREFIX = "what-if"


def extra(rows: Rows, wanted: Sequence[ExtraOrder]) -> tuple[list[Order], list[Run]]:
    """The orders and their runs. Raises ValueError with a sentence: no routing makes a product, or a wrong one does."""
    orders: list[Order] = []
    runs: list[Run] = []
    for told in wanted:
        routing_id = routings.for_product(rows, told.product_id, None)
        if routing_id is None:
            raise ValueError(f"No active routing makes {told.product_id}.")
        order = _order(told)
        orders.append(order)
        runs += expanded(order, routings.as_they_hold(rows, [routing_id])[routing_id])
    return orders, runs


def _order(told: ExtraOrder) -> Order:
    identity = f"{PREFIX}/{told.name}"
    quantity = Decimal(str(told.quantity))
    return Order(
        identity, told.name, told.product_id, None, quantity, Decimal(0), told.priority, told.due_date, "expanded", None
    )


def expanded(order: Order, its: Sequence[RoutingOperation]) -> list[Run]:
    """The runs that a routing's steps make of an order. Raises ValueError with a sentence."""
    found = runs_of(its, order.quantity)
    return [
        Run(
            id=f"{order.id}/{run.sequence_number}",
            order_id=order.id,
            sequence=run.sequence_number,
            operation=run.instructions or f"operation {run.sequence_number}",
            predecessors=run.predecessors,
            quantity=Decimal(run.quantity),
            quantity_good=Decimal(0),
            setup_minutes=run.setup_minutes,
            run_minutes=run.run_minutes,
            transfer_quantity=step.transfer_quantity,
            family=step.product_category or order.product_id,
            work_center_id=run.work_center_id,
            alternatives=tuple(step.alternative_work_center_ids),
            status="planned",
            setup_start=None,
            scheduled_start=None,
            scheduled_end=None,
            is_frozen=False,
            work_order_id=None,
            actual_start=None,
        )
        for run, step in zip(found, its, strict=True)
    ]
