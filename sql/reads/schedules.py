"""Schedules and proposals as they are asked for: the lists, one with its lines, the runs as they stand now."""

from collections.abc import Sequence
from typing import Any

from sql.database import Rows
from sql.reads.pages import cursor_of, values_of

Row = dict[str, Any]

HEAD = """
  id::text AS schedule_id, status, scenario, created_at, coalesce(created_by, '') AS created_by, engine, seed,
  horizon_from, horizon_to, frozen_until, progress_percentage, failure, accepted_at, accepted_by, inputs, figures,
  request, version, base_schedule_id::text AS base_schedule_id
"""
PROPOSAL = """
  id::text AS proposal_id, schedule_id::text AS schedule_id, cause, cause_text, status, asked_at AS created_at,
  decided_at, decided_by, figures, moves, orders, failure, request
"""
ACTUAL = """
SELECT r.id::text AS run_id, r.status, coalesce(r.actual_start, o.actual_start_at) AS start_at,
  coalesce(r.actual_end, o.actual_end_at) AS end_at, trim_scale(coalesce(o.quantity_good, r.quantity_good)) AS good,
  trim_scale(r.quantity) AS planned, r.work_order_id, o.status AS order_status
FROM production_runs r
LEFT JOIN work_orders o ON o.tenant_id = r.tenant_id AND o.work_order_id = r.work_order_id
WHERE r.id = ANY(%s::uuid[])
"""


def page(
    rows: Rows, statuses: Sequence[str], scenario: str | None, limit: int, after: str | None
) -> tuple[list[Row], str | None]:
    """Schedules, latest first, and the cursor of the next page. Raises BadCursor."""
    conditions, values = ["deleted_at IS NULL"], Row(limit=limit + 1)
    if statuses:
        conditions.append("status = ANY(%(statuses)s)")
        values["statuses"] = list(statuses)
    if scenario is not None:
        conditions.append("scenario = %(scenario)s")
        values["scenario"] = scenario
    return _page(rows, "production_schedules", HEAD, "created_at", conditions, values, after)


def compared(rows: Rows, ids: Sequence[str]) -> list[Row]:
    """The schedules of these ids, without their lines."""
    rows.execute(f"SELECT {HEAD} FROM production_schedules WHERE id = ANY(%s::uuid[])".encode(), [list(ids)])
    return rows.fetchall()


def one(rows: Rows, schedule_id: str | None, *, is_held: bool = False) -> Row | None:
    """A schedule with its lines as JSON text; without an id the one that is accepted."""
    where = "status = 'accepted'" if schedule_id is None else "id = %s::uuid"
    rows.execute(
        f"SELECT {HEAD}, lines::text AS lines FROM production_schedules WHERE {where} AND deleted_at IS NULL"
        f"{' FOR UPDATE' if is_held else ''}".encode(),
        [] if schedule_id is None else [schedule_id],
    )
    return rows.fetchone()


def proposals(
    rows: Rows, statuses: Sequence[str], cause: str | None, limit: int, after: str | None
) -> tuple[list[Row], str | None]:
    """Proposals, latest first, and the cursor of the next page. Raises BadCursor."""
    conditions, values = ["true"], Row(limit=limit + 1)
    if statuses:
        conditions.append("status = ANY(%(statuses)s)")
        values["statuses"] = list(statuses)
    if cause is not None:
        conditions.append("cause = %(cause)s")
        values["cause"] = cause
    return _page(rows, "plan_proposals", PROPOSAL, "asked_at", conditions, values, after)


def proposal(rows: Rows, proposal_id: str, *, is_held: bool = False) -> Row | None:
    """A proposal, with the whole schedule that it proposes as JSON text."""
    more = "lines::text AS lines, (inputs ->> 'horizon_to')::timestamptz AS horizon_to"
    query = f"SELECT {PROPOSAL}, {more} FROM plan_proposals WHERE id = %s::uuid{' FOR UPDATE' if is_held else ''}"
    rows.execute(query.encode(), [proposal_id])
    return rows.fetchone()


def actual(rows: Rows, runs: Sequence[str]) -> dict[str, Row]:
    """How runs stand now, by id."""
    rows.execute(ACTUAL.encode(), [list(runs)])
    return {row["run_id"]: row for row in rows.fetchall()}


def _page(
    rows: Rows, table: str, columns: str, moment: str, conditions: list[str], values: Row, after: str | None
) -> tuple[list[Row], str | None]:
    if after is not None:
        conditions.append(f"({moment}, id) < (%(after_at)s::timestamptz, %(after_id)s::uuid)")
        values["after_at"], values["after_id"] = values_of(after, 2)
    rows.execute(
        f"SELECT {columns}, {moment} AS page_at, id::text AS page_id FROM {table} WHERE {' AND '.join(conditions)} "
        f"ORDER BY {moment} DESC, id DESC LIMIT %(limit)s".encode(),
        values,
    )
    found, limit = rows.fetchall(), values["limit"] - 1
    last = found[limit - 1] if len(found) > limit else None
    shown = [{name: value for name, value in row.items() if name not in ("page_at", "page_id")} for row in found]
    return shown[:limit], cursor_of([last["page_at"].isoformat(), last["page_id"]]) if last else None
