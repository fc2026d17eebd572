"""The ERP's answer against real rows: what is stored, what is said, and what is left alone."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.rows import tuple_row

from connectors import audit
from connectors.deliveries.kind import Due, Refused
from connectors.deliveries.kinds import reconciliation
from connectors.deliveries.kinds.erp import COMPLETION
from connectors.deliveries.kinds.reconciliation import RECONCILIATION, REPORT_MAIL, due_now
from connectors.transports.mail import Post
from schemas.codec import decode
from schemas.envelope import Message
from schemas.ids import work_order_id
from schemas.messages.materials import MaterialUpserted
from schemas.messages.work_orders import BomLine, WorkOrderCreated
from schemas.settings import DEFAULT_TENANT
from sql import database, deliveries
from sql.reads import reconciliations
from streams.projection import Line, write
from tests.integration.events import folded
from tests.messages import count, message, registered
from tests.plants import RunningPlant
from tests.receivers import mailbox

pytestmark = pytest.mark.services

NIGHT = datetime.now(UTC).replace(microsecond=0)
HOUR = timedelta(hours=1)
BILL = (BomLine(material_id="MAT-A", quantity_required=Decimal(400)),)


def order_id(erp_id: str) -> str:
    return work_order_id(DEFAULT_TENANT, erp_id)


def received(erp_id: str, *, hours_ago: float = 10, **fields: Any) -> Message[Any]:
    values: dict[str, Any] = {
        "product_id": "PROD-1",
        "product_name": "Washer Door",
        "quantity_ordered": Decimal(200),
        "due_date": NIGHT + 24 * HOUR,
        "bill_of_materials": BILL,
    }
    told = WorkOrderCreated(work_order_id=order_id(erp_id), erp_work_order_id=erp_id, **(values | fields))
    moment = NIGHT - hours_ago * HOUR
    return message("erp.work_order_created", told, message_id=f"c-{erp_id}", timestamp=moment, received_at=moment)


def listed(erp_id: str, **fields: Any) -> dict[str, Any]:
    return {
        "erp_work_order_id": erp_id,
        "status": "Released",
        "product_id": "PROD-1",
        "product_name": "Washer Door",
        "quantity_ordered": 200,
        "quantity_produced": 0,
        "unit_of_measure": "EA",
        "priority": "normal",
        "due_date": (NIGHT + 24 * HOUR).isoformat(),
        "bill_of_materials": [{"material_id": "MAT-A", "quantity_required": 400}],
        "created_at": (NIGHT - 10 * HOUR).isoformat(),
        "updated_at": (NIGHT - 2 * HOUR).isoformat(),
    } | fields


def project(rows: psycopg.Cursor[Any], said: Sequence[Message[Any]]) -> None:
    """The rows that come of these messages."""
    told = [Line(each.topic, 0, offset, each.key, each.value) for offset, each in enumerate(folded(said))]
    with rows.connection.cursor(row_factory=tuple_row) as cursor:
        assert write(cursor, told).refused == []
    database.tenant(rows, DEFAULT_TENANT)


def due() -> Due:
    told = {"since": (NIGHT - 24 * HOUR).isoformat(), "until": NIGHT.isoformat()}
    identity = f"DLV-{uuid4().hex}"
    return Due(identity, DEFAULT_TENANT, "erp.reconciliation", "work-orders", "test", told, identity, NIGHT, 0)


def compared(
    rows: psycopg.Cursor[Any], migrated: RunningPlant, erp: Sequence[Any], asked: Due | None = None, **settings: Any
) -> tuple[dict[str, Any], list[Message[Any]]]:
    """The stored report, and what was said."""
    asked = asked or due()
    outputs = RECONCILIATION.accepted(
        rows, asked, [{"work_orders": list(erp)}], NIGHT, migrated.settings(erp_url="http://erp", **settings)
    )
    report_id = reconciliation.report_id_of(asked.delivery_id, NIGHT, migrated.settings())
    report = reconciliations.one(rows, report_id)
    assert report is not None
    return report, [decode(output.value) for output in outputs]


def actions(report: dict[str, Any]) -> set[tuple[str, str, str]]:
    return {(item["erp_work_order_id"], item["field"], item["action"]) for item in report["items"]}


MATERIAL = message(
    "erp.material_upserted", MaterialUpserted(material_id="MAT-A", part_number="A", part_name="Panel"), -60
)


def test_every_class_of_difference_is_found_and_only_low_risk_is_put_right(
    rows: psycopg.Cursor[Any], migrated: RunningPlant
) -> None:
    same = [f"E-{number}" for number in range(1, 9)]
    project(rows, [MATERIAL, *map(received, same), received("E-only-here")])
    report, said = compared(
        rows,
        migrated,
        [
            listed("E-1"),
            listed("E-2", product_name="Other door", priority="urgent", special_instructions="Mind the paint"),
            listed("E-3", due_date=(NIGHT + 30 * HOUR).isoformat()),
            listed("E-4", quantity_ordered=250),
            listed("E-5", status="Completed", quantity_produced=200),
            listed("E-6", bill_of_materials=[]),
            listed("E-7", product_id="PROD-2"),
            listed("E-8", quantity_produced=12),
            listed("E-new", work_order_number="452100", special_instructions="New"),
            listed("E-new-closed", status="TECO"),
            {"erp_work_order_id": "E-broken", "quantity_ordered": "many"},
        ],
    )
    assert actions(report) == {
        ("E-2", "product_name", "auto_synced"),
        ("E-2", "priority", "auto_synced"),
        ("E-2", "special_instructions", "auto_synced"),
        ("E-3", "due_date", "auto_synced"),
        ("E-4", "quantity_ordered", "manual_review"),
        ("E-5", "status", "manual_review"),
        ("E-5", "quantity_produced", "manual_review"),
        ("E-6", "bill_of_materials", "manual_review"),
        ("E-7", "product_id", "manual_review"),
        ("E-8", "quantity_produced", "manual_review"),
        ("E-new", "order", "auto_synced"),
        ("E-new-closed", "order", "manual_review"),
        ("E-only-here", "order", "manual_review"),
        ("E-broken", "order", "manual_review"),
    }
    assert (report["orders_in_erp"], report["orders_in_ours"], report["status"]) == (11, 9, "review")
    assert (report["discrepancies"], report["auto_synced"], report["manual_review"]) == (14, 5, 9)
    by_type = {(each.type, getattr(each.payload, "work_order_id", "")): each for each in said}
    assert set(by_type) == {
        ("erp.work_order_updated", order_id("E-2")),
        ("erp.work_order_updated", order_id("E-3")),
        ("erp.work_order_created", order_id("E-new")),
        ("alert.raised", ""),
    }
    update = by_type["erp.work_order_updated", order_id("E-2")].payload
    assert (update.product_name, update.priority, update.special_instructions) == (
        "Other door", "urgent", "Mind the paint",
    )  # fmt: skip
    assert update.quantity_ordered is None
    assert update.bill_of_materials is None
    created = by_type["erp.work_order_created", order_id("E-new")]
    assert (created.payload.work_order_number, created.payload.bill_of_materials) == ("452100", BILL)
    assert (created.message_id, created.timestamp) == (f"erp-created-{order_id('E-new')}", NIGHT - 2 * HOUR)
    assert by_type["alert.raised", ""].payload.kind == "reconciliation.review"
    rows.execute("SELECT work_order_id FROM ops.work_order_keys WHERE erp_work_order_id = 'E-new'")
    assert rows.fetchone() == {"work_order_id": order_id("E-new")}


def test_what_was_said_puts_the_rows_right_and_the_next_report_is_clean(
    rows: psycopg.Cursor[Any], migrated: RunningPlant
) -> None:
    before = [MATERIAL, received("E-1")]
    project(rows, before)
    erp = [listed("E-1", product_name="Other door", priority="medium", special_instructions="New"), listed("E-2")]
    _, said = compared(rows, migrated, erp)
    rows.execute("DELETE FROM ops.projection_offsets")
    project(rows, [*before, *said])
    report, silence = compared(rows, migrated, erp)
    assert (report["status"], report["items"], silence) == ("clean", [], [])


def test_an_answer_taken_twice_makes_one_report(rows: psycopg.Cursor[Any], migrated: RunningPlant) -> None:
    project(rows, [MATERIAL, received("E-1")])
    asked = due()
    _, said = compared(rows, migrated, [listed("E-1", product_name="Other")], asked)
    again, silence = compared(rows, migrated, [listed("E-1", quantity_ordered=7)], asked)
    assert len(said) == 1
    assert silence == []
    assert actions(again) == {("E-1", "product_name", "auto_synced")}


def test_an_answer_that_is_no_list_is_refused(rows: psycopg.Cursor[Any], migrated: RunningPlant) -> None:
    with pytest.raises(Refused, match="no list"):
        RECONCILIATION.accepted(rows, due(), [{"error": "maintenance"}], NIGHT, migrated.settings())


def test_an_order_whose_completion_is_being_reported_is_in_transit(
    rows: psycopg.Cursor[Any], migrated: RunningPlant
) -> None:
    order = order_id("E-1")
    project(
        rows,
        [MATERIAL, registered("M-1"), received("E-1", quantity_ordered=Decimal(2)), count(2, 0, units=2, order=order)],
    )
    erp = [listed("E-1", quantity_ordered=2)]
    rows.execute("UPDATE work_orders SET actual_end_at = %s", [NIGHT - HOUR])
    told_before, _ = compared(rows, migrated, erp)
    fields: dict[str, Any] = {
        "tenant_id": DEFAULT_TENANT, "delivery_id": "DLV-1", "kind": COMPLETION, "external_system": "ERP",
        "integration_type": "erp_work_order_completion_outbound", "subject": order, "cause": "x",
        "correlation_id": "x", "told": {}, "due_at": None,
    }  # fmt: skip
    assert deliveries.add(rows, fields, replaces_older=False)
    pending, said = compared(rows, migrated, erp)
    fields_told = ("status", "quantity_produced")
    assert actions(told_before) == {("E-1", field, "manual_review") for field in fields_told}
    assert actions(pending) == {("E-1", field, "in_transit") for field in fields_told}
    assert (pending["discrepancies"], pending["in_transit"], pending["status"], said) == (0, 2, "clean", [])
    assert "In Transit (not counted): 2" in pending["text"]


def heard(rows: psycopg.Cursor[Any], erp_id: str, said_at: datetime, heard_at: datetime) -> None:
    """A line of the audit log: a webhook of the ERP that was accepted."""
    body = {"event_type": "work_order.updated", "timestamp": said_at.isoformat()}
    audit.line(
        rows, DEFAULT_TENANT, "erp_work_order", "inbound", "ERP",
        request=body | {"work_order": {"erp_work_order_id": erp_id}}, response={}, status_code=200, milliseconds=1,
    )  # fmt: skip
    latest = "SELECT max(log_id) FROM integration_audit_log"
    rows.execute(f"UPDATE integration_audit_log SET timestamp = %s WHERE log_id = ({latest})", [heard_at])


def test_what_the_erp_told_after_what_it_lists_is_not_overwritten(
    rows: psycopg.Cursor[Any], migrated: RunningPlant
) -> None:
    project(rows, [MATERIAL, received("E-older"), received("E-moving"), received("E-newer")])
    heard(rows, "E-older", NIGHT - HOUR, NIGHT - HOUR)
    heard(rows, "E-moving", NIGHT - HOUR, NIGHT - timedelta(minutes=1))
    heard(rows, "E-newer", NIGHT - 3 * HOUR, NIGHT - 3 * HOUR)
    report, said = compared(
        rows, migrated, [listed(name, product_name="X") for name in ("E-older", "E-moving", "E-newer")]
    )
    assert actions(report) == {
        ("E-older", "product_name", "manual_review"),
        ("E-moving", "product_name", "in_transit"),
        ("E-newer", "product_name", "auto_synced"),
    }
    assert [each.payload.work_order_id for each in said if each.type == "erp.work_order_updated"] == [
        order_id("E-newer")
    ]


def test_an_item_tells_both_timelines(rows: psycopg.Cursor[Any], migrated: RunningPlant) -> None:
    project(rows, [MATERIAL, received("E-1")])
    heard(rows, "E-1", NIGHT - 3 * HOUR, NIGHT - 3 * HOUR)
    history = [{"at": (NIGHT - 4 * HOUR).isoformat(), "quantity_ordered": 180}]
    report, _ = compared(rows, migrated, [listed("E-1", quantity_ordered=250, history=history)])
    (item,) = report["items"]
    assert (item["erp_value"], item["our_value"], item["risk"]) == (250, 200, "high")
    theirs = [step["what"] for step in item["erp_timeline"]]
    assert theirs[:2] == ["created in the ERP", history[0]], "by moment, in whatever form the ERP keeps it"
    assert "work_order.updated" in theirs[2]
    assert theirs[3:] == ["last changed in the ERP"]
    assert [step["what"] for step in item["our_timeline"]] == [
        "received from the ERP", "version 1: received, 0 produced",
    ]  # fmt: skip


async def test_the_report_reaches_the_operations_manager_by_mail(
    rows: psycopg.Cursor[Any], migrated: RunningPlant
) -> None:
    project(rows, [MATERIAL, received("E-1")])
    with mailbox() as box:
        to: dict[str, Any] = {
            "smtp_url": box.url,
            "reconciliation_mail_to": "operations@plant.example",
            "call_timeout_seconds": 5,
        }
        report, _ = compared(rows, migrated, [listed("E-1", quantity_ordered=250), listed("E-<2>")], **to)
        settings = migrated.settings(**to)
        rows.execute("SELECT * FROM deliveries WHERE kind = 'mail.reconciliation'")
        (made,) = rows.fetchall()
        assert (made["subject"], made["external_system"]) == (report["report_id"], "MAIL")
        told = Due(made["delivery_id"], DEFAULT_TENANT, made["kind"], made["subject"], "", {}, "", NIGHT, 0)

        async def secret(name: str) -> str | None:
            return str(getattr(settings, name))

        mail = REPORT_MAIL.request(rows, told, settings)
        await Post(settings, secret).send(mail, told.delivery_id)  # type: ignore[arg-type]
        got = box.await_mail("Reconciliation")
    assert (got["To"], got["Subject"]) == (
        "operations@plant.example", f"Reconciliation with the ERP, {report['report_date']}: 2 discrepancies",
    )  # fmt: skip
    plain, html = (got.get_body((kind,)) for kind in ("plain", "html"))
    assert plain is not None
    assert html is not None
    assert plain.get_content().replace("\r\n", "\n") == report["text"]
    assert "Quantity Ordered in ERP: <span" in html.get_content()
    assert "E-&lt;2&gt;" in html.get_content(), "what the ERP says is text, not markup"


def test_nobody_is_asked_and_nothing_is_mailed_where_there_is_no_address(
    rows: psycopg.Cursor[Any], migrated: RunningPlant
) -> None:
    project(rows, [MATERIAL, received("E-1")])
    assert due_now(rows, NIGHT, migrated.settings(erp_url=None)).deliveries == ()
    compared(rows, migrated, [listed("E-1", quantity_ordered=250)])
    rows.execute("SELECT count(*) AS made FROM deliveries WHERE kind LIKE 'mail.%'")
    assert rows.fetchone() == {"made": 0}
