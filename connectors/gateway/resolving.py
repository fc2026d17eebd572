"""What it means to take the ERP's word for something that differs: the message to the order, or why there is none."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import msgspec

from connectors.gateway.problems import Problem
from connectors.systems import erp_orders
from schemas.codec import encode
from schemas.ids import work_order_id
from schemas.messages.work_orders import WorkOrderCommand, WorkOrderUpdated
from streams.domain.reconciliation import CLOSED, ErpOrder

VERBS: Final[Mapping[str | None, str]] = {
    "released": "work_order.release",
    "in_progress": "work_order.start",
    "on_hold": "work_order.hold",
    "completed": "work_order.complete",
    "cancelled": "erp.work_order_cancelled",
}
BY_HAND: Final[Mapping[str, str]] = {
    "quantity_produced": "What was made is what the machines counted. Correct it in the ERP, and keep ours.",
    "product": "An order's product cannot be changed. Cancel it, and have the ERP send another.",
    "unreadable": "The ERP's row cannot be read. Have it corrected there.",
}


class Compensation(NamedTuple):
    """A message type, its payload and its id."""

    type: str
    payload: Any
    message_id: str


def compensation(tenant_id: str, report_id: str, item: Mapping[str, Any], actor: str) -> Compensation:
    """What is said to the order so that it is as the ERP has it. Raises Problem 409 where nothing can be."""
    kind, message_id = item["class"], f"reconciled-{report_id}-{item['item']}"
    if kind in BY_HAND:
        raise Problem(409, BY_HAND[kind])
    if kind == "missing_in_ours":
        return _created(tenant_id, item)
    order_id = item["work_order_id"] or work_order_id(tenant_id, item["erp_work_order_id"])
    if kind == "missing_in_erp":
        command = WorkOrderCommand(work_order_id=order_id, actor=actor, reason="The ERP has no such order any more.")
        return Compensation("erp.work_order_cancelled", command, message_id)
    if kind == "status":
        status = erp_orders.status_of(item["erp_value"])
        if status not in VERBS:
            raise Problem(409, f"No order can be made {item['erp_value']} here.")
        reason = f"The ERP calls the order {item['erp_value']} ({report_id})."
        return Compensation(
            VERBS[status], WorkOrderCommand(work_order_id=order_id, actor=actor, reason=reason), message_id
        )
    changes = {"work_order_id": order_id, item["field"]: item["erp_value"]}
    return Compensation("erp.work_order_updated", msgspec.convert(changes, WorkOrderUpdated, strict=False), message_id)


def _created(tenant_id: str, item: Mapping[str, Any]) -> Compensation:
    """The creation, under the id that the webhook would have given it."""
    order = msgspec.convert(item["erp_value"], ErpOrder, strict=False)
    missing = [name for name in ("product_id", "quantity_ordered", "due_date") if getattr(order, name) is None]
    if missing:
        raise Problem(409, f"The ERP does not tell the order's {', '.join(missing)}; have it sent again.")
    if order.status in CLOSED:
        raise Problem(409, f"The ERP calls the order {order.status_said}; there is nothing to make of it.")
    payload = erp_orders.created(tenant_id, order)
    return Compensation("erp.work_order_created", payload, f"erp-created-{payload.work_order_id}")


def refuse_stale(item: Mapping[str, Any], now: Mapping[str, Any] | None) -> None:
    """What has changed since the report is not overwritten by it. Raises Problem 409."""
    if item["class"] == "missing_in_ours":
        if now is not None:
            raise Problem(409, f"{item['erp_work_order_id']} is here by now, as {now['work_order_id']}.")
        return
    field = "status" if item["field"] == "order" else item["field"]
    if now is None or msgspec.json.decode(encode(now[field])) != item["our_value"]:
        raise Problem(409, f"Our {field} of the order has changed since the report; ask for a new one.")
