"""Work orders, their bills of materials, production logs and inspections."""

from collections.abc import Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any

from psycopg import Cursor
from psycopg.sql import SQL

from schemas.messages.work_orders import WorkOrderChanged, WorkOrderProgressed
from sql.bulk import append, as_json, delete_older, load, upsert_newer, versions
from sql.read_models.events import PLACE, Event, newest

HEAD = (
    "work_order_id",
    "version",
    "erp_work_order_id",
    "work_order_number",
    "product_id",
    "product_name",
    "product_variant",
    "quantity_ordered",
    "quantity_produced",
    "quantity_scrapped",
    "progress_percentage",
    "unit_of_measure",
    "status",
    "priority",
    "due_date",
    "customer_order_id",
    "production_line_preference",
    "special_instructions",
    "actual_start_at",
    "actual_end_at",
    "is_interrupted",
    "defect_count",
    "inspection_count",
    "assigned_machine_id",
    "assigned_operator_id",
    "materials_status",
    "origin",
    "bom_id",
    "bom_revision",
)
ORDER = ("tenant_id", *HEAD, "created_at", "updated_at")
PROGRESS = ("work_order_id", "version", "status", "quantity_produced", "quantity_scrapped", "progress_percentage")
LOG_FIELDS = ("log_id", "work_order_id", "machine_id", "units", "scrapped_units", "units_reported", "cumulative_units")
LOG_MORE = ("counter_epoch", "quality_status", "cycle_time_seconds")
_logged = attrgetter(*LOG_FIELDS, *LOG_MORE)
LOG_AFTER = ("known_at", "order_produced", "order_scrapped", "order_version")
LOG = ("tenant_id", *LOG_FIELDS, *LOG_MORE, "produced_at", "received_at", "is_late", *LOG_AFTER, *PLACE)
INSPECTED = ("inspection_id", "work_order_id", "machine_id", "inspection_type", "result", "defect_detected")
INSPECTION = ("tenant_id", *INSPECTED, "defect_type", "inspector", "inspected_at", *PLACE)
CHANGED = ("tenant_id", *HEAD, "event", "known_at", "happened_at", "reason", "bill_of_materials", "archived_at", *PLACE)
BOM_LINE = ("material_id", "part_number", "part_name", "quantity_required", "unit_of_measure")


def project(cursor: Cursor[Any], tenant_id: str, events: Sequence[Event]) -> int:
    """Write what events of the topic work-orders say of one tenant's orders; rows written.

    The rows do not depend on how events are cut into batches, nor on what is told again.
    """
    news = _news(cursor, events)
    heads = [each for each in news if isinstance(each.message.payload, WorkOrderChanged)]
    progressed = _of_type(events, "work_order.progressed")
    inspected = _of_type(events, "work_order.inspected")
    return (
        _write_heads(cursor, tenant_id, heads)
        + _write_bill(cursor, tenant_id, heads)
        + _write_progress(cursor, _of_type(news, "work_order.progressed"))
        + append(cursor, "production_logs", LOG, [_log_row(tenant_id, event) for event in progressed])
        + _write_quality(cursor, _of_type(news, "work_order.inspected"))
        + append(cursor, "quality_inspections", INSPECTION, [_inspection_row(tenant_id, each) for each in inspected])
        + _write_archived(cursor, _of_type(news, "work_order.archived"))
        + append(cursor, "work_order_changes", CHANGED, _change_rows(tenant_id, news))
    )


def _of_type(events: Sequence[Event], type_name: str) -> list[Event]:
    return [event for event in events if event.message.type == type_name]


def _news(cursor: Cursor[Any], events: Sequence[Event]) -> list[Event]:
    """The events that are newer than all before them of their order; what a restarted worker tells again is not."""
    known = versions(cursor, "work_orders", "work_order_id", (each.message.payload.work_order_id for each in events))
    news = []
    for event in events:
        told = event.message.payload
        if told.version > known.get(told.work_order_id, 0):
            known[told.work_order_id] = told.version
            news.append(event)
    return news


def _write_heads(cursor: Cursor[Any], tenant_id: str, events: Sequence[Event]) -> int:
    created_at: dict[str, datetime] = {}
    for event in events:
        created_at.setdefault(event.message.payload.work_order_id, event.message.timestamp)
    rows = [
        _head_row(tenant_id, each, created_at[each.message.payload.work_order_id])
        for each in newest(events, "work_order_id")
    ]
    return upsert_newer(cursor, "work_orders", ORDER, rows, ("tenant_id", "work_order_id"), keep=("created_at",))


def _head_row(tenant_id: str, event: Event, created_at: datetime) -> tuple[Any, ...]:
    told = event.message.payload
    return (tenant_id, *(getattr(told, name) for name in HEAD), created_at, event.message.timestamp)


def _change_rows(tenant_id: str, events: Sequence[Event]) -> list[tuple[Any, ...]]:
    """What each event tells but the counts, which are kept as logs: what it does not tell stays empty."""
    rows = []
    for event in events:
        message = event.message
        told = message.payload
        if isinstance(told, WorkOrderProgressed):
            continue
        bill = as_json(getattr(told, "bill_of_materials", None))
        fields = (getattr(told, name, None) for name in HEAD)
        more = (message.type, event.known_at, message.timestamp, getattr(told, "reason", None), bill)
        rows.append((tenant_id, *fields, *more, getattr(told, "archived_at", None), *event.place))
    return rows


def _write_bill(cursor: Cursor[Any], tenant_id: str, events: Sequence[Event]) -> int:
    """An order's bill of materials is replaced as a whole by the latest event that names one."""
    latest = newest((each for each in events if each.message.payload.bill_of_materials is not None), "work_order_id")
    if not latest:
        return 0
    told = {each.message.payload.work_order_id: each.message.payload.version for each in latest}
    delete_older(cursor, "work_order_bom", "work_order_id", told)
    columns = ("tenant_id", "work_order_id", "version", "line", *BOM_LINE)
    rows = [
        (
            tenant_id,
            each.message.payload.work_order_id,
            each.message.payload.version,
            line,
            *(getattr(item, name) for name in BOM_LINE),
        )
        for each in latest
        for line, item in enumerate(each.message.payload.bill_of_materials, 1)
    ]
    return append(cursor, "work_order_bom", columns, rows)


def _write_progress(cursor: Cursor[Any], events: Sequence[Event]) -> int:
    """Only what a count changes, of the latest count of each order."""
    if not events:
        return 0
    columns = (*PROGRESS, "current_machine_id", "updated_at")
    rows = [
        (
            *(getattr(each.message.payload, name) for name in PROGRESS),
            each.message.payload.machine_id,
            each.message.timestamp,
        )
        for each in newest(events, "work_order_id")
    ]
    incoming = load(cursor, "work_orders", columns, rows, "progress")
    cursor.execute(
        SQL(
            """
            UPDATE work_orders AS kept SET
              status = CASE WHEN kept.version < told.version THEN told.status ELSE kept.status END,
              progress_percentage =
                CASE WHEN kept.version < told.version THEN told.progress_percentage ELSE kept.progress_percentage END,
              quantity_produced = greatest(kept.quantity_produced, told.quantity_produced),
              quantity_scrapped = greatest(kept.quantity_scrapped, told.quantity_scrapped),
              current_machine_id = told.current_machine_id,
              updated_at = CASE WHEN kept.version < told.version THEN told.updated_at ELSE kept.updated_at END,
              version = greatest(kept.version, told.version)
            FROM {} AS told WHERE kept.work_order_id = told.work_order_id
            """
        ).format(incoming)
    )
    return cursor.rowcount


def _log_row(tenant_id: str, event: Event) -> tuple[Any, ...]:
    message = event.message
    told: WorkOrderProgressed = message.payload
    return (
        tenant_id,
        *_logged(told),
        message.timestamp,
        message.received_at,
        message.late,
        event.known_at,
        told.quantity_produced,
        told.quantity_scrapped,
        told.version,
        *event.place,
    )


def _write_quality(cursor: Cursor[Any], events: Sequence[Event]) -> int:
    latest = newest(events, "work_order_id")
    if not latest:
        return 0
    told = [each.message.payload for each in latest]
    cursor.execute(
        """
        UPDATE work_orders AS kept
        SET version = greatest(kept.version, told.version),
            updated_at = CASE WHEN kept.version < told.version THEN told.updated_at ELSE kept.updated_at END,
            inspection_count = greatest(kept.inspection_count, told.inspections),
            defect_count = greatest(kept.defect_count, told.defects)
        FROM unnest(%s::text[], %s::bigint[], %s::timestamptz[], %s::bigint[], %s::bigint[])
          AS told(work_order_id, version, updated_at, inspections, defects)
        WHERE kept.work_order_id = told.work_order_id
        """,
        [
            [each.work_order_id for each in told],
            [each.version for each in told],
            [each.message.timestamp for each in latest],
            [each.inspection_count for each in told],
            [each.defect_count for each in told],
        ],
    )
    return cursor.rowcount


def _inspection_row(tenant_id: str, event: Event) -> tuple[Any, ...]:
    told = event.message.payload
    fields = (getattr(told, name) for name in (*INSPECTED, "defect_type", "inspector"))
    return (tenant_id, *fields, event.message.timestamp, *event.place)


def _write_archived(cursor: Cursor[Any], events: Sequence[Event]) -> int:
    if not events:
        return 0
    cursor.execute(
        """
        UPDATE work_orders AS kept
        SET version = told.version, archived_at = told.archived_at, updated_at = told.archived_at
        FROM unnest(%s::text[], %s::bigint[], %s::timestamptz[]) AS told(work_order_id, version, archived_at)
        WHERE kept.work_order_id = told.work_order_id AND kept.version < told.version
        """,
        [
            [each.message.payload.work_order_id for each in events],
            [each.message.payload.version for each in events],
            [each.message.payload.archived_at for each in events],
        ],
    )
    return cursor.rowcount


CLOSED = """
SELECT work_order_id FROM work_orders
WHERE status IN ('completed', 'cancelled') AND archived_at IS NULL AND actual_end_at < %s
ORDER BY actual_end_at LIMIT %s
"""


def closed_before(cursor: Cursor[Any], moment: Any, limit: int) -> list[str]:
    """Orders that closed before a moment and still lie in the workers' memory, oldest first."""
    cursor.execute(CLOSED, [moment, limit])
    return [order for (order,) in cursor.fetchall()]
