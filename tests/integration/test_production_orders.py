"""Production orders over HTTP: made of sales orders, expanded, judged, released, fed back by their work orders."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from confluent_kafka import Producer

from streams.kafka.producer import producer_config
from tests.e2e.load import count_message, say
from tests.gateways import operator
from tests.plants import RunningPlant, eventually
from tests.workshops import Shop, shop

pytestmark = pytest.mark.services

ORDERS = "/api/v1/production-orders"
DUE = (datetime.now(UTC) + timedelta(days=30)).isoformat()


@pytest.fixture(scope="module")
def brochures(plant: RunningPlant) -> Shop:
    """The example of document 004."""
    with plant.rows() as rows:
        return shop(rows)


def asked(product: Shop, **fields: Any) -> dict[str, Any]:
    return {"product_id": product.product_id, "quantity": 10_000, "due_date": DUE} | fields


def made(client: httpx2.Client, product: Shop, **fields: Any) -> dict[str, Any]:
    answer = client.post(ORDERS, json=asked(product, **fields))
    assert answer.status_code == 201, answer.text
    told: dict[str, Any] = answer.json()
    return told


def sales_order(product: Shop, *quantities: float, **fields: Any) -> dict[str, Any]:
    lines = [{"product_id": product.product_id, "quantity": quantity, "due_date": DUE} for quantity in quantities]
    return {"sales_order_id": f"SO-{uuid4().hex[:8]}", "customer": "Larsen", "lines": lines} | fields


def refused(answer: httpx2.Response, status: int, words: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert words in answer.json()["detail"], answer.text


def test_the_brochure_of_the_document_becomes_four_runs(client: httpx2.Client, brochures: Shop) -> None:
    order = made(client, brochures)
    assert (order["status"], order["routing_id"], order["runs"]) == ("planned", brochures.routing_id, [])
    expanded = client.post(f"{ORDERS}/{order['production_order_id']}/expand").json()
    assert [run["quantity"] for run in expanded["runs"]] == [10_359, 10_152, 10_051, 10_000]
    assert [run["work_center_id"] for run in expanded["runs"]] == list(brochures.work_center_ids)
    assert [run["predecessors"] for run in expanded["runs"]] == [[], [10], [20], [30]]
    shown = client.get(f"{ORDERS}/{order['production_order_id']}").json()
    assert (shown["status"], shown["version"]) == ("expanded", 2)
    again = client.post(f"{ORDERS}/{order['production_order_id']}/expand").json()
    assert len(again["runs"]) == 4, "expanded again its runs are replaced"
    assert not set(again["run_ids"]) & set(expanded["run_ids"])


def test_a_sales_order_becomes_one_production_order_a_line_however_often_it_is_said(
    client: httpx2.Client, brochures: Shop
) -> None:
    told = sales_order(brochures, 100, 250, priority="urgent")
    first = client.post(f"{ORDERS}/generate", json={"sales_orders": [told]}).json()
    assert [(row["quantity"], row["priority"], row["sales_order_line"]) for row in first["production_orders"]] == [
        (100, "urgent", 1),
        (250, "urgent", 2),
    ]
    again = client.post(f"{ORDERS}/generate", json={"sales_orders": [told]}).json()
    assert again["production_orders"] == first["production_orders"], "not even a version moved"
    by_id = client.post(f"{ORDERS}/generate", json={"sales_order_ids": [told["sales_order_id"]]}).json()
    assert by_id["production_order_ids"] == first["production_order_ids"]


def test_a_sales_order_said_by_many_at_once_is_taken_once(
    plant: RunningPlant, client: httpx2.Client, brochures: Shop
) -> None:
    told = sales_order(brochures, 10, 20, 30)
    together = threading.Barrier(8)

    def say_it(_: int) -> list[str]:
        with operator(plant) as person:
            together.wait()
            ids: list[str] = person.post(f"{ORDERS}/generate", json={"sales_orders": [told]}).json()[
                "production_order_ids"
            ]
            return ids

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(say_it, range(8)))
    assert all(ids == answers[0] for ids in answers)
    assert len(answers[0]) == 3


def test_a_changed_line_changes_its_order_until_that_has_runs(client: httpx2.Client, brochures: Shop) -> None:
    told = sales_order(brochures, 100)
    client.post(f"{ORDERS}/generate", json={"sales_orders": [told]})
    told["lines"][0]["quantity"] = 120
    (order,) = client.post(f"{ORDERS}/generate", json={"sales_orders": [told]}).json()["production_orders"]
    assert (order["quantity"], order["version"]) == (120, 2)
    client.post(f"{ORDERS}/{order['production_order_id']}/expand")
    told["lines"][0]["quantity"] = 130
    refused(client.post(f"{ORDERS}/generate", json={"sales_orders": [told]}), 409, "is expanded already")
    trail = client.get(f"{ORDERS}/{order['production_order_id']}/audit").json()["audit"]
    assert [(each["event_type"], each["said_by"]) for each in trail] == [
        ("updated", "admin"),
        ("updated", "sales"),
        ("created", "sales"),
    ]
    assert trail[1]["changes"]["quantity"] == {"before": 100, "after": 120}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "JSON"),
        (b"[]", "valid"),
        (b'{"product_id": "P", "quantity": 0, "due_date": "2030-01-01T00:00:00Z"}', "quantity"),
        (b'{"product_id": "P", "quantity": 5e-324, "due_date": "2030-01-01T00:00:00Z"}', "quantity"),
        (b'{"product_id": "P", "quantity": 1e13, "due_date": "2030-01-01T00:00:00Z"}', "quantity"),
        (b'{"product_id": "P", "quantity": 1, "due_date": "tomorrow"}', "due_date"),
        (b'{"product_id": "", "quantity": 1, "due_date": "2030-01-01T00:00:00Z"}', "product_id"),
        (b'{"product_id": "P", "quantity": 1, "due_date": "2030-01-01T00:00:00Z", "colour": "red"}', "colour"),
        (b'{"product_id": "P", "quantity": 1, "due_date": "2030-01-01T00:00:00Z", "priority": "asap"}', "priority"),
        (
            b'{"product_id": "P", "quantity": 1, "due_date": "2030-01-01T00:00:00Z", '
            b'"routing_id": "00000000-0000-7000-8000-000000000001"}',
            "No routing",
        ),
    ],
)
def test_what_is_wrong_is_named(client: httpx2.Client, body: bytes, words: str) -> None:
    refused(client.post(ORDERS, content=body), 400, words)


def test_what_cannot_be_done_is_refused_with_the_reason(client: httpx2.Client, brochures: Shop) -> None:
    nobody = f"{ORDERS}/{uuid4()}"
    refused(client.get(nobody), 404, "No production order")
    refused(client.post(f"{nobody}/expand"), 404, "No production order")
    without = client.post(ORDERS, json=asked(brochures, product_id="PROD-NOBODY-MAKES")).json()
    at = f"{ORDERS}/{without['production_order_id']}"
    refused(client.post(f"{at}/expand"), 409, "No active routing")
    refused(client.post(f"{at}/release"), 409, "no runs yet")
    refused(client.get(f"{at}/capacity"), 409, "No active routing")
    refused(client.get(f"{at}/material-requirements"), 409, "No bill of materials")
    refused(client.patch(at, json={"version": 7, "priority": "high"}), 409, "since you looked")
    refused(client.patch(at, json={"version": 1, "priority": None}), 400, "can be taken away")
    number = without["production_order_number"]
    refused(client.post(ORDERS, json=asked(brochures, production_order_number=number)), 409, "the same")


def test_of_two_who_change_it_one_is_told_so(plant: RunningPlant, client: httpx2.Client, brochures: Shop) -> None:
    order = made(client, brochures)
    together = threading.Barrier(2)

    def change(priority: str) -> int:
        with operator(plant) as person:
            together.wait()
            return person.patch(
                f"{ORDERS}/{order['production_order_id']}", json={"version": 1, "priority": priority}
            ).status_code

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(change, ["high", "low"])) == [200, 409]


def test_the_same_key_makes_one_order(client: httpx2.Client, brochures: Shop) -> None:
    key = {"Idempotency-Key": uuid4().hex}
    first, second = (client.post(ORDERS, json=asked(brochures, due_date=DUE), headers=key) for _ in range(2))
    assert first.content == second.content


def test_capacity_and_lead_time_are_told_in_the_documents_form(client: httpx2.Client, brochures: Shop) -> None:
    order = made(client, brochures, quantity=1000)
    found = client.get(f"{ORDERS}/{order['production_order_id']}/capacity").json()
    assert found["isFeasible"] is True
    assert [each["workCenterId"] for each in found["bottlenecks"]] == list(brochures.work_center_ids)
    assert {"availableHours", "requiredHours", "utilizationPercent", "isBottleneck"} <= found["bottlenecks"][0].keys()
    lead = client.get(f"{ORDERS}/{order['production_order_id']}/lead-time").json()
    assert lead["leadTimeDays"] == 1
    assert lead["estimatedCompletionDate"] == found["estimatedCompletionDate"]
    soon = (datetime.now(UTC) + timedelta(minutes=30)).isoformat()
    late = made(client, brochures, quantity=1_000_000, due_date=soon)
    found = client.get(f"{ORDERS}/{late['production_order_id']}/capacity").json()
    assert found["isFeasible"] is False
    assert any("bottleneck" in warning for warning in found["warnings"])


def test_released_runs_are_work_orders_that_machines_count_for(plant: RunningPlant, client: httpx2.Client) -> None:
    with plant.rows() as rows:
        made_by = shop(rows, (("PRESSING", 100), ("PACKAGING", 100)), ("M-201", "M-202"))
    order = made(client, made_by, quantity=3)
    at = f"{ORDERS}/{order['production_order_id']}"
    client.post(f"{at}/expand")
    released = client.post(f"{at}/release").json()
    first, second = released["work_order_ids"]
    assert client.post(f"{at}/release").json()["work_order_ids"] == [], "once"
    for each in (first, second):
        plant.await_rows("SELECT 1 FROM work_orders WHERE work_order_id = %s AND status = 'assigned'", each)
    refused(client.post(f"{at}/expand"), 409, "was released")

    say(plant.endpoints, count_message("M-201", first, 1), count_message("M-201", first, 2, quality_status="fail"))
    begun = _when(client, at, "in_progress")
    assert begun["quantity_completed"] == 0
    say(plant.endpoints, count_message("M-201", first, 3))
    say(plant.endpoints, *(count_message("M-202", second, n) for n in (1, 2, 3)))
    done = _when(client, at, "completed")
    assert done["quantity_completed"] == 3
    assert [(run["status"], run["quantity_good"], run["quantity_scrapped"]) for run in done["runs"]] == [
        ("completed", 2, 1),
        ("completed", 3, 0),
    ]
    refused(client.post(f"{at}/cancel"), 409, "is completed already")

    lane = f"op-{made_by.product_id}.PRESSING"
    learned = "SELECT is_counted, observation_id, duration_minutes > 0 FROM estimate_observations WHERE lane_id = %s"
    assert plant.await_rows(learned, lane) == [(True, first, True)]
    suggested = client.get(f"/api/v1/routings/{made_by.routing_id}/suggestions").json()["suggestions"]
    assert suggested[0]["run"]["observations"] == 1


def test_what_is_given_up_takes_its_work_orders_with_it(plant: RunningPlant, client: httpx2.Client) -> None:
    with plant.rows() as rows:
        made_by = shop(rows, (("PRESSING", 100),))
    order = made(client, made_by, quantity=3)
    at = f"{ORDERS}/{order['production_order_id']}"
    client.post(f"{at}/expand")
    (work_order,) = client.post(f"{at}/release").json()["work_order_ids"]
    plant.await_rows("SELECT 1 FROM work_orders WHERE work_order_id = %s", work_order)
    assert client.post(f"{at}/cancel", json={"reason": "customer left"}).json()["status"] == "cancelled"
    plant.await_rows("SELECT 1 FROM work_orders WHERE work_order_id = %s AND status = 'cancelled'", work_order)


def _when(client: httpx2.Client, at: str, status: str) -> dict[str, Any]:
    """The order, as soon as it has a status."""

    def look() -> list[dict[str, Any]]:
        told = client.get(at).json()
        return [told] if told["status"] == status else []

    (found,) = eventually(look, 20, f"{at} did not become {status}")
    return found


def published(plant: RunningPlant, told: dict[str, Any]) -> None:
    """Sales says that an order is confirmed."""
    event = {"event_type": "sales.order.confirmed", "timestamp": datetime.now(UTC).isoformat(), "sales_order": told}
    producer = Producer(producer_config(plant.settings()))
    producer.produce("sales-orders", json.dumps(event).encode(), told["sales_order_id"].encode())
    assert producer.flush(20) == 0


def test_sales_orders_come_by_their_topic(plant: RunningPlant, client: httpx2.Client, brochures: Shop) -> None:
    told = sales_order(brochures, 100, 250, priority="high")
    for _ in range(3):
        published(plant, told)
    query = "SELECT quantity, priority, version FROM production_orders WHERE sales_order_id = %s ORDER BY 1"
    plant.await_rows(query, told["sales_order_id"])
    changed = told | {"lines": [told["lines"][0] | {"quantity": 120}, told["lines"][1]]}
    published(plant, changed)
    found = plant.await_rows(f"{query.partition(' ORDER')[0]} AND version = 2", told["sales_order_id"])
    assert [(int(quantity), priority) for quantity, priority, _ in found] == [(120, "high")]
    assert [int(row[0]) for row in plant.await_rows(query, told["sales_order_id"])] == [120, 250]


def test_a_sales_order_that_comes_too_late_is_a_dead_letter_that_can_be_repaired(
    plant: RunningPlant, client: httpx2.Client, brochures: Shop
) -> None:
    told = sales_order(brochures, 100)
    published(plant, told)
    ((identity,),) = plant.await_rows(
        "SELECT id::text FROM production_orders WHERE sales_order_id = %s", told["sales_order_id"]
    )
    assert client.post(f"{ORDERS}/{identity}/expand").status_code == 200
    told["lines"][0]["quantity"] = 150
    published(plant, told)
    letter = "SELECT failure_id, status FROM integration_failures WHERE error_code = 'PRODUCTION_ORDER_STARTED' "
    ((failure, _),) = plant.await_rows(f"{letter} AND error_message LIKE %s", f"%{told['sales_order_id']}%")
    before = client.get(f"{ORDERS}/{identity}").json()
    client.patch(f"{ORDERS}/{identity}", json={"version": before["version"], "quantity": 100})
    assert client.post(f"/api/v1/failures/{failure}/retry", json={"reason": "runs dropped"}).status_code in (200, 202)
    plant.await_rows(f"{letter} AND failure_id = %s AND status = 'resolved'", failure)
    assert client.get(f"{ORDERS}/{identity}").json()["quantity"] == 150
