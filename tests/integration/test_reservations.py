"""Materials are promised once, whoever asks at once and whatever dies meanwhile."""

import threading
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import httpx2
import psycopg
import pytest

from schemas.codec import decode
from schemas.envelope import Message
from streams.replay import read_log
from tests.gateways import MATERIALS, ORDERS, STOCK, erp, material, operator, order_event
from tests.integration.events import event, publish
from tests.messages import message, units_counted
from tests.plants import RunningPlant, eventually

pytestmark = [pytest.mark.services]

CLIENTS, LOTS, IN_A_LOT, WANTED = 16, 3, 100, 7
STOCKED = LOTS * IN_A_LOT
HELD = """
SELECT reservation_id, work_order_id, status, quantity, quantity_requested, batches FROM reservations
WHERE material_id = %s
"""


def _stocked(client: httpx2.Client, *, lots: int = 1, quantity: int = STOCKED, **fields: Any) -> str:
    """A material with so much on hand, in so many lots."""
    name = f"MAT-{uuid4().hex[:10]}"
    assert client.post(MATERIALS, json={"materials": [material(name, **fields)]}).status_code == 200
    _report(client, name, quantity, lots)
    return name


def _report(client: httpx2.Client, name: str, quantity: int, lots: int = 1) -> None:
    batches = [
        {
            "batch_number": f"LOT-{number}",
            "quantity": quantity // lots,
            "expiration_date": (date.today() + timedelta(days=30 + number)).isoformat(),
        }
        for number in range(lots)
    ]
    stock = {"material_id": name, "on_hand_quantity": quantity, "batch_details": batches}
    assert client.post(STOCK, json={"materials": [stock]}).json()["accepted"] == 1


def _order(client: httpx2.Client, *needs: tuple[str, int], quantity: int = 10) -> str:
    """A new order that needs so much of these materials."""
    bill = [
        {"material_id": name, "part_number": name, "quantity_required": units, "unit_of_measure": "EA"}
        for name, units in needs
    ]
    erp_id = f"WO-ERP-{uuid4().hex[:10]}"
    answer = client.post(ORDERS, json=order_event(erp_id, quantity_ordered=quantity, bill_of_materials=bill))
    assert answer.status_code == 200, answer.text
    return str(answer.json()["mraos_work_order_id"])


def _say(plant: RunningPlant, order: str, verb: str, **body: Any) -> dict[str, Any]:
    """What becomes of a command; it is said again with its key until Kafka has it."""
    headers = {"Idempotency-Key": uuid4().hex}

    def ask() -> dict[str, Any]:
        try:
            with operator(plant) as person:
                answer = person.post(f"/api/v1/work-orders/{order}/{verb}", json=body, headers=headers)
        except httpx2.HTTPError:
            return {}
        assert answer.status_code in (200, 202, 503), answer.text
        return dict(answer.json()) if answer.status_code != 503 else {}

    return eventually(ask, 60, f"{order} cannot be told to {verb}")


def _shown(plant: RunningPlant, order: str, materials_status: str) -> dict[str, Any]:
    """The order as the API shows it, once its materials stand there."""

    def ask() -> dict[str, Any]:
        with operator(plant) as person:
            found = dict(person.get(f"/api/v1/work-orders/{order}").json())
        return found if found.get("materials_status") == materials_status else {}

    return eventually(ask, 20, f"the materials of {order} are not {materials_status}")


def _counted(plant: RunningPlant, order: str, units: int) -> None:
    """A machine made so many units of an order."""
    told = units_counted(order, units, uuid4().hex)
    now = datetime.now(UTC)
    said: Message[Any] = message("production.counted", told, message_id=told.log_id, timestamp=now, received_at=now)
    publish(plant.settings(), [event(said)])


def _shelf(plant: RunningPlant, name: str) -> dict[str, Any]:
    with operator(plant) as person:
        return dict(person.get(f"/api/v1/materials/{name}").json())


def _figures(shelf: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(shelf[f"{name}_quantity"] for name in ("on_hand", "reserved", "allocated", "available"))


def _first_lots(plant: RunningPlant, name: str) -> list[tuple[str, int]]:
    """The lots that were decided here, before the warehouse names its own."""
    for _, record in read_log(plant.settings(), "inventory"):
        if b'"reservation.changed"' in record.value and name.encode() in record.value:
            return [(lot.batch_number, int(lot.quantity)) for lot in decode(record.value).payload.batches]
    return []


def test_an_assigned_order_has_its_materials_first_expired_first_out(plant: RunningPlant) -> None:
    with erp(plant) as client:
        door, hinge = _stocked(client, lots=3, quantity=30), _stocked(client, quantity=4)
        order = _order(client, (door, 10), (hinge, 6), (door, 5))
    outcome = _say(plant, order, "assign", machine_id="M-203", operator_id="O-156", reason="as planned")
    assert outcome["order"]["status"] == "assigned"
    assert outcome["order"]["assigned_machine_id"] == "M-203"
    shown = _shown(plant, order, "partial")
    held = {each["material_id"]: each for each in shown["reservations"]}
    assert _first_lots(plant, door) == [("LOT-0", 10), ("LOT-1", 5)]
    assert (held[hinge]["status"], held[hinge]["quantity"], held[hinge]["shortage"]) == ("partial", 4, 2)
    with operator(plant) as person:
        found = person.get(f"/api/v1/reservations?work_order={order}&status=partial").json()["reservations"]
    assert [each["material_id"] for each in found] == [hinge]
    with erp(plant) as client:
        _report(client, hinge, 6)
    _say(plant, order, "assign")
    _shown(plant, order, "reserved")
    assert _figures(_shelf(plant, hinge)) == (6, 6, 6, 0)


def test_a_cancelled_order_gives_its_materials_back(plant: RunningPlant) -> None:
    with erp(plant) as client:
        name = _stocked(client, quantity=50)
        order = _order(client, (name, 20))
    _say(plant, order, "assign")
    _shown(plant, order, "reserved")
    _say(plant, order, "cancel")
    plant.await_rows("SELECT 1 FROM materials WHERE material_id = %s AND available_quantity = 50", name)
    plant.await_rows("SELECT 1 FROM reservations WHERE work_order_id = %s AND status = 'released'", order)


def test_a_completed_order_has_consumed_what_it_made(plant: RunningPlant) -> None:
    with erp(plant) as client:
        name = _stocked(client, quantity=50)
        order = _order(client, (name, 20), quantity=10)
    _say(plant, order, "assign")
    _shown(plant, order, "reserved")
    _counted(plant, order, 11)
    assert _shown(plant, order, "consumed")["status"] == "completed"
    (used,) = plant.await_rows("SELECT quantity, batches FROM material_transactions WHERE work_order_id = %s", order)
    assert used[0] == 22
    assert sum(lot["quantity"] for lot in used[1]) == 22
    plant.await_rows(
        "SELECT 1 FROM work_order_materials WHERE work_order_id = %s AND consumed_quantity = 22 "
        "AND reserved_quantity = 0 AND reservation_status = 'consumed'",
        order,
    )
    assert _figures(_shelf(plant, name)) == (28, 0, 0, 28)
    _counted(plant, order, 1)
    plant.await_rows("SELECT 1 FROM materials WHERE material_id = %s AND on_hand_quantity = 26", name)


def test_a_report_below_what_is_reserved_takes_from_the_latest_and_says_so(plant: RunningPlant) -> None:
    with erp(plant) as client:
        name = _stocked(client, quantity=50)
        first, second = _order(client, (name, 30)), _order(client, (name, 20))
        for order in (first, second):
            _say(plant, order, "assign")
            _shown(plant, order, "reserved")
        _report(client, name, 40)
    _shown(plant, second, "partial")
    ((sentence,),) = plant.await_rows(
        "SELECT message FROM alerts WHERE kind = 'material.shortage' AND entity_id = %s", name
    )
    assert f"{second} loses 10 of 20 EA" in sentence
    assert first not in sentence
    assert _figures(_shelf(plant, name)) == (40, 40, 40, 0)


def test_an_inactive_material_takes_no_new_reservations_and_its_change_is_kept(plant: RunningPlant) -> None:
    with erp(plant) as client:
        name = _stocked(client, quantity=50)
        order = _order(client, (name, 30))
        client.post(MATERIALS, json={"materials": [material(name, is_active=False)]})
    plant.await_rows("SELECT 1 FROM materials WHERE material_id = %s AND NOT is_active", name)
    _say(plant, order, "assign")
    (held,) = _shown(plant, order, "partial")["reservations"]
    assert (held["status"], held["quantity"]) == ("refused", 0)
    assert "is inactive" in held["reason"]
    (change,) = _shelf(plant, name)["changes"]
    assert (change["field"], change["old_value"], change["new_value"]) == ("is_active", "true", "false")


def _demand(plant: RunningPlant, orders: list[str]) -> None:
    """All orders are assigned by sixteen clients at once, while their worker is killed three times."""
    begun = threading.Semaphore(0)

    def one(order: str) -> None:
        begun.release()
        _say(plant, order, "assign")

    with ThreadPoolExecutor(CLIENTS) as clients:
        asking = [clients.submit(one, order) for order in orders]
        for _ in range(3):
            for _ in range(CLIENTS + 4):
                begun.acquire(timeout=30)
            plant.kill("agents")
        for each in asking:
            each.result()


def _never_oversold(plant: RunningPlant, name: str, stop: threading.Event, seen: list[Decimal]) -> None:
    with psycopg.connect(plant.app_url, autocommit=True) as connection:
        connection.execute("SELECT set_config('app.current_tenant_id', %s, false)", [plant.endpoints["TENANT_ID"]])
        while not stop.wait(0.1):
            (total,) = connection.execute(
                "SELECT coalesce(sum(quantity), 0) FROM reservations WHERE material_id = %s", [name]
            ).fetchone() or (Decimal(0),)
            seen.append(total)


def _answers(plant: RunningPlant, name: str) -> dict[str, set[str]]:
    """The ids of the answers to each order about a material, as they stand in the orders' inbox."""
    found: dict[str, set[str]] = defaultdict(set)
    for _, record in read_log(plant.settings(), "work-order-inbox"):
        if b'"reservation.decided"' in record.value and name.encode() in record.value:
            told = decode(record.value)
            found[told.payload.work_order_id].add(told.message_id)
    return found


@pytest.mark.chaos
@pytest.mark.timeout(420)
def test_three_times_the_stock_is_demanded_at_once_under_kill_9_and_nothing_is_oversold(plant: RunningPlant) -> None:
    with erp(plant) as client:
        name = _stocked(client, lots=LOTS)
        orders = [_order(client, (name, WANTED)) for _ in range(3 * STOCKED // WANTED)]
    stop, seen = threading.Event(), list[Decimal]()
    watch = threading.Thread(target=_never_oversold, args=(plant, name, stop, seen))
    watch.start()
    try:
        _demand(plant, orders)
        plant.await_rows(
            "SELECT 1 FROM reservations WHERE material_id = %s HAVING count(*) = %s", name, len(orders), seconds=90
        )
    finally:
        stop.set()
        watch.join()
    held = plant.await_rows(HELD, name)
    assert Counter(order for _, order, *_ in held) == Counter(orders), "each order has one reservation"
    whole, rest = divmod(STOCKED, WANTED)
    assert Counter(status for _, _, status, *_ in held) == {
        "reserved": whole,
        "partial": 1,
        "refused": len(orders) - whole - 1,
    }
    assert sorted(quantity for *_, quantity, _, _ in held if quantity)[0] == rest
    for _, order, _, quantity, _, batches in held:
        assert sum(lot["quantity"] for lot in batches) == quantity, f"the lots of {order} make up what it holds"
    assert max(seen) <= STOCKED
    assert _figures(_shelf(plant, name)) == (STOCKED, STOCKED, STOCKED, 0)
    assert {order: len(ids) for order, ids in _answers(plant, name).items()} == dict.fromkeys(orders, 1)
    plant.await_rows(
        "SELECT 1 FROM work_orders WHERE work_order_id = ANY(%s) AND materials_status IN ('reserved', 'partial') "
        "HAVING count(*) = %s",
        orders,
        len(orders),
    )
