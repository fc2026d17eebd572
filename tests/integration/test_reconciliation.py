"""Reconciliation from end to end: differences are found, low risk is put right, people decide the rest."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from tests.gateways import ORDERS, anybody, erp, operator, order_event
from tests.plants import RunningPlant, eventually

pytestmark = pytest.mark.services

REPORTS = "/api/v1/reconciliations"


def an_hour_ago(hours: float = 1) -> str:
    return (datetime.now(UTC) - timedelta(hours=hours)).isoformat()


class Seeded:
    """Orders that the plant took three hours ago, and the ERP's list of them."""

    def __init__(self, plant: RunningPlant) -> None:
        self.plant = plant
        self.name = uuid4().hex[:8]
        self.listed: dict[str, dict[str, Any]] = {}
        self.ours: dict[str, str] = {}

    def id(self, suffix: str) -> str:
        return f"WO-ERP-{self.name}-{suffix}"

    def order(self, client: httpx2.Client, suffix: str, **differs: Any) -> None:
        """One that both have, with what the ERP has otherwise."""
        event = order_event(self.id(suffix)) | {"timestamp": an_hour_ago(3)}
        answer = client.post(ORDERS, json=event)
        assert answer.status_code == 200, answer.text
        self.ours[suffix] = answer.json()["mraos_work_order_id"]
        self.only_there(suffix, **event["work_order"] | differs)

    def only_there(self, suffix: str, **fields: Any) -> None:
        """One that the ERP lists."""
        base = order_event(self.id(suffix))["work_order"] | {"status": "Released", "updated_at": an_hour_ago()}
        self.listed[suffix] = base | fields

    def serve(self) -> None:
        """Have the ERP list them, and wait until our rows know those we have."""
        for order in self.ours.values():
            self.plant.await_rows("SELECT 1 FROM work_orders WHERE work_order_id = %s", order)
        self.plant.systems.serve("erp", "work-orders", list(self.listed.values()))

    def items(self, report: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
        """What differs of these orders, by suffix and field."""
        return {
            (item["erp_work_order_id"].removeprefix(f"WO-ERP-{self.name}-"), item["field"]): item
            for item in report["items"]
            if self.name in item["erp_work_order_id"]
        }


def reconciled(person: httpx2.Client, path: str = "/api/v1/jobs/reconciliation/run") -> dict[str, Any]:
    """The report of a reconciliation that is asked for now."""
    before = {each["report_id"] for each in person.get(REPORTS).json()["reconciliations"]}
    answer = person.post(path)
    assert answer.status_code == 202, answer.text

    def look() -> list[str]:
        found = person.get(REPORTS).json()["reconciliations"]
        return [each["report_id"] for each in found if each["report_id"] not in before]

    (report_id,) = eventually(look, 40, "no report came")
    report: dict[str, Any] = person.get(f"{REPORTS}/{report_id}").json()
    return report


@pytest.fixture
def seeded(plant: RunningPlant) -> Seeded:
    """Orders that differ in one thing each, and two that the ERP alone has."""
    orders = Seeded(plant)
    with erp(plant) as client:
        orders.order(client, "same")
        orders.order(client, "name", product_name="Washer Door Assembly, Mk 2", special_instructions="Mind the paint")
        orders.order(client, "quantity", quantity_ordered=250)
        orders.order(client, "status", status="Completed", quantity_produced=200)
    orders.only_there("new")
    orders.only_there("done", status="TECO")
    orders.serve()
    return orders


def test_seeded_differences_are_found_low_risk_is_put_right_and_high_risk_untouched(
    plant: RunningPlant, seeded: Seeded
) -> None:
    with operator(plant) as person:
        report = reconciled(person)
        assert {key: item["action"] for key, item in seeded.items(report).items()} == {
            ("name", "product_name"): "auto_synced",
            ("name", "special_instructions"): "auto_synced",
            ("quantity", "quantity_ordered"): "manual_review",
            ("status", "status"): "manual_review",
            ("status", "quantity_produced"): "manual_review",
            ("new", "order"): "auto_synced",
            ("done", "order"): "manual_review",
        }
        assert (report["requested_by"], report["status"]) == ("admin", "review")
        (call,) = [
            each
            for each in plant.systems.records("erp", "/api/v1/work-orders")
            if each["query"]["updated_since"] == report["window_from"].replace("Z", "+00:00")
        ]
        assert (call["query"]["page"], call["status"]) == ("1", 200)
        plant.await_rows(
            "SELECT 1 FROM work_orders WHERE work_order_id = %s AND product_name = 'Washer Door Assembly, Mk 2' "
            "AND special_instructions = 'Mind the paint'",
            seeded.ours["name"],
        )
        plant.await_rows(
            "SELECT 1 FROM work_orders WHERE erp_work_order_id = %s AND status = 'received'", seeded.id("new")
        )
        plant.await_rows("SELECT 1 FROM alerts WHERE entity_id = %s", report["report_id"])
        again = reconciled(person, REPORTS)
    assert set(seeded.items(again)) == {
        ("quantity", "quantity_ordered"), ("status", "status"), ("status", "quantity_produced"), ("done", "order"),
    }  # fmt: skip
    ((quantity, status),) = plant.await_rows(
        "SELECT quantity_ordered::int, status FROM work_orders WHERE work_order_id = %s", seeded.ours["quantity"]
    )
    assert (quantity, status) == (200, "received")


def test_a_report_is_text_json_and_a_page(plant: RunningPlant, seeded: Seeded) -> None:
    with operator(plant) as person, anybody(plant) as stranger:
        report = reconciled(person)
        path = f"{REPORTS}/{report['report_id']}"
        as_text = person.get(path, headers={"Accept": "text/plain"})
        page = person.get(f"/reconciliations/{report['report_id']}")
        assert as_text.headers["content-type"].startswith("text/plain")
        assert as_text.text == person.get(f"{path}.txt").text == report["text"]
        assert (
            f". Work Order {seeded.id('status')}\n   - Status in ERP: Completed\n   - Status in MRAOS: Received\n"
            "   - Action: Manual review required\n"
        ) in as_text.text
        assert page.status_code == 200
        assert seeded.id("quantity") in page.text
        assert report["report_id"] in person.get("/reconciliations").text
        assert stranger.get(f"/reconciliations/{report['report_id']}", follow_redirects=False).status_code == 303
        assert stranger.get(path).status_code == 401
        assert person.get(f"{REPORTS}/REC-nothing").status_code == 404


def test_a_person_takes_the_erps_or_keeps_ours_once(plant: RunningPlant, seeded: Seeded) -> None:
    with operator(plant) as person, erp(plant) as client:
        report = reconciled(person)
        items = seeded.items(report)

        def decide(item: tuple[str, str], choice: str, **told: Any) -> httpx2.Response:
            number = items[item]["item"]
            return person.post(
                f"{REPORTS}/{report['report_id']}/items/{number}/resolve", json={"choice": choice} | told
            )

        first = decide(("quantity", "quantity_ordered"), "accept_erp", note="the customer wants more")
        assert (first.status_code, first.json()["status"]) == (200, "done"), first.text
        assert decide(("quantity", "quantity_ordered"), "accept_erp").json() == first.json()
        assert decide(("quantity", "quantity_ordered"), "keep_ours").status_code == 409
        plant.await_rows(
            "SELECT 1 FROM work_orders WHERE work_order_id = %s AND quantity_ordered = 250", seeded.ours["quantity"]
        )
        noted = decide(("status", "status"), "note", note="asked the ERP's people").json()["item"]
        assert (noted["action"], noted["note"]) == ("manual_review", "asked the ERP's people")
        refused = decide(("status", "status"), "accept_erp")
        assert (refused.status_code, refused.json()["reason"]) == (409, "INVALID_TRANSITION"), refused.text
        kept = decide(("status", "status"), "keep_ours").json()["item"]
        assert (kept["action"], kept["resolved_by"]) == ("resolved", "admin")
        assert decide(("status", "quantity_produced"), "accept_erp").status_code == 409
        assert decide(("done", "order"), "accept_erp").status_code == 409
        assert decide(("name", "product_name"), "keep_ours").status_code == 409, "it was put right already"
        assert (
            client.post(f"{REPORTS}/{report['report_id']}/items/1/resolve", json={"choice": "note"}).status_code == 403
        )


def test_what_has_changed_since_the_report_is_not_overwritten_by_it(plant: RunningPlant, seeded: Seeded) -> None:
    with operator(plant) as person, erp(plant) as client:
        report = reconciled(person)
        number = seeded.items(report)["quantity", "quantity_ordered"]["item"]
        changed = order_event(seeded.id("quantity"), "updated", quantity_ordered=300)
        assert client.post(ORDERS, json=changed).status_code == 200
        plant.await_rows(
            "SELECT 1 FROM work_orders WHERE work_order_id = %s AND quantity_ordered = 300", seeded.ours["quantity"]
        )
        answer = person.post(f"{REPORTS}/{report['report_id']}/items/{number}/resolve", json={"choice": "accept_erp"})
    assert answer.status_code == 409
    assert "has changed since" in answer.json()["detail"]
