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
