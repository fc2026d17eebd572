"""Puts a job into procrastinate's queue from any transaction: it is there if, and only if, that commits."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from psycopg import Cursor
from psycopg.types.json import Jsonb

SEARCH_PATH = "SELECT set_config('search_path', 'public, ops', true)"
PUT = """
INSERT INTO ops.procrastinate_jobs (queue_name, task_name, lock, queueing_lock, args, scheduled_at)
VALUES (%(queue)s, %(task)s, %(lock)s, %(identity)s, %(args)s, %(at)s)
ON CONFLICT (queueing_lock) WHERE status = 'todo' DO UPDATE SET scheduled_at = EXCLUDED.scheduled_at
"""
WAKE = """
UPDATE ops.procrastinate_jobs SET scheduled_at = now() WHERE status = 'todo' AND queueing_lock = ANY(%s)
"""

ANNOUNCE = """
SELECT pg_notify('procrastinate_queue_v1#' || queue_name, '{"type": "job_inserted", "job_id": 0}')
FROM (SELECT DISTINCT queue_name FROM ops.procrastinate_jobs WHERE status = 'todo' AND scheduled_at <= now()) AS due
"""


def put(
    rows: Cursor[Any],
    queue: str,
    task: str,
    args: Mapping[str, Any],
    identity: str,
    at: datetime,
    lock: str | None = None,
) -> None:
    """Have a task run at a moment; the job with this identity that waits already is moved to it.

    Jobs with the same lock, which is the identity where none is named, run one after the other.
    """
    values = {"queue": queue, "task": task, "args": Jsonb(dict(args)), "identity": identity, "at": at}
    rows.execute(SEARCH_PATH)
    rows.execute(PUT, values | {"lock": lock or identity})


def wake(rows: Cursor[Any], identities: list[str]) -> None:
    """Have waiting jobs run now."""
    rows.execute(SEARCH_PATH)
    rows.execute(WAKE, [identities])


def announce(rows: Cursor[Any]) -> None:
    """Tell the workers whose queues hold jobs that are due: they hear of new jobs, but not that a moment has come."""
    rows.execute(ANNOUNCE)
