"""How items are ordered, as people change it."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Mapped

from sql.database import ensure_tenant
from sql.edited import audits
from sql.edited.base import Base, Conflict, Edit, Unknown, Versioned, hold

SUBJECT: Final = "item_planning"


class ItemPlanning(Versioned, Base):
    """Lot sizes, lead time and safety stock of an item."""

    __tablename__ = "item_planning"

    item_id: Mapped[str]
    lot_policy: Mapped[str]
    lot_size: Mapped[Decimal]
    minimum: Mapped[Decimal]
    multiple: Mapped[Decimal]
    period_days: Mapped[int]
    smallest: Mapped[Decimal]
    lead_time_days: Mapped[int]
    safety_stock: Mapped[Decimal | None]
    scrap_percentage: Mapped[Decimal]
    is_purchased: Mapped[bool | None]
    supplier: Mapped[str | None]


def create(edit: Edit, fields: Mapping[str, Any]) -> None:
    """Say how an item is ordered; again, if what was said was deleted. Raises Conflict where it is said already."""
    ensure_tenant(edit.rows, edit.tenant_id)
    edit.lock(f"item-planning/{fields['item_id']}")
    found = _of_item(edit, fields["item_id"])
    if found is not None and found.deleted_at is None:
        raise Conflict(f"How {fields['item_id']} is ordered is said already; change that.", version=found.version)
    if found is not None:
        found.deleted_at = None
        _set(edit, found, fields, "restored")
        return
    row = ItemPlanning(**edit.born(), **fields)
    edit.session.add(row)
    edit.session.flush()
    audits.note(edit, SUBJECT, row, "created")


def change(edit: Edit, item_id: str, seen: int | None, fields: Mapping[str, Any]) -> None:
    """Change how an item is ordered. Raises Unknown, Conflict."""
    _set(edit, _held(edit, item_id, seen), fields, "updated")


def delete(edit: Edit, item_id: str, seen: int | None) -> None:
    """Say nothing of an item any more: it is ordered lot for lot, without lead time. Raises Unknown, Conflict."""
    row = _held(edit, item_id, seen)
    _set(edit, row, {"deleted_at": edit.at}, "deleted")


def _set(edit: Edit, row: ItemPlanning, fields: Mapping[str, Any], verb: audits.What) -> None:
    before = audits.fields(row)
    for name, value in fields.items():
        setattr(row, name, value)
    edit.touch(row)
    edit.session.flush()
    audits.note(edit, SUBJECT, row, verb, before)


def _of_item(edit: Edit, item_id: str) -> ItemPlanning | None:
    return edit.session.scalar(
        select(ItemPlanning).where(ItemPlanning.tenant_id == edit.tenant_id, ItemPlanning.item_id == item_id)
    )


def _held(edit: Edit, item_id: str, seen: int | None) -> ItemPlanning:
    found = _of_item(edit, item_id)
    if found is None or found.deleted_at is not None:
        raise Unknown(f"Nothing is said of how {item_id} is ordered.")
    return hold(edit, ItemPlanning, found.id, seen, "item planning")
