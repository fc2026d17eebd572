"""Bills of materials as people change them: rows, audit, and what else changes with them."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final, NamedTuple

from sqlalchemy import or_, select

from schemas.messages.boms import BomStatus
from sql.edited.base import Conflict, Edit, new_id
from sql.edited.models import AuditRow, BomRow, ComponentRow, Item

LOCK: Final = "boms"
"""Held by whoever changes what contains what, so that no two changes close a circle between them."""
HEAD: Final = (
    "bom_number",
    "lifecycle_status",
    "effective_from",
    "effective_to",
    "output_quantity",
    "uom",
    "description",
    "details",
)


class Line(NamedTuple):
    """A component before it is kept; its item is known."""

    item_id: int
    item_code: str
    product_id: str | None
    quantity: Decimal
    unit: str
    position: str
    scrap_percentage: Decimal
    notes: str | None


class Head(NamedTuple):
    """A bill before it is kept."""

    bom_number: str
    lifecycle_status: BomStatus
    effective_from: date
    effective_to: date | None
    output_quantity: Decimal
    uom: str
    description: str | None
    details: dict[str, Any]


def refuse_taken(edit: Edit, item: Item, revision: str, bom_number: str) -> None:
    """Raise Conflict where the product has this revision, or another bill this number."""
    query = select(BomRow).where(
        or_(
            (BomRow.item_master_id == item.inventory_item_id) & (BomRow.revision == revision),
            BomRow.bom_number == bom_number,
        )
    )
    for row in edit.session.scalars(query):
        deleted = " (deleted)" if row.deleted_at is not None else ""
        if row.item_master_id == item.inventory_item_id and row.revision == revision:
            raise Conflict(f"{item.item_code} has a revision {revision} already{deleted}: {row.id}.", bom_id=row.id)
        raise Conflict(f"{bom_number} is the number of another bill{deleted}: {row.id}.", bom_id=row.id)


def refuse_number(edit: Edit, row: BomRow, bom_number: str) -> None:
    """Raise Conflict where another bill has this number."""
    other = edit.session.scalars(select(BomRow).where(BomRow.bom_number == bom_number, BomRow.id != row.id)).first()
    if other is not None:
        raise Conflict(f"{bom_number} is the number of another bill: {other.id}.", bom_id=other.id)


def add(edit: Edit, item: Item, product_id: str | None, revision: str, head: Head, lines: Sequence[Line]) -> BomRow:
    """Keep a new bill."""
    row = BomRow(
        item_master_id=item.inventory_item_id,
        product_id=product_id,
        revision=revision,
        **head._asdict(),
        **edit.born(),
    )
    edit.session.add(row)
    edit.session.flush()
    put_lines(edit, row, lines)
    return row


def put_lines(edit: Edit, row: BomRow, lines: Sequence[Line]) -> None:
    """Replace the components of a bill."""
    row.components.clear()
    edit.session.flush()
    row.components.extend(
        ComponentRow(
            tenant_id=edit.tenant_id,
            id=new_id(),
            line=number,
            component_item_id=line.item_id,
            component_product_id=line.product_id,
            quantity=line.quantity,
            uom=line.unit,
            position=line.position,
            scrap_percentage=line.scrap_percentage,
            notes=line.notes,
            created_at=edit.at,
            updated_at=edit.at,
        )
        for number, line in enumerate(lines, 1)
    )
    edit.session.flush()


def overlapping(edit: Edit, item_id: int, begin: date, end: date | None, but: str | None = None) -> list[BomRow]:
    """The active bills of an item that hold on some day of a stretch, first ones first; held until the end."""
    query = (
        select(BomRow)
        .where(
            BomRow.item_master_id == item_id,
            BomRow.lifecycle_status == "active",
            BomRow.deleted_at.is_(None),
            or_(BomRow.effective_to.is_(None), BomRow.effective_to > begin),
        )
        .order_by(BomRow.effective_from)
        .with_for_update()
    )
    if end is not None:
        query = query.where(BomRow.effective_from < end)
    return [row for row in edit.session.scalars(query) if row.id != but]


def audit(edit: Edit, row: BomRow, event_type: str, changes: Mapping[str, Any], notes: str | None = None) -> None:
    """Note a change, under the version that the bill has after it."""
    told = {"event_type": event_type, "version": row.version, "user_id": edit.actor, "event_at": edit.at}
    edit.session.add(
        AuditRow(tenant_id=edit.tenant_id, id=new_id(), bom_id=row.id, notes=notes, changes=dict(changes), **told)
    )
    edit.session.flush()


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Of each field that changed, what it was and what it is, as JSON."""
    names = [name for name in after if before.get(name) != after[name]]
    return {name: [_plain(before.get(name)), _plain(after[name])] for name in names}


def _plain(value: Any) -> Any:
    """As JSON keeps it: quantities as text, so that none of their places is lost."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Line):
        return _plain(value._asdict())
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value
