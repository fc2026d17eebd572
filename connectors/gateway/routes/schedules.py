"""Schedules (004): asked for, looked at, compared, changed by hand, accepted."""

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from connectors.database import Edit
from connectors.gateway import accepting, moving, schedule_views
from connectors.gateway.depends import Body, Cursor, Limit, Parts, Planner, Reader, json_body
from connectors.gateway.editing import once, told
from connectors.gateway.problems import Problem
from connectors.gateway.requests import Reply
from connectors.gateway.routes.erp import PROBLEMS
from schemas.views.plans import PlanAsked, ScheduleBody
from schemas.views.schedules import MoveAccepted, MoveBody, MoveCheck, ScheduleHead, ScheduleList, ScheduleStatus
from schemas.views.schedules import ScheduleView as View
from sql import plans
from sql import schedules as rows_of_schedules
from sql.database import Rows
from sql.reads import schedules

router = APIRouter(prefix="/api/v1/schedules", tags=["schedules"], responses=PROBLEMS)
PATH = "/api/v1/schedules"


@router.post(
    "",
    response_model=PlanAsked,
    status_code=202,
    openapi_extra=json_body(ScheduleBody),
    summary="Have a schedule computed",
)
def ask(request: Request, parts: Parts, planner: Planner, body: Body) -> Response:
    """The planner computes it from the shop as it is then; nothing moves until it is accepted."""
    wanted = told(parts, body, ScheduleBody)

    def write(edit: Edit) -> Reply:
        found = plans.ask_schedule(edit.rows, edit.tenant_id, wanted.model_dump(mode="json"), edit.actor)
        return Reply(202, {"id": found, "status": "queued", "status_url": f"{PATH}/{found}"})

    return once(request, parts, planner, body, write)


@router.get("", response_model=ScheduleList, summary="Schedules, latest first, without their operations")
def page(
    parts: Parts,
    reader: Reader,
    status: Annotated[list[ScheduleStatus] | None, Query()] = None,
    scenario: Annotated[str | None, Query(max_length=100)] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Any:
    """Those that are still computed, and those that failed, too."""
    with parts.database.tenant(reader.tenant_id) as rows:
        found, next_cursor = schedules.page(rows, status or (), scenario, limit, cursor)
    return {"schedules": [schedule_views.head(row) for row in found], "next_cursor": next_cursor}


@router.get("/compare", response_model=ScheduleList, summary="Scenarios side by side")
def compare(
    parts: Parts, reader: Reader, ids: Annotated[str, Query(max_length=1000, description="ids, comma separated")]
) -> Any:
    """In the order in which they are named. 404 if one is not known."""
    wanted = [each.strip() for each in ids.split(",") if each.strip()]
    with parts.database.tenant(reader.tenant_id) as rows:
        found = schedule_views.side_by_side(schedules.compared(rows, wanted), wanted)
    if unknown := sorted(set(wanted) - {each["schedule_id"] for each in found}):
        raise Problem(404, f"No schedule {', '.join(unknown)} is known.")
    return {"schedules": found, "next_cursor": None}


@router.get("/current", response_model=View, summary="The schedule that holds")
def current(parts: Parts, reader: Reader) -> Any:
    """The one that was accepted last, with what became of its operations until now."""
    with parts.database.tenant(reader.tenant_id) as rows:
        return _full(rows, None)


@router.get("/{schedule_id}", response_model=View, summary="One schedule with every operation")
def one(parts: Parts, reader: Reader, schedule_id: UUID) -> Any:
    """While it is computed its progress stands here, and no operations."""
    with parts.database.tenant(reader.tenant_id) as rows:
        return _full(rows, str(schedule_id))


@router.post("/{schedule_id}/accept", response_model=ScheduleHead, summary="Let a schedule hold")
def accept(request: Request, parts: Parts, planner: Planner, schedule_id: UUID, body: Body) -> Response:
    """All its runs get their times, in one transaction. 409 if one of them was changed since it was computed, or if a
    work centre would be booked twice.
    """

    def write(edit: Edit) -> Reply:
        accepting.accept(edit, str(schedule_id))
        return Reply(200, _head(edit.rows, str(schedule_id)))

    return once(request, parts, planner, body, write)


@router.post("/{schedule_id}/cancel", response_model=PlanAsked, status_code=202, summary="Stop a computation")
def cancel(request: Request, parts: Parts, planner: Planner, schedule_id: UUID, body: Body) -> Response:
    """409 if there is nothing to stop any more."""
    identity = str(schedule_id)

    def write(edit: Edit) -> Reply:
        status = plans.ask_cancel(edit.rows, edit.tenant_id, "schedule", identity, edit.actor)
        if status is None:
            found = schedules.compared(edit.rows, [identity])
            if not found:
                raise Problem(404, f"No schedule {identity} is known.")
            raise Problem(409, f"The schedule is {found[0]['status']}: there is nothing to stop.")
        return Reply(202, {"id": identity, "status": status, "status_url": f"{PATH}/{identity}"})

    return once(request, parts, planner, body, write)


@router.post(
    "/{schedule_id}/check",
    response_model=MoveCheck,
    openapi_extra=json_body(MoveBody),
    summary="Whether an operation could be elsewhere",
)
def check(parts: Parts, planner: Planner, schedule_id: UUID, body: Body) -> Any:
    """What forbids it, what moves along, which orders it makes late. Nothing is changed."""
    move = told(parts, body, MoveBody)
    with parts.database.tenant(planner.tenant_id) as rows:
        dragged = moving.drag(rows, _known(rows, str(schedule_id)), move, _now())
    return {
        "is_allowed": not dragged.violations,
        "violations": dragged.violations,
        "moved": moving.moves_of(dragged, move.run_id),
        "late_orders": moving.late_orders(dragged),
    }


@router.post(
    "/{schedule_id}/moves",
    response_model=MoveAccepted,
    status_code=201,
    openapi_extra=json_body(MoveBody),
    summary="Move an operation by hand",
)
def make_move(request: Request, parts: Parts, planner: Planner, schedule_id: UUID, body: Body) -> Response:
    """Makes a new version of the schedule; where it is the one that holds, the new version holds at once.

    409 with what forbids it.
    """
    move = told(parts, body, MoveBody)

    def write(edit: Edit) -> Reply:
        found, at = accepting.held(edit, str(schedule_id)), _now()
        if found["status"] not in ("proposed", "accepted"):
            raise Problem(409, f"The schedule is {found['status']}: nothing in it can be moved.")
        dragged = moving.drag(edit.rows, found, move, at)
        if dragged.violations:
            raise Problem(409, dragged.violations[0], violations=list(dragged.violations))
        made = rows_of_schedules.version_of(edit.rows, found, moving.version(found, dragged, at), edit.actor)
        if found["status"] == "accepted":
            accepting.accept(edit, made)
        return Reply(
            201,
            {
                "schedule_id": made,
                "moved": moving.moves_of(dragged, move.run_id),
                "late_orders": moving.late_orders(dragged),
            },
        )

    return once(request, parts, planner, body, write)


def _now() -> datetime:
    return datetime.now(UTC)


def _known(rows: Rows, schedule_id: str | None) -> dict[str, Any]:
    found = schedules.one(rows, schedule_id)
    if found is None:
        raise Problem(404, f"No schedule {schedule_id} is known." if schedule_id else "No schedule is accepted yet.")
    return found


def _full(rows: Rows, schedule_id: str | None) -> dict[str, Any]:
    return schedule_views.full(rows, _known(rows, schedule_id))


def _head(rows: Rows, schedule_id: str) -> dict[str, Any]:
    return schedule_views.head(schedules.compared(rows, [schedule_id])[0])
