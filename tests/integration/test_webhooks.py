"""What the ERP and the warehouse send: taken once, durably, or refused with the reason."""

import json
import threading
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from tests.gateways import MATERIALS, ORDERS, STOCK, erp, material, operator, order_event, own_gateway
from tests.plants import RunningPlant, eventually

pytestmark = pytest.mark.services


def _fresh(prefix: str = "WO-ERP") -> str:
    return f"{prefix}-{uuid4().hex[:10]}"


def _at_once(count: int, ask: Callable[[], httpx2.Response]) -> list[httpx2.Response]:
    answers: list[httpx2.Response] = []
    barrier = threading.Barrier(count)

    def one() -> None:
        barrier.wait()
        answers.append(ask())

    threads = [threading.Thread(target=one) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def _row(plant: RunningPlant, erp_id: str, condition: str = "true") -> tuple[Any, ...]:
    query = "SELECT work_order_id, status, quantity_ordered, priority FROM work_orders WHERE erp_work_order_id = %s"
    (row,) = plant.await_rows(f"{query} AND {condition}", erp_id)
    return row


def _stocked(client: httpx2.Client, *quantities: int) -> list[str]:
    """Materials with so much on hand."""
    names = [_fresh("MAT") for _ in quantities]
    assert client.post(MATERIALS, json={"materials": [material(name) for name in names]}).status_code == 200
    stock = [{"material_id": name, "on_hand_quantity": units} for name, units in zip(names, quantities, strict=True)]
    assert client.post(STOCK, json={"materials": stock}).json()["accepted"] == len(names)
    return names


def _bill(*lines: tuple[str, int]) -> list[dict[str, Any]]:
    return [
        {"material_id": name, "part_number": f"P-{name}", "quantity_required": units, "unit_of_measure": "EA"}
        for name, units in lines
    ]


def test_a_new_order_is_acknowledged_and_becomes_a_row_with_its_bill(plant: RunningPlant) -> None:
    with erp(plant) as client:
        (name,) = _stocked(client, 1000)
        erp_id = _fresh()
        answer = client.post(ORDERS, json=order_event(erp_id, bill_of_materials=_bill((name, 400))))
    told = answer.json()
    assert answer.status_code == 200
    assert told == {
        "status": "success",
        "mraos_work_order_id": told["mraos_work_order_id"],
        "erp_work_order_id": erp_id,
        "message": "Work order created successfully",
        "validation_warnings": [],
    }
    assert _row(plant, erp_id)[:2] == (told["mraos_work_order_id"], "received")
    lines = plant.await_rows(
        "SELECT material_id, quantity_required FROM work_order_bom WHERE work_order_id = %s",
        told["mraos_work_order_id"],
    )
    assert [(line, int(units)) for line, units in lines] == [(name, 400)]


def test_a_shortage_is_a_warning_in_the_words_of_the_document(plant: RunningPlant) -> None:
    with erp(plant) as client:
        short, enough = _stocked(client, 50, 500)
        bill = _bill((short, 200), (enough, 400))
        told = client.post(ORDERS, json=order_event(_fresh(), bill_of_materials=bill)).json()
    assert told["validation_warnings"] == [
        f"Part P-{short} has only 50 units available (200 required). Shortage of 150 units."
    ]


def test_an_order_with_unknown_materials_names_them_and_leaves_nothing_behind(plant: RunningPlant) -> None:
    erp_id = _fresh()
    with erp(plant) as client:
        (known,) = _stocked(client, 1)
        bill = _bill((known, 1), ("MAT-NOBODY-1", 1), ("MAT-NOBODY-2", 1))
        answer = client.post(ORDERS, json=order_event(erp_id, bill_of_materials=bill))
        assert answer.status_code == 400
        assert answer.json()["missing_materials"] == ["MAT-NOBODY-1", "MAT-NOBODY-2"]
        assert client.post(ORDERS, json=order_event(erp_id)).status_code == 200, "the ERP's id was not taken"


def test_the_same_erp_id_again_is_a_conflict_that_names_the_order(plant: RunningPlant) -> None:
    erp_id = _fresh()
    with erp(plant) as client:
        first = client.post(ORDERS, json=order_event(erp_id)).json()["mraos_work_order_id"]
        again = client.post(ORDERS, json=order_event(erp_id, quantity_ordered=5))
    assert again.status_code == 409
    assert again.json()["mraos_work_order_id"] == first


def test_eight_tries_at_once_with_one_key_get_one_answer_byte_for_byte(plant: RunningPlant) -> None:
    body = json.dumps(order_event(_fresh())).encode()
    headers = {"Idempotency-Key": uuid4().hex, "Content-Type": "application/json"}
    with erp(plant) as client:
        answers = _at_once(8, lambda: client.post(ORDERS, content=body, headers=headers))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1


def test_eight_tries_at_once_without_a_key_make_one_order(plant: RunningPlant) -> None:
    event = order_event(_fresh())
    with erp(plant) as client:
        answers = _at_once(8, lambda: client.post(ORDERS, json=event))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 7
    assert len({answer.json()["mraos_work_order_id"] for answer in answers}) == 1


def test_a_key_used_for_another_request_is_refused(plant: RunningPlant) -> None:
    headers = {"Idempotency-Key": uuid4().hex}
    with erp(plant) as client:
        assert client.post(ORDERS, json=order_event(_fresh()), headers=headers).status_code == 200
        assert client.post(ORDERS, json=order_event(_fresh()), headers=headers).status_code == 422


def test_an_update_changes_the_order(plant: RunningPlant) -> None:
    erp_id = _fresh()
    with erp(plant) as client:
        client.post(ORDERS, json=order_event(erp_id))
        answer = client.post(ORDERS, json=order_event(erp_id, "updated", quantity_ordered=250, priority="urgent"))
    assert (answer.status_code, answer.json()["message"]) == (200, "Work order updated successfully")
    row = _row(plant, erp_id, "priority = 'urgent'")
    assert (int(row[2]), row[3]) == (250, "urgent")


def test_a_cancelled_order_stays_cancelled_and_says_so_again(plant: RunningPlant) -> None:
    erp_id = _fresh()
    with erp(plant) as client:
        client.post(ORDERS, json=order_event(erp_id))
        assert client.post(ORDERS, json=order_event(erp_id, "cancelled")).status_code == 200
        _row(plant, erp_id, "status = 'cancelled'")
        assert client.post(ORDERS, json=order_event(erp_id, "cancelled")).status_code == 200
        refused = client.post(ORDERS, json=order_event(erp_id, "updated", quantity_ordered=5))
    assert (refused.status_code, refused.json()["reason"]) == (409, "WORK_ORDER_CANCELLED")


@pytest.mark.parametrize("verb", ["updated", "cancelled"])
def test_an_order_nobody_knows_cannot_change(plant: RunningPlant, verb: str) -> None:
    with erp(plant) as client:
        answer = client.post(ORDERS, json=order_event(_fresh("NOBODY"), verb))
    assert (answer.status_code, answer.json()["code"]) == (404, "INT-004")


def _without(event: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in event.items() if key != name}


def _with(**fields: Any) -> bytes:
    return json.dumps(order_event("BAD", **fields)).encode()


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b"", 400, "EMPTY_MESSAGE"),
        (b'{"event_type":', 400, "TRUNCATED_JSON"),
        (b"<xml/>", 400, "INVALID_JSON"),
        (b"[]", 400, "VALIDATION_ERROR"),
        (b"null", 400, "VALIDATION_ERROR"),
        (b"[" * 5000, 400, "NESTED_TOO_DEEP"),
        (b'{"a":"\xff"}', 400, "NOT_UTF8"),
        (b'{"a":"\\u0000"}', 400, "NUL_CHARACTER"),
        (b'{"a":NaN}', 400, "INVALID_JSON"),
        (b'{"a":' + b"9" * 400 + b"}", 400, None),
        (b" " * (256 * 1024 + 1), 413, None),
        (json.dumps(_without(order_event("BAD"), "timestamp")).encode(), 400, "VALIDATION_ERROR"),
        (json.dumps(order_event("BAD") | {"event_type": "work_order.deleted"}).encode(), 400, "VALIDATION_ERROR"),
        (_with(quantity_ordered=0), 400, "VALIDATION_ERROR"),
        (_with(quantity_ordered=-5), 400, "VALIDATION_ERROR"),
        (_with(quantity_ordered="200"), 400, "VALIDATION_ERROR"),
        (_with(quantity_ordered=True), 400, "VALIDATION_ERROR"),
        (_with(quantity_ordered=1e300), 400, "VALIDATION_ERROR"),
        (_with(quantity_ordered=1.00000001), 400, "VALIDATION_ERROR"),
        (_with(quantity_ordered=None), 400, "VALIDATION_ERROR"),
        (_with(due_date="tomorrow"), 400, "VALIDATION_ERROR"),
        (_with(due_date="2026-11-21T10:00:00"), 400, "VALIDATION_ERROR"),
        (_with(priority="asap"), 400, "VALIDATION_ERROR"),
        (_with(product_id=""), 400, "VALIDATION_ERROR"),
        (_with(product_id=7), 400, "VALIDATION_ERROR"),
        (_with(product_id="x" * 129), 400, "VALIDATION_ERROR"),
        (_with(bill_of_materials="none"), 400, "VALIDATION_ERROR"),
        (_with(bill_of_materials=[{"material_id": "M", "quantity_required": "4"}]), 400, "VALIDATION_ERROR"),
    ],
)
def test_a_bad_body_is_refused_with_its_reason(
    plant: RunningPlant, body: bytes, status: int, reason: str | None
) -> None:
    with erp(plant) as client:
        answer = client.post(ORDERS, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    if reason is not None:
        assert answer.json()["reason"] == reason


def test_the_hundred_and_first_request_of_a_minute_must_wait(plant: RunningPlant) -> None:
    with own_gateway(plant, rate_limit_per_minute=5) as (client, parts):
        client.headers["Authorization"] = f"Bearer {parts.tokens.issue('erp', ('erp.write',))}"
        codes = [client.post(ORDERS, json=order_event(_fresh())).status_code for _ in range(5)]
        refused = client.post(ORDERS, json=order_event(_fresh()))
        other = {"Authorization": f"Bearer {parts.tokens.issue('another erp', ('erp.write',))}"}
        assert client.post(ORDERS, json=order_event(_fresh()), headers=other).status_code == 200
    assert codes == [200] * 5
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["Retry-After"]) <= 61
    assert plant.settings().rate_limit_per_minute == 100_000
    assert type(plant.settings()).model_fields["rate_limit_per_minute"].default == 100


def test_while_kafka_is_away_nothing_is_accepted_and_the_id_stays_free(plant: RunningPlant) -> None:
    event = order_event(_fresh())
    with own_gateway(plant, kafka_bootstrap="127.0.0.1:9") as (client, parts):
        client.headers["Authorization"] = f"Bearer {parts.tokens.issue('erp', ('erp.write',))}"
        answer = client.post(ORDERS, json=event)
        assert client.get("/readyz").status_code == 503
        assert client.get("/healthz").status_code == 200
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    with erp(plant) as client:
        assert client.post(ORDERS, json=event).status_code == 200


def test_while_postgres_is_away_nothing_is_accepted(plant: RunningPlant) -> None:
    with own_gateway(plant, database_url="postgresql://nobody@127.0.0.1:9/none") as (client, parts):
        client.headers["Authorization"] = f"Bearer {parts.tokens.issue('erp', ('erp.write',))}"
        answer = client.post(ORDERS, json=order_event(_fresh()))
    assert (answer.status_code, answer.json()["code"]) == (503, "INT-005")


def test_every_call_is_in_the_audit_log_refused_ones_too(plant: RunningPlant) -> None:
    good, bad = _fresh(), _fresh()
    with erp(plant) as client:
        client.post(ORDERS, json=order_event(good))
        client.post(ORDERS, json=order_event(bad, quantity_ordered=0))
    query = (
        "SELECT http_status_code, success FROM integration_audit_log "
        "WHERE request_payload #>> '{work_order,erp_work_order_id}' = %s"
    )
    assert plant.await_rows(query, good) == [(200, True)]
    assert plant.await_rows(query, bad) == [(400, False)]


def test_good_rows_of_a_batch_are_taken_and_bad_ones_named(plant: RunningPlant) -> None:
    good = _fresh("MAT")
    rows = [material(good), {"material_id": "MAT-HALF"}, "nonsense", material("MAT-C", standard_cost="12")]
    with erp(plant) as client:
        answer = client.post(MATERIALS, json={"materials": rows}).json()
    assert (answer["status"], answer["accepted"]) == ("partial", 1)
    assert [each["row"] for each in answer["rejected"]] == [2, 3, 4]
    assert plant.await_rows("SELECT part_name FROM materials WHERE material_id = %s", good) == [(f"Part {good}",)]


def test_a_csv_of_materials_is_read_like_json(plant: RunningPlant) -> None:
    name = _fresh("MAT")
    file = (
        "material_id,part_number,part_name,standard_cost,currency,is_active\r\n"
        f'{name},P-1,"Panel, left ""A""",12.50,USD,false\r\n'
        "MAT-BAD,P-2,Bolt,cheap,USD,true\r\n"
    )
    with erp(plant) as client:
        answer = client.post(MATERIALS, content=file.encode(), headers={"Content-Type": "text/csv; charset=utf-8"})
    assert (answer.json()["accepted"], answer.json()["rejected"][0]["row"]) == (1, 2)
    rows = plant.await_rows("SELECT part_name, standard_cost, is_active FROM materials WHERE material_id = %s", name)
    assert [(part, float(cost), active) for part, cost, active in rows] == [('Panel, left "A"', 12.5, False)]


def test_stock_of_a_material_nobody_knows_is_refused(plant: RunningPlant) -> None:
    with erp(plant) as client:
        answer = client.post(STOCK, json={"materials": [{"material_id": "MAT-NOBODY", "on_hand_quantity": 5}]})
    assert (answer.status_code, answer.json()["rejected"][0]["material_id"]) == (400, "MAT-NOBODY")


def test_an_older_stock_report_changes_nothing(plant: RunningPlant) -> None:
    with erp(plant) as client:
        (name,) = _stocked(client, 100)
        late = {"material_id": name, "on_hand_quantity": 7, "last_updated": "2020-01-01T00:00:00Z"}
        client.post(STOCK, json={"materials": [late]})
        _stocked(client, 1)  # whatever is told after it is visible when this returns
    with operator(plant) as person:
        assert person.get(f"/api/v1/materials/{name}").json()["on_hand_quantity"] == 100


def test_a_killed_gateway_takes_the_order_up_again(plant: RunningPlant) -> None:
    with erp(plant) as client:
        assert client.post(ORDERS, json=order_event(_fresh())).status_code == 200
        plant.kill("gateway")
        event = order_event(_fresh())

        def accepted() -> bool:
            try:
                return client.post(ORDERS, json=event).status_code in (200, 409)
            except httpx2.HTTPError:
                return False

        assert eventually(accepted, 30, "the gateway does not come back")
    _row(plant, event["work_order"]["erp_work_order_id"])
