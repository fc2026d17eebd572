"""What the ERP sends (002 section 3): work orders created, updated, cancelled, and material master data."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from fastapi import APIRouter, BackgroundTasks, Request, Response

from connectors.database import Rows
from connectors.gateway import batches
from connectors.gateway.auth import Principal
from connectors.gateway.commands import tell_order
from connectors.gateway.depends import Body, ErpWriter, LargeBody, Parts, json_body
from connectors.gateway.problems import Problem
from connectors.gateway.publishing import said
from connectors.gateway.requests import Once, Reply, audited
from connectors.gateway.state import State
from connectors.systems import erp
from schemas.codec import Unreadable, parse
from schemas.ids import work_order_id
from schemas.views.materials import BatchAnswer
from schemas.views.values import ProblemDocument
from schemas.views.work_orders import ErpAnswer
from sql.reads import materials, work_orders
from streams.driver import Output, failure_output

router = APIRouter(prefix="/api/v1/integrations/erp", tags=["ERP"])
SYSTEM = "ERP"
ROUTE = "/api/v1/integrations/erp/work-orders"
PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": ProblemDocument} for status in (400, 401, 404, 409, 413, 422, 429, 503)
}


class UnknownMaterials(Problem):
    """An order names materials that nobody knows."""

    def __init__(self, materials: list[str]) -> None:
        super().__init__(400, f"No such material: {', '.join(materials)}.", missing_materials=materials)


@router.post(
    "/work-orders",
    response_model=ErpAnswer,
    responses=PROBLEMS | {202: {"model": ErpAnswer}},
    openapi_extra=json_body(erp.ErpEvent),
    summary="A work order was created, updated or cancelled",
)
def work_order(request: Request, tasks: BackgroundTasks, parts: Parts, client: ErpWriter, body: Body) -> Response:
    """Accepted means durable: 200 comes after Kafka has the order. 409 names the order that has the ERP id already.

    With an Idempotency-Key the same request gets the same answer, byte for byte.
    """
    parts.rates.check("erp", client.identity, parts.settings.rate_limit_per_minute)
    once = Once.of(request, client, body)
    return audited(
        parts.database, tasks, client, "erp_work_order", SYSTEM, body, lambda: _handle(parts, client, once, body)
    )


def _handle(parts: State, client: Principal, once: Once, body: bytes) -> Response:
    event = erp.read_event(parse(body, parts.settings.max_message_bytes))
    try:
        return _take(parts, client, once, body, event)
    except UnknownMaterials as problem:
        parts.publisher.publish([_dead_letter(client, event, body, problem)])
        raise


def _dead_letter(client: Principal, event: erp.ErpEvent, body: bytes, problem: Problem) -> Output:
    """An order that names unknown materials is refused and kept (002 section 10.2); said again it is the same one."""
    order_id = work_order_id(client.tenant_id, event.work_order.erp_work_order_id)
    body_hash = hashlib.sha256(body).hexdigest()
    return failure_output(
        tenant_id=client.tenant_id,
        failure_key=hashlib.sha256(f"{client.tenant_id}/{order_id}/{body_hash}".encode()).hexdigest()[:32],
        moment=datetime.now(UTC),
        integration_type="erp_work_order_inbound",
        data=body,
        refusal=Unreadable("VALIDATION_ERROR", problem.detail, "work_order.bill_of_materials"),
        inbox="work-order-inbox",
        address=f"POST {ROUTE}",
        message_id=erp.natural_message_id(order_id, event, body_hash),
        correlation_id=order_id,
    )


def _take(parts: State, client: Principal, once: Once, body: bytes, event: erp.ErpEvent) -> Response:
    with parts.database.tenant(client.tenant_id) as rows:
        if event.event_type == "work_order.created":
            return once.answered(rows, client.tenant_id, lambda: _create(parts, client, rows, event))
        digest = hashlib.sha256(body).hexdigest()
        return once.answered(rows, client.tenant_id, lambda: _change(parts, client, rows, event, digest))


def _create(parts: State, client: Principal, rows: Rows, event: erp.ErpEvent) -> Reply:
    """Take the ERP's id, publish, and keep the id only if Kafka has the order: all in one transaction."""
    told = event.work_order
    order_id = work_order_id(client.tenant_id, told.erp_work_order_id)
    if existing := work_orders.claim(rows, client.tenant_id, told.erp_work_order_id, order_id):
        raise Problem(
            409,
            f"{told.erp_work_order_id} exists already as {existing}.",
            mraos_work_order_id=existing,
            erp_work_order_id=told.erp_work_order_id,
        )
    warnings = _warnings(rows, told.bill_of_materials or ())
    message_id = erp.natural_message_id(order_id, event, "")
    parts.publisher.publish(
        [
            said(
                "erp.work_order_created",
                client.tenant_id,
                erp.created(client.tenant_id, told),
                message_id=message_id,
                timestamp=event.timestamp,
                source_system=SYSTEM,
            )
        ]
    )
    return _reply("success", order_id, told.erp_work_order_id, "Work order created successfully", warnings)


def _warnings(rows: Rows, lines: Sequence[erp.ErpBomLine]) -> list[str]:
    """A sentence for each shortage. Raises UnknownMaterials."""
    asked = [
        {
            "line": line,
            "material_id": each.material_id,
            "part_number": each.part_number,
            "required": str(each.quantity_required),
        }
        for line, each in enumerate(lines)
    ]
    found = work_orders.requirements(rows, asked) if asked else []
    missing = [row["material_id"] for row in found if not row["is_known"]]
    if missing:
        raise UnknownMaterials(missing)
    warnings = [_inactive(row) for row in found if row["is_active"] is False]
    shortages = (
        erp.shortage(row["part_number"] or row["material_id"], row["available_quantity"] or Decimal(0), row["required"])
        for row in found
    )
    return [*warnings, *filter(None, shortages)]


def _inactive(row: dict[str, Any]) -> str:
    return f"Part {row['part_number'] or row['material_id']} is inactive; nothing more of it can be reserved."


def _change(parts: State, client: Principal, rows: Rows, event: erp.ErpEvent, body_hash: str) -> Reply:
    """Say the change to the order and answer with what became of it."""
    told = event.work_order
    order_id = work_orders.known(rows, told.erp_work_order_id)
    if order_id is None:
        raise Problem(404, f"No work order {told.erp_work_order_id} is known.")
    verb = event.event_type.removeprefix("work_order.")
    if verb == "cancelled":
        row = work_orders.head(rows, order_id)
        if row is not None and row["status"] == "cancelled":
            return _reply("success", order_id, told.erp_work_order_id, "Work order is cancelled already", [])
    warnings = _warnings(rows, told.bill_of_materials or ())
    payload: Any = (
        erp.cancelled(client.tenant_id, told, client.name)
        if verb == "cancelled"
        else erp.updated(client.tenant_id, told)
    )
    outcome = tell_order(
        parts,
        client.tenant_id,
        f"erp.work_order_{verb}",
        payload,
        erp.natural_message_id(order_id, event, body_hash),
        timestamp=event.timestamp,
        source_system=SYSTEM,
    )
    if outcome is None:
        sentence = f"Accepted; see /api/v1/work-orders/{order_id} for what becomes of it"
        return _reply("pending", order_id, told.erp_work_order_id, sentence, warnings)
    return _reply("success", order_id, told.erp_work_order_id, f"Work order {verb} successfully", warnings)


def _reply(status: str, order_id: str, erp_id: str, message: str, warnings: list[str]) -> Reply:
    document = {
        "status": status,
        "mraos_work_order_id": order_id,
        "erp_work_order_id": erp_id,
        "message": message,
        "validation_warnings": warnings,
    }
    return Reply(202 if status == "pending" else 200, document)


@router.post(
    "/materials",
    response_model=BatchAnswer,
    responses=PROBLEMS,
    openapi_extra=json_body(erp.ErpMaterials),
    summary="Material master data, as JSON or CSV",
)
def material_master(
    request: Request, tasks: BackgroundTasks, parts: Parts, client: ErpWriter, body: LargeBody
) -> Response:
    """Row by row: what is good is accepted and durable, what is not is named with its reason."""
    parts.rates.check("erp", client.identity, parts.settings.rate_limit_per_minute)
    media = request.headers.get("content-type", "")

    def handle() -> Response:
        told = batches.read(body, media, "materials", erp.ErpMaterial)
        with parts.database.tenant(client.tenant_id) as rows:
            materials.claim(rows, client.tenant_id, sorted({row.material_id for row in told.rows}))
            parts.publisher.publish(
                [
                    said("erp.material_upserted", client.tenant_id, erp.material(row), source_system=SYSTEM)
                    for row in told.rows
                ]
            )
        reply = told.reply()
        batches.await_rows(
            parts,
            client.tenant_id,
            [{"material_id": row.material_id, "part_name": row.part_name} for row in told.rows],
        )
        return reply.response()

    return audited(parts.database, tasks, client, "erp_materials", SYSTEM, body, handle)
