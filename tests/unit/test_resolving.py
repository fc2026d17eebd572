"""Taking the ERP's word for a discrepancy is one message to the order, or a sentence that says why there is none."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from connectors.gateway.problems import Problem
from connectors.gateway.resolving import BY_HAND, compensation, refuse_stale
from schemas.ids import work_order_id
from schemas.messages.work_orders import BomLine
from schemas.settings import DEFAULT_TENANT


def item(kind: str, field: str = "order", **fields: Any) -> dict[str, Any]:
    return {
        "item": 3,
        "erp_work_order_id": "WO-ERP-1",
        "work_order_id": "WO-1",
        "class": kind,
        "field": field,
        "erp_value": None,
        "our_value": None,
    } | fields


def made(told: dict[str, Any]) -> Any:
    return compensation(DEFAULT_TENANT, "REC-1", told, "ada")


@pytest.mark.parametrize(
    ("kind", "field", "told", "value"),
    [
        ("quantity_ordered", "quantity_ordered", 250.5, Decimal("250.5")),
        ("due_date", "due_date", "2026-11-22T10:00:00Z", datetime(2026, 11, 22, 10, tzinfo=UTC)),
        ("priority", "priority", "urgent", "urgent"),
        ("description", "product_name", "Door", "Door"),
        (
            "bill_of_materials",
            "bill_of_materials",
            [{"material_id": "MAT-A", "quantity_required": 4, "unit_of_measure": "EA"}],
            (BomLine(material_id="MAT-A", quantity_required=Decimal(4)),),
        ),
    ],
)
def test_a_field_becomes_an_update_of_this_field_alone(kind: str, field: str, told: Any, value: Any) -> None:
    message = made(item(kind, field, erp_value=told))
    assert (message.type, message.message_id) == ("erp.work_order_updated", "reconciled-REC-1-3")
    assert getattr(message.payload, field) == value
    others = {"quantity_ordered", "due_date", "priority", "product_name", "bill_of_materials"} - {field}
    assert all(getattr(message.payload, other) is None for other in others)


@pytest.mark.parametrize(
    ("said", "verb"),
    [
        ("Completed", "work_order.complete"),
        ("TECO", "work_order.complete"),
        ("In Progress", "work_order.start"),
        ("On Hold", "work_order.hold"),
        ("Cancelled", "erp.work_order_cancelled"),
    ],
)
def test_a_status_becomes_the_command_that_leads_there(said: str, verb: str) -> None:
    message = made(item("status", "status", erp_value=said))
    assert (message.type, message.payload.work_order_id, message.payload.actor) == (verb, "WO-1", "ada")


def test_an_order_the_erp_does_not_have_any_more_is_cancelled() -> None:
    assert made(item("missing_in_erp")).type == "erp.work_order_cancelled"


def test_an_order_missing_here_is_made_under_the_id_its_webhook_would_have_given_it() -> None:
    order = {
        "erp_work_order_id": "WO-ERP-1",
        "product_id": "P",
        "quantity_ordered": 5,
        "due_date": "2026-11-22T10:00:00Z",
    }
    ours = work_order_id(DEFAULT_TENANT, "WO-ERP-1")
    message = made(item("missing_in_ours", erp_value=order, work_order_id=None))
    assert (message.type, message.message_id) == ("erp.work_order_created", f"erp-created-{ours}")
    assert (message.payload.work_order_id, message.payload.quantity_ordered) == (ours, 5)


@pytest.mark.parametrize(
    "told",
    [
        *(item(kind) for kind in BY_HAND),
        item("status", "status", erp_value="Quarantined"),
        item("missing_in_ours", erp_value={"erp_work_order_id": "WO-ERP-1"}),
        item(
            "missing_in_ours",
            erp_value={
                "erp_work_order_id": "WO-ERP-1",
                "product_id": "P",
                "quantity_ordered": 5,
                "due_date": "2026-11-22T10:00:00Z",
                "status": "completed",
                "status_said": "TECO",
            },
        ),
    ],
)
def test_what_no_message_can_put_right_is_refused_with_a_sentence(told: dict[str, Any]) -> None:
    with pytest.raises(Problem) as refusal:
        made(told)
    assert refusal.value.status == 409
    assert refusal.value.detail.endswith((".", "again"))


def test_what_has_changed_meanwhile_is_stale() -> None:
    told = item("quantity_ordered", "quantity_ordered", our_value=200)
    refuse_stale(told, {"quantity_ordered": Decimal(200)})
    for now in ({"quantity_ordered": Decimal(201)}, None):
        with pytest.raises(Problem):
            refuse_stale(told, now)
    refuse_stale(item("missing_in_ours"), None)
    with pytest.raises(Problem):
        refuse_stale(item("missing_in_ours"), {"work_order_id": "WO-1"})
