"""Production orders and their runs, as people and confirmed sales orders change them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import ARRAY, BigInteger, Uuid, select
from sqlalchemy.orm import Mapped, mapped_column

from schemas.messages.production import ProductionOrderChanged, RunTold
from sql import outbox
from sql.database import Rows, ensure_tenant
from sql.edited import audits
from sql.edited.base import Base, Edit, Versioned, hold

SUBJECT: Final = "production_order"
TOLD: Final = tuple(
    name
    for name in ProductionOrderChanged.__struct_fields__
    if name not in ("production_order_id", "changed_by", "runs")
)
"""Columns of a production order that its event tells."""


class ProductionOrder(Versioned, Base):
    """Planned demand that runs and work orders are released from."""

    __tablename__ = "production_orders"

    production_order_number: Mapped[str]
    sales_order_id: Mapped[str | None]
    sales_order_line: Mapped[int | None]
    customer: Mapped[str | None]
    product_id: Mapped[str]
    product_name: Mapped[str | None]
    quantity: Mapped[Decimal]
    quantity_completed: Mapped[Decimal] = mapped_column(default=Decimal(0))
    unit_of_measure: Mapped[str]
    priority: Mapped[str]
    due_date: Mapped[datetime]
    status: Mapped[str] = mapped_column(default="planned")
    routing_id: Mapped[str | None] = mapped_column(Uuid(as_uuid=False))
    material_available_at: Mapped[datetime | None]


class ProductionRun(Versioned, Base):
    """One operation of a production order."""

    __tablename__ = "production_runs"

    production_order_id: Mapped[str] = mapped_column(Uuid(as_uuid=False))
    routing_operation_id: Mapped[str | None] = mapped_column(Uuid(as_uuid=False))
    operation_id: Mapped[str] = mapped_column(Uuid(as_uuid=False))
    sequence_number: Mapped[int]
    predecessors: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    is_concurrent: Mapped[bool]
    quantity: Mapped[Decimal]
    setup_minutes: Mapped[int]
    run_minutes: Mapped[int]
    transfer_quantity: Mapped[Decimal | None]
    setup_family: Mapped[str | None]
    work_center_id: Mapped[str] = mapped_column(Uuid(as_uuid=False))
    alternative_work_center_ids: Mapped[list[str]] = mapped_column(ARRAY(Uuid(as_uuid=False)))
    work_instructions: Mapped[str | None]
    status: Mapped[str] = mapped_column(default="planned")
    setup_start: Mapped[datetime | None]
    scheduled_start: Mapped[datetime | None]
    scheduled_end: Mapped[datetime | None]
    is_frozen: Mapped[bool] = mapped_column(default=False)
    schedule_id: Mapped[str | None] = mapped_column(Uuid(as_uuid=False))
    work_order_id: Mapped[str | None]
    work_order_version: Mapped[int] = mapped_column(default=0)
    quantity_good: Mapped[Decimal] = mapped_column(default=Decimal(0))
    quantity_scrapped: Mapped[Decimal] = mapped_column(default=Decimal(0))
    actual_start: Mapped[datetime | None]
    actual_end: Mapped[datetime | None]


def create(edit: Edit, number: str, fields: Mapping[str, Any]) -> ProductionOrder:
    """A new production order. Raises psycopg's UniqueViolation where the number is taken."""
    ensure_tenant(edit.rows, edit.tenant_id)
    order = ProductionOrder(**edit.born(), production_order_number=number, **fields)
    edit.session.add(order)
    edit.session.flush()
    audits.note(edit, SUBJECT, order, "created")
    say(edit, order)
    return order


def change(edit: Edit, order: ProductionOrder, fields: Mapping[str, Any]) -> ProductionOrder:
    """A production order with other values, and who gave it them."""
    before = audits.fields(order)
    for name, value in fields.items():
        setattr(order, name, value)
    edit.touch(order)
    edit.session.flush()
    audits.note(edit, SUBJECT, order, "updated", before)
    say(edit, order)
    return order


def held(edit: Edit, identity: str, expected: int | None = None) -> ProductionOrder:
    """A production order, held until the transaction ends. Raises Unknown, Conflict."""
    return hold(edit, ProductionOrder, identity, expected, "production order")


def runs_of(edit: Edit, order: ProductionOrder) -> list[ProductionRun]:
    """The runs of a production order, by sequence."""
    found = edit.session.scalars(
        select(ProductionRun)
        .where(ProductionRun.tenant_id == edit.tenant_id, ProductionRun.production_order_id == order.id)
        .order_by(ProductionRun.sequence_number)
    )
    return list(found)


def say(edit: Edit, order: ProductionOrder, runs: Sequence[ProductionRun] | None = None) -> None:
    """Tell what a production order is now, once this is committed."""
    told = tuple(_told(run) for run in (runs_of(edit, order) if runs is None else runs))
    tell(edit.rows, edit.tenant_id, audits.fields(order) | {"version": order.version}, edit.actor, edit.at, told)


def tell(
    rows: Rows, tenant_id: str, order: Mapping[str, Any], actor: str, at: datetime, runs: tuple[RunTold, ...] = ()
) -> None:
    """The same of a row of production_orders."""
    payload = ProductionOrderChanged(
        production_order_id=order["id"],
        changed_by=actor,
        runs=runs,
        **{name: order[name] for name in TOLD},
    )
    outbox.tell(rows, tenant_id, "production_order.changed", payload, order["id"], order["version"], at)


def _told(run: ProductionRun) -> RunTold:
    return RunTold(
        run_id=run.id,
        sequence_number=run.sequence_number,
        status=_any(run.status),
        work_center_id=run.work_center_id,
        work_order_id=run.work_order_id,
        scheduled_start=run.scheduled_start,
        scheduled_end=run.scheduled_end,
    )


def _any(text: str) -> Any:
    return text
