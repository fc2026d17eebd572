"""Materials and the lots on their shelves, changes of their master data, reservations, and what was used up."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from psycopg import Cursor

from schemas.messages.materials import ConsumptionAcknowledged, MaterialChanged, MaterialConsumed, ReservationChanged
from sql.bulk import append, as_json, delete_older, upsert_newer, versions
from sql.read_models.events import PLACE, Event, newest

STATE = (
    "material_id",
    "version",
    "part_number",
    "part_name",
    "description",
    "category",
    "unit_of_measure",
    "standard_cost",
    "currency",
    "is_active",
    "warehouse",
    "location",
    "on_hand_quantity",
    "reserved_quantity",
    "allocated_quantity",
    "available_quantity",
    "safety_stock",
    "stock_at",
)
MATERIAL = ("tenant_id", *STATE, "updated_at")
WAS = ("tenant_id", *STATE, "known_at", "happened_at", "batches", *PLACE)
BATCH = ("tenant_id", "material_id", "version", "batch_number", "quantity", "expiration_date")
CHANGED = ("tenant_id", "material_id", "version", "field", "old_value", "new_value")
CHANGE = (*CHANGED, "changed_at", "changed_by", "change_source", *PLACE)
HELD = ("reservation_id", "work_order_id", "material_id", "quantity_requested", "shortage", "status")
HELD_MORE = ("inventory_reservation_id", "reason", "version")
RESERVATION = ("tenant_id", *HELD, *HELD_MORE, "quantity", "batches", "created_at", "updated_at", *PLACE)
HELD_THEN = ("tenant_id", *HELD, *HELD_MORE, "quantity", "batches", "known_at", "happened_at", *PLACE)
USED = ("transaction_id", "material_id", "part_number", "work_order_id", "reservation_id", "quantity")
USED_MORE = ("unit_of_measure", "occurred_at", "version")
TRANSACTION = ("tenant_id", *USED, *USED_MORE, "batches", "transaction_type", *PLACE)


def project(cursor: Cursor[Any], tenant_id: str, events: Sequence[Event]) -> int:
    """Write what events of the topic inventory say of one tenant's materials; rows written."""
    changed, held = _of(events, MaterialChanged), _of(events, ReservationChanged)
    return (
        _write_materials(cursor, tenant_id, changed)
        + append(cursor, "material_changes", CHANGE, _change_rows(tenant_id, changed))
        + append(cursor, "material_states", WAS, [_state_row(tenant_id, each) for each in changed])
        + _write_reservations(cursor, tenant_id, held)
        + append(cursor, "reservation_changes", HELD_THEN, [_held_row(tenant_id, each) for each in held])
        + append(cursor, "material_transactions", TRANSACTION, _transaction_rows(tenant_id, events))
        + _write_acknowledged(cursor, _of(events, ConsumptionAcknowledged))
    )


def _of(events: Sequence[Event], payload: type) -> list[Event]:
    return [event for event in events if isinstance(event.message.payload, payload)]


def _write_materials(cursor: Cursor[Any], tenant_id: str, events: Sequence[Event]) -> int:
    known = versions(cursor, "materials", "material_id", (each.message.payload.material_id for each in events))
    latest = newest(events, "material_id", known=known)
    rows = [
        (tenant_id, *(getattr(each.message.payload, name) for name in STATE), each.message.timestamp) for each in latest
    ]
    written = upsert_newer(cursor, "materials", MATERIAL, rows, ("tenant_id", "material_id"))
    return written + _write_batches(cursor, tenant_id, [each.message.payload for each in latest])


def _write_batches(cursor: Cursor[Any], tenant_id: str, told: Sequence[MaterialChanged]) -> int:
    """A material's lots are replaced as a whole by its latest version."""
    if not told:
        return 0
    delete_older(cursor, "material_batches", "material_id", {each.material_id: each.version for each in told})
    rows = [
        (tenant_id, each.material_id, each.version, lot.batch_number, lot.quantity, lot.expiration_date)
        for each in told
        for lot in each.batches
    ]
    return append(cursor, "material_batches", BATCH, rows)


def _state_row(tenant_id: str, event: Event) -> tuple[Any, ...]:
    """The material as it was then."""
    told: MaterialChanged = event.message.payload
    fields = (getattr(told, name) for name in STATE)
    return (tenant_id, *fields, event.known_at, event.message.timestamp, as_json(told.batches), *event.place)


def _change_rows(tenant_id: str, events: Sequence[Event]) -> list[tuple[Any, ...]]:
    rows = []
    for event in events:
        told: MaterialChanged = event.message.payload
        rows += [
            (
                *(tenant_id, told.material_id, told.version, change.field, change.old, change.new),
                *(told.changed_at, told.changed_by, told.change_source),
                *event.place,
            )
            for change in told.changes
        ]
    return rows


def _write_reservations(cursor: Cursor[Any], tenant_id: str, events: Sequence[Event]) -> int:
    """The latest word about each reservation; it began with the first."""
    created_at: dict[str, datetime] = {}
    for event in events:
        created_at.setdefault(event.message.payload.reservation_id, event.message.timestamp)
    rows = [
        _reservation_row(tenant_id, each, created_at[each.message.payload.reservation_id])
        for each in newest(events, "reservation_id")
    ]
    return upsert_newer(
        cursor, "reservations", RESERVATION, rows, ("tenant_id", "reservation_id"), keep=("created_at",)
    )


def _reservation_row(tenant_id: str, event: Event, created_at: datetime) -> tuple[Any, ...]:
    told: ReservationChanged = event.message.payload
    return (
        tenant_id,
        *(getattr(told, name) for name in (*HELD, *HELD_MORE)),
        told.quantity_reserved,
        as_json(told.batches),
        created_at,
        event.message.timestamp,
        *event.place,
    )


def _held_row(tenant_id: str, event: Event) -> tuple[Any, ...]:
    """The reservation as it was then."""
    told: ReservationChanged = event.message.payload
    fields = (getattr(told, name) for name in (*HELD, *HELD_MORE))
    batches = as_json(told.batches)
    moments = (event.known_at, event.message.timestamp)
    return (tenant_id, *fields, told.quantity_reserved, batches, *moments, *event.place)


def _transaction_rows(tenant_id: str, events: Sequence[Event]) -> list[tuple[Any, ...]]:
    rows = []
    for event in _of(events, MaterialConsumed):
        told: MaterialConsumed = event.message.payload
        fields = (getattr(told, name) for name in (*USED, *USED_MORE))
        rows.append((tenant_id, *fields, as_json(told.batches), "consumption", *event.place))
    return rows


def _write_acknowledged(cursor: Cursor[Any], events: Sequence[Event]) -> int:
    if not events:
        return 0
    told = [event.message.payload for event in events]
    cursor.execute(
        "UPDATE material_transactions AS kept SET warehouse_confirmed_at = told.confirmed_at "
        "FROM unnest(%s::text[], %s::timestamptz[]) AS told(transaction_id, confirmed_at) "
        "WHERE kept.transaction_id = told.transaction_id",
        [[each.transaction_id for each in told], [each.confirmed_at for each in told]],
    )
    return cursor.rowcount
