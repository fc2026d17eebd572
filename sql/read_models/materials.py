"""Materials and the lots on their shelves."""

from collections.abc import Sequence
from typing import Any

from psycopg import Cursor

from schemas.messages.materials import MaterialChanged
from sql.bulk import append, upsert_newer
from sql.read_models.events import Event

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
    "allocated_quantity",
    "available_quantity",
    "safety_stock",
)
MATERIAL = ("tenant_id", *STATE, "updated_at")
BATCH = ("tenant_id", "material_id", "version", "batch_number", "quantity", "expiration_date")


def project(cursor: Cursor[Any], tenant_id: str, events: Sequence[Event]) -> int:
    """Write what events of the topic inventory say of one tenant's materials; rows written."""
    known = _versions(cursor, events)
    latest: dict[str, Event] = {}
    for event in events:
        told = event.message.payload
        if told.version > known.get(told.material_id, 0):
            known[told.material_id], latest[told.material_id] = told.version, event
    rows = [
        (tenant_id, *(getattr(each.message.payload, name) for name in STATE), each.message.timestamp)
        for each in latest.values()
    ]
    written = upsert_newer(cursor, "materials", MATERIAL, rows, ("tenant_id", "material_id"))
    return written + _write_batches(cursor, tenant_id, [each.message.payload for each in latest.values()])


def _versions(cursor: Cursor[Any], events: Sequence[Event]) -> dict[str, int]:
    """The versions that the materials' rows have now; what is not newer is told again and changes nothing."""
    materials = {event.message.payload.material_id for event in events}
    cursor.execute("SELECT material_id, version FROM materials WHERE material_id = ANY(%s)", [list(materials)])
    return dict(cursor.fetchall())


def _write_batches(cursor: Cursor[Any], tenant_id: str, told: Sequence[MaterialChanged]) -> int:
    """A material's lots are replaced as a whole by its latest version."""
    if not told:
        return 0
    cursor.execute(
        "DELETE FROM material_batches AS kept USING unnest(%s::text[], %s::bigint[]) AS told(material_id, version) "
        "WHERE kept.material_id = told.material_id AND kept.version < told.version",
        [[each.material_id for each in told], [each.version for each in told]],
    )
    rows = [
        (tenant_id, each.material_id, each.version, lot.batch_number, lot.quantity, lot.expiration_date)
        for each in told
        for lot in each.batches
    ]
    return append(cursor, "material_batches", BATCH, rows)
