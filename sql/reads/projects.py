"""Projects with their tasks, runs and overrides, as they are asked for."""

from typing import Any, NamedTuple

from psycopg import Cursor

from sql.reads.pages import cursor_of, pattern_of, values_of

Row = dict[str, Any]

HEAD = """
SELECT p.project_id, p.name, p.prd_path, p.budget_usd_max, p.status, p.version, p.created_at, p.created_by,
  p.updated_at, p.updated_by,
  (SELECT count(*) FROM task_estimates t WHERE t.tenant_id = p.tenant_id AND t.project_id = p.project_id) AS task_count,
  (SELECT count(*) FROM project_runs r WHERE r.tenant_id = p.tenant_id AND r.project_id = p.project_id) AS run_count,
  (SELECT coalesce(sum(t.cost_usd), 0) FROM project_runs r JOIN run_tasks t USING (tenant_id, run_id)
    WHERE r.tenant_id = p.tenant_id AND r.project_id = p.project_id) AS usd_spent
FROM projects p WHERE p.deleted_at IS NULL
"""
TASKS = """
SELECT task_id, title, phase, lane_id, provider, complexity, kpi_formula, tokens, duration_minutes, cost_usd, created_at
FROM task_estimates WHERE project_id = %s ORDER BY created_at, task_id
"""
RUNS = """
SELECT r.run_id::text AS run_id, r.project_id, r.run_kind, r.rehearsal_pct, r.provider_matrix_json AS provider_matrix,
  r.status, r.pas_run_id, r.requested_by, r.started_at, r.completed_at, r.failure, t.task_count, t.completed_count,
  t.failed_count, t.missing_count, t.tokens, t.duration_minutes, t.cost_usd AS usd_spent
FROM project_runs r CROSS JOIN LATERAL (
  SELECT count(*) AS task_count, count(*) FILTER (WHERE status = 'completed') AS completed_count,
    count(*) FILTER (WHERE status = 'failed') AS failed_count,
    count(*) FILTER (WHERE status = 'missing') AS missing_count, coalesce(sum(tokens), 0) AS tokens,
    coalesce(sum(duration_minutes), 0) AS duration_minutes, coalesce(sum(cost_usd), 0) AS cost_usd
  FROM run_tasks WHERE tenant_id = r.tenant_id AND run_id = r.run_id) t
"""
RUN = """
SELECT r.run_id::text AS run_id, r.project_id, r.run_kind, r.rehearsal_pct, r.provider_matrix_json AS provider_matrix,
  r.status, r.completed_at, p.name, p.prd_path, p.budget_usd_max
FROM project_runs r JOIN projects p USING (tenant_id, project_id) WHERE r.run_id = %s
"""
RUN_TASKS = """
SELECT t.task_id, coalesce(e.title, '') AS title, t.phase, t.lane_id, t.provider, t.complexity, t.promised,
  t.prior_version, t.status, t.tokens, t.duration_minutes, t.cost_usd, t.quality, t.completed_at
FROM run_tasks t JOIN project_runs r USING (tenant_id, run_id)
LEFT JOIN task_estimates e ON e.tenant_id = t.tenant_id AND e.project_id = r.project_id AND e.task_id = t.task_id
WHERE t.run_id = %s ORDER BY t.task_id
"""
OVERRIDES = """
SELECT override_id::text AS override_id, project_id, task_id, lane_id, provider, tokens, duration_minutes, cost_usd,
  estimated, weight, reason, overridden_by, overridden_at
FROM lane_overrides WHERE project_id = %(project_id)s {} ORDER BY overridden_at DESC, override_id DESC LIMIT %(limit)s
"""
STAMP = """
SELECT count(*) AS priors, coalesce(sum(version), 0) AS versions FROM estimate_versions WHERE is_latest
"""
KNOWN = """
SELECT provider FROM task_estimates WHERE provider = %(name)s
UNION ALL SELECT provider FROM run_tasks WHERE provider = %(name)s
UNION ALL SELECT provider FROM estimate_versions WHERE provider = %(name)s LIMIT 1
"""


class Wanted(NamedTuple):
    """Which projects are wanted; what is None does not matter."""

    statuses: tuple[str, ...] = ()
    text: str | None = None


def page(rows: Cursor[Row], wanted: Wanted, limit: int, after: str | None) -> tuple[list[Row], str | None]:
    """Projects, the newest first, and the cursor of the next page. Raises BadCursor."""
    conditions, values = [""], dict[str, Any](limit=limit + 1)
    if wanted.statuses:
        conditions.append("p.status = ANY(%(statuses)s)")
        values["statuses"] = list(wanted.statuses)
    if wanted.text:
        conditions.append("p.name ILIKE %(text)s")
        values["text"] = pattern_of(wanted.text)
    if after is not None:
        conditions.append("p.project_id < %(after)s::bigint")
        (values["after"],) = values_of(after, 1)
    rows.execute(f"{HEAD}{' AND '.join(conditions)} ORDER BY p.project_id DESC LIMIT %(limit)s".encode(), values)
    found = rows.fetchall()
    if len(found) <= limit:
        return found, None
    return found[:limit], cursor_of([str(found[limit - 1]["project_id"])])


def one(rows: Cursor[Row], project_id: int) -> Row | None:
    """A project."""
    rows.execute(f"{HEAD} AND p.project_id = %s".encode(), [project_id])
    return rows.fetchone()


def head(rows: Cursor[Row], project_id: int) -> Row | None:
    """A project without what is counted of it."""
    rows.execute(
        "SELECT project_id, name, prd_path, budget_usd_max, status FROM projects "
        "WHERE project_id = %s AND deleted_at IS NULL",
        [project_id],
    )
    return rows.fetchone()


def tasks(rows: Cursor[Row], project_id: int) -> list[Row]:
    """Its tasks, as they were entered."""
    rows.execute(TASKS, [project_id])
    return rows.fetchall()


def runs(rows: Cursor[Row], project_id: int, limit: int) -> list[Row]:
    """Its runs with what they took so far, the latest first."""
    rows.execute(
        f"{RUNS} WHERE r.project_id = %s ORDER BY r.started_at DESC, r.run_id LIMIT %s".encode(), [project_id, limit]
    )
    return rows.fetchall()


def one_run(rows: Cursor[Row], project_id: int, run_id: str) -> Row | None:
    """One of its runs, with its tasks."""
    rows.execute(f"{RUNS} WHERE r.project_id = %s AND r.run_id = %s".encode(), [project_id, run_id])
    found = rows.fetchone()
    return found and found | {"tasks": run_tasks(rows, run_id)}


def run(rows: Cursor[Row], run_id: str) -> Row | None:
    """A run as its job card tells it."""
    rows.execute(RUN, [run_id])
    return rows.fetchone()


def run_tasks(rows: Cursor[Row], run_id: str) -> list[Row]:
    """The tasks of a run."""
    rows.execute(RUN_TASKS, [run_id])
    return rows.fetchall()


def overrides(rows: Cursor[Row], project_id: int, lane_id: str | None, limit: int) -> list[Row]:
    """What people judged in a project, the latest first."""
    query = OVERRIDES.format("AND lane_id = %(lane_id)s" if lane_id else "")
    rows.execute(query.encode(), {"project_id": project_id, "lane_id": lane_id, "limit": limit})
    return rows.fetchall()


def priors_stamp(rows: Cursor[Row]) -> tuple[int, int]:
    """Two numbers that change whenever a prior learns something."""
    rows.execute(STAMP)
    found = rows.fetchone()
    assert found is not None, "an aggregate has one row"
    return int(found["priors"]), int(found["versions"])


def is_known_provider(rows: Cursor[Row], name: str) -> bool:
    """Whether a task, a run or a prior names this provider."""
    rows.execute(KNOWN, {"name": name})
    return rows.fetchone() is not None
