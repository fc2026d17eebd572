"""Work orders: the list, one order, and what people say to one."""

from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import AwareDatetime, ValidationError

from connectors.gateway import order_promises
from connectors.gateway.auth import Principal
from connectors.gateway.commands import refuse_unknown, tell_order
from connectors.gateway.depends import Body, Cursor, Identity, Limit, Operator, Parts, Reader, Text, json_body
from connectors.gateway.problems import Problem
from connectors.gateway.requests import Once, Reply
from connectors.gateway.routes.erp import PROBLEMS
from connectors.gateway.state import State
from schemas.codec import parse
from schemas.messages.work_orders import OrderStatus, Priority, WorkOrderAssign, WorkOrderCommand
from schemas.views.work_orders import AssignBody, CommandBody, Outcome, WorkOrderDetail, WorkOrderPage
from sql import work_order_people as people
from sql.reads import work_orders

router = APIRouter(prefix="/api/v1/work-orders", tags=["work orders"], responses=PROBLEMS)
Said = TypeVar("Said", bound=CommandBody)
Verb = Annotated[str, Path(pattern="^(release|start|hold|complete|cancel)$")]


def wanted(
    status: Annotated[list[OrderStatus] | None, Query()] = None,
    priority: Annotated[list[Priority] | None, Query()] = None,
    machine: Annotated[str | None, Query(description="machine that counted for it last")] = None,
    work_center: Annotated[str | None, Query(description="line the order prefers")] = None,
    late: bool | None = None,
    due_before: AwareDatetime | None = None,
    q: Text = None,
) -> work_orders.Wanted:
    """The filters of the list."""
    return work_orders.Wanted(
        statuses=tuple(status or ()),
        priorities=tuple(priority or ()),
        machine=machine,
        line=work_center,
        late=late,
        due_before=due_before,
        text=q,
    )


WantedOrders = Annotated[work_orders.Wanted, Depends(wanted)]


@router.get("", response_model=WorkOrderPage, summary="Work orders by due date")
def page(parts: Parts, reader: Reader, wanted: WantedOrders, limit: Limit = 100, cursor: Cursor = None) -> Any:
    """Filters narrow together; several values of one filter widen it."""
    with parts.database.tenant(reader.tenant_id) as rows:
        found, next_cursor = work_orders.page(rows, wanted, limit, cursor)
    return {"work_orders": found, "next_cursor": next_cursor}


@router.get("/{work_order_id}", response_model=WorkOrderDetail, summary="One work order with all that belongs to it")
def one(parts: Parts, reader: Reader, work_order_id: Identity) -> Any:
    """Bill of materials with availability, reservations, the latest readings, inspections, downtimes, alerts."""
    with parts.database.tenant(reader.tenant_id) as rows:
        found = work_orders.detail(rows, work_order_id)
        is_accepted = found is not None or work_orders.is_known(rows, work_order_id)
        promise = order_promises.promised(rows, found, datetime.now(UTC)) if found else None
    if found is None and is_accepted:
        raise Problem(404, f"{work_order_id} is accepted and will be here in a moment.", {"Retry-After": "1"})
    if found is None:
        raise Problem(404, f"No work order {work_order_id} is known.")
    return found | {"promise": promise}


@router.post(
    "/{work_order_id}/assign",
    response_model=Outcome,
    responses={202: {"model": Outcome}},
    openapi_extra=json_body(AssignBody, required=False),
    summary="Give an order to a machine and an operator, and reserve its materials",
)
def assign(request: Request, parts: Parts, operator: Operator, work_order_id: Identity, body: Body) -> Response:
    """Answers like the other commands; what could be reserved is shown by the order's `materials_status` soon after."""
    told = _said(body, AssignBody)
    payload = WorkOrderAssign(
        work_order_id=work_order_id,
        actor=operator.name,
        machine_id=told.machine_id,
        operator_id=told.operator_id,
        reason=told.reason,
    )
    return _answer(request, parts, operator, body, "assign", payload)


@router.post(
    "/{work_order_id}/{verb}",
    response_model=Outcome,
    responses={202: {"model": Outcome}},
    openapi_extra=json_body(CommandBody, required=False),
    summary="Release, start, hold, complete or cancel an order",
)
def command(
    request: Request, parts: Parts, operator: Operator, work_order_id: Identity, verb: Verb, body: Body
) -> Response:
    """200 with the order as it is then, 409 with the reason, or 202 where the outcome is not known yet."""
    told = _said(body, CommandBody)
    payload = WorkOrderCommand(work_order_id=work_order_id, actor=operator.name, reason=told.reason)
    return _answer(request, parts, operator, body, verb, payload)


def _said(body: bytes, model: type[Said]) -> Said:
    """The body, which may be empty. Raises Unreadable, Problem 400."""
    try:
        return model.model_validate(parse(body) if body.strip() else {})
    except ValidationError as error:
        raise Problem(400, f"The body is not valid: {error.errors()[0]['msg']}.") from error


def _answer(
    request: Request,
    parts: State,
    operator: Principal,
    body: bytes,
    verb: str,
    payload: WorkOrderCommand | WorkOrderAssign,
) -> Response:
    """Say it to the order, once, and what became of it."""
    once = Once.of(request, operator, body)
    with parts.database.tenant(operator.tenant_id) as rows:

        def tell() -> Reply:
            refuse_unknown(rows, payload.work_order_id)
            reply = _tell(parts, operator, once, verb, payload)
            people.add_command(rows, operator.tenant_id, _command(reply, verb, payload))
            return reply

        return once.answered(rows, operator.tenant_id, tell)


def _command(reply: Reply, verb: str, payload: WorkOrderCommand | WorkOrderAssign) -> people.Command:
    """What is kept of a command that was not refused."""
    order = reply.document["order"]
    return people.Command(
        reply.document["command_id"],
        payload.work_order_id,
        verb,
        payload.actor,
        payload.reason,
        getattr(payload, "machine_id", None),
        getattr(payload, "operator_id", None),
        None if order is None else order.version,
    )


def _tell(
    parts: State, operator: Principal, once: Once, verb: str, payload: WorkOrderCommand | WorkOrderAssign
) -> Reply:
    message_id = once.message_id("command")
    outcome = tell_order(parts, operator.tenant_id, f"work_order.{verb}", payload, message_id)
    document: dict[str, Any] = {
        "status": "pending" if outcome is None else "done",
        "work_order_id": payload.work_order_id,
        "command_id": message_id,
        "order": None if outcome is None else outcome.payload,
        "status_url": f"/api/v1/work-orders/{payload.work_order_id}" if outcome is None else None,
    }
    return Reply(202 if outcome is None else 200, document)
