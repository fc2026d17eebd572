"""Accepts schedules: runs get their times in one transaction; Postgres refuses it if a work centre is double-booked."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from psycopg.types.json import Jsonb

from sql.database import Rows

Row = dict[str, Any]

STANDING = """
SELECT r.id::text AS run_id, r.status, r.work_center_id::text AS work_center_id, r.scheduled_start, r.scheduled_end,
  r.is_frozen, o.production_order_number AS order_number, r.sequence_number
FROM production_runs r JOIN production_orders o ON o.tenant_id = r.tenant_id AND o.id = r.production_order_id
WHERE r.id = ANY(%s::uuid[]) ORDER BY r.id FOR UPDATE OF r
"""
# What has begun keeps its beginning; where it is moved, the work centre it leaves is one that could do it.
BOOK = """
UPDATE production_runs AS r SET
  work_center_id = moved.center,
  alternative_work_center_ids = CASE WHEN r.work_center_id = moved.center THEN r.alternative_work_center_ids
    ELSE array_append(array_remove(r.alternative_work_center_ids, moved.center), r.work_center_id) END,
  setup_start = CASE WHEN r.status = 'in_progress' THEN r.setup_start ELSE moved.setup END,
  scheduled_start = CASE WHEN r.status = 'in_progress' THEN coalesce(r.scheduled_start, moved.begins)
    ELSE moved.begins END,
  scheduled_end = moved.ends,
  status = CASE r.status WHEN 'planned' THEN 'scheduled' ELSE r.status END,
  schedule_id = %(schedule)s::uuid, version = r.version + 1, updated_at = now(), updated_by = %(actor)s
FROM unnest(%(runs)s::uuid[], %(centers)s::uuid[], %(setups)s::timestamptz[], %(begins)s::timestamptz[],
  %(ends)s::timestamptz[]) AS moved(run, center, setup, begins, ends)
WHERE r.id = moved.run AND r.status NOT IN ('completed', 'cancelled')
"""
ORDERS = """
UPDATE production_orders SET status = 'scheduled', version = version + 1, updated_at = now(), updated_by = %s
WHERE status IN ('planned', 'expanded')
  AND id IN (SELECT production_order_id FROM production_runs WHERE schedule_id = %s)
"""
VERSION = """
INSERT INTO production_schedules (tenant_id, scenario, status, progress_percentage, engine, seed, horizon_from,
  horizon_to, frozen_until, base_schedule_id, request, inputs, figures, lines, started_at, finished_at, created_by)
SELECT tenant_id, scenario, 'proposed', 100, %(engine)s, seed, %(horizon_from)s, %(horizon_to)s, frozen_until, id,
  request, %(inputs)s, %(figures)s, %(lines)s::jsonb, now(), now(), %(actor)s
FROM production_schedules WHERE id = %(base)s::uuid RETURNING id::text AS id
"""


class Booking(NamedTuple):
    """Where and when a run is to be done."""

    run_id: str
    work_center_id: str
    setup_start: datetime
    start: datetime
    end: datetime


def standing(rows: Rows, runs: Sequence[str]) -> dict[str, Row]:
    """How runs stand, by id; they are held until the transaction ends."""
    rows.execute(STANDING.encode(), [list(runs)])
    return {row["run_id"]: row for row in rows.fetchall()}


def hold_schedules(rows: Rows, tenant_id: str) -> None:
    """Until the transaction ends nobody else accepts a schedule of the tenant."""
    rows.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 17))", [f"{tenant_id}/schedule"])


def book(rows: Rows, schedule_id: str, bookings: Sequence[Booking], actor: str) -> int:
    """Give runs their times; how many. Raises psycopg.errors.ExclusionViolation: a work centre is double-booked."""
    rows.execute(
        BOOK.encode(),
        {
            "schedule": schedule_id,
            "actor": actor,
            "runs": [each.run_id for each in bookings],
            "centers": [each.work_center_id for each in bookings],
            "setups": [each.setup_start for each in bookings],
            "begins": [each.start for each in bookings],
            "ends": [each.end for each in bookings],
        },
    )
    booked = rows.rowcount
    rows.execute(ORDERS.encode(), [actor, schedule_id])
    rows.execute("SET CONSTRAINTS production_runs_not_double_booked IMMEDIATE")
    return booked


def supersede(rows: Rows, schedule_id: str, actor: str) -> str | None:
    """Let a schedule hold instead of the one that did; the id of that."""
    rows.execute(
        "UPDATE production_schedules SET status = 'superseded', version = version + 1, updated_at = now(), "
        "updated_by = %s WHERE status = 'accepted' AND id <> %s::uuid RETURNING id::text AS id",
        [actor, schedule_id],
    )
    before = rows.fetchone()
    rows.execute(
        "UPDATE production_schedules SET status = 'accepted', accepted_at = now(), accepted_by = %s, "
        "version = version + 1, updated_at = now(), updated_by = %s WHERE id = %s::uuid",
        [actor, actor, schedule_id],
    )
    return str(before["id"]) if before else None


def version_of(rows: Rows, base: Mapping[str, Any], changed: Mapping[str, Any], actor: str) -> str:
    """A schedule that is another one with changes, ready to be accepted; its id."""
    rows.execute(
        VERSION.encode(),
        {
            "base": base["schedule_id"],
            "actor": actor,
            "engine": changed["engine"],
            "horizon_from": changed["horizon_from"],
            "horizon_to": changed["horizon_to"],
            "inputs": Jsonb(changed["inputs"]),
            "figures": Jsonb(changed["figures"]),
            "lines": changed["lines"],
        },
    )
    found = rows.fetchone()
    assert found is not None
    return str(found["id"])
