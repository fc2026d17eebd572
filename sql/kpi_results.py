"""Judgements of validators: which task is judged, what was found, and what its run's task is worth by them."""

from collections.abc import Sequence
from typing import Any

from psycopg import Cursor

from schemas.codec import encode

Row = dict[str, Any]

TASK = """
SELECT task_id, lane_id, kpi_formula FROM task_estimates WHERE project_id = %s AND task_id = %s
"""
RUN_TASK = """
SELECT t.run_id::text, t.task_id, t.lane_id, t.provider, t.status FROM run_tasks t
JOIN project_runs r USING (tenant_id, run_id)
WHERE r.project_id = %s AND t.run_id = %s AND t.task_id = %s
"""
KEEP = """
INSERT INTO kpi_results (tenant_id, project_id, run_id, task_id, lane_id, validator, is_passed, score, message,
  evidence, measured_at, measured_by)
VALUES (%(tenant_id)s, %(project_id)s, %(run_id)s, %(task_id)s, %(lane_id)s, %(validator)s, %(is_passed)s, %(score)s,
  %(message)s, %(evidence)s::jsonb, %(measured_at)s, %(measured_by)s)
RETURNING result_id::text, project_id, run_id::text, task_id, lane_id, validator, is_passed, score, message, evidence,
  measured_at, measured_by
"""
JUDGE = """
UPDATE run_tasks SET quality = %(quality)s
WHERE run_id = %(run_id)s AND task_id = %(task_id)s AND quality IS DISTINCT FROM %(quality)s
"""


def task(rows: Cursor[Row], project_id: int, task_id: str) -> Row | None:
    """A task of a project, with its formula."""
    rows.execute(TASK, [project_id, task_id])
    return rows.fetchone()


def run_task(rows: Cursor[Row], project_id: int, run_id: str, task_id: str) -> Row | None:
    """A task of a run of that project."""
    rows.execute(RUN_TASK, [project_id, run_id, task_id])
    return rows.fetchone()


def keep(rows: Cursor[Row], results: Sequence[Row]) -> list[Row]:
    """Keep results; each as it is kept, with its id."""
    kept = []
    for each in results:
        rows.execute(KEEP, each | {"evidence": encode(each["evidence"]).decode()})
        kept.extend(rows.fetchall())
    return kept


def judge(rows: Cursor[Row], run_id: str, task_id: str, quality: float) -> bool:
    """Note the quality of a run's task; whether that changed it."""
    rows.execute(JUDGE, {"run_id": run_id, "task_id": task_id, "quality": quality})
    return rows.rowcount > 0
