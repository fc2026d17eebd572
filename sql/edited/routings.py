"""Routings: a version with its operations, changed as one; a new version begins as a copy of another."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import select

from sql.edited import planning
from sql.edited.base import Conflict, Edit
from sql.edited.planning import (
    Values,
    Wrong,
    check_links,
    check_named,
    differences,
    held,
    refuse_twin,
    register_tenant,
    tell,
)
from sql.edited.resources import RoutingOperationRow, RoutingRow
from sql.edited.subjects import ROUTING, WORK_CENTER_LINK, Link

OPERATION_LINK: Final = Link("operation_id", "operations", "operation")
BEFORE: Final = "predecessor_sequence_number"
COPIED: Final = (
    "operation_id",
    "sequence_number",
    "setup_time_minutes",
    "run_time_per_unit_seconds",
    "work_center_id",
    "alternative_work_center_ids",
    "yield_percentage",
    "scrap_percentage",
    "is_concurrent",
    "transfer_quantity",
    "description",
    "work_instructions",
)


def create(edit: Edit, values: Values, operations: Sequence[Values], *, keep_others_active: bool = False) -> RoutingRow:
    """Keep a new routing with its operations. Raises Wrong, Conflict."""
    edit.lock(ROUTING.name)
    register_tenant(edit)
    refuse_twin(edit, ROUTING, values)
    row = RoutingRow(**edit.born(), **values)
    edit.session.add(row)
    _write_operations(edit, row, operations)
    told = {name: (None, value) for name, value in values.items() if value is not None}
    tell(edit, ROUTING, row, "created", told | {"operations": (None, list(operations))})
    if row.is_active and not keep_others_active:
        _retire_others(edit, row)
    return row


def change(
    edit: Edit,
    identity: str,
    version: int | None,
    values: Values,
    operations: Sequence[Values],
    *,
    keep_others_active: bool = False,
    reason: str | None = None,
) -> RoutingRow:
    """Give a routing these values and operations; the audit keeps a reason. Raises Unknown, Conflict, Wrong."""
    edit.lock(ROUTING.name)
    row = held(edit, ROUTING, identity, version)
    assert isinstance(row, RoutingRow)
    changed = differences(row, values)
    before, after = _operations_told(edit, row), _sorted(operations)
    if before != after:
        changed["operations"] = (before, after)
    if not changed:
        return row
    if changed.keys() & set(ROUTING.unique):
        refuse_twin(edit, ROUTING, values)
    if before != after:
        _write_operations(edit, row, operations)
    planning.apply(edit, row, {name: told for name, (_, told) in changed.items() if name != "operations"})
    tell(edit, ROUTING, row, "updated", changed if reason is None else changed | {"reason": (None, reason)})
    if row.is_active and "is_active" in changed and not keep_others_active:
        _retire_others(edit, row)
    return row


def retime(edit: Edit, identity: str, version: int, times: Mapping[int, Values], reason: str) -> RoutingRow:
    """Give some operations other times, by their sequence number. Raises Unknown, Conflict, Wrong."""
    edit.lock(ROUTING.name)
    row = held(edit, ROUTING, identity, version)
    assert isinstance(row, RoutingRow)
    operations = [told | dict(times.get(told["sequence_number"], {})) for told in _operations_told(edit, row)]
    return change(edit, identity, version, {}, operations, reason=reason)


def new_version(
    edit: Edit, identity: str, version: int | None, values: Values, *, keep_others_active: bool = False
) -> RoutingRow:
    """A copy with the next version's number, and these values. Raises Unknown, Conflict."""
    edit.lock(ROUTING.name)
    row = held(edit, ROUTING, identity, version)
    assert isinstance(row, RoutingRow)
    edit.rows.execute(
        "SELECT max(routing_version) + 1 AS next FROM routing_templates WHERE routing_code = %s", [row.routing_code]
    )
    found = edit.rows.fetchone()
    copied = {
        name: getattr(row, name) for name in ("routing_code", "routing_name", "product_category", "product_id")
    } | {"description": row.description, "is_active": True}
    told = copied | dict(values) | {"routing_version": found["next"] if found else 1}
    return create(edit, told, _operations_told(edit, row), keep_others_active=keep_others_active)


def restore(edit: Edit, identity: str) -> RoutingRow:
    """Have a deleted routing back, not active. Raises Unknown; Conflict where what it names is not there any more."""
    row = planning.restore(edit, ROUTING, identity, {"is_active": False})
    assert isinstance(row, RoutingRow)
    try:
        known: set[tuple[str, str]] = set()
        for told in _operations_told(edit, row):
            _check_named(edit, None, told, f"operation {told['sequence_number']}: ", known)
    except Wrong as wrong:
        raise Conflict(f"It cannot come back: {wrong}") from wrong
    return row


def _rows(edit: Edit, routing_id: str) -> list[RoutingOperationRow]:
    wanted = select(RoutingOperationRow).where(
        RoutingOperationRow.tenant_id == edit.tenant_id, RoutingOperationRow.routing_id == routing_id
    )
    return list(edit.session.scalars(wanted.order_by(RoutingOperationRow.sequence_number)))


def _operations_told(edit: Edit, row: RoutingRow) -> list[dict[str, Any]]:
    """A routing's operations as they would be told: the one before by its place in the sequence."""
    found = _rows(edit, row.id)
    places = {each.id: each.sequence_number for each in found}
    return [
        {name: getattr(each, name) for name in COPIED} | {BEFORE: places.get(each.predecessor_operation_id or "")}
        for each in found
    ]


def _sorted(operations: Sequence[Values]) -> list[dict[str, Any]]:
    return sorted((dict(each) for each in operations), key=lambda each: int(each["sequence_number"]))


def _write_operations(edit: Edit, row: RoutingRow, operations: Sequence[Values]) -> None:
    """Make a routing have these operations: what has its place already stays the same row.

    Raises Wrong for what can never be kept: two with one place, one that follows another which is not there.
    """
    _refuse_what_cannot_be_kept(operations)
    edit.session.flush()
    there = {each.sequence_number: each for each in _rows(edit, row.id)}
    known: set[tuple[str, str]] = set()
    for index, told in enumerate(operations):
        kept = there.get(told["sequence_number"])
        _check_named(edit, kept, told, f"operations.{index}.", known)
        columns = {name: told[name] for name in COPIED}
        if kept is None:
            kept = RoutingOperationRow(**edit.born(), routing_id=row.id, **columns)
            there[kept.sequence_number] = kept
            edit.session.add(kept)
        elif differences(kept, columns):
            planning.apply(edit, kept, columns)
    wanted = {told["sequence_number"]: told for told in operations}
    for number, each in there.items():
        if number in wanted:
            before = wanted[number][BEFORE]
            each.predecessor_operation_id = None if before is None else there[before].id
        else:
            edit.session.delete(each)
    edit.session.flush()


def _refuse_what_cannot_be_kept(operations: Sequence[Values]) -> None:
    numbers = [told["sequence_number"] for told in operations]
    for index, told in enumerate(operations):
        number, before = told["sequence_number"], told[BEFORE]
        if number in numbers[:index]:
            raise Wrong(f"operations.{index}.sequence_number", f"Two operations have sequence number {number}.")
        if before is not None and before not in numbers:
            sentence = f"Operation {number} follows {before}, which the routing does not have."
            raise Wrong(f"operations.{index}.{BEFORE}", sentence)


def _check_named(
    edit: Edit, kept: RoutingOperationRow | None, told: Mapping[str, Any], at: str, known: set[tuple[str, str]]
) -> None:
    """Raise Wrong for an operation or a work centre that is not there; `known` has those that were asked for already.

    What stays as it was is not asked for.
    """
    columns = {name: told[name] for name in (OPERATION_LINK.column, WORK_CENTER_LINK.column)}
    alternatives = told["alternative_work_center_ids"]
    if kept is not None:
        columns = {name: value for name, value in columns.items() if getattr(kept, name) != value}
        alternatives = [each for each in alternatives if each not in kept.alternative_work_center_ids]
    places = WORK_CENTER_LINK.column
    asked = {name: value for name, value in columns.items() if (name, value) not in known}
    check_links(edit, (OPERATION_LINK, WORK_CENTER_LINK), asked, at)
    if OPERATION_LINK.column in asked:
        _refuse_inactive(edit, asked[OPERATION_LINK.column], at)
    for identity in alternatives:
        if (places, identity) not in known:
            check_named(edit, WORK_CENTER_LINK, identity, at + "alternative_work_center_ids")
    known.update((name, value) for name, value in asked.items() if value is not None)
    known.update((places, identity) for identity in alternatives)


def _refuse_inactive(edit: Edit, operation_id: str, at: str) -> None:
    edit.rows.execute("SELECT operation_code FROM operations WHERE id = %s AND NOT is_active", [operation_id])
    if (found := edit.rows.fetchone()) is not None:
        raise Wrong(at + OPERATION_LINK.column, f"{found['operation_code']} is not for new routings any more.")


def _retire_others(edit: Edit, row: RoutingRow) -> None:
    """Of a code one version is active at a time: the others are not any more."""
    others = select(RoutingRow).where(
        RoutingRow.tenant_id == edit.tenant_id,
        RoutingRow.routing_code == row.routing_code,
        RoutingRow.id != row.id,
        RoutingRow.is_active,
        RoutingRow.deleted_at.is_(None),
    )
    for other in edit.session.scalars(others.with_for_update()):
        planning.apply(edit, other, {"is_active": False})
        tell(edit, ROUTING, other, "updated", {"is_active": (True, False)})
