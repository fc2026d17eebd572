"""Bills of materials as they are asked for: lists, one bill, all that lies below or above some items."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from psycopg import Cursor

from sql.reads.pages import cursor_of, pattern_of, values_of

Row = dict[str, Any]

HEAD = """
  b.id::text AS id, b.bom_number, b.product_id::text AS product_id, b.item_master_id AS item_id, i.item_code,
  coalesce(p.name, i.description) AS product_name, i.is_phantom, b.revision, b.lifecycle_status, b.effective_from,
  b.effective_to, trim_scale(b.output_quantity) AS output_quantity, b.uom AS unit, b.description,
  (SELECT count(*) FROM manufacturing_bom_components c WHERE c.tenant_id = b.tenant_id AND c.bom_id = b.id)
    AS component_count,
  b.version, b.created_at, b.created_by, b.updated_at, b.updated_by
"""
FROM = """
FROM manufacturing_boms b
JOIN item_master i ON i.tenant_id = b.tenant_id AND i.inventory_item_id = b.item_master_id
LEFT JOIN products p ON p.tenant_id = b.tenant_id AND p.id = b.product_id
"""
COMPONENTS = """
SELECT c.id::text AS id, c.bom_id::text AS bom_id, c.line, c.position, i.inventory_item_id AS item_id, i.item_code,
  c.component_product_id::text AS product_id, i.description AS name, trim_scale(c.quantity) AS quantity, c.uom AS unit,
  trim_scale(c.scrap_percentage) AS scrap_percentage, c.notes
FROM manufacturing_bom_components c
LEFT JOIN products p ON p.tenant_id = c.tenant_id AND p.id = c.component_product_id
JOIN item_master i ON i.tenant_id = c.tenant_id
  AND i.inventory_item_id = coalesce(c.component_item_id, p.inventory_item_id)
WHERE c.bom_id = ANY(%s::uuid[]) ORDER BY c.bom_id, c.line
"""
IN_FORCE = """
b.deleted_at IS NULL AND b.lifecycle_status = 'active' AND (%(day)s::date IS NULL
  OR b.effective_from <= %(day)s AND (b.effective_to IS NULL OR b.effective_to > %(day)s))
"""
BELOW = f"""
WITH RECURSIVE needed(item_id) AS (
  SELECT unnest(%(items)s::bigint[])
  UNION
  SELECT coalesce(c.component_item_id, p.inventory_item_id)
  FROM needed n
  JOIN manufacturing_boms b ON b.item_master_id = n.item_id AND {IN_FORCE}
  JOIN manufacturing_bom_components c ON c.tenant_id = b.tenant_id AND c.bom_id = b.id
  LEFT JOIN products p ON p.tenant_id = c.tenant_id AND p.id = c.component_product_id
)
SELECT {HEAD} {FROM} JOIN needed n ON n.item_id = b.item_master_id WHERE {IN_FORCE}
ORDER BY i.item_code, b.effective_from
"""
ABOVE = f"""
WITH RECURSIVE using_it(item_id) AS (
  SELECT unnest(%(items)s::bigint[])
  UNION
  SELECT b.item_master_id
  FROM using_it u
  JOIN (
    SELECT c.tenant_id, c.bom_id, coalesce(c.component_item_id, p.inventory_item_id) AS item_id
    FROM manufacturing_bom_components c
    LEFT JOIN products p ON p.tenant_id = c.tenant_id AND p.id = c.component_product_id
  ) AS line ON line.item_id = u.item_id
  JOIN manufacturing_boms b ON b.tenant_id = line.tenant_id AND b.id = line.bom_id AND {IN_FORCE}
)
SELECT {HEAD} {FROM} JOIN using_it u ON u.item_id = b.item_master_id WHERE {IN_FORCE}
ORDER BY i.item_code, b.effective_from
"""


class Wanted(NamedTuple):
    """Which bills are wanted; what is None does not matter."""

    product: str | None = None
    statuses: tuple[str, ...] = ()
    effective_on: date | None = None
    text: str | None = None


def page(rows: Cursor[Row], wanted: Wanted, limit: int, after: str | None) -> tuple[list[Row], str | None]:
    """Bills by product, latest revision first, and the cursor of the next page. Raises BadCursor."""
    possible = {
        "(i.item_code = %(product)s OR b.product_id::text = lower(%(product)s))": wanted.product,
        "b.lifecycle_status = ANY(%(statuses)s)": wanted.statuses,
        "b.effective_from <= %(day)s AND (b.effective_to IS NULL OR b.effective_to > %(day)s)": wanted.effective_on,
        "(b.bom_number ILIKE %(text)s OR i.item_code ILIKE %(text)s OR i.description ILIKE %(text)s"
        " OR p.name ILIKE %(text)s OR b.description ILIKE %(text)s)": wanted.text,
    }
    conditions = ["b.deleted_at IS NULL", *(condition for condition, value in possible.items() if value)]
    values: Row = {
        "product": wanted.product,
        "statuses": list(wanted.statuses),
        "day": wanted.effective_on,
        "text": pattern_of(wanted.text) if wanted.text else None,
        "limit": limit + 1,
    }
    if after is not None:
        conditions.append("(b.created_at, b.id) < (%(at)s::timestamptz, %(id)s::uuid)")
        values["at"], values["id"] = values_of(after, 2)
    where = " AND ".join(conditions)
    rows.execute(
        f"SELECT {HEAD} {FROM} WHERE {where} ORDER BY b.created_at DESC, b.id DESC LIMIT %(limit)s".encode(), values
    )
    return _paged(rows.fetchall(), limit)


def _paged(found: list[Row], limit: int) -> tuple[list[Row], str | None]:
    if len(found) <= limit:
        return found, None
    last = found[limit - 1]
    return found[:limit], cursor_of([last["created_at"].isoformat(), last["id"]])


def one(rows: Cursor[Row], bom_id: str, *, or_deleted: bool = False) -> Row | None:
    """A bill with its components."""
    rows.execute(
        f"SELECT {HEAD}, b.metadata {FROM} WHERE b.id = %s AND (b.deleted_at IS NULL OR %s)".encode(),
        [bom_id, or_deleted],
    )
    head = rows.fetchone()
    return None if head is None else head | {"components": components(rows, [bom_id]).get(bom_id, [])}


def components(rows: Cursor[Row], bom_ids: Sequence[str]) -> dict[str, list[Row]]:
    """The components of bills, in one query."""
    rows.execute(COMPONENTS.encode(), [list(bom_ids)])
    found: dict[str, list[Row]] = {}
    for row in rows.fetchall():
        found.setdefault(row.pop("bom_id"), []).append(row)
    return found


def below(rows: Cursor[Row], item_ids: Sequence[int], day: date | None) -> list[Row]:
    """The active bills of these items and of all that lies below them, on a day or on any; with components."""
    return _with_components(rows, BELOW, item_ids, day)


def above(rows: Cursor[Row], item_ids: Sequence[int], day: date | None) -> list[Row]:
    """The active bills of these items and of all that contains them, on a day or on any; with components."""
    return _with_components(rows, ABOVE, item_ids, day)


def _with_components(rows: Cursor[Row], query: str, item_ids: Sequence[int], day: date | None) -> list[Row]:
    rows.execute(query.encode(), {"items": list(item_ids), "day": day})
    heads = rows.fetchall()
    lines = components(rows, [head["id"] for head in heads])
    return [head | {"components": lines.get(head["id"], [])} for head in heads]


def effective(rows: Cursor[Row], item_code: str, day: date) -> Row | None:
    """The bill of a product that holds on a day, with its components."""
    rows.execute(
        f"SELECT b.id::text AS id {FROM} WHERE i.item_code = %(code)s AND {IN_FORCE}".encode(),
        {"code": item_code, "day": day},
    )
    found = rows.fetchone()
    return None if found is None else one(rows, found["id"])


def items(rows: Cursor[Row], codes: Sequence[str]) -> dict[str, Row]:
    """Items by code: number, name, unit, whether a phantom, what is available and what one costs."""
    rows.execute(
        "SELECT i.inventory_item_id AS item_id, i.item_code, i.description AS name, i.uom AS unit, i.is_phantom, "
        "trim_scale(m.available_quantity) AS available_quantity, trim_scale(m.standard_cost) AS standard_cost "
        "FROM item_master i LEFT JOIN materials m ON m.tenant_id = i.tenant_id AND m.material_id = i.item_code "
        "WHERE i.item_code = ANY(%s)",
        [list(codes)],
    )
    return {row["item_code"]: row for row in rows.fetchall()}


def audit(rows: Cursor[Row], bom_id: str, limit: int) -> list[Row]:
    """What became of a bill, latest first."""
    rows.execute(
        "SELECT id::text AS id, bom_id::text AS bom_id, event_type, version, user_id, notes, changes, event_at "
        "FROM manufacturing_bom_audits WHERE bom_id = %s ORDER BY version DESC LIMIT %s",
        [bom_id, limit],
    )
    return rows.fetchall()


def conversions(rows: Cursor[Row]) -> list[Row]:
    """All conversions of units."""
    rows.execute(
        "SELECT c.uom AS unit, c.into_uom AS into, trim_scale(c.factor) AS factor, i.item_code "
        "FROM inventory_uom_conversions c LEFT JOIN item_master i "
        "ON i.tenant_id = c.tenant_id AND i.inventory_item_id = c.inventory_item_id ORDER BY 4 NULLS FIRST, 1, 2"
    )
    return rows.fetchall()


def units(rows: Cursor[Row]) -> list[Row]:
    """All units."""
    rows.execute("SELECT uom AS unit, description FROM inventory_uoms ORDER BY uom")
    return rows.fetchall()


PRODUCT = """
SELECT p.id::text AS id, p.inventory_item_id AS item_id, i.item_code AS product_code, p.name, i.uom AS unit, p.version,
  p.created_at
FROM products p JOIN item_master i ON i.tenant_id = p.tenant_id AND i.inventory_item_id = p.inventory_item_id
WHERE p.deleted_at IS NULL
"""


def products(rows: Cursor[Row], text: str | None, limit: int, after: str | None) -> tuple[list[Row], str | None]:
    """Products, latest first, and the cursor of the next page. Raises BadCursor."""
    at, last = values_of(after, 2) if after is not None else (datetime.max.isoformat(), None)
    rows.execute(
        (
            f"{PRODUCT} AND (%(text)s::text IS NULL OR p.name ILIKE %(text)s OR i.item_code ILIKE %(text)s) "
            "AND (%(last)s::uuid IS NULL OR (p.created_at, p.id) < (%(at)s::timestamptz, %(last)s::uuid)) "
            "ORDER BY p.created_at DESC, p.id DESC LIMIT %(limit)s"
        ).encode(),
        {"text": pattern_of(text) if text else None, "at": at, "last": last, "limit": limit + 1},
    )
    return _paged(rows.fetchall(), limit)


def product(rows: Cursor[Row], named: str) -> Row | None:
    """A product by its id or its code."""
    rows.execute(f"{PRODUCT} AND (p.id::text = lower(%(named)s) OR i.item_code = %(named)s)".encode(), {"named": named})
    return rows.fetchone()
