"""What sales confirms, and what becomes of production orders and their runs."""

from decimal import Decimal
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from schemas.envelope import Moment
from schemas.messages.materials import SMALLEST_QUANTITY
from schemas.messages.values import Count, Name, Text, check_quantity
from schemas.messages.work_orders import Priority

ProductionOrderStatus = Literal["planned", "expanded", "scheduled", "in_progress", "completed", "cancelled"]
"""planned: demand alone; expanded: it has runs; scheduled: they have times; in_progress: the first of them began."""
RunStatus = Literal["planned", "scheduled", "released", "in_progress", "completed", "cancelled"]
"""released: machines can count for it, through its work order."""
LineNumber = Annotated[int, Meta(ge=1, le=100_000)]


class SalesOrderLine(msgspec.Struct, frozen=True, kw_only=True):
    """One product that a customer wants."""

    line_number: LineNumber
    product_id: Name
    product_name: Text | None = None
    quantity: Decimal
    unit_of_measure: Name = "EA"
    due_date: Moment
    priority: Priority = "normal"

    def __post_init__(self) -> None:
        check_quantity("quantity", self.quantity, least=SMALLEST_QUANTITY)


class SalesOrderConfirmed(msgspec.Struct, frozen=True, kw_only=True):
    """A customer's order was confirmed: each line becomes one production order (004 section 9.1)."""

    sales_order_id: Name
    customer: Text | None = None
    lines: Annotated[tuple[SalesOrderLine, ...], Meta(min_length=1, max_length=1000)]

    def __post_init__(self) -> None:
        numbers = [line.line_number for line in self.lines]
        if len(set(numbers)) < len(numbers):
            raise ValueError("lines must have line numbers of their own")


class RunTold(msgspec.Struct, frozen=True, kw_only=True):
    """A run of a production order, as it stands."""

    run_id: Name
    sequence_number: Count
    status: RunStatus
    work_center_id: Name
    work_order_id: Name | None = None
    scheduled_start: Moment | None = None
    scheduled_end: Moment | None = None


class ProductionOrderChanged(msgspec.Struct, frozen=True, kw_only=True):
    """A whole production order after a change. `version` grows by one with each."""

    production_order_id: Name
    version: Count
    production_order_number: Name
    sales_order_id: Name | None
    sales_order_line: int | None
    product_id: Name
    quantity: Decimal
    quantity_completed: Decimal
    unit_of_measure: Name
    priority: Priority
    due_date: Moment
    status: ProductionOrderStatus
    routing_id: Name | None
    runs: tuple[RunTold, ...] = ()
    changed_by: Name
