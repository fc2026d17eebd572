"""Work orders that people make and change: by the same messages as the ERP's, and with the same outcome."""

from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request, Response

from connectors.database import Rows
from connectors.gateway import order_bills
from connectors.gateway.auth import Principal
from connectors.gateway.commands import refuse_unknown, tell_order
from connectors.gateway.depends import Body, Identity, Operator, Parts, json_body
from connectors.gateway.editing import told
from connectors.gateway.order_bills import Bill
from connectors.gateway.problems import Problem
from connectors.gateway.requests import Once, Reply
from connectors.gateway.routes.erp import PROBLEMS
from connectors.gateway.state import State
from schemas.ids import work_order_id
from schemas.messages.work_orders import WorkOrderCreated, WorkOrderUpdated
from schemas.views.work_orders import OrderMade, Outcome, WorkOrderBody, WorkOrderChange
from sql import work_order_people as people
from sql.reads import boms, work_orders

router = APIRouter(prefix="/api/v1/work-orders", tags=["work orders"], responses=PROBLEMS)


@router.post(
    "",
    response_model=OrderMade,
    status_code=201,
    responses={202: {"model": OrderMade}},
    openapi_extra=json_body(WorkOrderBody),
    summary="Make a work order",
)
def create(request: Request, parts: Parts, operator: Operator, body: Body) -> Response:
    """201 with the order and the revision of the bill it keeps, 409 where the number is taken, or 202 where the
    outcome is not known yet. The ERP does not hear of it.
    """
    asked = told(parts, body, WorkOrderBody)
    once = Once.of(request, operator, body)
    with parts.database.tenant(operator.tenant_id) as rows:
        return once.answered(rows, operator.tenant_id, lambda: _create(parts, operator, once, rows, asked))


def _create(parts: State, operator: Principal, once: Once, rows: Rows, asked: WorkOrderBody) -> Reply:
    code = order_bills.product_code(rows, asked.product_id)
    day = asked.effective_on or datetime.now(ZoneInfo(parts.settings.plant_timezone)).date()
    revision = order_bills.chosen(rows, code, asked.bom_id, day)
    unit = asked.unit_of_measure or (revision["unit"] if revision else "EA")
    bill = order_bills.made_of(rows, revision, asked.quantity_ordered, unit, day) if revision else Bill()
    message_id = once.message_id("order")
    number = asked.work_order_number
    order_id = work_order_id(operator.tenant_id, message_id if number is None else f"number/{number}")
    if existing := work_orders.claim(rows, operator.tenant_id, order_id, order_id):
        raise Problem(409, f"{number or order_id} exists already as {existing}.", work_order_id=existing)
    payload = WorkOrderCreated(
        work_order_id=order_id,
        erp_work_order_id=order_id,
        work_order_number=asked.work_order_number,
        product_id=code,
        product_name=asked.product_name or (revision["product_name"] if revision else None),
        quantity_ordered=asked.quantity_ordered,
        unit_of_measure=unit,
        priority=asked.priority,
        due_date=asked.due_date,
        customer_order_id=asked.customer_order_id,
        production_line_preference=asked.production_line_preference,
        bill_of_materials=bill.lines,
        special_instructions=asked.special_instructions,
        origin="plant",
        bom_id=revision["id"] if revision else None,
        bom_revision=revision["revision"] if revision else None,
    )
    reply = _tell(parts, operator, rows, "create", "erp.work_order_created", payload, message_id, asked.reason)
    more = {
        "bom_id": payload.bom_id,
        "bom_revision": payload.bom_revision,
        "validation_warnings": order_bills.warnings(rows, code, bill),
    }
    return Reply(202 if reply.status == 202 else 201, reply.document | more)


@router.patch(
    "/{work_order_id}",
    response_model=Outcome,
    responses={202: {"model": Outcome}},
    openapi_extra=json_body(WorkOrderChange),
    summary="Change priority, due date, quantity or instructions of an order",
)
def change(request: Request, parts: Parts, operator: Operator, work_order_id: Identity, body: Body) -> Response:
    """200 with the order as it is then, 409 with the reason, or 202 where the outcome is not known yet."""
    asked = told(parts, body, WorkOrderChange)
    changes = asked.model_dump(include=asked.model_fields_set - {"reason"})
    if not changes:
        raise Problem(400, "Nothing is to change: name priority, due_date, quantity_ordered or special_instructions.")
    if nothing := [name for name, value in changes.items() if value is None]:
        raise Problem(400, f"{nothing[0]} cannot be null; leave it out to keep it.", path=nothing[0])
    once = Once.of(request, operator, body)
    with parts.database.tenant(operator.tenant_id) as rows:

        def tell() -> Reply:
            refuse_unknown(rows, work_order_id)
            bill = {} if asked.quantity_ordered is None else _rebilled(rows, work_order_id, asked)
            payload = WorkOrderUpdated(work_order_id=work_order_id, **changes, **bill)
            message_id = once.message_id("change")
            return _tell(parts, operator, rows, "update", "erp.work_order_updated", payload, message_id, asked.reason)

        return once.answered(rows, operator.tenant_id, tell)


def _rebilled(rows: Rows, order_id: str, asked: WorkOrderChange) -> dict[str, Any]:
    """The bill of the new quantity, by the revision that the order keeps; nothing where its bill is the ERP's."""
    head = work_orders.head(rows, order_id)
    if head is None:
        raise Problem(404, f"{order_id} is accepted and will be here in a moment.", {"Retry-After": "1"})
    if head["bom_id"] is None or asked.quantity_ordered is None:
        return {}
    revision = boms.one(rows, str(UUID(head["bom_id"])), or_deleted=True)
    if revision is None:
        return {}
    day = head["created_at"].date()
    bill = order_bills.made_of(rows, revision, asked.quantity_ordered, head["unit_of_measure"], day)
    return {"bill_of_materials": bill.lines}


def _tell(
    parts: State,
    operator: Principal,
    rows: Rows,
    verb: str,
    type_name: str,
    payload: WorkOrderCreated | WorkOrderUpdated,
    message_id: str,
    reason: str | None,
) -> Reply:
    """Say it to the order, keep who said it, and what became of it."""
    order_id = payload.work_order_id
    outcome = tell_order(parts, operator.tenant_id, type_name, payload, message_id)
    version = None if outcome is None else outcome.payload.version
    command = people.Command(message_id, order_id, verb, operator.name, reason, order_version=version)
    people.add_command(rows, operator.tenant_id, command)
    document: dict[str, Any] = {
        "status": "pending" if outcome is None else "done",
        "work_order_id": order_id,
        "command_id": message_id,
        "order": None if outcome is None else outcome.payload,
        "status_url": f"/api/v1/work-orders/{order_id}" if outcome is None else None,
    }
    return Reply(202 if outcome is None else 200, document)
