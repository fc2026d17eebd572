"""The work of a project: its tasks, its runs, and what was promised and taken in them."""

from collections.abc import Collection
from typing import Any

from psycopg import Cursor

Row = dict[str, Any]

PROJECT = """
SELECT project_id, name, prd_path, budget_usd_max, status FROM projects
WHERE project_id = %s AND deleted_at IS NULL
"""
PROJECTS = """
SELECT p.project_id, p.name, p.budget_usd_max, p.status,
  (SELECT count(*) FROM task_estimates t WHERE t.project_id = p.project_id) AS tasks,
  (SELECT count(*) FROM project_runs r WHERE r.project_id = p.project_id) AS runs,
  (SELECT max(r.started_at) FROM project_runs r WHERE r.project_id = p.project_id) AS started_at,
  (SELECT coalesce(sum(d.cost_usd), 0) FROM run_tasks d JOIN project_runs r USING (tenant_id, run_id)
    WHERE r.project_id = p.project_id) AS usd_spent
FROM projects p
WHERE p.deleted_at IS NULL AND (%(after)s::bigint IS NULL OR p.project_id < %(after)s)
ORDER BY p.project_id DESC LIMIT %(limit)s
"""
TASKS = """
SELECT task_id, title, phase, lane_id, provider, complexity, tokens, duration_minutes, cost_usd
FROM task_estimates WHERE project_id = %s ORDER BY phase, task_id
"""
RUNS = """
SELECT r.run_id::text AS run_id, r.run_kind, r.rehearsal_pct, r.provider_matrix_json, r.status, r.pas_run_id,
  r.requested_by, r.started_at, r.completed_at, r.failure, count(d.task_id) AS tasks,
  count(d.task_id) FILTER (WHERE d.status = 'completed') AS completed_tasks,
  coalesce(sum(d.cost_usd), 0) AS cost_usd, coalesce(sum(d.duration_minutes), 0) AS duration_minutes,
  coalesce(sum(d.tokens), 0) AS tokens
FROM project_runs r LEFT JOIN run_tasks d USING (tenant_id, run_id)
WHERE r.project_id = %s GROUP BY r.tenant_id, r.run_id ORDER BY r.started_at DESC, r.run_id
"""
RUN_TASKS = """
SELECT run_id::text AS run_id, task_id, lane_id, provider, phase, complexity, promised, prior_version, status, tokens,
  duration_minutes, cost_usd, quality, completed_at
FROM run_tasks WHERE run_id = ANY(%s::uuid[]) ORDER BY run_id, phase, task_id
"""
# Whatever changes a project's runway changes one of these.
STANDING = """
SELECT p.budget_usd_max, p.status,
  (SELECT count(*) FROM task_estimates t WHERE t.project_id = p.project_id) AS tasks,
  (SELECT array_agg(r.run_id::text || r.status ORDER BY r.run_id) FROM project_runs r
    WHERE r.project_id = p.project_id) AS runs,
  (SELECT array_agg(d.status || ':' || d.told ORDER BY d.status) FROM (
    SELECT d.status, count(*)::text || ':' || coalesce(sum(d.cost_usd), 0)::text AS told
    FROM run_tasks d JOIN project_runs r USING (tenant_id, run_id)
    WHERE r.project_id = p.project_id GROUP BY d.status) d) AS work,
  (SELECT sum(v.version) FROM estimate_versions v WHERE v.is_latest AND v.lane_id IN (
    SELECT t.lane_id FROM task_estimates t WHERE t.project_id = p.project_id)) AS versions
FROM projects p WHERE p.project_id = %s AND p.deleted_at IS NULL
"""


def project(rows: Cursor[Row], project_id: int) -> Row | None:
    """A project, or None."""
    rows.execute(PROJECT, [project_id])
    return rows.fetchone()


def projects(rows: Cursor[Row], limit: int, after: int | None = None) -> list[Row]:
    """Projects with their tasks and runs counted and what they have spent; the latest first, after a number."""
    rows.execute(PROJECTS, {"limit": limit, "after": after})
    return rows.fetchall()


def tasks(rows: Cursor[Row], project_id: int) -> list[Row]:
    """The tasks of a project."""
    rows.execute(TASKS, [project_id])
    return rows.fetchall()


def runs(rows: Cursor[Row], project_id: int) -> list[Row]:
    """The runs of a project with what they took, the latest first."""
    rows.execute(RUNS, [project_id])
    return rows.fetchall()


def run_tasks(rows: Cursor[Row], run_ids: Collection[str]) -> list[Row]:
    """The tasks of runs: promised, and taken."""
    rows.execute(RUN_TASKS, [list(run_ids)])
    return rows.fetchall()


def standing(rows: Cursor[Row], project_id: int) -> Row | None:
    """A row that differs whenever something changed that a project's runway follows from."""
    rows.execute(STANDING, [project_id])
    return rows.fetchone()
