"""What a suggestion is made of, the suggestions themselves, and what became of them."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from psycopg import Cursor
from psycopg.types.json import Jsonb

Row = dict[str, Any]

STRANDED = """
SELECT o.work_order_id, o.product_id, o.product_name, o.production_line_preference,
  greatest(o.quantity_ordered - o.quantity_produced, 0)::float AS units_left, o.priority, o.due_date,
  o.work_order_id IS NOT DISTINCT FROM %(affected)s AS is_affected, o.assigned_operator_id
FROM work_orders o
WHERE o.status NOT IN ('completed', 'cancelled') AND (
  o.work_order_id = %(affected)s
  OR o.assigned_machine_id = %(machine)s
  OR (o.assigned_machine_id IS NULL AND o.status IN ('received', 'released')
      AND (o.production_line_preference = %(line)s OR o.product_id = ANY(%(products)s)))
)
ORDER BY is_affected DESC, (o.assigned_machine_id IS NOT DISTINCT FROM %(machine)s) DESC, o.due_date, o.work_order_id
LIMIT %(most)s
"""
OTHERS = """
SELECT m.machine_id, m.machine_name, m.line, m.status,
  (SELECT count(*) FROM work_orders o WHERE o.status NOT IN ('completed', 'cancelled')
     AND coalesce(o.assigned_machine_id, o.current_machine_id) = m.machine_id) AS waiting,
  (SELECT coalesce(array_agg(DISTINCT o.product_id), '{}') FROM work_orders o
     WHERE o.current_machine_id = m.machine_id) AS made
FROM machines m WHERE m.machine_id <> %s ORDER BY m.machine_id
"""
FREE = """
SELECT p.operator_id, p.first_name || ' ' || p.last_name AS name, p.operator_id = ANY(%(freed)s) AS is_freed,
  (SELECT coalesce(array_agg(s.skill_code), '{}') FROM operator_skills s WHERE s.operator_id = p.operator_id
     AND (s.certification_expiry IS NULL OR s.certification_expiry >= %(today)s)) AS skills
FROM operators p
WHERE p.is_active AND p.current_status = 'available' AND (
  p.operator_id = ANY(%(freed)s)
  OR NOT EXISTS (SELECT FROM work_orders o WHERE o.assigned_operator_id = p.operator_id AND o.status = 'in_progress'))
ORDER BY p.operator_id
"""
COLUMNS = """
  suggestion_id, downtime_id, machine_id, work_order_id, suggested_machine_id, suggested_operator_id, operators,
  alternatives, reason, score, status, created_at, decided_at, decided_by
"""


def down_machine(cursor: Cursor[Row], machine_id: str) -> Row | None:
    """A machine if it is in breakdown now."""
    cursor.execute(
        "SELECT machine_id, machine_name, line, current_work_order_id FROM machines "
        "WHERE machine_id = %s AND status = 'breakdown'",
        [machine_id],
    )
    return cursor.fetchone()


def has_ended(cursor: Cursor[Row], downtime_id: str) -> bool:
    """Whether a downtime is over already."""
    cursor.execute("SELECT FROM downtime_events WHERE downtime_id = %s AND ended_at IS NOT NULL", [downtime_id])
    return cursor.fetchone() is not None


def stranded(
    cursor: Cursor[Row], machine_id: str, line: str, affected: str | None, products: Sequence[str], most: int
) -> list[Row]:
    """Orders that wait for a machine: the one it works on, those assigned to it, and those it could have taken."""
    cursor.execute(
        STRANDED.encode(),
        {"machine": machine_id, "line": line, "affected": affected, "products": list(products), "most": most},
    )
    return cursor.fetchall()


def others(cursor: Cursor[Row], machine_id: str) -> list[Row]:
    """All machines but one, with what they have made and how many open orders are theirs."""
    cursor.execute(OTHERS.encode(), [machine_id])
    return cursor.fetchall()


def free_operators(cursor: Cursor[Row], freed: Sequence[str], today: date) -> list[Row]:
    """Who is there and works on no running order, with what they are certified for; `freed` stand at a machine down."""
    cursor.execute(FREE.encode(), {"freed": list(freed), "today": today})
    return cursor.fetchall()


def open_orders(cursor: Cursor[Row], machine_id: str) -> set[str]:
    """The orders of which an open suggestion tells where else than on this machine they could be made."""
    cursor.execute(
        "SELECT work_order_id FROM reallocation_suggestions WHERE machine_id = %s AND status = 'open'", [machine_id]
    )
    return {row["work_order_id"] for row in cursor.fetchall()}


def keep(cursor: Cursor[Row], tenant_id: str, suggestion: Row) -> bool:
    """Store a suggestion; False if it is there already."""
    row = suggestion | {name: Jsonb(suggestion[name]) for name in ("operators", "alternatives")}
    cursor.execute(
        "INSERT INTO reallocation_suggestions (tenant_id, suggestion_id, downtime_id, machine_id, work_order_id, "
        "suggested_machine_id, suggested_operator_id, operators, alternatives, reason, score, status, created_at) "
        "VALUES (%(tenant_id)s, %(suggestion_id)s, %(downtime_id)s, %(machine_id)s, %(work_order_id)s, "
        "%(suggested_machine_id)s, %(suggested_operator_id)s, %(operators)s, %(alternatives)s, %(reason)s, %(score)s, "
        "'open', %(created_at)s) ON CONFLICT DO NOTHING",
        row | {"tenant_id": tenant_id},
    )
    return cursor.rowcount == 1


def expire(cursor: Cursor[Row], machine_id: str, at: datetime) -> int:
    """The machine is back: nobody has to move its work any more. How many suggestions that ends."""
    cursor.execute(
        "UPDATE reallocation_suggestions SET status = 'expired', decided_at = greatest(%s, created_at) "
        "WHERE machine_id = %s AND status = 'open'",
        [at, machine_id],
    )
    return cursor.rowcount


def page(cursor: Cursor[Row], status: str | None, machine_id: str | None, limit: int) -> list[Row]:
    """Suggestions, latest first, the best fitting first among those of one moment."""
    cursor.execute(
        f"SELECT {COLUMNS} FROM reallocation_suggestions "
        "WHERE (%(status)s::text IS NULL OR status = %(status)s) AND (%(machine)s::text IS NULL "
        "OR machine_id = %(machine)s) ORDER BY created_at DESC, score DESC, suggestion_id LIMIT %(limit)s".encode(),
        {"status": status, "machine": machine_id, "limit": limit},
    )
    return cursor.fetchall()


def one(cursor: Cursor[Row], suggestion_id: str) -> Row | None:
    """One suggestion; nobody else decides it until this transaction ends."""
    cursor.execute(
        f"SELECT {COLUMNS} FROM reallocation_suggestions WHERE suggestion_id = %s FOR UPDATE".encode(), [suggestion_id]
    )
    return cursor.fetchone()


def decide(cursor: Cursor[Row], suggestion_id: str, status: str, who: str) -> Row | None:
    """A suggestion is taken or dismissed."""
    cursor.execute(
        "UPDATE reallocation_suggestions SET status = %s, decided_at = clock_timestamp(), decided_by = %s "
        f"WHERE suggestion_id = %s RETURNING {COLUMNS}".encode(),
        [status, who, suggestion_id],
    )
    return cursor.fetchone()
