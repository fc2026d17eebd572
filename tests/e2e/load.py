"""Drives a running plant from outside and writes down the truth before it speaks."""

import contextlib
import itertools
import json
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx2
import paho.mqtt.client as mqtt
import psycopg
from paho.mqtt.enums import CallbackAPIVersion

from tests.plants import eventually

MACHINES = ("M-201", "M-202", "M-203", "M-204", "M-205", "M-207", "M-208")


def erp_client(endpoints: dict[str, str]) -> httpx2.Client:
    """An HTTP client with a token of the ERP."""
    answer = httpx2.post(
        endpoints["OAUTH_TOKEN_URL"],
        data={
            "grant_type": "client_credentials",
            "client_id": endpoints["OAUTH_CLIENT_ID"],
            "client_secret": endpoints["OAUTH_CLIENT_SECRET"],
        },
        timeout=20,
    )
    answer.raise_for_status()
    token = answer.json()["access_token"]
    return httpx2.Client(base_url=endpoints["GATEWAY_URL"], headers={"Authorization": f"Bearer {token}"}, timeout=30)


def order_body(
    erp_id: str, quantity: int = 1_000_000, materials: tuple[str, ...] = (), **fields: Any
) -> dict[str, Any]:
    """An ERP work order as in 002 section 3.2.1."""
    now = datetime.now(UTC)
    return {
        "event_type": "work_order.created",
        "timestamp": now.isoformat(),
        "work_order": {
            "erp_work_order_id": erp_id,
            "product_id": "PROD-WD-100",
            "product_name": "Washer Door Assembly",
            "quantity_ordered": quantity,
            "due_date": (now + timedelta(days=2)).isoformat(),
            "bill_of_materials": [
                {"material_id": material, "part_number": material, "quantity_required": 1, "unit_of_measure": "EA"}
                for material in materials
            ],
            **fields,
        },
    }


def create_orders(endpoints: dict[str, str], names: list[str], quantity: int = 1_000_000) -> list[str]:
    """Create work orders through the ERP webhook; their ids, in order."""
    ids = []
    with erp_client(endpoints) as client:
        for name in names:
            answer = client.post("/api/v1/integrations/erp/work-orders", json=order_body(name, quantity))
            answer.raise_for_status()
            ids.append(answer.json()["mraos_work_order_id"])
    return ids


def mqtt_client(endpoints: dict[str, str], client_id: str) -> mqtt.Client:
    """A connected MQTT client with its network loop running."""
    where = urlsplit(endpoints["MQTT_URL"])
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=False)
    client.username_pw_set(endpoints["MQTT_USERNAME"], endpoints["MQTT_PASSWORD"])
    client.max_inflight_messages_set(5_000)
    client.max_queued_messages_set(0)
    client.reconnect_delay_set(1, 2)
    client.connect(where.hostname or "127.0.0.1", where.port or 1883, keepalive=30)
    client.loop_start()
    return client


def say(endpoints: dict[str, str], *messages: tuple[str, bytes | str]) -> None:
    """A machine says these, in this order, and leaves when the broker has acknowledged each."""
    client = mqtt_client(endpoints, f"said-{time.time_ns()}")
    for info in [client.publish(topic, payload, qos=1) for topic, payload in messages]:
        info.wait_for_publish(120)
    client.disconnect()
    client.loop_stop()


@dataclass(slots=True)
class Load:
    """Counts of several machines for several orders at a steady rate, each unit its own message."""

    endpoints: dict[str, str]
    orders: list[str]
    rate: int
    seconds: float
    truth: Counter[str] = field(default_factory=Counter)
    sent: int = 0
    _thread: threading.Thread | None = None
    _failure: BaseException | None = None

    def start(self) -> None:
        """Speak in the background."""
        self._thread = threading.Thread(target=self._guarded, daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """Wait until all is said and acknowledged by the broker."""
        assert self._thread is not None
        self._thread.join()
        if self._failure:
            raise self._failure

    def end(self) -> None:
        """Say no more, then as `finish`."""
        self.seconds = 0
        self.finish()

    def _guarded(self) -> None:
        try:
            self._run()
        except BaseException as error:  # noqa: BLE001 - handed to the caller of finish()
            self._failure = error

    def _run(self) -> None:
        client = mqtt_client(self.endpoints, f"load-{time.monotonic_ns()}")
        cumulative: Counter[tuple[str, str]] = Counter()
        pairs = itertools.cycle(itertools.product(MACHINES, self.orders))
        tick = threading.Event()
        pending = []
        begin = time.monotonic()
        while (elapsed := time.monotonic() - begin) < self.seconds:
            while self.sent < elapsed * self.rate:
                machine, order = next(pairs)
                cumulative[machine, order] += 1
                self.truth[order] += 1
                self.sent += 1
                pending.append(client.publish(*count_message(machine, order, cumulative[machine, order]), qos=1))
            tick.wait(0.01)
        for info in pending:
            info.wait_for_publish(120)
            assert info.is_published(), "the broker did not acknowledge a message in 120 s"
        client.disconnect()
        client.loop_stop()


def count_message(machine: str, order: str, cumulative: int, **fields: Any) -> tuple[str, bytes]:
    """Topic and payload of one counted unit, as in 002 section 4.2.1."""
    body = {
        "machine_id": machine,
        "work_order_id": order,
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "units_produced": 1,
        "cumulative_units": cumulative,
        "quality_status": "pass",
        "cycle_time_seconds": 44.8,
    }
    return f"mes/production/line1/machine/{machine}/count", json.dumps(body | fields).encode()


def produced(endpoints: dict[str, str], orders: list[str]) -> dict[str, int]:
    """What Postgres says each order has produced."""
    with psycopg.connect(endpoints["DATABASE_URL"]) as connection:
        connection.execute("SELECT set_config('app.current_tenant_id', %s, true)", [endpoints["TENANT_ID"]])
        rows = connection.execute(
            "SELECT work_order_id, quantity_produced FROM work_orders WHERE work_order_id = ANY(%s)", [orders]
        ).fetchall()
    return {order: int(quantity) for order, quantity in rows}


def scalar(endpoints: dict[str, str], query: str, *parameters: Any) -> Any:
    """One value from Postgres, as the tenant."""
    with psycopg.connect(endpoints["DATABASE_URL"]) as connection:
        connection.execute("SELECT set_config('app.current_tenant_id', %s, true)", [endpoints["TENANT_ID"]])
        row = connection.execute(query, parameters or None).fetchone()
    return row[0] if row else None


def assert_no_doubles(endpoints: dict[str, str], load: Load) -> None:
    """Each reading is one row, and each unit stands in one of them."""
    told, rows = (
        scalar(
            endpoints, f"SELECT coalesce({figure}, 0) FROM production_logs WHERE work_order_id = ANY(%s)", load.orders
        )
        for figure in ("sum(units)::bigint", "count(DISTINCT log_id)")
    )
    assert told == load.sent
    assert rows == load.sent, "each reading has a row of its own"


LATEST = """
SELECT min(latest) FROM (SELECT max(produced_at) AS latest FROM production_logs
  WHERE work_order_id = ANY(%s) GROUP BY work_order_id) AS each_order
"""


def recovered(endpoints: dict[str, str], orders: list[str]) -> float:
    """Wait until the latest reading of every order is from after now and younger than 5 s; how long that took."""
    began, hurt_at = time.monotonic(), datetime.now(UTC)

    def is_current() -> bool:
        with contextlib.suppress(psycopg.OperationalError):
            oldest = scalar(endpoints, LATEST, orders)
            return oldest is not None and oldest > hurt_at and datetime.now(UTC) - oldest < timedelta(seconds=5)
        return False

    eventually(is_current, 30, "the lag is not back under 5 s within 30 s")
    return time.monotonic() - began


def await_truth(endpoints: dict[str, str], truth: Counter[str], seconds: float) -> float:
    """Wait until Postgres says exactly the truth; seconds it took. Raises AssertionError with the difference."""
    begin = time.monotonic()
    tick = threading.Event()
    told: dict[str, int] = {}
    while (waited := time.monotonic() - begin) < seconds:
        try:
            told = produced(endpoints, list(truth))
        except psycopg.OperationalError:
            told = {}
        if told == dict(truth):
            return waited
        tick.wait(0.1)
    wrong = {order: (told.get(order), units) for order, units in truth.items() if told.get(order) != units}
    raise AssertionError(f"after {seconds:.0f} s Postgres differs (told, truth): {wrong}")
