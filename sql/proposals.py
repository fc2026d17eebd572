"""Proposals as rows: made once for a happening, outdated when what they stand on has changed."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from psycopg.types.json import Jsonb

from schemas.messages import plans as messages
from schemas.messages.plans import ProposalCause
from sql import plans
from sql.database import Rows
from sql.plans import Job

PLANNER: Final = "planner"
KEEP = """
UPDATE plan_proposals SET schedule_id = %(schedule)s, cause_text = %(text)s, moves = %(moves)s, orders = %(orders)s,
  figures = %(figures)s, inputs = %(inputs)s, lines = %(lines)s::jsonb, finished_at = now(),
  status = CASE
    WHEN NOT EXISTS (SELECT FROM production_schedules WHERE id = %(schedule)s AND status = 'accepted') THEN 'outdated'
    WHEN %(moved)s THEN 'open' ELSE 'dismissed' END,
  decided_at = CASE WHEN %(moved)s THEN NULL ELSE now() END,
  decided_by = CASE WHEN %(moved)s THEN NULL ELSE %(by)s END
WHERE id = %(id)s AND status = 'running' RETURNING status
"""


def propose_breakdown(rows: Rows, tenant_id: str, told: Mapping[str, Any]) -> str | None:
    """Have a proposal made because a machine is down, if a schedule is accepted; its id, if it is new."""
    rows.execute(
        "SELECT c.id::text AS id FROM work_centers c WHERE c.machine_id = %s AND c.deleted_at IS NULL "
        "AND EXISTS (SELECT FROM production_schedules s WHERE s.tenant_id = c.tenant_id AND s.status = 'accepted')",
        [told["machine_id"]],
    )
    found = rows.fetchone()
    if found is None:
        return None
    request = {**told, "cause": "breakdown", "work_center_id": found["id"]}
    key = f"breakdown/{told['machine_id']}"
    proposal_id = plans.insert_proposal(rows, tenant_id, "breakdown", key, request, PLANNER)
    if proposal_id is not None:
        plans.accept_job(rows, tenant_id, "proposal", proposal_id)
    return proposal_id


def outdate_breakdown(rows: Rows, machine_id: str, started_at: datetime, ended_at: datetime) -> None:
    """The machine ran again: what was proposed because it was down then is not to be accepted any more.

    The end of an earlier downtime, told late, leaves what was proposed for the one that lasts.
    """
    rows.execute(
        "UPDATE plan_proposals SET status = 'outdated', is_cancel_asked = true "
        "WHERE cause_key = %(key)s AND status IN ('queued', 'running', 'open') "
        "AND coalesce((request->>'since')::timestamptz, asked_at) < greatest(%(started_at)s + '1 us', %(ended_at)s)",
        {"key": f"breakdown/{machine_id}", "started_at": started_at, "ended_at": ended_at},
    )


def outdate_others(rows: Rows, accepted_id: str | None = None) -> None:
    """Another schedule is accepted: what was proposed for the one before fits no more."""
    rows.execute(
        "UPDATE plan_proposals SET status = 'outdated', is_cancel_asked = true "
        "WHERE status IN ('queued', 'running', 'open') AND id IS DISTINCT FROM %s::uuid",
        [accepted_id],
    )


def ask(
    rows: Rows, tenant_id: str, cause: ProposalCause, key: str, request: Mapping[str, Any], actor: str
) -> str | None:
    """Have a proposal made; its id, or None if one waits or stands for the same happening."""
    proposal_id = plans.insert_proposal(rows, tenant_id, cause, key, request, actor)
    if proposal_id is not None:
        payload = messages.ProposalRequested(plan_id=proposal_id, cause=cause, requested_by=actor)
        plans.say(rows, tenant_id, "plan.proposal_requested", payload)
    return proposal_id


def keep(rows: Rows, job: Job, columns: Mapping[str, Any], lines: str) -> None:
    """The proposal that was computed, with its event.

    It is outdated at once where another schedule was accepted meanwhile, and dismissed where nothing has to move.
    """
    figures = columns["figures"]
    rows.execute(
        KEEP.encode(),
        {
            "id": job.plan_id,
            "schedule": columns["schedule_id"],
            "text": columns["cause_text"],
            "moves": Jsonb(columns["moves"]),
            "orders": Jsonb(columns["orders"]),
            "figures": Jsonb(figures),
            "inputs": Jsonb({"horizon_to": columns["horizon_to"]}),
            "lines": lines,
            "moved": bool(columns["moves"]),
            "by": PLANNER,
        },
    )
    found = rows.fetchone()
    if found is not None and found["status"] == "open":
        payload = messages.Proposed(
            plan_id=job.plan_id,
            schedule_id=columns["schedule_id"],
            cause=columns["cause"],
            cause_text=columns["cause_text"],
            moves=figures["moves"],
            late_orders=figures["late_orders"],
            cost_of_doing_nothing_minutes=figures["cost_of_doing_nothing"],
            cost_of_proposal_minutes=figures["cost"],
        )
        plans.say(rows, job.owner_id, "plan.proposed", payload)
    plans.done(rows, job)


def decide(rows: Rows, proposal_id: str, status: str, actor: str) -> None:
    """Note what somebody decided about an open proposal."""
    rows.execute(
        "UPDATE plan_proposals SET status = %s, decided_at = now(), decided_by = %s WHERE id = %s::uuid",
        [status, actor, proposal_id],
    )
