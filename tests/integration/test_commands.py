"""What people ask and say: lists, one order, commands with their outcome, and what changes as it changes."""

import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from starlette.websockets import WebSocketDisconnect

from tests.gateways import ORDERS, anybody, erp, operator, order_event, own_gateway
from tests.plants import RunningPlant, eventually

pytestmark = pytest.mark.services


def _order(plant: RunningPlant, **fields: Any) -> str:
    """A new order that is in Postgres."""
    with erp(plant) as client:
        answer = client.post(ORDERS, json=order_event(f"WO-ERP-{uuid4().hex[:10]}", **fields))
    identity = str(answer.json()["mraos_work_order_id"])
    plant.await_rows("SELECT 1 FROM work_orders WHERE work_order_id = %s", identity)
    return identity


@contextmanager
def _asleep(plant: RunningPlant, process: str) -> Iterator[None]:
    """A process that does nothing meanwhile."""
    pid = plant.pid(process)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_an_order_goes_its_way_by_commands(plant: RunningPlant) -> None:
    order = _order(plant)
    with operator(plant) as person:
        seen = [
            person.post(f"/api/v1/work-orders/{order}/{verb}").json()["order"]["status"]
            for verb in ("release", "start", "hold", "start", "complete")
        ]
        refused = person.post(f"/api/v1/work-orders/{order}/start")
    assert seen == ["released", "in_progress", "on_hold", "in_progress", "completed"]
    assert refused.status_code == 409
    assert refused.json()["detail"].startswith(f"{order} is completed")


def test_a_command_with_a_key_acts_once(plant: RunningPlant) -> None:
    order, headers = _order(plant), {"Idempotency-Key": uuid4().hex}
    with operator(plant) as person:
        first = person.post(f"/api/v1/work-orders/{order}/release", headers=headers)
        again = person.post(f"/api/v1/work-orders/{order}/release", headers=headers)
    assert first.status_code == 200
    assert again.content == first.content


def test_a_command_to_nobody_is_not_found(plant: RunningPlant) -> None:
    with operator(plant) as person:
        assert person.post("/api/v1/work-orders/WO-NOBODY/start").status_code == 404
        assert person.post("/api/v1/work-orders/WO-NOBODY/explode").status_code == 400


def test_a_command_whose_outcome_is_not_known_in_time_says_where_to_look(plant: RunningPlant) -> None:
    order = _order(plant)
    with own_gateway(plant, command_wait_seconds=0.0) as (client, _), _asleep(plant, "agents"):
        client.headers["Authorization"] = f"Bearer {plant.endpoints['ADMIN_TOKEN']}"
        answer = client.post(f"/api/v1/work-orders/{order}/release", json={"reason": "in a hurry"})
    assert (answer.status_code, answer.json()["status_url"]) == (202, f"/api/v1/work-orders/{order}")
    plant.await_rows("SELECT 1 FROM work_orders WHERE work_order_id = %s AND status = 'released'", order)


def test_pages_follow_one_another_without_a_gap(plant: RunningPlant) -> None:
    mark = uuid4().hex[:8]
    names = {_order(plant, product_name=f"Page {mark}") for _ in range(5)}
    seen: list[str] = []
    cursor: str | None = None
    with operator(plant) as person:
        while True:
            params: dict[str, str | int] = {"q": mark, "limit": 2}
            if cursor is not None:
                params["cursor"] = cursor
            told = person.get("/api/v1/work-orders", params=params).json()
            seen += [each["work_order_id"] for each in told["work_orders"]]
            cursor = told["next_cursor"]
            if cursor is None:
                break
    assert len(seen) == 5
    assert set(seen) == names


def test_filters_narrow_the_list(plant: RunningPlant) -> None:
    mark = uuid4().hex[:8]
    late = _order(plant, product_name=mark, due_date="2026-01-01T00:00:00Z", priority="urgent")
    _order(plant, product_name=mark, production_line_preference="Line 9")

    def found(**params: Any) -> int:
        return len(person.get("/api/v1/work-orders", params={"q": mark} | params).json()["work_orders"])

    with operator(plant) as person:
        assert found() == 2
        assert found(late=True) == found(priority="urgent") == found(due_before="2026-02-01T00:00:00Z") == 1
        assert found(late=False) == found(work_center="Line 9") == 1
        assert found(status=["received", "released"]) == 2
        assert found(status="completed") == found(machine="M-NOBODY") == 0
        assert person.get(f"/api/v1/work-orders/{late}").json()["is_late"] is True


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=501",
        "limit=x",
        "cursor=%21",
        "cursor=WzFd",
        "cursor=WyJ4IiwieSJd",
        "q=%00",
        "status=odd",
        "late=maybe",
    ],
)
def test_a_wrong_question_gets_a_clear_answer(plant: RunningPlant, query: str) -> None:
    with operator(plant) as person:
        answer = person.get(f"/api/v1/work-orders?{query}")
    assert answer.status_code == 400
    assert answer.json()["detail"]


def test_text_to_find_is_taken_literally(plant: RunningPlant) -> None:
    with operator(plant) as person:
        for text in ("%", "_", "\\", "' OR true --", "%00"):
            answer = person.get("/api/v1/work-orders", params={"q": text})
            assert (answer.status_code, answer.json()["work_orders"]) == (200, []), text


@pytest.mark.parametrize("path", ["machines/M-0", "machines/M-0/history", "materials/M", "failures/F", "work-orders/W"])
def test_what_nobody_knows_is_not_found(plant: RunningPlant, path: str) -> None:
    with operator(plant) as person:
        assert person.get(f"/api/v1/{path}").json()["code"] == "INT-004"


def test_the_plants_health_names_every_part_and_hop(plant: RunningPlant) -> None:
    with operator(plant) as person:
        told = person.get("/api/v1/integrations/health").json()
    assert told["state"] == "up"
    assert {"Postgres", "Kafka", "MES"} <= {part["name"] for part in told["parts"]}
    assert {(each["topic"], each["reader"]) for each in told["lag"]} >= {
        ("work-order-inbox", "agents"),
        ("work-orders", "projector"),
    }


def test_the_description_of_the_api_is_complete(plant: RunningPlant) -> None:
    with anybody(plant) as client:
        told = client.get("/openapi.json").json()
        assert client.get("/docs").status_code == 200
        assert client.get("/static/swagger/swagger-ui-bundle.js").status_code == 200
    operations = [each for path in told["paths"].values() for each in path.values()]
    assert all(each.get("summary") for each in operations)
    assert "requestBody" in told["paths"]["/api/v1/integrations/erp/work-orders"]["post"]


def test_a_change_reaches_an_open_console(plant: RunningPlant) -> None:
    heard: list[str] = []
    ready = threading.Event()

    def listen() -> None:
        with operator(plant) as person, person.stream("GET", "/api/v1/live") as stream:
            for line in stream.iter_lines():
                ready.set()
                if line.startswith("data: ["):
                    heard.extend(each["type"] for each in json.loads(line[6:]))
                if "work_order.received" in heard:
                    return

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    assert ready.wait(10)
    _order(plant)
    listener.join(10)
    assert "work_order.received" in heard


def test_a_web_socket_tells_the_same(plant: RunningPlant) -> None:
    token = {"Authorization": f"Bearer {plant.endpoints['ADMIN_TOKEN']}"}
    with own_gateway(plant) as (client, _), client.websocket_connect("/api/v1/ws", headers=token) as socket:
        assert json.loads(socket.receive_text())["event"] == "hello"
        order = _order(plant)

        def told() -> bool:
            message = json.loads(socket.receive_text())
            return message["event"] == "changes" and any(each["id"] == order for each in message["data"])

        assert eventually(told, 10, "the socket does not tell of the order")


def test_strangers_hear_nothing(plant: RunningPlant) -> None:
    with anybody(plant) as client:
        assert client.get("/api/v1/live").status_code == 401
    with own_gateway(plant) as (client, _), pytest.raises(WebSocketDisconnect) as refusal:
        client.websocket_connect("/api/v1/ws").__enter__()
    assert refusal.value.code == 1008


def test_an_alert_is_taken_on_once(plant: RunningPlant) -> None:
    with erp(plant) as client:
        name = f"MAT-{uuid4().hex[:8]}"
        row = {"material_id": name, "part_number": name, "part_name": "Bolt", "safety_stock": 10}
        client.post("/api/v1/integrations/erp/materials", json={"materials": [row]})
    ((alert,),) = plant.await_rows("SELECT alert_id FROM alerts WHERE entity_id = %s", name)
    with operator(plant) as person:
        first = person.post(f"/api/v1/alerts/{alert}/acknowledge").json()
        again = person.post(f"/api/v1/alerts/{alert}/acknowledge").json()
        assert first == again
        shown = {each["alert_id"] for each in person.get("/api/v1/alerts?open=true").json()["alerts"]}
        assert alert not in shown


def test_a_client_that_breaks_off_leaves_the_gateway_in_order(plant: RunningPlant) -> None:
    with operator(plant) as person:
        for _ in range(5):
            with pytest.raises(httpx2.HTTPError):
                person.get("/api/v1/live", timeout=httpx2.Timeout(5, read=0.3))
        assert person.get("/healthz").status_code == 200
