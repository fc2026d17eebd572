"""What people do to bills of materials: each in one transaction with its audit entry and its event."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final

from connectors.gateway import structures
from connectors.gateway.problems import Problem
from schemas.messages.boms import BomChanged, BomLineTold
from schemas.views.boms import BomBody, BomChange, ComponentBody, NamedItem, RevisionBody
from sql.edited import boms, items
from sql.edited.base import Conflict, Edit, hold
from sql.edited.boms import Head, Line
from sql.edited.items import Found, Named
from sql.edited.models import BomRow, Item
from sql.reads import boms as reads

Row = dict[str, Any]

COLUMN: Final = {"unit": "uom", "metadata": "details"}
"""Fields of the API whose columns have another name."""


def create(edit: Edit, told: BomBody, today: date) -> Row:
    """A new bill, as it is shown. Raises Problem, Conflict."""
    edit.lock(boms.LOCK)
    found = _product(edit, told)
    item = found.item
    if told.is_phantom is not None:
        item.is_phantom = told.is_phantom
    number = told.bom_number or f"BOM-{item.item_code}-{told.revision}"[:128]
    head = Head(
        bom_number=number,
        lifecycle_status=told.lifecycle_status,
        effective_from=told.effective_from or today,
        effective_to=told.effective_to,
        output_quantity=told.output_quantity,
        uom=told.unit or item.uom,
        description=told.description,
        details=told.metadata,
    )
    product_id = found.product.id if found.product else None
    return _add(edit, item, product_id, told.revision, head, _lines(edit, told.components), "created", told.reason)


def revise(edit: Edit, bom_id: str, told: RevisionBody, seen: int | None, today: date) -> Row:
    """A new revision of a bill, made of it. Raises Problem, Conflict, Unknown."""
    edit.lock(boms.LOCK)
    old = hold(edit, BomRow, bom_id, seen, "bill of materials")
    item = _item(edit, old.item_master_id)
    changes = _changes(told)
    components = changes.pop("components", None)
    kept = {name: getattr(old, name) for name in boms.HEAD} | {
        "bom_number": f"BOM-{item.item_code}-{told.revision}"[:128],
        "lifecycle_status": "draft",
        "effective_from": max(today, old.effective_from),
        "effective_to": None,
    }
    head = Head(**(kept | changes))
    lines = _lines(edit, told.components or []) if components is not None else _kept_lines(edit, old)
    reason = told.reason or f"made of revision {old.revision}"
    return _add(edit, item, old.product_id, told.revision, head, lines, "revised", reason)


def change(edit: Edit, bom_id: str, told: BomChange, seen: int) -> Row:
    """Change a bill; nothing happens where nothing changes. Raises Problem, Conflict, Unknown."""
    edit.lock(boms.LOCK)
    row = hold(edit, BomRow, bom_id, seen, "bill of materials")
    changes = _changes(told)
    components = changes.pop("components", None)
    before: Row = {name: getattr(row, name) for name in boms.HEAD}
    before["components"] = _kept_lines(edit, row)
    after = before | changes
    if components is not None:
        after["components"] = _lines(edit, told.components or [])
    difference = boms.difference(before, after)
    if not difference:
        return shown(edit, row)
    return _changed(edit, row, after, difference, told.reason)


def replace(edit: Edit, bom_id: str, told: BomBody, seen: int) -> Row:
    """Put a whole bill in the place of another; product and revision stay. Raises Problem, Conflict, Unknown."""
    edit.lock(boms.LOCK)
    row = hold(edit, BomRow, bom_id, seen, "bill of materials")
    named = _named(told)
    if named != Named():
        (found,) = items.find(edit, [named])
        if isinstance(found, str) or found.item.inventory_item_id != row.item_master_id:
            raise Problem(400, "The product of a bill cannot change; make a bill of the other product.")
    if "revision" in told.model_fields_set and told.revision != row.revision:
        raise Problem(400, f"This is revision {row.revision}; POST /api/v1/boms/{bom_id}/revisions makes another.")
    fields = told.model_dump(exclude={"item_id", "item_code", "product_id", "product_name", "revision", "is_phantom"})
    fields["components"] = told.components
    fields["bom_number"] = told.bom_number or row.bom_number
    fields["unit"] = told.unit or row.uom
    fields["effective_from"] = told.effective_from or row.effective_from
    return change(edit, bom_id, BomChange.model_construct(_fields_set=set(fields), **fields), seen)


def remove(edit: Edit, bom_id: str, seen: int | None, reason: str | None) -> None:
    """Delete a bill: it stays for the orders made by it. Raises Conflict, Unknown."""
    edit.lock(boms.LOCK)
    row = hold(edit, BomRow, bom_id, seen, "bill of materials")
    edit.delete(row)
    edit.session.flush()
    boms.audit(edit, row, "deleted", {}, reason)
    _say(edit, row, "bom.updated", reason)


def shown(edit: Edit, row: BomRow) -> Row:
    """A bill as the API shows it."""
    edit.session.flush()
    found = reads.one(edit.rows, row.id, or_deleted=True)
    assert found is not None, "it is held by this transaction"
    return found


def _product(edit: Edit, told: BomBody) -> Found:
    """The item that a bill is of, entered if nobody knows its code."""
    (found,) = items.find(edit, [_named(told)])
    code = told.item_code or told.product_id
    if isinstance(found, str):
        is_new = code is not None and told.item_id is None and found == f"No item {code} is known."
        if not is_new or code is None or items.is_uuid(code):
            raise Problem(400, found, path="product_id")
        unit = told.unit or "EA"
        _refuse_units(edit, [unit])
        found = Found(items.enter(edit, code, told.product_name, unit), None)
    if told.product_name and found.product is None:
        return Found(found.item, items.publish(edit, found.item, told.product_name))
    return found


def _named(told: NamedItem) -> Named:
    return Named(told.item_id, told.item_code, told.product_id)


def _item(edit: Edit, item_id: int) -> Item:
    (found,) = items.find(edit, [Named(item_id=item_id)])
    assert not isinstance(found, str), "a foreign key leads to it"
    return found.item


def _lines(edit: Edit, told: Sequence[ComponentBody]) -> list[Line]:
    """Components whose items and units are known. Raises Problem that names all that are not."""
    found = items.find(edit, [_named(each) for each in told])
    missing = [each for each in found if isinstance(each, str)]
    if missing:
        unknown = [_named(each).words() for each, its in zip(told, found, strict=True) if isinstance(its, str)]
        raise Problem(400, " ".join(missing[:20]), path="components", missing_items=unknown)
    _refuse_units(edit, [each.unit for each in told if each.unit])
    lines = [
        Line(
            item_id=its.item.inventory_item_id,
            item_code=its.item.item_code,
            product_id=its.product.id if its.product else None,
            quantity=each.quantity,
            unit=each.unit or its.item.uom,
            position=each.position or str(10 * number),
            scrap_percentage=each.scrap_percentage,
            notes=each.notes,
        )
        for number, (each, its) in enumerate(zip(told, found, strict=True), 1)
        if not isinstance(its, str)
    ]
    positions = [line.position for line in lines]
    if twice := sorted({each for each in positions if positions.count(each) > 1}):
        raise Problem(400, f"Two components have position {', '.join(twice)}.", path="components")
    return lines


def _kept_lines(edit: Edit, row: BomRow) -> list[Line]:
    """The components of a bill as they are kept."""
    return [
        Line(*(each[name] for name in Line._fields)) for each in reads.components(edit.rows, [row.id]).get(row.id, [])
    ]


def _refuse_units(edit: Edit, named: Sequence[str]) -> None:
    if unknown := items.unknown_units(edit, named):
        raise Problem(400, f"No unit is called {', '.join(unknown)}. GET /api/v1/units tells those there are.")


def _changes(told: BomChange) -> Row:
    """The fields that somebody named, under the names of their columns. Raises Problem for null where it cannot be."""
    named = told.model_fields_set - {"version", "reason", "revision"}
    for name in sorted(named - {"effective_to", "description"}):
        if getattr(told, name) is None:
            raise Problem(400, f"{name} cannot be null.", path=name)
    return {COLUMN.get(name, name): getattr(told, name) for name in named}


def _add(
    edit: Edit,
    item: Item,
    product_id: str | None,
    revision: str,
    head: Head,
    lines: Sequence[Line],
    event_type: str,
    reason: str | None,
) -> Row:
    boms.refuse_taken(edit, item, revision, head.bom_number)
    _refuse_units(edit, [head.uom])
    _refuse_dates(head.effective_from, head.effective_to)
    if head.lifecycle_status == "active":
        _supersede(edit, item, revision, head.effective_from, head.effective_to)
    row = boms.add(edit, item, product_id, revision, head, lines)
    found = shown(edit, row)
    structures.refuse(edit.rows, found)
    after = {**head._asdict(), "revision": revision, "components": list(lines)}
    boms.audit(edit, row, event_type, boms.difference({}, after), reason)
    _say(edit, row, "bom.created", reason)
    return found


def _changed(edit: Edit, row: BomRow, after: Row, difference: Row, reason: str | None) -> Row:
    head = Head(**{name: after[name] for name in boms.HEAD})
    _refuse_units(edit, [head.uom])
    _refuse_dates(head.effective_from, head.effective_to)
    if "bom_number" in difference:
        boms.refuse_number(edit, row, head.bom_number)
    if head.lifecycle_status == "active" and difference.keys() & {"lifecycle_status", "effective_from", "effective_to"}:
        _supersede(edit, _item(edit, row.item_master_id), row.revision, head.effective_from, head.effective_to, row.id)
    for name, value in head._asdict().items():
        setattr(row, name, value)
    edit.touch(row)
    edit.session.flush()
    if "components" in difference:
        boms.put_lines(edit, row, after["components"])
    found = shown(edit, row)
    if head.lifecycle_status != "obsolete":
        structures.refuse(edit.rows, found)
    boms.audit(edit, row, "updated", difference, reason)
    _say(edit, row, "bom.updated", reason)
    return found


def _refuse_dates(begin: date, end: date | None) -> None:
    if end is not None and end <= begin:
        raise Problem(400, f"effective_to must be after effective_from, {begin:%Y-%m-%d}.", path="effective_to")


def _supersede(edit: Edit, item: Item, revision: str, begin: date, end: date | None, but: str | None = None) -> None:
    """End the revision that held until further notice on the day the new one begins. Raises Conflict for any other."""
    for other in boms.overlapping(edit, item.inventory_item_id, begin, end, but):
        if other.effective_to is not None or other.effective_from >= begin:
            until = f" up to {other.effective_to:%Y-%m-%d}" if other.effective_to else " on"
            raise Conflict(
                f"Revision {other.revision} of {item.item_code} holds from {other.effective_from:%Y-%m-%d}{until}; "
                "two revisions cannot hold on the same day.",
                bom_id=other.id,
            )
        before = {"effective_to": other.effective_to}
        other.effective_to = begin
        edit.touch(other)
        edit.session.flush()
        reason = f"superseded by revision {revision}"
        boms.audit(edit, other, "superseded", boms.difference(before, {"effective_to": begin}), reason)
        _say(edit, other, "bom.updated", reason)


def _say(edit: Edit, row: BomRow, type_name: str, reason: str | None) -> None:
    """Tell of a bill as it is now."""
    is_deleted = row.deleted_at is not None
    lines = [] if is_deleted else _kept_lines(edit, row)
    item = _item(edit, row.item_master_id)
    payload = BomChanged(
        bom_id=row.id,
        version=row.version,
        bom_number=row.bom_number,
        item_id=row.item_master_id,
        item_code=item.item_code,
        product_id=row.product_id,
        revision=row.revision,
        lifecycle_status=row.lifecycle_status,
        effective_from=row.effective_from,
        effective_to=row.effective_to,
        output_quantity=Decimal(row.output_quantity),
        unit=row.uom,
        components=tuple(
            BomLineTold(
                item_code=line.item_code,
                quantity=line.quantity,
                unit=line.unit,
                position=line.position,
                scrap_percentage=line.scrap_percentage,
            )
            for line in lines
        ),
        is_deleted=is_deleted,
        changed_by=edit.actor,
        reason=reason,
    )
    edit.say(type_name, payload, row.id, row.version)
