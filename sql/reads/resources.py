"""What planners edit, as it is shown: pages by code, one of them, and who changed what."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from psycopg import Cursor

from sql.reads.pages import cursor_of, pattern_of, values_of

Row = dict[str, Any]

EDITED: Final = "version, {0}.created_at, {0}.created_by, {0}.updated_at, {0}.updated_by, {0}.deleted_at"


class Listing(NamedTuple):
    """How a subject is read: its rows, the text they are sorted by, the text `q` is looked for in, and its filters."""

    select: str
    sort: str
    search: str
    filters: Mapping[str, str] = {}


def _edited(name: str) -> str:
    return f"{name}." + EDITED.format(name)


LISTINGS: Final[Mapping[str, Listing]] = {
    "calendar": Listing(
        f"""SELECT c.id::text AS id, c.calendar_code, c.calendar_name, c.definition, c.definition->>'zone' AS zone,
          (SELECT count(*) FROM work_centers w WHERE w.calendar_id = c.id AND w.deleted_at IS NULL)
            AS work_center_count,
          {_edited("c")} FROM work_calendars c""",
        "calendar_code",
        "concat_ws(' ', calendar_code, calendar_name)",
        {"zone": "zone = %(zone)s"},
    ),
    "work_center": Listing(
        f"""SELECT w.id::text AS id, w.work_center_code, w.work_center_name, w.work_center_type, w.line, w.machine_id,
          w.calendar_id::text AS calendar_id, c.calendar_code, w.hourly_rate, w.is_active, {_edited("w")}
        FROM work_centers w LEFT JOIN work_calendars c ON c.tenant_id = w.tenant_id AND c.id = w.calendar_id""",
        "work_center_code",
        "concat_ws(' ', work_center_code, work_center_name, machine_id)",
        {
            "work_center_type": "work_center_type = %(work_center_type)s",
            "line": "line = %(line)s",
            "machine_id": "machine_id = %(machine_id)s",
            "calendar_id": "calendar_id = %(calendar_id)s::text",
            "is_active": "is_active = %(is_active)s",
        },
    ),
    "operation": Listing(
        f"""SELECT o.id::text AS id, o.operation_code, o.operation_name, o.operation_type,
          o.default_work_center_id::text AS default_work_center_id, w.work_center_code AS default_work_center_code,
          o.setup_time_minutes, o.run_time_per_unit_seconds, o.is_active, o.tenant_id IS NULL AS is_shared,
          {_edited("o")}
        FROM operations o LEFT JOIN work_centers w ON w.tenant_id = o.tenant_id AND w.id = o.default_work_center_id""",
        "operation_code",
        "concat_ws(' ', operation_code, operation_name)",
        {
            "operation_type": "operation_type = %(operation_type)s",
            "is_active": "is_active = %(is_active)s",
            "is_shared": "is_shared = %(is_shared)s",
            "work_center_id": "default_work_center_id = %(work_center_id)s::text",
        },
    ),
    "routing": Listing(
        f"""SELECT t.id::text AS id, t.routing_code, t.routing_name, t.routing_version, t.product_category,
          t.product_id, t.is_active, t.description,
          (SELECT count(*) FROM routing_operations r WHERE r.routing_id = t.id AND r.deleted_at IS NULL)
            AS operation_count, {_edited("t")}
        FROM routing_templates t""",
        "concat(routing_code, ' ', to_char(routing_version, 'FM0000000000'))",
        "concat_ws(' ', routing_code, routing_name, product_id, product_category)",
        {
            "routing_code": "routing_code = %(routing_code)s",
            "product_id": "product_id = %(product_id)s",
            "product_category": "product_category = %(product_category)s",
            "is_active": "is_active = %(is_active)s",
            "work_center_id": "EXISTS (SELECT FROM routing_operations r WHERE r.routing_id = shown.id::uuid "
            "AND (r.work_center_id = %(work_center_id)s OR %(work_center_id)s = ANY(r.alternative_work_center_ids)))",
        },
    ),
    "changeover": Listing(
        f"""SELECT d.id::text AS id, d.work_center_id::text AS work_center_id, w.work_center_code, d.from_family,
          d.to_family, d.setup_minutes, d.external_minutes, d.reason, {_edited("d")}
        FROM changeover_details d LEFT JOIN work_centers w ON w.tenant_id = d.tenant_id AND w.id = d.work_center_id""",
        "concat_ws(chr(9), coalesce(work_center_code, ''), coalesce(from_family, ''), coalesce(to_family, ''))",
        "concat_ws(' ', work_center_code, from_family, to_family, reason)",
        {
            "work_center_id": "work_center_id = %(work_center_id)s::text",
            "family": "%(family)s IN (from_family, to_family)",
        },
    ),
    "maintenance": Listing(
        f"""SELECT m.id::text AS id, m.work_center_id::text AS work_center_id, w.work_center_code, m.maintenance_type,
          m.status, m.begins_at, m.ends_at, m.description, {_edited("m")}
        FROM maintenance_records m JOIN work_centers w ON w.tenant_id = m.tenant_id AND w.id = m.work_center_id""",
        "to_char(begins_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')",
        "concat_ws(' ', work_center_code, maintenance_type, description)",
        {
            "work_center_id": "work_center_id = %(work_center_id)s::text",
            "maintenance_type": "maintenance_type = %(maintenance_type)s",
            "status": "status = %(status)s",
            "from_at": "ends_at > %(from_at)s",
            "to_at": "begins_at < %(to_at)s",
        },
    ),
    "asset": Listing(
        f"""SELECT a.id::text AS id, a.asset_code, a.asset_name, a.asset_type,
          a.parent_asset_id::text AS parent_asset_id, p.asset_code AS parent_asset_code,
          a.work_center_id::text AS work_center_id, a.machine_id, {_edited("a")}
        FROM asset_hierarchy a LEFT JOIN asset_hierarchy p ON p.tenant_id = a.tenant_id AND p.id = a.parent_asset_id""",
        "asset_code",
        "concat_ws(' ', asset_code, asset_name, machine_id)",
        {
            "asset_type": "asset_type = %(asset_type)s",
            "parent_asset_id": "parent_asset_id = %(parent_asset_id)s::text",
            "work_center_id": "work_center_id = %(work_center_id)s::text",
        },
    ),
}


def page(
    rows: Cursor[Row], subject: str, wanted: Mapping[str, Any], text: str | None, limit: int, cursor: str | None
) -> tuple[list[Row], str | None]:
    """A page and the cursor of the next, None on the last. Raises BadCursor."""
    listing = LISTINGS[subject]
    conditions = ["deleted_at IS NULL"]
    values: Row = {name: value for name, value in wanted.items() if value is not None} | {"limit": limit + 1}
    conditions += [listing.filters[name] for name in values if name in listing.filters]
    if text:
        conditions.append(f"{listing.search} ILIKE %(text)s")
        values["text"] = pattern_of(text)
    if cursor is not None:
        values["after"], values["after_id"] = values_of(cursor, 2)
        conditions.append("(sort_key, id::uuid) > (%(after)s, %(after_id)s::uuid)")
    rows.execute(
        f'SELECT * FROM (SELECT found.*, ({listing.sort}) COLLATE "C" AS sort_key FROM ({listing.select}) found) shown '
        f"WHERE {' AND '.join(conditions)} ORDER BY sort_key, id::uuid LIMIT %(limit)s".encode(),
        values,
    )
    found = rows.fetchall()
    more = cursor_of([found[limit - 1]["sort_key"], found[limit - 1]["id"]]) if len(found) > limit else None
    return [_without(row, "sort_key", "deleted_at") for row in found[:limit]], more


def one(rows: Cursor[Row], subject: str, identity: str) -> Row | None:
    """One that is not deleted."""
    rows.execute(
        f"SELECT * FROM ({LISTINGS[subject].select}) found WHERE id = %s::uuid::text AND deleted_at IS NULL".encode(),
        [identity],
    )
    row = rows.fetchone()
    return None if row is None else _without(row, "deleted_at")


def changes(rows: Cursor[Row], subject: str, identity: str, limit: int) -> list[Row]:
    """Who changed it, latest first; of what was deleted too."""
    rows.execute(
        "SELECT audit_id::text AS audit_id, event_type, subject_version AS version, said_by, changes, happened_at "
        "FROM edit_audits WHERE subject = %s AND subject_id = %s::uuid ORDER BY subject_version DESC, audit_id DESC "
        "LIMIT %s",
        [subject, identity, limit],
    )
    return rows.fetchall()


def _without(row: Row, *names: str) -> Row:
    return {name: value for name, value in row.items() if name not in names}
