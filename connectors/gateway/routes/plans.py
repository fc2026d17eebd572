"""Material requirements planning (004): runs, what they found, requisitions, and how items are ordered."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from connectors.database import Edit
from connectors.gateway.depends import Body, Cursor, Identity, Limit, Parts, Planner, Reader, Text, json_body
from connectors.gateway.editing import ASKED_VERSION, once, tagged, told, version_if_seen
from connectors.gateway.problems import Problem
from connectors.gateway.requests import Reply
from connectors.gateway.routes.erp import PROBLEMS
from schemas.views.mrp import (
    ItemPlanningBody,
    ItemPlanningChange,
    ItemPlanningPage,
    ItemPlanningView,
    MrpBody,
    MrpRunDetail,
    MrpRunList,
    PlannedOrderPage,
    RequisitionBody,
    RequisitionPage,
    RequisitionStatus,
    RequisitionView,
    ShortagePage,
)
from schemas.views.plans import PlanAsked
from sql import mrp as kept
from sql import plans
from sql.database import Rows
from sql.edited import item_planning
from sql.reads import mrp

router = APIRouter(prefix="/api/v1", tags=["material requirements"], responses=PROBLEMS)
PATH = "/api/v1/mrp-runs"
NEXT = {"ordered": {"proposed"}, "received": {"ordered"}, "cancelled": {"proposed", "ordered"}}


@router.post(
    "/mrp-runs",
    response_model=PlanAsked,
    status_code=202,
    openapi_extra=json_body(MrpBody, required=False),
    summary="Plan material requirements",
)
def ask(request: Request, parts: Parts, planner: Planner, body: Body) -> Response:
    """The planner nets all demands against stock, reservations and what is coming, level by level."""
    wanted = told(parts, body, MrpBody) if body.strip() else MrpBody()

    def write(edit: Edit) -> Reply:
        found = plans.ask_mrp(edit.rows, edit.tenant_id, wanted.kind, edit.actor)
        return Reply(202, {"id": found, "status": "queued", "status_url": f"{PATH}/{found}"})

    return once(request, parts, planner, body, write)


@router.get("/mrp-runs", response_model=MrpRunList, summary="Runs, latest first")
def page(parts: Parts, reader: Reader, limit: Limit = 50, cursor: Cursor = None) -> Any:
    """Each with what it was computed from and how much it found."""
    with parts.database.tenant(reader.tenant_id) as rows:
        found, next_cursor = mrp.runs(rows, limit, cursor)
    return {"mrp_runs": found, "next_cursor": next_cursor}


@router.get("/mrp-runs/{run_id}", response_model=MrpRunDetail, summary="One run with what it found")
def one(parts: Parts, reader: Reader, run_id: UUID, limit: Limit = 100) -> Any:
    """The first page of each: planned orders with the demands behind them, shortages, requisitions."""
    with parts.database.tenant(reader.tenant_id) as rows:
        found = _known(rows, run_id)
        return found | {
            "orders": _page("orders", mrp.orders(rows, str(run_id), limit, None)),
            "shortages": _page("shortages", mrp.shortages(rows, str(run_id), limit, None)),
            "requisitions": _page("requisitions", mrp.requisitions(rows, (), limit, None, str(run_id))),
        }


@router.get("/mrp-runs/{run_id}/orders", response_model=PlannedOrderPage, summary="Planned orders with their pegs")
def orders(
    parts: Parts,
    reader: Reader,
    run_id: UUID,
    item: Text = None,
    demand: Annotated[str | None, Query(max_length=200, description="orders that are there for this demand")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Any:
    """Products before what they contain; of one item, or for one demand."""
    with parts.database.tenant(reader.tenant_id) as rows:
        _known(rows, run_id)
        return _page("orders", mrp.orders(rows, str(run_id), limit, cursor, item, demand))


@router.get("/mrp-runs/{run_id}/shortages", response_model=ShortagePage, summary="What could not be there in time")
def shortages(parts: Parts, reader: Reader, run_id: UUID, limit: Limit = 100, cursor: Cursor = None) -> Any:
    """By the day it is needed on, with the day on which it is possible."""
    with parts.database.tenant(reader.tenant_id) as rows:
        _known(rows, run_id)
        return _page("shortages", mrp.shortages(rows, str(run_id), limit, cursor))


@router.post("/mrp-runs/{run_id}/cancel", response_model=PlanAsked, status_code=202, summary="Stop a run")
def cancel(request: Request, parts: Parts, planner: Planner, run_id: UUID, body: Body) -> Response:
    """409 if there is nothing to stop any more."""

    def write(edit: Edit) -> Reply:
        status = plans.ask_cancel(edit.rows, edit.tenant_id, "mrp", str(run_id), edit.actor)
        if status is None:
            found = _known(edit.rows, run_id)
            raise Problem(409, f"The run is {found['status']}: there is nothing to stop.")
        return Reply(202, {"id": str(run_id), "status": status, "status_url": f"{PATH}/{run_id}"})

    return once(request, parts, planner, body, write)


@router.get("/purchase-requisitions", response_model=RequisitionPage, summary="What purchasing is asked for")
def requisitions(
    parts: Parts,
    reader: Reader,
    status: Annotated[list[RequisitionStatus] | None, Query()] = None,
    item: Text = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Any:
    """By the day to order on. Each run asks anew for what is not ordered yet."""
    with parts.database.tenant(reader.tenant_id) as rows:
        return _page("requisitions", mrp.requisitions(rows, status or (), limit, cursor, None, item))


@router.patch(
    "/purchase-requisitions/{requisition_id}",
    response_model=RequisitionView,
    openapi_extra=json_body(RequisitionBody) | ASKED_VERSION,
    summary="Say what became of a requisition",
)
def decide(request: Request, parts: Parts, planner: Planner, requisition_id: UUID, body: Body) -> Response:
    """proposed -> ordered -> received; either may be cancelled. 409 where it stands elsewhere."""
    wanted = told(parts, body, RequisitionBody)
    seen = version_if_seen(request, wanted.version)

    def write(edit: Edit) -> Reply:
        found = mrp.requisition(edit.rows, str(requisition_id))
        if found is None:
            raise Problem(404, f"No requisition {requisition_id} is known.")
        if seen is not None and found["version"] != seen:
            raise Problem(409, f"It has version {found['version']} now. Look again.", version=found["version"])
        if found["status"] not in NEXT[wanted.status]:
            raise Problem(409, f"A requisition that is {found['status']} cannot be {wanted.status}.")
        kept.decide(edit.rows, str(requisition_id), wanted.status, edit.actor)
        return Reply(200, mrp.requisition(edit.rows, str(requisition_id)) or {})

    return once(request, parts, planner, body, write)


@router.get("/item-planning", response_model=ItemPlanningPage, summary="How items are ordered")
def planned_items(parts: Parts, reader: Reader, q: Text = None, limit: Limit = 100, cursor: Cursor = None) -> Any:
    """What is not here is ordered lot for lot, in whole pieces, without lead time."""
    with parts.database.tenant(reader.tenant_id) as rows:
        return _page("items", mrp.planning(rows, q, limit, cursor))


@router.post(
    "/item-planning",
    response_model=ItemPlanningView,
    status_code=201,
    openapi_extra=json_body(ItemPlanningBody),
    summary="Say how an item is ordered",
)
def add_item(request: Request, parts: Parts, planner: Planner, body: Body) -> Response:
    """409 where it is said already."""
    wanted = told(parts, body, ItemPlanningBody)

    def write(edit: Edit) -> Reply:
        item_planning.create(edit, wanted.model_dump())
        return Reply(201, _planning(edit.rows, wanted.item_id))

    return once(request, parts, planner, body, write)


@router.get("/item-planning/{item_id}", response_model=ItemPlanningView, summary="How one item is ordered")
def planned_item(parts: Parts, reader: Reader, item_id: Identity) -> Response:
    """`ETag` is its version."""
    with parts.database.tenant(reader.tenant_id) as rows:
        found = _planning(rows, item_id)
    return tagged(Reply(200, found).response(), found)


@router.patch(
    "/item-planning/{item_id}",
    response_model=ItemPlanningView,
    openapi_extra=json_body(ItemPlanningChange) | ASKED_VERSION,
    summary="Change how an item is ordered",
)
def change_item(request: Request, parts: Parts, planner: Planner, item_id: Identity, body: Body) -> Response:
    """What is not named stays. 409 where somebody changed it since you looked."""
    wanted = told(parts, body, ItemPlanningChange)
    seen = version_if_seen(request, wanted.version)
    fields = wanted.model_dump(include=wanted.model_fields_set - {"version"})

    def write(edit: Edit) -> Reply:
        item_planning.change(edit, item_id, seen, fields)
        return Reply(200, _planning(edit.rows, item_id))

    return once(request, parts, planner, body, write)


@router.delete(
    "/item-planning/{item_id}", status_code=204, openapi_extra=ASKED_VERSION, summary="Say nothing of an item any more"
)
def forget_item(request: Request, parts: Parts, planner: Planner, item_id: Identity) -> Response:
    """It is ordered lot for lot then, in whole pieces, without lead time."""
    seen = version_if_seen(request, None)
    with parts.database.editing(planner.tenant_id, planner.name) as edit:
        item_planning.delete(edit, item_id, seen)
    return Response(status_code=204)


def _page(name: str, found: mrp.Page) -> dict[str, Any]:
    return {name: found[0], "next_cursor": found[1]}


def _known(rows: Rows, run_id: UUID) -> dict[str, Any]:
    found = mrp.run(rows, str(run_id))
    if found is None:
        raise Problem(404, f"No MRP run {run_id} is known.")
    return found


def _planning(rows: Rows, item_id: str) -> dict[str, Any]:
    found = mrp.planning_of(rows, item_id)
    if found is None:
        raise Problem(404, f"Nothing is said of how {item_id} is ordered.")
    return found
