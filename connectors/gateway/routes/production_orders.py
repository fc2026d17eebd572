"""Production orders: made of sales orders or by hand, expanded into runs, judged, released, given up."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import AwareDatetime

from connectors.database import Edit, Rows
from connectors.gateway import material_requirements, order_bills
from connectors.gateway.auth import Principal
from connectors.gateway.depends import Body, Cursor, Limit, Parts, Planner, Reader, Text, json_body
from connectors.gateway.editing import once, tagged, told
from connectors.gateway.problems import Problem
from connectors.gateway.requests import Reply
from connectors.gateway.routes.erp import PROBLEMS
from connectors.gateway.state import State
from connectors.systems import sales
from schemas.codec import Unreadable
from schemas.ids import short
from schemas.messages.production import ProductionOrderStatus
from schemas.messages.work_orders import Priority
from schemas.views.production import (
    AuditTrail,
    Expanded,
    FeasibilityView,
    GenerateBody,
    Generated,
    LeadTimeView,
    MaterialRequirementsView,
    ProductionOrderBody,
    ProductionOrderDetail,
    ProductionOrderPage,
    ProductionOrderPatch,
    ReasonBody,
    Released,
)
from sql.edited import audits, production
from sql.edited import sales as sales_orders
from sql.edited.base import new_id
from sql.edited.production import ProductionOrder
from sql.reads import production as reads
from sql.reads import routings
from streams import production as work
from streams.domain.capacity import lead_time_days

router = APIRouter(prefix="/api/v1/production-orders", tags=["production orders"], responses=PROBLEMS)
MOST_CHANGES = 200


def wanted(
    status: Annotated[list[ProductionOrderStatus] | None, Query()] = None,
    priority: Annotated[list[Priority] | None, Query()] = None,
    sales_order_id: Text = None,
    product_id: Text = None,
    late: bool | None = None,
    due_before: AwareDatetime | None = None,
    q: Text = None,
) -> reads.Wanted:
    """The filters of the list."""
    return reads.Wanted(tuple(status or ()), tuple(priority or ()), sales_order_id, product_id, late, due_before, q)


@router.get("", response_model=ProductionOrderPage, summary="Production orders by due date")
def page(
    parts: Parts,
    reader: Reader,
    wanted: Annotated[reads.Wanted, Depends(wanted)],
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Any:
    """Filters narrow together; several values of one filter widen it."""
    with parts.database.tenant(reader.tenant_id) as rows:
        found, next_cursor = reads.page(rows, wanted, limit, cursor)
    return {"production_orders": found, "next_cursor": next_cursor}


@router.post(
    "",
    response_model=ProductionOrderDetail,
    status_code=201,
    openapi_extra=json_body(ProductionOrderBody),
    summary="Ask for a product without a sales order",
)
def create(request: Request, parts: Parts, planner: Planner, body: Body) -> Response:
    """409 where the number is taken."""
    asked = told(parts, body, ProductionOrderBody)

    def write(edit: Edit) -> Reply:
        fields = asked.model_dump(exclude={"production_order_number"})
        routing_id = asked.routing_id or routings.for_product(edit.rows, asked.product_id, None)
        number = asked.production_order_number or short(f"PO-{new_id()[:8].upper()}")
        _check_routing(edit.rows, asked.routing_id)
        order = production.create(edit, number, fields | {"routing_id": routing_id})
        return Reply(201, _detail(edit.rows, order.id))

    return once(request, parts, planner, body, write)


@router.post(
    "/generate",
    response_model=Generated,
    openapi_extra=json_body(GenerateBody),
    summary="Production orders of sales orders: one for each line",
)
def generate(request: Request, parts: Parts, planner: Planner, body: Body) -> Response:
    """Whole sales orders are taken as if they had come by `sales-orders`; said again they change nothing.

    Of those that are named by id the production orders are answered; 404 where one is not known.
    """
    asked = told(parts, body, GenerateBody)

    def write(edit: Edit) -> Reply:
        given = [_sales_order(each, place) for place, each in enumerate(asked.sales_orders)]
        for each in given:
            sales_orders.take(edit.rows, edit.tenant_id, each, edit.at)
        wanted = [*asked.sales_order_ids, *(each.sales_order_id for each in given)]
        found = reads.of_sales_orders(edit.rows, wanted)
        known = {row["sales_order_id"] for row in found}
        if unknown := [each for each in wanted if each not in known]:
            raise Problem(404, f"No such sales order: {', '.join(unknown)}.", unknown=unknown)
        return Reply(
            200,
            {"production_order_ids": [row["production_order_id"] for row in found], "production_orders": found},
        )

    return once(request, parts, planner, body, write)


def _sales_order(asked: dict[str, object], place: int) -> Any:
    try:
        return sales.confirmed(msgspec.convert(asked, sales.Order), f"sales_orders[{place}]")
    except msgspec.ValidationError as error:
        raise Unreadable("VALIDATION_ERROR", f"{error}", f"sales_orders[{place}]") from error


@router.get("/{production_order_id}", response_model=ProductionOrderDetail, summary="One production order and its runs")
def one(parts: Parts, reader: Reader, production_order_id: UUID) -> Response:
    """`ETag` is its version."""
    with parts.database.tenant(reader.tenant_id) as rows:
        found = _detail(rows, str(production_order_id))
    return tagged(Reply(200, found).response(), found)


@router.patch(
    "/{production_order_id}",
    response_model=ProductionOrderDetail,
    openapi_extra=json_body(ProductionOrderPatch),
    summary="Change a production order, give it a routing",
)
def change(request: Request, parts: Parts, planner: Planner, production_order_id: UUID, body: Body) -> Response:
    """What is not named stays. Quantity and routing stay once it has runs: expand it again after a change."""
    asked = told(parts, body, ProductionOrderPatch)

    def write(edit: Edit) -> Reply:
        order = production.held(edit, str(production_order_id), asked.version)
        fields = asked.model_dump(exclude={"version"}, exclude_unset=True)
        _check_routing(edit.rows, asked.routing_id)
        _refuse_late(order, fields)
        if {"quantity", "routing_id"} & fields.keys() and order.status != "planned":
            fields["status"] = "planned"
            _drop_runs(edit, order)
        production.change(edit, order, fields)
        return Reply(200, _detail(edit.rows, order.id))

    return once(request, parts, planner, body, write)


def _refuse_late(order: ProductionOrder, fields: dict[str, Any]) -> None:
    if any(value is None for name, value in fields.items() if name not in ("routing_id", "material_available_at")):
        raise Problem(400, "Only a routing and the moment of its material can be taken away.")
    if order.status in ("completed", "cancelled"):
        raise Problem(409, f"{order.production_order_number} is {order.status}.")
    if order.status == "in_progress" and {"quantity", "routing_id"} & fields.keys():
        raise Problem(409, f"{order.production_order_number} is in progress: quantity and routing stay.")


def _drop_runs(edit: Edit, order: ProductionOrder) -> None:
    for run in production.runs_of(edit, order):
        if run.work_order_id is not None:
            raise Problem(409, f"{order.production_order_number} was released: quantity and routing stay.")
        edit.session.delete(run)


@router.post(
    "/{production_order_id}/expand",
    response_model=Expanded,
    openapi_extra=json_body(ReasonBody, required=False),
    summary="Make runs of it, by its routing",
)
def expand(request: Request, parts: Parts, planner: Planner, production_order_id: UUID, body: Body) -> Response:
    """All of them or none. 409 with the reason: no routing, a routing that is wrong, released already."""

    def write(edit: Edit, order: ProductionOrder, _reason: str) -> Reply:
        work.expand(edit, order)
        found = reads.runs(edit.rows, [order.id])
        ids = [run["run_id"] for run in found]
        return Reply(200, {"production_order_id": order.id, "version": order.version, "run_ids": ids, "runs": found})

    return _done_to(request, parts, planner, production_order_id, body, write)


@router.post(
    "/{production_order_id}/release",
    response_model=Released,
    openapi_extra=json_body(ReasonBody, required=False),
    summary="Make a work order of each run",
)
def release(request: Request, parts: Parts, planner: Planner, production_order_id: UUID, body: Body) -> Response:
    """Machines can count for them at once. The materials of its bill are those of the first operation."""

    def write(edit: Edit, order: ProductionOrder, _reason: str) -> Reply:
        day = datetime.now(ZoneInfo(parts.settings.plant_timezone)).date()
        bill = order_bills.of_runs(edit.rows, order.product_id, order.quantity, order.unit_of_measure, day)
        released = work.release(edit, order, bill)
        return Reply(200, {"production_order_id": order.id, "version": order.version, "work_order_ids": released})

    return _done_to(request, parts, planner, production_order_id, body, write)


@router.post(
    "/{production_order_id}/cancel",
    response_model=ProductionOrderDetail,
    openapi_extra=json_body(ReasonBody, required=False),
    summary="Give up a production order, its runs and their work orders",
)
def cancel(request: Request, parts: Parts, planner: Planner, production_order_id: UUID, body: Body) -> Response:
    """409 where it is done already."""

    def write(edit: Edit, order: ProductionOrder, reason: str) -> Reply:
        work.cancel(edit, order, reason or "its production order was given up")
        return Reply(200, _detail(edit.rows, order.id))

    return _done_to(request, parts, planner, production_order_id, body, write)


def _done_to(
    request: Request,
    parts: State,
    planner: Principal,
    production_order_id: UUID,
    body: bytes,
    write: Callable[[Edit, ProductionOrder, str], Reply],
) -> Response:
    """Do something to a held production order, once, for a reason that may be told."""
    asked = told(parts, body or b"{}", ReasonBody)

    def held(edit: Edit) -> Reply:
        return write(edit, production.held(edit, str(production_order_id), asked.version), asked.reason)

    return once(request, parts, planner, body, held)


@router.get(
    "/{production_order_id}/material-requirements",
    response_model=MaterialRequirementsView,
    summary="What it needs of each material, over all levels, and what of it is there",
)
def requirements(parts: Parts, reader: Reader, production_order_id: UUID) -> Any:
    """Without a bill that holds it needs nothing that anybody knows: 409."""
    with parts.database.tenant(reader.tenant_id) as rows:
        order = _detail(rows, str(production_order_id))
        return {"material_requirements": material_requirements.of_order(rows, order, parts.settings)}


@router.get(
    "/{production_order_id}/capacity",
    response_model=FeasibilityView,
    summary="Whether it can be done by its due date beside what is planned",
)
def feasibility(parts: Parts, reader: Reader, production_order_id: UUID) -> Any:
    """Above 90 % a work centre is a bottleneck."""
    with parts.database.tenant(reader.tenant_id) as rows:
        return msgspec.to_builtins(
            work.feasibility(rows, _detail(rows, str(production_order_id)), work.now()), str_keys=True
        )


@router.get("/{production_order_id}/lead-time", response_model=LeadTimeView, summary="Days until it is done")
def lead_time(parts: Parts, reader: Reader, production_order_id: UUID) -> Any:
    """Behind what is planned already, by the calendars of its work centres."""
    now = work.now()
    with parts.database.tenant(reader.tenant_id) as rows:
        found = work.feasibility(rows, _detail(rows, str(production_order_id)), now)
    return {
        "lead_time_days": lead_time_days(found, now),
        "estimated_completion_date": found.estimated_completion_date,
        "warnings": list(found.warnings),
    }


@router.get("/{production_order_id}/audit", response_model=AuditTrail, summary="Who changed it, and how")
def audit(parts: Parts, reader: Reader, production_order_id: UUID) -> Any:
    """The latest changes first."""
    with parts.database.tenant(reader.tenant_id) as rows:
        found = audits.history(rows, production.SUBJECT, str(production_order_id), MOST_CHANGES)
    if not found:
        raise Problem(404, f"No production order {production_order_id} is known.")
    return {"audit": found}


def _detail(rows: Rows, identity: str) -> dict[str, Any]:
    found = reads.one(rows, identity)
    if found is None:
        raise Problem(404, f"No production order {identity} is known.")
    return found


def _check_routing(rows: Rows, routing_id: str | None) -> None:
    """Raises Problem 400 for a routing that nobody has."""
    if routing_id is not None and not routings.operations(rows, [routing_id]):
        raise Problem(400, f"No routing {routing_id} with operations is known.", path="routing_id")
