"""Runs of projects as they begin and end: rows of `project_runs` and `run_tasks`, changed with their state compared."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Cursor
from psycopg.types.json import Jsonb

Row = dict[str, Any]

BEGIN = """
INSERT INTO project_runs
  (tenant_id, run_id, project_id, run_kind, rehearsal_pct, provider_matrix_json, requested_by, started_at)
VALUES (%(tenant_id)s, %(run_id)s, %(project_id)s, %(run_kind)s, %(rehearsal_pct)s, %(matrix)s, %(actor)s, %(at)s)
"""
PLAN = """
INSERT INTO run_tasks
  (tenant_id, run_id, task_id, lane_id, provider, phase, complexity, promised, prior_version)
SELECT %(tenant_id)s, %(run_id)s, t.task_id, t.lane_id, t.provider, t.phase, t.complexity, t.promised, t.prior_version
FROM jsonb_to_recordset(%(tasks)s) AS t (task_id text, lane_id text, provider text, phase text, complexity text,
  promised jsonb, prior_version bigint)
"""
UNPLANNED = """
INSERT INTO run_tasks (tenant_id, run_id, task_id, lane_id, provider, phase, complexity, promised)
SELECT %(tenant_id)s, %(run_id)s, t.task_id, t.lane_id, t.provider, 'build', 'moderate', '{}'
FROM jsonb_to_recordset(%(done)s) AS t (task_id text, lane_id text, provider text) ON CONFLICT DO NOTHING
"""
DONE = """
UPDATE run_tasks AS r SET status = t.status, completed_at = t.completed_at, quality = t.quality,
  tokens = CASE WHEN t.tokens BETWEEN 0 AND %(most_tokens)s THEN t.tokens END,
  duration_minutes = CASE WHEN t.duration_minutes BETWEEN 0 AND %(most_duration_minutes)s THEN t.duration_minutes END,
  cost_usd = CASE WHEN t.cost_usd BETWEEN 0 AND %(most_cost_usd)s THEN t.cost_usd END
FROM jsonb_to_recordset(%(done)s) AS t (task_id text, status text, completed_at timestamptz, tokens double precision,
  duration_minutes double precision, cost_usd double precision, quality double precision)
WHERE r.run_id = %(run_id)s AND r.task_id = t.task_id AND r.status IN ('waiting', 'missing') RETURNING r.task_id
"""
END = """
UPDATE project_runs SET status = %(status)s, completed_at = %(at)s, failure = %(failure)s
WHERE run_id = %(run_id)s AND completed_at IS NULL
"""
# A project is done when a whole run of it is, nothing of it is missing, and no other run is under way.
SETTLE = """
UPDATE projects AS p SET status = 'completed', version = p.version + 1, updated_at = %(at)s, updated_by = 'PAS'
WHERE p.project_id = %(project_id)s AND p.status = 'running' AND %(status)s = 'completed' AND %(kind)s <> 'rehearsal'
  AND NOT EXISTS (SELECT FROM run_tasks t WHERE t.run_id = %(run_id)s AND t.status <> 'completed')
  AND NOT EXISTS (SELECT FROM project_runs r WHERE r.project_id = p.project_id AND r.run_id <> %(run_id)s
    AND r.run_kind <> 'rehearsal' AND r.status IN ('submitted', 'running'))
"""
HOLD = """
SELECT run_id::text AS run_id, project_id, run_kind, status, completed_at FROM project_runs
WHERE {} ORDER BY started_at DESC LIMIT 1 FOR UPDATE
"""
MINE = HOLD.format("run_id = %(run_id)s::uuid")
THEIRS = HOLD.format("pas_run_id = %(run_id)s")


def begin(rows: Cursor[Row], run: Mapping[str, Any], tasks: Sequence[Mapping[str, Any]]) -> None:
    """A run with its tasks, each with what is promised for it; its project is under way, unless it only rehearses."""
    rows.execute(BEGIN, dict(run) | {"matrix": Jsonb(run["provider_matrix"])})
    if tasks:
        rows.execute(PLAN, dict(run) | {"tasks": Jsonb(list(tasks))})
    if run["run_kind"] != "rehearsal":
        rows.execute(
            "UPDATE projects SET status = 'running', version = version + 1, updated_at = %(at)s, "
            "updated_by = %(actor)s WHERE project_id = %(project_id)s AND status IN ('pending', 'completed')",
            dict(run),
        )


def submitted(rows: Cursor[Row], run_id: str, pas_run_id: str) -> None:
    """The PAS has taken the job card; a run that is over already stays so."""
    rows.execute(
        "UPDATE project_runs SET pas_run_id = %(theirs)s, failure = CASE WHEN completed_at IS NULL THEN NULL "
        "ELSE failure END, status = CASE WHEN completed_at IS NULL THEN 'running' ELSE status END "
        "WHERE run_id = %(run_id)s",
        {"run_id": run_id, "theirs": pas_run_id},
    )


def not_submitted(rows: Cursor[Row], run_id: str, sentence: str) -> None:
    """Nobody carries it out. Somebody may have the job card delivered all the same, so the run is not over."""
    rows.execute(
        "UPDATE project_runs SET status = 'failed', failure = %s WHERE run_id = %s AND status = 'submitted'",
        [sentence[:2000], run_id],
    )


def hold(rows: Cursor[Row], run_id: str) -> Row | None:
    """The run that has this id, ours or else the PAS's, held until the transaction ends."""
    for query in (MINE, THEIRS) if _is_ours(run_id) else (THEIRS,):
        rows.execute(query.encode(), {"run_id": run_id})
        if (found := rows.fetchone()) is not None:
            return found
    return None


def _is_ours(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


def take_unplanned(rows: Cursor[Row], tenant_id: str, run_id: str, done: Sequence[Mapping[str, Any]]) -> None:
    """Tasks that the PAS planned by itself, for a job card that named none."""
    rows.execute(UNPLANNED, {"tenant_id": tenant_id, "run_id": run_id, "done": Jsonb(list(done))})


def take_done(
    rows: Cursor[Row], run_id: str, done: Sequence[Mapping[str, Any]], most: Mapping[str, float]
) -> frozenset[str]:
    """Write down what tasks took; the ids of those that nobody had reported yet.

    A figure below zero or above the most that is believed is not kept here: the observation says it, and why not.
    """
    rows.execute(
        DONE, {"run_id": run_id, "done": Jsonb(list(done))} | {f"most_{name}": value for name, value in most.items()}
    )
    return frozenset(row["task_id"] for row in rows.fetchall())


def end(rows: Cursor[Row], run: Mapping[str, Any], status: str, at: datetime, failure: str | None) -> None:
    """The run is over; tasks that nobody reported are missing."""
    told = {"run_id": run["run_id"], "project_id": run["project_id"], "kind": run["run_kind"]}
    told |= {"status": status, "at": at, "failure": failure}
    rows.execute(END, told)
    rows.execute(
        "UPDATE run_tasks SET status = 'missing' WHERE run_id = %(run_id)s AND status = 'waiting'",
        told,
    )
    rows.execute(SETTLE, told)
