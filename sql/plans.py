"""How plans are asked for, taken up and kept: requests, the planner's jobs, results, each with its message."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from psycopg import Cursor
from psycopg.types.json import Jsonb

from schemas.envelope import Message
from schemas.messages import plans
from schemas.messages.plans import PlanKind
from sql import outbox
from sql.database import Rows, ensure_tenant

TABLES: Final[dict[str, str]] = {"mrp": "mrp_runs", "schedule": "production_schedules", "proposal": "plan_proposals"}
WAITS: Final = ("queued", "running")
MOST_ATTEMPTS: Final = 5


class Job(NamedTuple):
    """A plan that the planner has accepted and not finished; `attempts` counts computations that began."""

    plan_id: str
    owner_id: str
    kind: PlanKind
    attempts: int


def say(rows: Rows, tenant_id: str, type_name: str, payload: Any, at: datetime | None = None) -> None:
    """Have a message about a plan published once this is committed; said again it has the same id."""
    moment, plan_id = at or datetime.now(UTC), payload.plan_id
    outbox.say(
        rows,
        Message(
            message_id=f"{type_name}-{plan_id}",
            type=type_name,
            tenant_id=tenant_id,
            timestamp=moment,
            source_system="MRAOS",
            correlation_id=plan_id,
            source=f"plans/{plan_id}",
            position=0,
            received_at=moment,
            payload=payload,
        ),
    )


def ask_mrp(rows: Rows, tenant_id: str, kind: plans.MrpKind, actor: str) -> str:
    """Ask for a run of MRP; its id."""
    ensure_tenant(rows, tenant_id)
    rows.execute(
        "INSERT INTO mrp_runs (tenant_id, kind, asked_by) VALUES (%s, %s, %s) RETURNING id::text AS id",
        [tenant_id, kind, actor],
    )
    plan_id = _id(rows)
    say(rows, tenant_id, "plan.mrp_requested", plans.MrpRequested(plan_id=plan_id, kind=kind, requested_by=actor))
    return plan_id


def ask_schedule(rows: Rows, tenant_id: str, request: Mapping[str, Any], actor: str) -> str:
    """Ask for a schedule; its id."""
    ensure_tenant(rows, tenant_id)
    rows.execute(
        "INSERT INTO production_schedules (tenant_id, scenario, seed, frozen_until, request, created_by) "
        "VALUES (%s, %s, %s, %s, %s, %s) RETURNING id::text AS id",
        [tenant_id, request["scenario"], request["seed"], request.get("frozen_until"), Jsonb(dict(request)), actor],
    )
    plan_id = _id(rows)
    payload = plans.ScheduleRequested(plan_id=plan_id, scenario=request["scenario"], requested_by=actor)
    say(rows, tenant_id, "plan.schedule_requested", payload)
    return plan_id


def insert_proposal(
    rows: Rows, tenant_id: str, cause: plans.ProposalCause, cause_key: str, request: Mapping[str, Any], actor: str
) -> str | None:
    """A proposal that is to be made; None if there is one that waits or stands for the same happening."""
    ensure_tenant(rows, tenant_id)
    rows.execute(
        "INSERT INTO plan_proposals (tenant_id, cause, cause_key, request, asked_by) VALUES (%s, %s, %s, %s, %s) "
        "ON CONFLICT (tenant_id, cause_key) WHERE status IN ('queued', 'running', 'open') DO NOTHING "
        "RETURNING id::text AS id",
        [tenant_id, cause, cause_key, Jsonb(dict(request)), actor],
    )
    found = rows.fetchone()
    return found["id"] if found else None


def ask_cancel(rows: Rows, tenant_id: str, kind: PlanKind, plan_id: str, actor: str) -> str | None:
    """Have a computation stop: at once if it has not begun. Its status then; None: there is nothing to stop."""
    table = TABLES[kind]
    rows.execute(
        f"UPDATE {table} SET is_cancel_asked = true, "
        "status = CASE status WHEN 'queued' THEN 'cancelled' ELSE status END, "
        "finished_at = CASE status WHEN 'queued' THEN now() END "
        "WHERE id = %s AND status IN ('queued', 'running') RETURNING status".encode(),
        [plan_id],
    )
    found = rows.fetchone()
    if found is None:
        return None
    payload = plans.CancelRequested(plan_id=plan_id, kind=kind, requested_by=actor)
    say(rows, tenant_id, "plan.cancel_requested", payload)
    return str(found["status"])


def accept_job(rows: Rows, tenant_id: str, kind: PlanKind, plan_id: str) -> str | None:
    """Take a request over, once however often it is told; the status of its plan, None if there is no such plan."""
    rows.execute(f"SELECT status FROM {TABLES[kind]} WHERE id = %s".encode(), [plan_id])
    found = rows.fetchone()
    if found is not None and found["status"] in WAITS:
        rows.execute(
            "INSERT INTO ops.plan_jobs (plan_id, owner_id, kind) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
            [plan_id, tenant_id, kind],
        )
    return None if found is None else str(found["status"])


def jobs(rows: Cursor[Any]) -> list[Job]:
    """What is accepted and not finished, oldest first."""
    rows.execute(
        "SELECT plan_id::text AS plan_id, owner_id::text AS owner_id, kind, attempts FROM ops.plan_jobs "
        "ORDER BY accepted_at, plan_id"
    )
    return [Job(**row) for row in rows.fetchall()]


def begin(rows: Rows, job: Job) -> bool:
    """Note that a computation begins; False if its plan waits no longer: then the job is done."""
    rows.execute(
        f"UPDATE {TABLES[job.kind]} SET status = 'running', started_at = now() "
        "WHERE id = %s AND status IN ('queued', 'running') AND NOT is_cancel_asked".encode(),
        [job.plan_id],
    )
    if rows.rowcount:
        rows.execute("UPDATE ops.plan_jobs SET attempts = attempts + 1 WHERE plan_id = %s", [job.plan_id])
        return True
    return False


def forgive(rows: Rows, job: Job) -> None:
    """A computation broke off through no fault of its own: it does not count."""
    rows.execute("UPDATE ops.plan_jobs SET attempts = greatest(0, attempts - 1) WHERE plan_id = %s", [job.plan_id])


def done(rows: Rows, job: Job) -> None:
    """Nothing is to be done for a job any more."""
    rows.execute("DELETE FROM ops.plan_jobs WHERE plan_id = %s", [job.plan_id])


def end(rows: Rows, job: Job, status: str, reason: str) -> None:
    """A plan failed, or was cancelled: its row, its event, and no job any more."""
    rows.execute(
        f"UPDATE {TABLES[job.kind]} SET status = %s, failure = %s, finished_at = now() "
        "WHERE id = %s AND status IN ('queued', 'running')".encode(),
        [status, reason, job.plan_id],
    )
    if rows.rowcount:
        told: Any = status
        payload = plans.PlanFailed(plan_id=job.plan_id, kind=job.kind, status=told, reason=reason[:4000])
        say(rows, job.owner_id, "plan.failed", payload)
    done(rows, job)


def keep_schedule(rows: Rows, job: Job, result: Mapping[str, Any], lines: str) -> None:
    """The schedule that was computed, with its event; nothing where its request waits no longer."""
    figures = result["figures"]
    rows.execute(
        "UPDATE production_schedules SET status = 'proposed', progress_percentage = 100, engine = %(engine)s, "
        "horizon_from = %(horizon_from)s, horizon_to = %(horizon_to)s, base_schedule_id = %(base)s, "
        "inputs = %(inputs)s, figures = %(figures)s, lines = %(lines)s::jsonb, finished_at = now() "
        "WHERE id = %(id)s AND status = 'running' RETURNING scenario",
        {
            "id": job.plan_id,
            "engine": figures["engine"],
            "horizon_from": result["horizon_from"],
            "horizon_to": result["horizon_to"],
            "base": result["base_schedule_id"],
            "inputs": Jsonb(result["inputs"]),
            "figures": Jsonb(figures),
            "lines": lines,
        },
    )
    found = rows.fetchone()
    if found is not None:
        payload = plans.ScheduleFinished(
            plan_id=job.plan_id,
            scenario=found["scenario"],
            engine=figures["engine"],
            operations=figures["operations"],
            late_orders=figures["late_orders"],
            weighted_tardiness_minutes=figures["weighted_tardiness_minutes"],
            makespan_minutes=figures["makespan_minutes"],
            setup_minutes=figures["setup_minutes"],
        )
        say(rows, job.owner_id, "plan.schedule_finished", payload)
    done(rows, job)


def tell_progress(rows: Rows, kind: PlanKind, plan_id: str, percentage: int) -> bool:
    """Note how far a computation is; whether somebody wants it to stop, or it is not wanted any more."""
    column = "" if kind == "proposal" else "progress_percentage = greatest(progress_percentage, %(percentage)s),"
    rows.execute(
        f"UPDATE {TABLES[kind]} SET {column} started_at = coalesce(started_at, now()) "
        "WHERE id = %(id)s AND status = 'running' AND NOT is_cancel_asked".encode(),
        {"percentage": min(99, percentage), "id": plan_id},
    )
    return rows.rowcount == 0


def _id(rows: Rows) -> str:
    found = rows.fetchone()
    assert found is not None
    return str(found["id"])
