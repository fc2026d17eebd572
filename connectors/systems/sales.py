"""What the sales system says: an order was confirmed (`sales.order.confirmed`, 004 section 9.1)."""

import hashlib
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from connectors.systems.statement import Context, Statement, in_utc, read
from schemas.codec import Unreadable
from schemas.envelope import Moment
from schemas.ids import short
from schemas.messages.production import LineNumber, SalesOrderConfirmed, SalesOrderLine
from schemas.messages.values import Name, Text
from schemas.messages.work_orders import Priority

CONFIRMED: Final = "sales.order.confirmed"
DUE_AT: Final = time(23, 59, 59, tzinfo=UTC)
"""What is due on a day is due by its end (UTC)."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a sales order. Without a due date or a priority of its own it has those of the order."""

    line_number: LineNumber | None = None
    product_id: Name
    product_name: Text | None = None
    quantity: int | float
    unit_of_measure: Name = "EA"
    due_date: Name | None = None
    priority: Priority | None = None


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """A sales order. Lines without a number are numbered by their place, from 1."""

    sales_order_id: Name
    customer: Text | None = None
    priority: Priority = "normal"
    due_date: Name | None = None
    lines: Annotated[tuple[Line, ...], Meta(min_length=1, max_length=1000)]


class Confirmed(msgspec.Struct, frozen=True, kw_only=True):
    """The event: the order stands under `sales_order`, or under `payload` where it comes in an envelope of ours."""

    event_type: Literal["sales.order.confirmed"] | None = None
    type: Literal["sales.order.confirmed"] | None = None
    timestamp: Moment
    sales_order: Order | None = None
    payload: Order | None = None


_event = msgspec.json.Decoder(Confirmed)


def order_confirmed(_address: str, data: bytes, context: Context) -> Statement:
    """A confirmed order in our words; the same order with the same lines has the same id. Raises Unreadable."""
    told: Confirmed = read(_event, data, context)
    if (told.event_type or told.type) is None:
        raise Unreadable("VALIDATION_ERROR", f"The event does not say that it is {CONFIRMED}.", "event_type")
    order, path = (told.payload, "payload") if told.sales_order is None else (told.sales_order, "sales_order")
    if order is None:
        raise Unreadable("VALIDATION_ERROR", "The event has no sales order.", "sales_order")
    payload = confirmed(order, path)
    digest = hashlib.sha256(msgspec.json.encode(payload)).hexdigest()[:16]
    identity = short(f"sales-{order.sales_order_id}-{digest}")
    return Statement("sales_order.confirmed", payload, in_utc(told.timestamp), identity)


def confirmed(order: Order, path: str = "") -> SalesOrderConfirmed:
    """An order in our words. Raises Unreadable."""
    lines = tuple(_line(order, line, place, f"{path}.lines[{place - 1}]") for place, line in enumerate(order.lines, 1))
    try:
        return SalesOrderConfirmed(sales_order_id=order.sales_order_id, customer=order.customer, lines=lines)
    except ValueError as error:
        raise Unreadable("VALIDATION_ERROR", f"{error}.", f"{path}.lines".lstrip(".")) from error


def _line(order: Order, line: Line, place: int, path: str) -> SalesOrderLine:
    due = line.due_date or order.due_date
    if due is None:
        raise Unreadable("VALIDATION_ERROR", "Neither the line nor the order says when it is due.", f"{path}.due_date")
    try:
        return SalesOrderLine(
            line_number=line.line_number or place,
            product_id=line.product_id,
            product_name=line.product_name,
            quantity=Decimal(str(line.quantity)),
            unit_of_measure=line.unit_of_measure,
            due_date=_moment(due, f"{path}.due_date"),
            priority=line.priority or order.priority,
        )
    except ValueError as error:
        raise Unreadable("VALIDATION_ERROR", f"{error}.", f"{path}.quantity") from error


def _moment(due: str, path: str) -> datetime:
    """A day, or a moment with its offset. Raises Unreadable."""
    try:
        day = date.fromisoformat(due) if len(due) == len("2026-12-01") else None
        return in_utc(msgspec.convert(due, Moment), path) if day is None else datetime.combine(day, DUE_AT)
    except (ValueError, msgspec.ValidationError) as error:
        sentence = f"{due} is neither a day (2026-12-01) nor a moment with its offset (2026-12-01T10:00:00Z)."
        raise Unreadable("VALIDATION_ERROR", sentence, path) from error
