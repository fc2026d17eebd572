"""Runs of jobs by the clock: each moment once, and what came of it."""

from datetime import datetime
from typing import Any

from psycopg import Cursor

from sql import queue

Row = dict[str, Any]

QUEUE = "clock"
TASK = "run_clock_job"
FIRST = """
INSERT INTO ops.clock_runs (tenant_id, run_id, name, moment, asked_by, status, outcome, finished_at)
VALUES (%(tenant_id)s, %(run_id)s, %(name)s, %(moment)s, %(asked_by)s, %(status)s, %(outcome)s,
  CASE WHEN %(status)s = 'skipped' THEN now() END)
ON CONFLICT DO NOTHING
"""


def last_moment(rows: Cursor[Row], name: str) -> datetime | None:
    """The latest moment that the clock's run of a job was for."""
    rows.execute("SELECT max(moment) AS moment FROM ops.clock_runs WHERE name = %s AND asked_by IS NULL", [name])
    found = rows.fetchone()
    return found["moment"] if found else None


def ask(rows: Cursor[Row], tenant_id: str, run_id: str, name: str, moment: datetime, asked_by: str | None) -> bool:
    """Have a job run for a moment; whether nobody had asked for this run before."""
    if not _insert(rows, tenant_id, run_id, name, moment, asked_by, "waiting", None):
        return False
    _put(rows, tenant_id, run_id, name, moment)
    return True


def _put(rows: Cursor[Row], tenant_id: str, run_id: str, name: str, moment: datetime) -> None:
    """Runs of one job follow one another, however long one takes."""
    args = {"tenant_id": tenant_id, "run_id": run_id}
    queue.put(rows, QUEUE, TASK, args, f"{tenant_id}/{run_id}", moment, lock=f"{tenant_id}/clock/{name}")


def skip(rows: Cursor[Row], tenant_id: str, run_id: str, name: str, moment: datetime, why: str) -> None:
    """A moment that nobody runs the job for."""
    _insert(rows, tenant_id, run_id, name, moment, None, "skipped", why)


def _insert(
    rows: Cursor[Row],
    tenant_id: str,
    run_id: str,
    name: str,
    moment: datetime,
    asked_by: str | None,
    status: str,
    outcome: str | None,
) -> bool:
    values = {"tenant_id": tenant_id, "run_id": run_id, "name": name, "moment": moment, "asked_by": asked_by}
    rows.execute(FIRST, values | {"status": status, "outcome": outcome})
    return rows.rowcount == 1


def take(rows: Cursor[Row], run_id: str) -> Row | None:
    """A run that has not been made, held until the transaction ends."""
    rows.execute(
        "UPDATE ops.clock_runs SET started_at = clock_timestamp() WHERE run_id = %s AND status = 'waiting' "
        "RETURNING run_id, name, moment",
        [run_id],
    )
    return rows.fetchone()


def finish(rows: Cursor[Row], run_id: str, status: str, outcome: str) -> None:
    """What came of a run."""
    rows.execute(
        "UPDATE ops.clock_runs SET status = %s, outcome = %s, started_at = coalesce(started_at, clock_timestamp()), "
        "finished_at = clock_timestamp() WHERE run_id = %s AND status = 'waiting'",
        [status, outcome[:1000], run_id],
    )


LAST = """
SELECT DISTINCT ON (name) name, run_id, moment, asked_by, status, outcome, started_at, finished_at FROM ops.clock_runs
WHERE status <> 'skipped' ORDER BY name, created_at DESC, run_id
"""


def last_runs(rows: Cursor[Row]) -> dict[str, Row]:
    """The latest run of each job."""
    rows.execute(LAST)
    return {row["name"]: row for row in rows.fetchall()}


ORPHANS = """
SELECT tenant_id::text, run_id, name, moment FROM ops.clock_runs AS kept
WHERE status = 'waiting' AND created_at < now() - interval '15 seconds' AND NOT EXISTS (
  SELECT 1 FROM ops.procrastinate_jobs AS job WHERE job.queueing_lock = kept.tenant_id::text || '/' || kept.run_id
    AND job.status IN ('todo', 'doing'))
"""


def reschedule_orphans(rows: Cursor[Row]) -> int:
    """Give each run that nobody will make a job; how many."""
    rows.execute(ORPHANS)
    found = rows.fetchall()
    for row in found:
        _put(rows, row["tenant_id"], row["run_id"], row["name"], row["moment"])
    return len(found)


def forget(rows: Cursor[Row], before: datetime) -> int:
    """Delete old runs, but for the latest moment of each job, from which its clock goes on; how many."""
    rows.execute(
        "DELETE FROM ops.clock_runs AS old WHERE created_at < %s AND status <> 'waiting' AND moment < "
        "(SELECT max(moment) FROM ops.clock_runs WHERE name = old.name AND asked_by IS NULL)",
        [before],
    )
    return rows.rowcount
