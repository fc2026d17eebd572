"""Work orders of the ERP's webhook that were refused: the same checks again, and the ERP's id is taken for good."""

from collections.abc import Sequence
from datetime import UTC
from typing import Any, Final

from connectors.repairs.origin import Letter, Origin, Returned, again
from connectors.systems import erp
from schemas.codec import Unreadable, parse
from schemas.ids import work_order_id
from schemas.settings import Settings
from sql import repairs
from sql.database import Rows
from sql.reads import work_orders
from streams.driver import Rejected

SYSTEM: Final = "ERP"


def _returns(rows: Rows, settings: Settings, letter: Letter, data: bytes, action_id: int) -> Returned:
    event = erp.read_event(parse(data, settings.max_message_bytes))
    told, tenant_id = event.work_order, letter["tenant_id"]
    order_id = work_order_id(tenant_id, told.erp_work_order_id)
    known = work_orders.known(rows, told.erp_work_order_id)
    payload: Any
    if event.event_type == "work_order.created":
        if known is not None and not repairs.has_claimed(rows, letter["failure_key"], order_id):
            raise _exists(told.erp_work_order_id, known)
        payload = erp.created(tenant_id, told)
    elif known is None:
        raise Rejected("UNKNOWN_WORK_ORDER", f"No work order {told.erp_work_order_id} is known.", _ID)
    elif event.event_type == "work_order.cancelled":
        payload = erp.cancelled(tenant_id, told, SYSTEM)
    else:
        payload = erp.updated(tenant_id, told)
    _check_materials(rows, told.bill_of_materials or ())
    moment = event.timestamp.astimezone(UTC)
    output = again(settings, letter, action_id, f"erp.{event.event_type.replace('.', '_')}", payload, moment, SYSTEM)
    return Returned([output], order_id if event.event_type == "work_order.created" else None)


_ID: Final = "work_order.erp_work_order_id"


def _exists(erp_id: str, order_id: str) -> Rejected:
    return Rejected("WORK_ORDER_EXISTS", f"{erp_id} exists already as {order_id}.", _ID)


def _check_materials(rows: Rows, lines: Sequence[erp.ErpBomLine]) -> None:
    """Raises Unreadable for materials that nobody knows."""
    asked = [
        {"line": line, "material_id": each.material_id, "required": str(each.quantity_required)}
        for line, each in enumerate(lines)
    ]
    found = work_orders.requirements(rows, asked) if asked else []
    missing = [row["material_id"] for row in found if not row["is_known"]]
    if missing:
        path = "work_order.bill_of_materials"
        raise Unreadable("VALIDATION_ERROR", f"No such material: {', '.join(missing)}.", path)


def _carry_out(rows: Rows, settings: Settings, letter: Letter, data: bytes, action_id: int) -> Returned:
    """Take the ERP's id; whoever takes it at the same moment is waited for."""
    returned = _returns(rows, settings, letter, data, action_id)
    if returned.claimed is not None:
        erp_id = erp.read_event(parse(data, settings.max_message_bytes)).work_order.erp_work_order_id
        existing = work_orders.claim(rows, letter["tenant_id"], erp_id, returned.claimed)
        if existing is not None and not repairs.has_claimed(rows, letter["failure_key"], existing):
            raise _exists(erp_id, existing)
    return returned


ORDERS: Final = Origin(
    "webhook",
    lambda letter: letter["inbox"] == "work-order-inbox" and letter["source_address"].startswith("POST "),
    _returns,
    _carry_out,
    lambda _: erp.ErpEvent.model_json_schema(),
)
