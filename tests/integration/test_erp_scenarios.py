"""The ERP's scenarios of document 002 section 10.2, each against the running plant and a simulated ERP."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest

from tests.gateways import MATERIALS, ORDERS, STOCK, erp, material, operator, order_event
from tests.plants import RunningPlant, eventually
from tests.systems import SimulatedSystems

pytestmark = pytest.mark.services
COMPLETION = "/api/production/work-order-completion"


@pytest.fixture
def systems(plant: RunningPlant) -> Iterator[SimulatedSystems]:
    plant.systems.heal()
    yield plant.systems
    plant.systems.heal()


def _name(prefix: str) -> str:
    return f"{prefix}-{uuid4().hex[:10]}"


def _created(plant: RunningPlant, erp_id: str, **fields: Any) -> str:
    with erp(plant) as client:
        answer = client.post(ORDERS, json=order_event(erp_id, **fields))
    assert answer.status_code == 200, answer.text
    return str(answer.json()["mraos_work_order_id"])


def _commanded(plant: RunningPlant, order: str, *verbs: str) -> None:
    with operator(plant) as person:
        for verb in verbs:
            body = {"machine_id": "M-203"} if verb == "assign" else {}
            answer = person.post(f"/api/v1/work-orders/{order}/{verb}", json=body)
            assert answer.status_code == 200, answer.text


def _reports(systems: SimulatedSystems, order: str) -> list[dict[str, Any]]:
    return [
        each for each in systems.records("erp", COMPLETION) if (each["body"] or {}).get("mraos_work_order_id") == order
    ]


def _delivery(plant: RunningPlant, order: str) -> dict[str, Any] | None:
    with operator(plant) as person:
        asked = {"subject": order, "kind": "erp.work_order_completion"}
        found = person.get("/api/v1/deliveries", params=asked).json()["deliveries"]
    return found[0] if found else None


def test_1_an_order_created_in_the_erp_is_received_here(plant: RunningPlant) -> None:
    erp_id = _name("WO-ERP")
    order = _created(plant, erp_id)
    ((status,),) = plant.await_rows("SELECT status FROM work_orders WHERE work_order_id = %s", order)
    assert status == "received"


def test_2_the_same_order_again_is_a_conflict(plant: RunningPlant) -> None:
    erp_id = _name("WO-ERP")
    order = _created(plant, erp_id)
    with erp(plant) as client:
        again = client.post(ORDERS, json=order_event(erp_id))
    assert (again.status_code, again.json()["mraos_work_order_id"]) == (409, order)


def test_3_an_order_with_an_unknown_material_is_refused_and_kept_as_a_dead_letter(plant: RunningPlant) -> None:
    erp_id = _name("WO-ERP")
    bill = [{"material_id": "MAT-INVALID-999", "quantity_required": 1}]
    with erp(plant) as client:
        event = order_event(erp_id, bill_of_materials=bill)
        answers = [client.post(ORDERS, json=event) for _ in range(2)]
    assert {each.status_code for each in answers} == {400}
    assert answers[0].json()["missing_materials"] == ["MAT-INVALID-999"]
    query = "SELECT integration_type, error_code, error_message, status FROM integration_failures "
    letters = plant.await_rows(f"{query} WHERE original_message #>> '{{work_order,erp_work_order_id}}' = %s", erp_id)
    sentence = "No such material: MAT-INVALID-999."
    assert letters == [("erp_work_order_inbound", "VALIDATION_ERROR", sentence, "pending_manual_review")]
    logged = plant.await_rows(
        "SELECT http_status_code, success FROM integration_audit_log WHERE request_payload #>> "
        "'{work_order,erp_work_order_id}' = %s",
        erp_id,
    )
    assert set(logged) == {(400, False)}


def test_4_a_completed_order_is_reported_to_the_erp_with_what_it_used(
    plant: RunningPlant, systems: SimulatedSystems
) -> None:
    part, erp_id = _name("MAT"), _name("WO-ERP")
    with erp(plant) as client:
        assert client.post(MATERIALS, json={"materials": [material(part)]}).json()["accepted"] == 1
        stock = [{"material_id": part, "on_hand_quantity": 100}]
        assert client.post(STOCK, json={"materials": stock}).json()["accepted"] == 1
    bill = [{"material_id": part, "part_number": part, "quantity_required": 40}]
    order = _created(plant, erp_id, quantity_ordered=20, bill_of_materials=bill)
    _commanded(plant, order, "release", "assign", "start", "complete")
    (report,) = eventually(lambda: _reports(systems, order), 60, "the ERP heard nothing")
    told = report["body"]
    assert (told["erp_work_order_id"], told["quantity_produced"]) == (erp_id, 0)
    assert {each["resource_id"] for each in told["resources_used"] if each["resource_type"] == "machine"} <= {"M-203"}
    assert datetime.fromisoformat(told["actual_end_time"]) >= datetime.fromisoformat(told["actual_start_time"])
    plant.await_rows("SELECT 1 FROM work_orders WHERE work_order_id = %s AND erp_synchronized_at IS NOT NULL", order)


def test_5_while_the_erp_is_away_reports_wait_the_circuit_opens_and_all_arrive_once(
    plant: RunningPlant, systems: SimulatedSystems
) -> None:
    orders = [_created(plant, _name("WO-ERP"), quantity_ordered=5) for _ in range(3)]
    systems.fault("erp", "drop_before")
    for order in orders:
        _commanded(plant, order, "start", "complete")
    waiting = eventually(
        lambda: all((found := _delivery(plant, order)) and found["status"] == "pending" for order in orders),
        30,
        "the deliveries are not there",
    )
    assert waiting
    with operator(plant) as person:

        def circuit() -> str | None:
            health = person.get("/api/v1/integrations/health").json()
            return next((each["circuit_breaker"] for each in health["systems"] if each["system"] == "ERP"), None)

        eventually(lambda: circuit() == "open", 30, "the circuit does not open")
        systems.heal()
        for order in orders:
            person.post(f"/api/v1/deliveries/{(_delivery(plant, order) or {})['delivery_id']}/retry")
        eventually(lambda: circuit() == "closed", 60, "the circuit does not close")
    for order in orders:
        assert _arrived(plant, order)
        assert systems.acted("erp")[(_delivery(plant, order) or {})["delivery_id"]] == 1


def _arrived(plant: RunningPlant, order: str) -> bool:
    return eventually(lambda: bool((_delivery(plant, order) or {})["status"] == "succeeded"), 60, f"{order} waits")
