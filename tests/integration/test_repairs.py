"""Dead letters return: whatever refused them, whoever acts on them; each counts once."""

import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from connectors.repairs.returning import ORIGINS, origin_of
from schemas.ids import DEFAULT_TENANT
from schemas.topics import MESSAGES, TOPICS
from sql import repairs
from sql.read_models.registry import READ_MODELS
from sql.repairs import Asked
from tests.contracts.examples import example_bytes
from tests.e2e.load import mqtt_client
from tests.gateways import MATERIALS, ORDERS, operator, order_event
from tests.gateways import material as material_row
from tests.integration.events import publish
from tests.inventory import stock_updated
from tests.letters import (
    FAILURES,
    TO_ORDER,
    as_json,
    crafted,
    detail,
    do,
    found,
    key_of,
    known,
    make_letter,
    name,
    new_order,
    produced,
    repaired,
    settled,
    to_order,
)
from tests.plants import RunningPlant, eventually

pytestmark = [pytest.mark.services, pytest.mark.timeout(300)]


def test_a_letter_that_is_refused_again_waits_again_with_the_new_reason(
    plant: RunningPlant, client: httpx2.Client
) -> None:
    letter = make_letter(plant, client)
    answer = do(client, letter["failure_id"], "retry", reason="perhaps it is there now")
    assert answer.status_code == 200, answer.text
    assert answer.json()["outcome"] == "refused"
    another = f"WO-{name()}"
    answer = do(client, letter["failure_id"], "edit-retry", edits=to_order(another))
    assert answer.json()["outcome_reason"] == f"No open work order {another} is known."
    told = detail(client, letter["failure_id"])
    assert (told["status"], told["retry_count"]) == ("pending_manual_review", 2)
    assert another in told["error_message"]
    assert letter["error_message"] == told["first_error_message"]
    assert [(each["actor"], each["outcome"], each["reason"]) for each in told["attempts"]] == [
        ("admin", "refused", None),
        ("admin", "refused", "perhaps it is there now"),
    ]
    assert len(found(client, another)) == 1, "a refused repair makes no second letter"


def test_an_edited_letter_counts_once_and_nothing_can_be_done_about_it_any_more(
    plant: RunningPlant, client: httpx2.Client
) -> None:
    order, letter = new_order(client), make_letter(plant, client, units=7)
    told = repaired(client, letter["failure_id"], "edit-retry", edits=to_order(order), reason="a typing error")
    assert told["attempts"][0]["difference"] == [
        {"op": "replace", "path": TO_ORDER, "before": letter["error_message"].split()[4], "after": order}
    ]
    assert (told["resolution"], told["resolved_by"]) == ("repaired", "admin")
    eventually(lambda: produced(client, order) == 7, 30, "the units do not count")
    for verb, told_with in (
        ("retry", {}),
        ("edit-retry", {"edits": to_order(order)}),
        ("discard", {"reason": "away"}),
        ("resolve", {"reason": "away"}),
    ):
        answer = do(client, letter["failure_id"], verb, **told_with)
        assert answer.status_code == 409, verb
        assert "It has taken effect: it was sent again by admin" in answer.json()["detail"]
    assert produced(client, order) == 7


@pytest.mark.parametrize(
    ("edit", "path"),
    [
        ({"message": {"nothing": 1}}, None),
        ({"text": "{"}, None),
        ({"text": ""}, None),
        ({"bytes_base64": "/w=="}, None),
        ({"bytes_base64": "no base 64"}, "bytes_base64"),
        ({"edits": [{"op": "replace", "path": "/payload/units", "value": -1}]}, "payload.units"),
        ({"edits": [{"op": "replace", "path": "/nothing", "value": -1}]}, "/nothing"),
        ({"edits": [{"op": "replace", "path": "/type", "value": "work_order.cancel"}]}, "type"),
        ({"edits": [{"op": "replace", "path": "/type", "value": "alert.raised"}]}, "type"),
        ({"edits": [{"op": "replace", "path": "/tenant_id", "value": DEFAULT_TENANT[:-1] + "9"}]}, "tenant_id"),
        ({"edits": []}, None),
        ({"edits": to_order("WO-1"), "text": "{}"}, None),
        ({}, None),
        ({"message": None, "surprise": 1}, None),
    ],
)
def test_an_edit_that_would_not_be_understood_is_refused_before_it_is_taken(
    plant: RunningPlant, client: httpx2.Client, edit: dict[str, Any], path: str | None
) -> None:
    letter = make_letter(plant, client)
    answer = do(client, letter["failure_id"], "edit-retry", **edit)
    assert answer.status_code == 400, answer.text
    assert answer.json()["detail"]
    assert path is None or answer.json()["path"] == path
    told = detail(client, letter["failure_id"])
    assert (told["status"], told["version"]) == ("pending_manual_review", 0)


def test_two_people_at_once_are_one_repair(plant: RunningPlant, client: httpx2.Client) -> None:
    order, letter = new_order(client), make_letter(plant, client, units=3)
    start, answers = threading.Barrier(8), list[httpx2.Response]()

    def act() -> None:
        with operator(plant) as mine:
            start.wait()
            answers.append(do(mine, letter["failure_id"], "edit-retry", edits=to_order(order)))

    people = [threading.Thread(target=act) for _ in range(8)]
    for each in people:
        each.start()
    for each in people:
        each.join()
    codes = Counter(answer.status_code for answer in answers)
    assert codes[409] == 7, codes
    assert all("admin" in answer.json()["detail"] for answer in answers if answer.status_code == 409)
    assert settled(client, letter["failure_id"])["version"] == 1
    eventually(lambda: produced(client, order) == 3, 30, "the units do not count")


def test_whoever_waited_for_a_letter_sees_what_was_done_meanwhile(plant: RunningPlant, client: httpx2.Client) -> None:
    key = make_letter(plant, client)["failure_key"]
    seen: list[dict[str, Any]] = []

    def wait() -> None:
        with plant.rows() as rows:
            seen.extend(repairs.hold(rows, [key]))

    def is_waiting() -> bool:
        with plant.rows() as rows:
            rows.execute("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '% FOR UPDATE'")
            return rows.fetchone() is not None

    other = threading.Thread(target=wait)
    with plant.rows() as rows:
        (letter,) = repairs.hold(rows, [key])
        repairs.add(rows, letter["tenant_id"], Asked("discard", "anna", "it never was"), [(key, None)])
        other.start()
        eventually(is_waiting, 30, "nobody waits")
        rows.connection.commit()
    other.join()
    assert [(each["latest_actor"], each["version"], each["status"]) for each in seen] == [("anna", 1, "discarded")]


def test_who_acts_on_what_they_saw_before_hears_of_it(plant: RunningPlant, client: httpx2.Client) -> None:
    letter = make_letter(plant, client)
    assert do(client, letter["failure_id"], "retry", expected_version=0).status_code == 200
    answer = do(client, letter["failure_id"], "discard", reason="old", expected_version=0)
    assert answer.status_code == 409
    assert "by admin" in answer.json()["detail"]
    assert do(client, letter["failure_id"], "discard", reason="old", expected_version=1).status_code == 200
    told = detail(client, letter["failure_id"])
    assert (told["status"], told["resolution"]) == ("discarded", "discarded")
    assert told["can"]["retry"].startswith("It was discarded by admin")


def test_the_same_request_is_answered_the_same_and_acts_once(plant: RunningPlant, client: httpx2.Client) -> None:
    letter = make_letter(plant, client)
    headers = {"Idempotency-Key": name()}
    path = f"{FAILURES}/{letter['failure_id']}/retry"
    one, two = (client.post(path, json={}, headers=headers) for _ in range(2))
    assert (one.status_code, one.content) == (two.status_code, two.content)
    assert detail(client, letter["failure_id"])["version"] == 1
    assert client.post(path, json={"reason": "other"}, headers=headers).status_code == 422


def test_only_who_may_repair_does(plant: RunningPlant, client: httpx2.Client) -> None:
    letter = make_letter(plant, client)
    with httpx2.Client(base_url=plant.endpoints["GATEWAY_URL"]) as stranger:
        assert do(stranger, letter["failure_id"], "retry").status_code == 401
    assert do(client, "FAIL-NOBODY", "retry").status_code == 404
    assert client.get(f"{FAILURES}/bulk/nobody").status_code == 404


# -- every way by which letters come


def count_payload(machine: str, order: str, **fields: Any) -> dict[str, Any]:
    complete = {
        "machine_id": machine,
        "work_order_id": order,
        "timestamp": datetime.now(UTC).isoformat(),
        "units_produced": 1,
        "cumulative_units": 1,
    }
    return complete | fields


def test_a_machines_message_is_translated_again(plant: RunningPlant, client: httpx2.Client) -> None:
    machine, order = plant.settings().layout.machines[0], new_order(client)
    topic = f"mes/production/{machine.line}/machine/{machine.machine_id}/count"
    mqtt = mqtt_client(plant.endpoints, f"repairs-{name()}")
    old = (datetime.now(UTC) - timedelta(hours=3)).isoformat()
    payload = count_payload(machine.machine_id, order, units_produced="12 pcs", timestamp=old)
    mqtt.publish(topic, as_json(payload), qos=1).wait_for_publish(10)
    (letter,) = found(client, order)
    told = detail(client, letter["failure_id"])
    assert told["origin"] == "translator"
    assert "cumulative_units" in str(told["schema"])
    answer = do(client, letter["failure_id"], "retry")
    assert (answer.json()["outcome"], answer.json()["outcome_path"]) == ("refused", "units_produced")
    repaired(client, letter["failure_id"], "edit-retry", edits=[{"op": "to_number", "path": "/units_produced"}])
    future = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    mqtt.publish(topic, as_json(payload | {"units_produced": 1, "timestamp": future}), qos=1).wait_for_publish(10)
    other = next(each for each in found(client, order, 2) if each["failure_id"] != letter["failure_id"])
    assert do(client, other["failure_id"], "retry").json()["outcome_code"] == "FUTURE_TIMESTAMP"
    mqtt.disconnect()


def test_an_order_with_unknown_materials_becomes_one_when_they_are_known(
    plant: RunningPlant, client: httpx2.Client
) -> None:
    erp_id, material_id = f"ERP-{name()}", f"MAT-{name()}"
    line = {"material_id": material_id, "quantity_required": 2.5}
    body = order_event(erp_id, bill_of_materials=[line])
    assert client.post(ORDERS, json=body).status_code == 400
    (letter,) = found(client, material_id)
    assert do(client, letter["failure_id"], "retry").json()["outcome_reason"] == f"No such material: {material_id}."
    assert client.post(MATERIALS, json={"materials": [material_row(material_id)]}).status_code == 200
    repaired(client, letter["failure_id"])
    orders = eventually(
        lambda: client.get("/api/v1/work-orders", params={"q": erp_id}).json()["work_orders"], 30, "no order came"
    )
    assert len(orders) == 1
    answer = client.post(ORDERS, json=body)
    assert (answer.status_code, answer.json()["erp_work_order_id"]) == (409, erp_id)


def test_an_order_whose_id_was_taken_meanwhile_stays_refused(plant: RunningPlant, client: httpx2.Client) -> None:
    erp_id, material_id = f"ERP-{name()}", f"MAT-{name()}"
    line = {"material_id": material_id, "quantity_required": 1}
    assert client.post(ORDERS, json=order_event(erp_id, bill_of_materials=[line])).status_code == 400
    (letter,) = found(client, material_id)
    assert client.post(ORDERS, json=order_event(erp_id)).status_code == 200
    edits = [{"op": "remove", "path": "/work_order/bill_of_materials"}]
    answer = do(client, letter["failure_id"], "edit-retry", edits=edits)
    assert answer.status_code == 400
    assert f"{erp_id} exists already" in answer.json()["detail"]


def test_change_data_of_the_warehouse_returns(plant: RunningPlant, client: httpx2.Client) -> None:
    material_id = f"MAT-{name()}"
    assert client.post(MATERIALS, json={"materials": [material_row(material_id)]}).status_code == 200
    change = stock_updated(material_id, "safety_stok", 17)
    letter = crafted(as_json(change), inbox="inventory-cdc", address="inventory-cdc/0/1", integration="inventory_cdc")
    publish(plant.settings(), [letter])
    known(client, key_of(letter))
    edits = [{"op": "replace", "path": "/field_changed", "value": "safety_stock"}]
    repaired(client, key_of(letter), "edit-retry", edits=edits)
    plant.await_rows("SELECT 1 FROM materials WHERE material_id = %s AND safety_stock = 17", material_id)


def status_reading(machine: str) -> dict[str, Any]:
    now = datetime.now(UTC).isoformat()
    return {"machine_id": machine, "read_at": now, "source_timestamp": now, "variables": {"CurrentStatus": "Runing"}}


def test_a_status_that_nobody_knows_returns(plant: RunningPlant, client: httpx2.Client) -> None:
    machine = plant.settings().layout.machines[0].machine_id
    letter = crafted(
        as_json(status_reading(machine)),
        inbox="machine-inbox",
        address="opc.tcp:host/MES.Machines.Status",
        integration="mes_machine_status",
    )
    publish(plant.settings(), [letter])
    known(client, key_of(letter))
    edits = [{"op": "replace", "path": "/variables/CurrentStatus", "value": "Running"}]
    repaired(client, key_of(letter), "edit-retry", edits=edits)


@pytest.mark.parametrize("kind", ["hr.employees", "hr.schedules", "erp.materials", "wms.stock_levels"])
def test_rows_that_were_asked_for_return(plant: RunningPlant, client: httpx2.Client, kind: str) -> None:
    who, what = f"EMP-{name()}", f"MAT-{name()}"
    employee = {"employee_id": who, "first_name": "Ada", "last_name": 7}
    if kind == "hr.schedules":
        good = as_json(employee | {"last_name": "Byron"})
        first = crafted(good, inbox="operator-inbox", address="hr.employees/DLV-1/x", integration="hr")
        publish(plant.settings(), [first])
        known(client, key_of(first))
        repaired(client, key_of(first))
    shift = {"employee_id": who, "shift_date": "2026-11-23", "shift_name": "A", "start_time": "6", "end_time": "14:00"}
    sheet = {"part_number": what, "part_name": 7}
    stock = {"material_id": what, "on_hand_quantity": "12"}
    if kind == "wms.stock_levels":
        assert client.post(MATERIALS, json={"materials": [material_row(what)]}).status_code == 200
    row, path, value, query = {
        "hr.employees": (employee, "/last_name", "Byron", "SELECT 1 FROM operators WHERE employee_id = %s"),
        "hr.schedules": (shift, "/start_time", "06:00", "SELECT 1 FROM operator_shifts WHERE employee_id = %s"),
        "erp.materials": (
            {"payload": {"material_id": what} | sheet},
            "/payload/part_name",
            "A part",
            "SELECT 1 FROM materials WHERE material_id = %s",
        ),
        "wms.stock_levels": (
            {"payload": stock},
            "/payload/on_hand_quantity",
            12,
            "SELECT 1 FROM materials WHERE material_id = %s AND on_hand_quantity = 12",
        ),
    }[kind]
    inbox = "operator-inbox" if kind.startswith("hr") else "material-inbox"
    letter = crafted(as_json(row), inbox=inbox, address=f"{kind}/DLV-1/{what}", integration=kind.replace(".", "_"))
    publish(plant.settings(), [letter])
    known(client, key_of(letter))
    assert do(client, key_of(letter), "retry").json()["outcome"] == "refused"
    repaired(client, key_of(letter), "edit-retry", edits=[{"op": "replace", "path": path, "value": value}])
    plant.await_rows(query, who if kind.startswith("hr") else what)


def test_an_event_is_made_a_row_again_and_cannot_be_edited(plant: RunningPlant, client: httpx2.Client) -> None:
    alert = name()
    data = example_bytes("alert.raised").replace(b"breakdown-M-203-1763476080000", alert.encode())
    letter = crafted(data, inbox="alerts", address="alerts/0/999999", integration="projection_alerts")
    publish(plant.settings(), [letter])
    told = known(client, key_of(letter))
    assert told["can"]["edit"].startswith("An event has happened")
    answer = do(client, key_of(letter), "edit-retry", message={})
    assert answer.status_code == 409
    repaired(client, key_of(letter))
    assert plant.await_rows("SELECT 1 FROM alerts WHERE alert_id = %s", alert)


def test_an_event_that_still_makes_no_row_waits_again(plant: RunningPlant, client: httpx2.Client) -> None:
    letter = crafted(b'{"type":"alert.raised"}', inbox="alerts", address="alerts/0/9", integration="projection_alerts")
    publish(plant.settings(), [letter])
    known(client, key_of(letter))
    answer = do(client, key_of(letter), "retry").json()
    assert (answer["outcome"], answer["status"]) == ("refused", "pending_manual_review")


def test_what_follows_from_an_event_is_done_again(plant: RunningPlant, client: httpx2.Client) -> None:
    data = example_bytes("work_order.completed")
    for reaction, outcome in (("completed", "applied"), ("forgotten", "refused")):
        letter = crafted(data, inbox="work-orders", address="work-orders/0/9", integration=f"reaction_{reaction}")
        publish(plant.settings(), [letter])
        known(client, key_of(letter))
        assert do(client, key_of(letter), "retry").status_code in (200, 202)
        assert settled(client, key_of(letter))["attempts"][0]["outcome"] == outcome


def test_what_came_by_an_address_that_nobody_knows_can_only_be_closed(
    plant: RunningPlant, client: httpx2.Client
) -> None:
    letter = crafted(b"{}", inbox="machine-inbox", address="mes/what/is/this", integration="mes_unknown_address")
    publish(plant.settings(), [letter])
    told = known(client, key_of(letter))
    assert "mes/what/is/this" in told["can"]["retry"]
    assert do(client, key_of(letter), "retry").status_code == 409
    assert do(client, key_of(letter), "resolve").status_code == 400, "a reason is needed"
    assert do(client, key_of(letter), "resolve", reason="the sensor is gone").json()["status"] == "resolved"
    assert detail(client, key_of(letter))["attempts"][0]["reason"] == "the sensor is gone"


def test_every_inbox_and_every_event_topic_has_a_way_back() -> None:
    told = {message.topic for message in MESSAGES.values()}
    unread = {topic for topic in told if TOPICS[topic].kind == "events"} - READ_MODELS.keys()
    assert unread == {"plans"}, "of these nobody makes rows or reactions, so no letter can be about them"
    for topic in told - unread:
        letter = {
            "inbox": topic,
            "source_address": f"{topic}/0/1",
            "integration_type": f"projection_{topic}",
            "failure_key": "key",
            "original_bytes": b"{}",
        }
        assert origin_of(letter) in ORIGINS, topic
