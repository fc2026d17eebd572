"""Proposals: what the planner would change because of something that happened; one click accepts one."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from connectors.database import Edit
from connectors.gateway import accepting, schedule_views
from connectors.gateway.depends import Body, Cursor, Identity, Limit, Parts, Planner, Reader, json_body
from connectors.gateway.editing import once, told
from connectors.gateway.problems import Problem
from connectors.gateway.requests import Reply
from connectors.gateway.routes.erp import PROBLEMS
from schemas.messages.plans import ProposalCause
from schemas.views.plans import PlanAsked, ProposalBody
from schemas.views.schedules import ProposalList, ProposalStatus, ProposalView
from sql import proposals
from sql import schedules as rows_of_schedules
from sql.database import Rows
from sql.reads import schedules

router = APIRouter(prefix="/api/v1/proposals", tags=["schedules"], responses=PROBLEMS)
PATH = "/api/v1/proposals"


@router.post(
    "",
    response_model=PlanAsked,
    status_code=202,
    openapi_extra=json_body(ProposalBody),
    summary="Tell what happened, and have a proposal made",
)
def ask(request: Request, parts: Parts, planner: Planner, body: Body) -> Response:
    """Of breakdowns that machines report themselves the planner makes one without being asked. 409: one waits or stands
    for the same happening.
    """
    happened = told(parts, body, ProposalBody)

    def write(edit: Edit) -> Reply:
        _note(edit, happened)
        request_ = happened.model_dump(mode="json")
        found = proposals.ask(edit.rows, edit.tenant_id, happened.cause, happened.key, request_, edit.actor)
        if found is None:
            raise Problem(409, "A proposal for the same happening waits or stands already.")
        return Reply(202, {"id": found, "status": "queued", "status_url": f"{PATH}/{found}"})

    return once(request, parts, planner, body, write)


def _note(edit: Edit, happened: ProposalBody) -> None:
    """Material that is late is late for every schedule that follows."""
    if happened.cause == "late_material":
        edit.rows.execute(
            "UPDATE production_orders SET material_available_at = %s, version = version + 1, updated_at = now(), "
            "updated_by = %s WHERE %s IN (id::text, production_order_number)",
            [happened.available_at, edit.actor, happened.production_order_id],
        )


@router.get("", response_model=ProposalList, summary="Proposals, latest first")
def page(
    parts: Parts,
    reader: Reader,
    status: Annotated[list[ProposalStatus] | None, Query()] = None,
    cause: ProposalCause | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Any:
    """Those that wait for somebody to decide are `open`."""
    with parts.database.tenant(reader.tenant_id) as rows:
        found, next_cursor = schedules.proposals(rows, status or (), cause, limit, cursor)
    return {"proposals": [schedule_views.proposal(row) for row in found], "next_cursor": next_cursor}


@router.get("/{proposal_id}", response_model=ProposalView, summary="One proposal")
def one(parts: Parts, reader: Reader, proposal_id: UUID) -> Any:
    """What moves, which orders end at another time and why, and what it costs to do nothing."""
    with parts.database.tenant(reader.tenant_id) as rows:
        return _shown(rows, str(proposal_id))


@router.post("/{proposal_id}/accept", response_model=ProposalView, summary="Do what is proposed")
def accept(request: Request, parts: Parts, planner: Planner, proposal_id: UUID, body: Body) -> Response:
    """The accepted schedule gets a new version, which holds at once. 409 if something has changed since."""

    def write(edit: Edit) -> Reply:
        found = _open(edit, str(proposal_id))
        base = accepting.held(edit, found["schedule_id"])
        if base["status"] != "accepted":
            raise Problem(409, "Another schedule was accepted since: the proposal does not fit any more.")
        changed = {
            "engine": "proposal",
            "horizon_from": base["horizon_from"],
            "horizon_to": found["horizon_to"],
            "inputs": {**base["inputs"], "proposal_id": str(proposal_id)},
            "figures": found["figures"],
            "lines": found["lines"],
        }
        made = rows_of_schedules.version_of(edit.rows, base, changed, edit.actor)
        proposals.decide(edit.rows, str(proposal_id), "accepted", edit.actor)
        accepting.accept(edit, made, str(proposal_id))
        return Reply(200, _shown(edit.rows, str(proposal_id)))

    return once(request, parts, planner, body, write)


@router.post("/{proposal_id}/dismiss", response_model=ProposalView, summary="Leave the schedule as it is")
def dismiss(request: Request, parts: Parts, planner: Planner, proposal_id: UUID, body: Body) -> Response:
    """409 if somebody has decided already."""

    def write(edit: Edit) -> Reply:
        _open(edit, str(proposal_id))
        proposals.decide(edit.rows, str(proposal_id), "dismissed", edit.actor)
        return Reply(200, _shown(edit.rows, str(proposal_id)))

    return once(request, parts, planner, body, write)


def _open(edit: Edit, proposal_id: Identity) -> dict[str, Any]:
    rows_of_schedules.hold_schedules(edit.rows, edit.tenant_id)
    found = schedules.proposal(edit.rows, proposal_id, is_held=True)
    if found is None:
        raise Problem(404, f"No proposal {proposal_id} is known.")
    if found["status"] != "open":
        raise Problem(409, f"The proposal is {found['status']}: there is nothing to decide.")
    return found


def _shown(rows: Rows, proposal_id: str) -> dict[str, Any]:
    found = schedules.proposal(rows, proposal_id)
    if found is None:
        raise Problem(404, f"No proposal {proposal_id} is known.")
    return schedule_views.proposal(found)
