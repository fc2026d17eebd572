"""Operators and shifts as they are asked for, who is known before their row is there, and what syncs came to."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from psycopg import Cursor

from sql.reads.pages import cursor_of, pattern_of, values_of

Row = dict[str, Any]

STATE = """
  o.operator_id, o.employee_id, o.first_name, o.last_name, o.email, o.phone, o.department, o.job_title, o.hire_date,
  o.location, o.is_active, o.current_status, o.status_since, o.synced_at, o.version, o.updated_at
"""
SKILLS = """
  (SELECT coalesce(jsonb_agg(jsonb_build_object(
      'skill_code', s.skill_code, 'skill_name', s.skill_name, 'proficiency_level', s.proficiency_level,
      'certification_date', s.certification_date, 'certification_expiry', s.certification_expiry,
      'is_expired', coalesce(s.certification_expiry < %(today)s, false),
      'expires_in_days', s.certification_expiry - %(today)s
    ) ORDER BY s.skill_code), '[]') FROM operator_skills s WHERE s.operator_id = o.operator_id) AS skills
"""
SHIFT = """
  s.operator_id, s.employee_id, s.shift_id, s.shift_date, s.shift_name, s.status, s.is_scheduled, s.is_overtime,
  s.scheduled_start, s.scheduled_end, s.break_start, s.break_end, s.actual_clock_in, s.actual_clock_out,
  s.away_seconds, s.reported_in, s.version, s.updated_at
"""
SHIFTS_SHOWN = 50


class Wanted(NamedTuple):
    """Which operators to show; None does not matter. A skill counts only while its certificate is valid."""

    text: str | None = None
    is_active: bool | None = None
    skill: str | None = None
    status: str | None = None


def page(
    cursor: Cursor[Row], wanted: Wanted, today: date, limit: int, after: str | None
) -> tuple[list[Row], str | None]:
    """Operators by id, and the cursor of the next page. Raises BadCursor."""
    last_id = values_of(after, 1)[0] if after else ""
    cursor.execute(
        f"SELECT {STATE}, {SKILLS} FROM operators o WHERE o.operator_id > %(last_id)s "
        "AND (%(text)s::text IS NULL OR o.operator_id ILIKE %(text)s OR o.employee_id ILIKE %(text)s "
        "  OR o.first_name || ' ' || o.last_name ILIKE %(text)s OR o.email ILIKE %(text)s) "
        "AND (%(is_active)s::boolean IS NULL OR o.is_active = %(is_active)s) "
        "AND (%(status)s::text IS NULL OR o.current_status = %(status)s) "
        "AND (%(skill)s::text IS NULL OR EXISTS (SELECT FROM operator_skills s WHERE s.operator_id = o.operator_id "
        "  AND s.skill_code = %(skill)s AND coalesce(s.certification_expiry >= %(today)s, true))) "
        "ORDER BY o.operator_id LIMIT %(limit)s".encode(),
        wanted._asdict()
        | {
            "text": pattern_of(wanted.text) if wanted.text else None,
            "last_id": last_id,
            "today": today,
            "limit": limit + 1,
        },
    )
    rows = cursor.fetchall()
    return rows[:limit], cursor_of([rows[limit - 1]["operator_id"]]) if len(rows) > limit else None


def one(cursor: Cursor[Row], operator_id: str, today: date) -> Row | None:
    """One operator with their latest shifts, by our id or the HR system's, or None."""
    cursor.execute(
        f"SELECT {STATE}, {SKILLS} FROM operators o WHERE %(id)s IN (o.operator_id, o.employee_id) LIMIT 1".encode(),
        {"id": operator_id, "today": today},
    )
    found = cursor.fetchone()
    if found is None:
        return None
    cursor.execute(
        f"SELECT {SHIFT} FROM operator_shifts s WHERE s.operator_id = %s AND s.status <> 'withdrawn' "
        "ORDER BY s.shift_date DESC, s.shift_name DESC LIMIT %s".encode(),
        [found["operator_id"], SHIFTS_SHOWN],
    )
    return found | {"shifts": cursor.fetchall()}


def shifts(cursor: Cursor[Row], day: date, limit: int, after: str | None) -> tuple[list[Row], str | None]:
    """The shifts of a day, by operator, and the cursor of the next page. Raises BadCursor."""
    last_operator, last_name = values_of(after, 2) if after else ("", "")
    cursor.execute(
        f"SELECT {SHIFT}, o.first_name, o.last_name, o.current_status FROM operator_shifts s "
        "LEFT JOIN operators o USING (tenant_id, operator_id) "
        "WHERE s.shift_date = %(day)s AND s.status <> 'withdrawn' "
        "AND (s.operator_id, s.shift_name) > (%(operator)s, %(name)s) "
        "ORDER BY s.operator_id, s.shift_name LIMIT %(limit)s".encode(),
        {"day": day, "operator": last_operator, "name": last_name, "limit": limit + 1},
    )
    rows = cursor.fetchall()
    is_more = len(rows) > limit
    last = rows[limit - 1] if is_more else None
    return rows[:limit], cursor_of([last["operator_id"], last["shift_name"]]) if last else None


def unknown(cursor: Cursor[Row], employee_ids: Collection[str]) -> set[str]:
    """Those employees that nobody ever told us of: no row is there, and none was accepted that will be."""
    cursor.execute(
        "SELECT id FROM unnest(%s::text[]) AS id WHERE NOT EXISTS (SELECT FROM operators WHERE employee_id = id) "
        "AND NOT EXISTS (SELECT FROM ops.operator_keys WHERE employee_id = id)",
        [list(employee_ids)],
    )
    return {row["id"] for row in cursor.fetchall()}


def claim(cursor: Cursor[Row], tenant_id: str, employee_ids: Collection[str]) -> None:
    """Remember that these employees were accepted, so that attendance may name them before their rows are there."""
    cursor.execute(
        "INSERT INTO ops.operator_keys (tenant_id, employee_id) "
        "SELECT %s, id FROM unnest(%s::text[]) AS id ORDER BY id ON CONFLICT DO NOTHING",
        [tenant_id, list(employee_ids)],
    )


def everybody(cursor: Cursor[Row]) -> dict[str, Row]:
    """Every operator with their skills, by employee id: what a sync is compared with."""
    cursor.execute(
        f"SELECT {STATE}, s.skills FROM operators o LEFT JOIN (SELECT operator_id, jsonb_agg(jsonb_build_object("
        "'skill_code', skill_code, 'skill_name', skill_name, 'proficiency_level', proficiency_level, "
        "'certification_date', certification_date, 'certification_expiry', certification_expiry) "
        "ORDER BY skill_code) AS skills FROM operator_skills GROUP BY operator_id) s USING (operator_id)".encode()
    )
    return {row["employee_id"]: row for row in cursor.fetchall()}


def planned(cursor: Cursor[Row], day: date, department: str) -> list[Row]:
    """The planned shifts of a day of operators of a department."""
    cursor.execute(
        f"SELECT {SHIFT} FROM operator_shifts s JOIN operators o USING (tenant_id, operator_id) "
        "WHERE s.shift_date = %s AND s.is_scheduled AND s.status <> 'withdrawn' AND o.department = %s".encode(),
        [day, department],
    )
    return cursor.fetchall()


def worked(cursor: Cursor[Row], first_day: date, last_day: date, delivery_id: str) -> list[Row]:
    """Shifts of these days that ended and were reported by no other delivery, by employee and time.

    Each has the work orders that were its operator's and in work between coming and going.
    """
    cursor.execute(
        f"""
        SELECT {SHIFT}, ARRAY(
          SELECT w.work_order_id FROM work_orders w
          WHERE w.assigned_operator_id = s.operator_id AND w.actual_start_at < s.actual_clock_out
            AND coalesce(w.actual_end_at, 'infinity') >= s.actual_clock_in
          ORDER BY w.work_order_id) AS work_orders_assigned
        FROM operator_shifts s
        WHERE s.shift_date BETWEEN %s AND %s AND s.actual_clock_in IS NOT NULL AND s.actual_clock_out IS NOT NULL
          AND coalesce(s.reported_in, %s) = %s
        ORDER BY s.employee_id, s.actual_clock_in
        """.encode(),
        [first_day, last_day, delivery_id, delivery_id],
    )
    return cursor.fetchall()


def report(cursor: Cursor[Row], shifts: Sequence[Row], delivery_id: str) -> None:
    """Remember which delivery reports these shifts, so that no other does."""
    cursor.execute(
        "UPDATE operator_shifts AS kept SET reported_in = %s "
        "FROM unnest(%s::text[], %s::date[], %s::text[]) AS told(operator_id, shift_date, shift_name) "
        "WHERE kept.operator_id = told.operator_id AND kept.shift_date = told.shift_date "
        "AND kept.shift_name = told.shift_name",
        [
            delivery_id,
            [each["operator_id"] for each in shifts],
            [each["shift_date"] for each in shifts],
            [each["shift_name"] for each in shifts],
        ],
    )


def reported(cursor: Cursor[Row], delivery_id: str) -> int:
    """How many shifts a delivery reports."""
    cursor.execute("SELECT count(*) AS shifts FROM operator_shifts WHERE reported_in = %s", [delivery_id])
    row = cursor.fetchone()
    return int(row["shifts"]) if row else 0


def unfinished(cursor: Cursor[Row], first_day: date, last_day: date) -> list[Row]:
    """Shifts of these days in which somebody came and did not go, or went and did not come."""
    cursor.execute(
        f"SELECT {SHIFT} FROM operator_shifts s WHERE s.shift_date BETWEEN %s AND %s "
        "AND (s.actual_clock_in IS NULL) <> (s.actual_clock_out IS NULL) ORDER BY s.employee_id, s.shift_date".encode(),
        [first_day, last_day],
    )
    return cursor.fetchall()


class Sync(NamedTuple):
    """What a sync came to."""

    run_id: str
    integration_type: str
    added: int
    updated: int
    deactivated: int
    rejected: int
    summary: str
    finished_at: datetime


def remember(cursor: Cursor[Row], tenant_id: str, sync: Sync) -> None:
    """Keep what a sync came to; said again, it stays as it was said first."""
    cursor.execute(
        "INSERT INTO sync_runs (tenant_id, run_id, integration_type, added, updated, deactivated, rejected, summary, "
        "finished_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        [tenant_id, *sync],
    )


def syncs(cursor: Cursor[Row], integration_type: str | None, limit: int) -> list[Row]:
    """What the latest syncs came to, latest first."""
    cursor.execute(
        "SELECT run_id, integration_type, added, updated, deactivated, rejected, summary, finished_at FROM sync_runs "
        "WHERE %(type)s::text IS NULL OR integration_type = %(type)s ORDER BY finished_at DESC, run_id LIMIT %(limit)s",
        {"type": integration_type, "limit": limit},
    )
    return cursor.fetchall()
