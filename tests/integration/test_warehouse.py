"""The warehouse and the ERP's material from outside, on a whole plant: asked once, told once, whatever gets lost."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncssh
import psycopg
import pytest
from confluent_kafka import Producer

from connectors.deliveries.kind import Upload
from connectors.systems import consumption
from connectors.transports.files import Files
from schemas.settings import Settings
from streams.kafka.producer import producer_config
from tests.e2e.load import mqtt_client
from tests.gateways import MATERIALS, ORDERS, STOCK, erp, material, operator, order_event
from tests.integration.test_inventory_cdc import TOPIC
from tests.inventory import stock_updated
from tests.plants import RunningPlant, eventually
from tests.systems import SimulatedSystems

pytestmark = [pytest.mark.services, pytest.mark.timeout(300)]

MACHINE = "M-203"
RESERVATIONS, CONSUMPTION = "/api/v1/reservations", "/api/v1/transactions/consumption"
REPORT = "/api/inventory/material-consumption"


@pytest.fixture
def systems(plant: RunningPlant) -> Iterator[SimulatedSystems]:
    """The systems that this plant calls, healthy before and after."""
    plant.systems.heal()
    yield plant.systems
    plant.systems.heal()


def new_order(plant: RunningPlant, *needed: int, quantity: int = 10) -> tuple[str, list[str]]:
    """A released order of materials that lie on the shelf; its id and theirs."""
    names = [f"MAT-{uuid4().hex[:8]}" for _ in needed]
    with erp(plant) as client:
        client.post(MATERIALS, json={"materials": [material(name) for name in names]}).raise_for_status()
        stock = [
            {
                "material_id": name,
                "on_hand_quantity": units * 2,
                "batch_details": [{"batch_number": f"LOT-{name}", "quantity": units * 2}],
            }
            for name, units in zip(names, needed, strict=True)
        ]
        client.post(STOCK, json={"materials": stock}).raise_for_status()
        bill = [
            {"material_id": name, "part_number": name, "quantity_required": units}
            for name, units in zip(names, needed, strict=True)
        ]
        event = order_event(f"ERP-{uuid4().hex[:10]}", quantity_ordered=quantity, bill_of_materials=bill)
        answer = client.post(ORDERS, json=event)
    answer.raise_for_status()
    return answer.json()["mraos_work_order_id"], names


def command(plant: RunningPlant, order: str, verb: str, **body: Any) -> None:
    with operator(plant) as client:
        answer = client.post(f"/api/v1/work-orders/{order}/{verb}", json=body)
    assert answer.status_code in (200, 202), answer.text


def produce(plant: RunningPlant, order: str, units: int) -> None:
    """A machine has made so many units for the order."""
    client = mqtt_client(plant.endpoints, f"test-{uuid4().hex[:8]}")
    told = {
        "machine_id": MACHINE,
        "work_order_id": order,
        "timestamp": datetime.now(UTC).isoformat(),
        "units_produced": units,
        "cumulative_units": units,
        "quality_status": "pass",
        "cycle_time_seconds": 44.8,
    }
    try:
        client.publish(f"mes/production/line2/machine/{MACHINE}/count", json.dumps(told), qos=1).wait_for_publish(20)
    finally:
        client.disconnect()
        client.loop_stop()


def calls(systems: SimulatedSystems, path: str, order: str) -> list[dict[str, Any]]:
    """What the warehouse was asked about an order."""
    return [each for each in systems.records("wms", path) if (each["body"] or {}).get("work_order_id") == order]


def await_row(plant: RunningPlant, query: str, *parameters: Any, seconds: float = 60) -> Any:
    return plant.await_rows(query, *parameters, seconds=seconds)[0]


def test_an_assigned_order_is_reserved_at_the_warehouse_once_and_its_lots_come_back(
    plant: RunningPlant, systems: SimulatedSystems
) -> None:
    order, (first, second) = new_order(plant, 40, 20)
    command(plant, order, "assign", machine_id=MACHINE)
    rows = plant.await_rows(
        "SELECT material_id, inventory_reservation_id, batches FROM reservations WHERE work_order_id = %s AND "
        "inventory_reservation_id IS NOT NULL AND (SELECT count(*) = 2 FROM reservations WHERE work_order_id = %s "
        "AND inventory_reservation_id IS NOT NULL) ORDER BY material_id",
        order,
        order,
        seconds=60,
    )
    (call,) = calls(systems, RESERVATIONS, order)
    body = call["body"]
    assert {line["material_id"]: line["quantity"] for line in body["materials"]} == {first: 40, second: 20}
    assert body["reservation_id"] == f"RES-MRAOS-{order.removeprefix('WO-')}"
    assert systems.acted("wms")[call["idempotency_key"]] == 1
    assert [row[0] for row in rows] == sorted([first, second])
    assert {row[1] for row in rows} == {
        systems.held("wms", "reservations")[body["reservation_id"]]["inventory_reservation_id"]
    }
    assert all(lot["batch_number"] == f"BATCH-{name}" for name, _, (lot,) in rows), "the warehouse's lots, not ours"


def test_consumption_is_told_once_though_the_warehouse_drops_its_answers(
    plant: RunningPlant, systems: SimulatedSystems
) -> None:
    order, names = new_order(plant, 40, 20)
    command(plant, order, "assign", machine_id=MACHINE)
    plant.await_rows(
        "SELECT 1 FROM deliveries WHERE kind = 'wms.reservation' AND subject = %s AND status = 'succeeded'",
        order,
        seconds=60,
    )
    systems.fault("wms", "drop_after", times=2, path="consumption")
    produce(plant, order, 10)
    plant.await_rows(
        "SELECT 1 FROM material_transactions WHERE work_order_id = %s HAVING count(warehouse_confirmed_at) = 2",
        order,
        seconds=90,
    )
    told = calls(systems, CONSUMPTION, order)
    assert len(told) == 3
    assert len({each["idempotency_key"] for each in told}) == 1
    assert systems.acted("wms")[told[0]["idempotency_key"]] == 1
    lines = {line["material_id"]: line["quantity_consumed"] for line in told[0]["body"]["materials_consumed"]}
    assert lines == dict(zip(names, (40, 20), strict=True))


def test_a_cancelled_order_is_released_at_the_warehouse(plant: RunningPlant, systems: SimulatedSystems) -> None:
    order, _ = new_order(plant, 40)
    command(plant, order, "assign")
    await_row(
        plant,
        "SELECT 1 FROM deliveries WHERE kind = 'wms.reservation' AND subject = %s AND status = 'succeeded'",
        order,
    )
    command(plant, order, "cancel")
    await_row(
        plant, "SELECT 1 FROM deliveries WHERE kind = 'wms.release' AND subject = %s AND status = 'succeeded'", order
    )
    reservation = systems.held("wms", "reservations")[f"RES-MRAOS-{order.removeprefix('WO-')}"]
    assert reservation["is_released"] is True


def run_job(plant: RunningPlant, name: str) -> None:
    with operator(plant) as client:
        assert client.post(f"/api/v1/jobs/{name}/run").status_code == 202


def test_stock_and_master_data_are_asked_for_by_hand(plant: RunningPlant, systems: SimulatedSystems) -> None:
    known, unknown = f"MAT-{uuid4().hex[:8]}", f"MAT-{uuid4().hex[:8]}"
    rows = [material(f"{known}-{number}") for number in range(700)]
    before_materials, before_stock = systems.held("erp", "materials"), systems.held("wms", "stock-levels")
    systems.serve("erp", "materials", [*rows, {"material_id": f"{known}-bad"}])
    stock = {"warehouse": "Plant1-WH", "location": "Aisle 1", "on_hand_quantity": 77, "allocated_quantity": 7}
    levels = [stock | {"material_id": f"{known}-5"}, stock | {"material_id": unknown}]
    systems.serve("wms", "stock-levels", levels)
    try:
        run_job(plant, "erp_materials")
        plant.await_rows(
            "SELECT 1 FROM materials WHERE material_id LIKE %s HAVING count(*) = 700", f"{known}-%", seconds=60
        )
        code = await_row(
            plant, "SELECT error_code FROM integration_failures WHERE source_address LIKE %s", f"%{known}-bad"
        )
        assert code == ("VALIDATION_ERROR",)
        for _ in range(2):
            run_job(plant, "stock_levels")
            await_row(plant, "SELECT 1 FROM materials WHERE material_id = %s AND available_quantity = 70", f"{known}-5")
        plant.await_rows(
            "SELECT 1 FROM sync_runs WHERE summary LIKE %s HAVING count(*) >= 2", f"%{unknown}%", seconds=60
        )
        letters = plant.await_rows("SELECT 1 FROM integration_failures WHERE source_address LIKE %s", f"%{unknown}")
        assert len(letters) == 1
    finally:
        systems.serve("erp", "materials", before_materials)
        systems.serve("wms", "stock-levels", before_stock)


def test_a_change_that_the_warehouse_publishes_reaches_the_materials_row(plant: RunningPlant) -> None:
    _, (name,) = new_order(plant, 40)
    told = {"old_value": 80, "change_reason": "consumption", "transaction_id": f"INV-TXN-{uuid4().hex[:8]}"}
    event = stock_updated(name, "on_hand_quantity", 45, **told)
    producer = Producer(producer_config(plant.settings()))
    producer.produce(TOPIC, json.dumps(event).encode(), None)
    assert producer.flush(20) == 0
    await_row(plant, "SELECT 1 FROM materials WHERE material_id = %s AND on_hand_quantity = 45", name)


def test_the_consumption_report_reaches_the_erp_once_though_its_answer_is_lost(
    plant: RunningPlant, systems: SimulatedSystems
) -> None:
    order, (name,) = new_order(plant, 40)
    produce(plant, order, 10)
    await_row(plant, "SELECT 1 FROM material_transactions WHERE work_order_id = %s", order)
    with psycopg.connect(plant.app_url) as connection:
        connection.execute("SELECT set_config('app.current_tenant_id', %s, true)", [plant.endpoints["TENANT_ID"]])
        connection.execute(
            "UPDATE material_transactions SET occurred_at = occurred_at - interval '2 hours' WHERE work_order_id = %s",
            [order],
        )
    systems.fault("erp", "drop_after", times=1, path="material-consumption")
    run_job(plant, "material_consumption")
    await_row(
        plant,
        "SELECT 1 FROM material_transactions WHERE work_order_id = %s AND synchronized_at IS NOT NULL",
        order,
        seconds=90,
    )
    told = [each for each in systems.records("erp", REPORT) if name in json.dumps(each["body"])]
    assert len(told) == 2
    assert systems.acted("erp")[told[0]["idempotency_key"]] == 1
    (line,) = [line for line in told[0]["body"]["materials_consumed"] if line["material_id"] == name]
    assert (line["mraos_work_order_id"], line["quantity_consumed"]) == (order, 40)
    assert len(systems.held("erp", "consumption")) >= 1


async def test_the_report_arrives_whole_on_an_sftp_server(tmp_path: Path) -> None:
    inbox, host_key = tmp_path / "in", asyncssh.generate_private_key("ssh-ed25519")
    inbox.mkdir()
    rows = [
        {
            "material_id": "MAT-A-1234",
            "part_number": "A-1234",
            "erp_work_order_id": "WO-ERP-452100",
            "work_order_id": "WO-4600",
            "quantity": Decimal(405),
            "unit_of_measure": "EA",
            "transactions": 2,
            "first_at": datetime.now(UTC) - timedelta(hours=1),
            "last_at": datetime.now(UTC),
        }
    ]

    class Plant(asyncssh.SSHServer):
        """Lets in who knows the password."""

        def begin_auth(self, username: str) -> bool:
            return True

        def password_auth_supported(self) -> bool:
            return True

        def validate_password(self, username: str, password: str) -> bool:
            return (username, password) == ("plant", "secret")

    def folder(channel: Any) -> asyncssh.SFTPServer:
        return asyncssh.SFTPServer(channel, chroot=str(tmp_path).encode())

    async with asyncssh.listen(
        "127.0.0.1", 0, server_factory=Plant, server_host_keys=[host_key], sftp_factory=folder
    ) as server:
        port = server.get_port()
        known = tmp_path / "known_hosts"
        known.write_text(f"[127.0.0.1]:{port} {host_key.export_public_key().decode()}")
        settings = Settings(sftp_known_hosts=str(known))

        async def secret(_name: str) -> str:
            return f"sftp://plant:secret@127.0.0.1:{port}/in"

        identity = consumption.report_id("DLV-abcdef0123456789", datetime(2025, 11, 18, 15, tzinfo=UTC))
        upload = Upload(f"{identity}.csv", consumption.as_csv(identity, rows))
        for _ in range(2):
            await Files(settings, secret).upload(upload)
    (file,) = inbox.iterdir()
    assert file.name == "CONS-20251118T150000Z-ABCDEF01.csv"
    (line,) = csv.DictReader(io.StringIO(file.read_text(), newline=""))
    assert line["quantity_consumed"] == "405"
    assert line["erp_work_order_id"] == "WO-ERP-452100"


def test_a_thousand_materials_in_one_sync_can_be_ordered_with_at_once(plant: RunningPlant) -> None:
    name = f"MAT-{uuid4().hex[:8]}"
    with erp(plant) as client:
        answer = client.post(MATERIALS, json={"materials": [material(f"{name}-{number}") for number in range(1000)]})
        assert answer.json()["accepted"] == 1000
        bill = [{"material_id": f"{name}-999", "quantity_required": 1}]
        event = order_event(f"ERP-{uuid4().hex[:10]}", bill_of_materials=bill)
        eventually(lambda: client.post(ORDERS, json=event).status_code in (200, 409), 10, "the order is refused")
