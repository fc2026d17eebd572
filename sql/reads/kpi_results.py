"""Results of KPI validators as they are asked for."""

from typing import Any

from psycopg import Cursor

from sql.reads.pages import cursor_of, values_of

Row = dict[str, Any]

CONDITIONS = {
    "task_id": "task_id = %(task_id)s",
    "run_id": "run_id = %(run_id)s",
    "lane_id": "lane_id = %(lane_id)s",
    "validator": "validator = %(validator)s",
    "outcome": "CASE WHEN is_passed IS NULL THEN 'not_judged' WHEN is_passed THEN 'passed' ELSE 'failed' END = "
    "%(outcome)s",
}
HEAD = """
SELECT result_id::text, project_id, run_id::text, task_id, lane_id, validator, is_passed, score, message, evidence,
  measured_at, measured_by FROM kpi_results WHERE project_id = %(project_id)s
"""


LATEST = """
SELECT DISTINCT ON (task_id, validator, run_id) result_id::text, run_id::text, task_id, lane_id, validator, is_passed,
  score, message, evidence, measured_at, measured_by
FROM kpi_results WHERE project_id = %(project_id)s
ORDER BY task_id, validator, run_id, measured_at DESC, result_id DESC
"""
OF_LANE = """
SELECT DISTINCT ON (k.project_id, k.task_id, k.validator, k.run_id) k.result_id::text, k.project_id, k.run_id::text,
  k.task_id, k.lane_id, k.validator, k.is_passed, k.score, k.message, k.evidence, k.measured_at, k.measured_by
FROM kpi_results k JOIN run_tasks t USING (tenant_id, run_id, task_id)
WHERE k.lane_id = %(lane_id)s AND t.provider = %(provider)s
ORDER BY k.project_id, k.task_id, k.validator, k.run_id, k.measured_at DESC, k.result_id DESC
"""


def latest(cursor: Cursor[Row], project_id: int, limit: int) -> list[Row]:
    """What each validator found last of each task of a project, by run, or without one; latest first."""
    return _newest(cursor, LATEST, {"project_id": project_id}, limit)


def of_lane(cursor: Cursor[Row], lane_id: str, provider: str, limit: int) -> list[Row]:
    """The same of what a provider did in a lane, which its quality is learned from; latest first."""
    return _newest(cursor, OF_LANE, {"lane_id": lane_id, "provider": provider}, limit)


def _newest(cursor: Cursor[Row], query: str, values: Row, limit: int) -> list[Row]:
    cursor.execute(
        f"SELECT * FROM ({query}) found ORDER BY measured_at DESC, task_id, validator LIMIT %(limit)s".encode(),
        values | {"limit": limit},
    )
    return cursor.fetchall()


def page(
    cursor: Cursor[Row], project_id: int, wanted: Row, limit: int, after: str | None
) -> tuple[list[Row], str | None]:
    """Results of a project, latest first, and the cursor of the next page; `wanted` names filters. Raises BadCursor."""
    values = {name: value for name, value in wanted.items() if value is not None}
    conditions = " ".join(f"AND {CONDITIONS[name]}" for name in values)
    if after is not None:
        conditions += " AND (measured_at, result_id) < (%(at)s::timestamptz, %(id)s::uuid)"
        values["at"], values["id"] = values_of(after, 2)
    cursor.execute(
        f"{HEAD} {conditions} ORDER BY measured_at DESC, result_id DESC LIMIT %(limit)s".encode(),
        values | {"project_id": project_id, "limit": limit + 1},
    )
    rows = cursor.fetchall()
    if len(rows) <= limit:
        return rows, None
    last = rows[limit - 1]
    return rows[:limit], cursor_of([last["measured_at"].isoformat(), last["result_id"]])
