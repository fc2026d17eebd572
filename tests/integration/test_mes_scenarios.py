"""The MES scenarios of 002 section 10.2 on the running plant: status, production, breakdown, reallocation.

Loss of the lines is elsewhere: OPC-UA away and back, with what its history tells, in `test_opcua_bridge` and
`test_opcua_history`; MQTT while Kafka is away, kept on disk and replayed in order, in `test_mqtt_bridge`. How long a
status takes to a supervisor is measured in `tests/bench/live.py`.
"""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from paho.mqtt.client import Client

from compose.simulators.opcua import MES_OWN
from connectors.register import registration
from schemas.ids import operator_id, work_order_id
from schemas.messages.operators import Clocked, EmployeeUpserted
from schemas.settings import MachineLayout
from tests.e2e.load import mqtt_client
from tests.gateways import ORDERS, erp, operator, order_event, own_gateway
from tests.integration.events import event, publish
from tests.integration.floors import Ground
from tests.messages import message
from tests.plants import RunningPlant, eventually

pytestmark = [pytest.mark.services, pytest.mark.timeout(180)]

Registers = Callable[..., str]


@pytest.fixture
def machine(plant: RunningPlant) -> Registers:
    """Makes a machine that the plant knows."""

    def register(line: str = "line2") -> str:
        machine_id = f"M-{uuid4().hex[:8]}"
        layout = MachineLayout(machine_id=machine_id, machine_name="Press", line=line)
        publish(plant.settings(), [registration(plant.endpoints["TENANT_ID"], layout, datetime.now(UTC))])
        return machine_id

    return register


@pytest.fixture
def mes(plant: RunningPlant) -> Iterator[Client]:
    client = mqtt_client(plant.endpoints, f"mes-{uuid4().hex[:8]}")
    yield client
    client.disconnect()
    client.loop_stop()


@pytest.fixture
def supervisor(plant: RunningPlant) -> Iterator[httpx2.Client]:
    with operator(plant) as client:
        yield client


def ordered(plant: RunningPlant, product_id: str, **fields: Any) -> str:
    """An order from the ERP; our id."""
    with erp(plant) as client:
        answer = client.post(ORDERS, json=order_event(f"ERP-{uuid4().hex[:10]}", product_id=product_id, **fields))
    answer.raise_for_status()
    return str(answer.json()["mraos_work_order_id"])


def tell(mes: Client, what: str, machine_id: str, **told: Any) -> None:
    """Send a message of the document and return when the broker has it."""
    subject = {"count": "production", "inspection": "quality", "event": "downtime"}[what]
    body = {"machine_id": machine_id, "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds")} | told
    topic = f"mes/{subject}/line2/machine/{machine_id}/{what}"
    mes.publish(topic, json.dumps(body), qos=1).wait_for_publish(20)


def count(mes: Client, machine_id: str, order: str, cumulative: int, units: int = 1, **told: Any) -> None:
    tell(
        mes,
        "count",
        machine_id,
        work_order_id=order,
        units_produced=units,
        cumulative_units=cumulative,
        quality_status="pass",
        cycle_time_seconds=44.8,
        **told,
    )


def breaks_down(mes: Client, machine_id: str, order: str | None) -> None:
    tell(
        mes,
        "event",
        machine_id,
        event_type="downtime.started",
        downtime_reason_code="MECH_FAULT",
        downtime_reason_description="Hydraulic system pressure drop",
        severity="high",
        estimated_repair_time_minutes=45,
        work_order_affected=order,
    )


def suggestions(supervisor: httpx2.Client, machine_id: str, status: str = "open") -> list[dict[str, Any]]:
    answer = supervisor.get("/api/v1/reallocations", params={"machine": machine_id, "status": status})
    answer.raise_for_status()
    found: list[dict[str, Any]] = answer.json()["suggestions"]
    return found


def suggested(supervisor: httpx2.Client, machine_id: str, status: str = "open") -> list[dict[str, Any]]:
    """The suggestions for what waits at a machine, as soon as there are some."""
    return eventually(partial(suggestions, supervisor, machine_id, status), 40, f"nothing is {status} for {machine_id}")


def comes_in(plant: RunningPlant) -> str:
    """An operator who is there."""
    employee_id = f"EMP-{uuid4().hex[:8]}"
    now = datetime.now(UTC)
    seconds = (now - datetime(2026, 11, 21, 12, 0, tzinfo=UTC)).total_seconds()
    said = [
        message(
            "hr.employee_upserted",
            EmployeeUpserted(employee_id=employee_id, first_name="Ada", last_name="Lovelace"),
            seconds,
        ),
        message(
            "hr.clocked",
            Clocked(employee_id=employee_id, event_type="clock_in", work_date=now.date()),
            seconds + 1,
        ),
    ]
    publish(plant.settings(), [event(each) for each in said])
    who = operator_id(employee_id)
    plant.await_rows("SELECT FROM operators WHERE operator_id = %s AND current_status = 'available'", who, seconds=40)
    return who


def test_a_status_change_reaches_the_machine_its_history_and_an_open_console(
    plant: RunningPlant, machine: Registers, tmp_path_factory: pytest.TempPathFactory
) -> None:
    machine_id = machine()
    ground = Ground(plant, tmp_path_factory.mktemp("floor"))
    try:
        floor = ground.floor()
        floor.open()
        floor.add(
            machine_id,
            "CurrentStatus",
            "CurrentWorkOrderId",
            speaks=MES_OWN,
        )
        ground.connector([machine_id], floor.endpoint).start()
        token = {"Authorization": f"Bearer {plant.endpoints['ADMIN_TOKEN']}"}
        with own_gateway(plant) as (client, _), client.websocket_connect("/api/v1/ws", headers=token) as socket:
            assert socket.receive_json()["event"] == "hello"
            floor.write(
                machine_id, MachineStatus="Producing", JobNumber="J-1", PartNumber="P-1", Quantity=200.0, OEE=81.5
            )
            told: dict[str, Any] = {}
            while told.get("status") != "running":
                heard = socket.receive_json()
                changes = heard["data"] if heard["event"] == "changes" else []
                told = next((each["payload"] for each in changes if each["id"] == machine_id), told)
        plant.await_rows(
            "SELECT FROM machines WHERE machine_id = %s AND status = 'running' AND current_work_order_id = %s "
            "AND current_product_id = 'P-1' AND current_quantity_ordered = 200 "
            "AND overall_equipment_effectiveness = 81.5",
            machine_id,
            work_order_id(plant.endpoints["TENANT_ID"], "J-1"),
        )
        plant.await_rows("SELECT FROM machine_status_history WHERE machine_id = %s AND status = 'running'", machine_id)
    finally:
        ground.clear()


def test_a_hundred_units_of_two_hundred_are_half_of_the_order(
    plant: RunningPlant, mes: Client, machine: Registers
) -> None:
    machine_id, order = machine(), ordered(plant, "PROD-WD-100", quantity_ordered=200)
    for number in range(1, 101):
        count(mes, machine_id, order, number)
    plant.await_rows(
        "SELECT FROM work_orders WHERE work_order_id = %s AND quantity_produced = 100 AND progress_percentage = 50",
        order,
    )
    (logs,) = plant.await_rows("SELECT count(*), sum(units) FROM production_logs WHERE work_order_id = %s", order)
    assert logs == (100, 100)


def test_a_defect_counts_for_the_order_and_alerts_the_supervisor(
    plant: RunningPlant, mes: Client, machine: Registers
) -> None:
    machine_id, order = machine(), ordered(plant, "PROD-WD-100")
    tell(
        mes,
        "inspection",
        machine_id,
        work_order_id=order,
        inspection_id=f"INS-{uuid4().hex}",
        inspection_type="inline_automated",
        result="fail",
        defect_detected=True,
        defect_type="cosmetic damage",
        inspector="AutoInspect_System",
    )
    plant.await_rows("SELECT FROM work_orders WHERE work_order_id = %s AND defect_count = 1", order)
    plant.await_rows("SELECT FROM alerts WHERE kind = 'quality.defect' AND entity_id = %s", machine_id)


def test_a_machine_that_nobody_knows_is_a_dead_letter(plant: RunningPlant, mes: Client) -> None:
    machine_id = f"M-{uuid4().hex[:8]}"
    count(mes, machine_id, "WO-1", 1)
    plant.await_rows(
        "SELECT FROM integration_failures WHERE error_code = 'UNKNOWN_MACHINE' AND error_message LIKE %s",
        f"%{machine_id}%",
    )


def two_at_work(plant: RunningPlant, mes: Client, machine: Registers) -> tuple[str, str, str, str]:
    """Two machines that make orders of the same product: one, another, the first one's order, the product."""
    one, other, product = machine("line7"), machine("line8"), f"PROD-{uuid4().hex[:8]}"
    earlier, order = ordered(plant, product), ordered(plant, product)
    count(mes, other, earlier, 1)
    count(mes, one, order, 1)
    for each in (earlier, order):
        plant.await_rows("SELECT FROM work_orders WHERE work_order_id = %s AND current_machine_id IS NOT NULL", each)
    return one, other, order, product


def test_a_breakdown_is_an_alert_interrupts_its_order_and_suggests_where_to_go_until_it_ends(
    plant: RunningPlant, mes: Client, machine: Registers, supervisor: httpx2.Client
) -> None:
    down, other, order, product = two_at_work(plant, mes, machine)
    who = comes_in(plant)
    breaks_down(mes, down, order)
    plant.await_rows("SELECT FROM machines WHERE machine_id = %s AND status = 'breakdown'", down)
    plant.await_rows("SELECT FROM machine_status_history WHERE machine_id = %s AND status = 'breakdown'", down)
    plant.await_rows("SELECT FROM work_orders WHERE work_order_id = %s AND is_interrupted", order)
    plant.await_rows(
        "SELECT FROM alerts WHERE kind = 'machine.breakdown' AND severity = 'critical' AND entity_id = %s", down
    )
    (suggestion,) = suggested(supervisor, down)
    assert (suggestion["work_order_id"], suggestion["suggested_machine_id"]) == (order, other)
    assert f"has made {product} before" in suggestion["reason"]
    assert suggestion["suggested_operator_id"] is not None
    assert who in {each["operator_id"] for each in suggestion["operators"]} or len(suggestion["operators"]) == 3
    ((sentence,),) = plant.await_rows(
        "SELECT message FROM alerts WHERE kind = 'resource.reallocation' AND severity = 'warning' AND entity_id = %s",
        down,
    )
    assert order in sentence
    tell(mes, "event", down, event_type="downtime.ended")
    (expired,) = suggested(supervisor, down, "expired")
    assert expired["suggestion_id"] == suggestion["suggestion_id"]
    assert suggestions(supervisor, down) == []


def test_a_suggestion_that_is_taken_assigns_the_order_and_can_be_taken_once(
    plant: RunningPlant, mes: Client, machine: Registers, supervisor: httpx2.Client
) -> None:
    product, line = f"PROD-{uuid4().hex[:8]}", f"L-{uuid4().hex[:6]}"
    down, other = machine(line), machine("line8")
    earlier = ordered(plant, product)
    count(mes, other, earlier, 1)
    plant.await_rows("SELECT FROM work_orders WHERE work_order_id = %s AND current_machine_id IS NOT NULL", earlier)
    waiting = ordered(plant, product, production_line_preference=line)
    plant.await_rows("SELECT FROM work_orders WHERE work_order_id = %s", waiting)
    plant.await_rows("SELECT FROM machines WHERE machine_id = %s", down)
    breaks_down(mes, down, None)
    (suggestion,) = suggested(supervisor, down)
    path = f"/api/v1/reallocations/{suggestion['suggestion_id']}"
    taken = supervisor.post(f"{path}/take")
    assert taken.status_code == 200, taken.text
    assert taken.json()["status"] == "taken"
    plant.await_rows(
        "SELECT FROM work_orders WHERE work_order_id = %s AND assigned_machine_id = %s AND status = 'assigned'",
        waiting,
        other,
    )
    assert supervisor.post(f"{path}/take").status_code == 409
    assert supervisor.post(f"{path}/dismiss").status_code == 409
    assert supervisor.post("/api/v1/reallocations/nothing/dismiss").status_code == 404


def test_a_suggestion_that_is_dismissed_leaves_the_order_where_it_is(
    plant: RunningPlant, mes: Client, machine: Registers, supervisor: httpx2.Client
) -> None:
    down, _other, order, _product = two_at_work(plant, mes, machine)
    breaks_down(mes, down, order)
    (suggestion,) = suggested(supervisor, down)
    dismissed = supervisor.post(f"/api/v1/reallocations/{suggestion['suggestion_id']}/dismiss")
    assert dismissed.json()["status"] == "dismissed"
    assert dismissed.json()["decided_by"]
    assert suggestions(supervisor, down) == []
