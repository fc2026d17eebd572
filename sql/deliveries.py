"""Deliveries as they change: made once, taken when due, ended; the job of the next attempt moves along."""

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

from psycopg import Cursor
from psycopg.types.json import Jsonb

from schemas.codec import encode
from sql import queue, repairs

Row = dict[str, Any]

TASK = "deliver"
SYSTEMS = ("ERP", "MES", "HR", "WMS", "FILES", "MAIL", "NOTIFY", "PAS")


def identity(kind: str, tenant_id: str, cause: str) -> str:
    """The id of a delivery, and its Idempotency-Key: the same for the same cause."""
    return "DLV-" + sha256("\n".join((kind, tenant_id, cause)).encode()).hexdigest()[:32]


def queue_of(system: str) -> str:
    """The queue of a system: a slow one holds up nobody else."""
    return f"deliver-{system.lower()}"


ADD = """
INSERT INTO deliveries (tenant_id, delivery_id, kind, external_system, integration_type, subject, cause,
  correlation_id, told, due_at, waits_for)
VALUES (%(tenant_id)s, %(delivery_id)s, %(kind)s, %(external_system)s, %(integration_type)s, %(subject)s, %(cause)s,
  %(correlation_id)s, %(told)s, coalesce(%(due_at)s, clock_timestamp()), %(waits_for)s)
ON CONFLICT DO NOTHING RETURNING due_at
"""
REPLACE = """
UPDATE deliveries SET status = 'cancelled', finished_at = now(), waits_for = NULL,
  last_error = 'A newer one asks the same.'
WHERE kind = %s AND subject = %s AND status = 'pending' AND delivery_id <> %s
RETURNING failure_key
"""


def add(rows: Cursor[Row], fields: Row, *, replaces_older: bool) -> bool:
    """Make a delivery, due at `due_at` or now; whether it is new."""
    waits_for = "time" if fields["due_at"] else None
    rows.execute(ADD, fields | {"told": _json(fields["told"]), "waits_for": waits_for})
    found = rows.fetchone()
    if found is None:
        return False
    if replaces_older:
        rows.execute(REPLACE, [fields["kind"], fields["subject"], fields["delivery_id"]])
        for row in rows.fetchall():
            if row["failure_key"] is not None:
                repairs.settle_delivery(rows, row["failure_key"], ("REPLACED", "A newer one asks the same."))
    schedule(rows, fields["tenant_id"], fields["delivery_id"], fields["external_system"], found["due_at"])
    return True


def schedule(rows: Cursor[Any], tenant_id: str, delivery_id: str, system: str, at: datetime) -> None:
    """Have the next attempt made at a moment."""
    args = {"tenant_id": tenant_id, "delivery_id": delivery_id}
    queue.put(rows, queue_of(system), TASK, args, _lock(tenant_id, delivery_id), at)


def take(rows: Cursor[Row], delivery_id: str) -> Row | None:
    """A pending delivery, held until the transaction ends; None where there is nothing more to do for it."""
    rows.execute("SELECT * FROM deliveries WHERE delivery_id = %s AND status = 'pending' FOR UPDATE", [delivery_id])
    return rows.fetchone()


def freeze(rows: Cursor[Row], delivery_id: str, request: Any) -> Any:
    """Keep the request; it as every attempt will see it, this one included."""
    rows.execute(
        "UPDATE deliveries SET request = %s WHERE delivery_id = %s RETURNING request", [_json(request), delivery_id]
    )
    found = rows.fetchone()
    return found and found["request"]


HOLD = """
UPDATE deliveries SET due_at = %(at)s, waits_for = %(waits_for)s, last_error = %(reason)s,
  waits = waits + (%(waits_for)s = 'data')::int
WHERE delivery_id = %(delivery_id)s AND status = 'pending' RETURNING tenant_id::text, external_system
"""


def hold(rows: Cursor[Row], delivery_id: str, at: datetime, waits_for: str, reason: str) -> None:
    """Not now, and not counted as an attempt: what it is made of is not there, or its system's circuit is open."""
    rows.execute(HOLD, {"delivery_id": delivery_id, "at": at, "waits_for": waits_for, "reason": reason[:1000]})
    if (found := rows.fetchone()) is not None:
        schedule(rows, found["tenant_id"], delivery_id, found["external_system"], at)


END = """
UPDATE deliveries SET status = %(status)s, waits_for = NULL, finished_at = %(at)s, last_error = %(error)s,
  attempts = attempts + %(counts)s, last_attempt_at = CASE WHEN %(counts)s = 1 THEN %(at)s ELSE last_attempt_at END,
  last_status_code = coalesce(%(status_code)s, last_status_code), last_answer = coalesce(%(answer)s, last_answer),
  failure_key = coalesce(%(failure_key)s, failure_key)
WHERE delivery_id = %(delivery_id)s AND status = 'pending' AND attempts = %(attempts)s
"""


def end(
    rows: Cursor[Row],
    delivery_id: str,
    status: str,
    at: datetime,
    *,
    attempts: int,
    is_attempt: bool = True,
    status_code: int | None = None,
    error: str | None = None,
    answer: Any = None,
    failure_key: str | None = None,
) -> bool:
    """End a delivery that had so many attempts before; False where somebody else has recorded one meanwhile."""
    rows.execute(
        END,
        {
            "delivery_id": delivery_id,
            "status": status,
            "at": at,
            "attempts": attempts,
            "counts": int(is_attempt),
            "status_code": status_code,
            "error": error and error[:1000],
            "answer": None if answer is None else _json(answer),
            "failure_key": failure_key,
        },
    )
    return rows.rowcount == 1


AGAIN = """
UPDATE deliveries SET due_at = %(due_at)s, waits_for = 'retry', attempts = attempts + 1, last_attempt_at = %(at)s,
  last_status_code = %(status_code)s, last_error = %(error)s, last_answer = coalesce(%(answer)s, last_answer),
  failures = failures || %(failures)s
WHERE delivery_id = %(delivery_id)s AND status = 'pending' AND attempts = %(attempts)s
RETURNING tenant_id::text, external_system
"""


def again(
    rows: Cursor[Row],
    delivery_id: str,
    due_at: datetime,
    at: datetime,
    *,
    attempts: int,
    status_code: int | None,
    error: str,
    answer: Any,
    failures: Mapping[str, int],
) -> bool:
    """Count a failed attempt and have the next one made; False where somebody else has recorded one meanwhile."""
    rows.execute(
        AGAIN,
        {
            "delivery_id": delivery_id,
            "due_at": due_at,
            "at": at,
            "attempts": attempts,
            "status_code": status_code,
            "error": error[:1000],
            "answer": None if answer is None else _json(answer),
            "failures": Jsonb(dict(failures)),
        },
    )
    found = rows.fetchone()
    if found is None:
        return False
    schedule(rows, found["tenant_id"], delivery_id, found["external_system"], due_at)
    return True


RETRY = """
UPDATE deliveries SET status = 'pending', due_at = clock_timestamp(), waits_for = NULL, finished_at = NULL,
  failures = '{}', rounds = rounds + 1
WHERE delivery_id = %s AND status <> 'succeeded'
RETURNING tenant_id::text, external_system, due_at, failure_key
"""


def retry(rows: Cursor[Row], delivery_id: str, actor: str | None = None) -> bool:
    """Somebody wants it tried now, from the beginning, with the same key; False where it has succeeded.

    With `actor`, that somebody is remembered at its dead letter, where one waits.
    """
    rows.execute(RETRY, [delivery_id])
    found = rows.fetchone()
    if found is None:
        return False
    schedule(rows, found["tenant_id"], delivery_id, found["external_system"], found["due_at"])
    if actor is not None and found["failure_key"] is not None:
        repairs.add_for_delivery(rows, found["failure_key"], actor)
    return True


WAITING = """
UPDATE deliveries SET due_at = clock_timestamp() WHERE external_system = %s AND status = 'pending'
  AND waits_for = 'circuit' RETURNING tenant_id::text, delivery_id
"""


def release(rows: Cursor[Row], system: str) -> int:
    """A system answers again: what its open circuit held back is due now; how many those are."""
    rows.execute(WAITING, [system])
    found = rows.fetchall()
    queue.wake(rows, [_lock(row["tenant_id"], row["delivery_id"]) for row in found])
    return len(found)


ORPHANS = """
SELECT tenant_id::text, delivery_id, external_system, due_at FROM deliveries AS kept
WHERE status = 'pending' AND due_at < now() - interval '5 seconds' AND NOT EXISTS (
  SELECT 1 FROM ops.procrastinate_jobs AS job WHERE job.lock = kept.tenant_id::text || '/' || kept.delivery_id
    AND job.status IN ('todo', 'doing'))
LIMIT 500
"""


def reschedule_orphans(rows: Cursor[Row]) -> int:
    """Give each overdue delivery that has no job one; how many."""
    rows.execute(ORPHANS)
    found = rows.fetchall()
    for row in found:
        schedule(rows, row["tenant_id"], row["delivery_id"], row["external_system"], row["due_at"])
    return len(found)


def forget(rows: Cursor[Row], before: datetime, asked_before: datetime, asking_kinds: list[str]) -> int:
    """Delete ended deliveries from before a moment, those that only asked from before a later one; how many."""
    rows.execute(
        "DELETE FROM deliveries WHERE status <> 'pending' "
        "AND finished_at < CASE WHEN kind = ANY(%s) THEN %s::timestamptz ELSE %s END",
        [asking_kinds, asked_before, before],
    )
    return rows.rowcount


def _lock(tenant_id: str, delivery_id: str) -> str:
    return f"{tenant_id}/{delivery_id}"


def _json(value: Any) -> Jsonb:
    """A value with structs, decimals and moments in it, for a jsonb column."""
    return Jsonb(value, dumps=encode)
