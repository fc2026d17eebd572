"""The whole seam on this machine's cores: MQTT message in, committed Postgres row out."""

import sys
import threading
import time
from subprocess import PIPE, Popen
from typing import Any

import psutil
import psycopg

from tests.bench.agent_latency import percentile
from tests.bench.figures import Figure, Measure, whole
from tests.e2e.load import create_orders
from tests.gateways import ORDERS as ROUTE
from tests.gateways import erp, order_event
from tests.plants import RunningPlant, eventually

ORDERS = 20
SUSTAINED_SECONDS = 60.0
STEP_SECONDS = 15.0
SETTLED_SECONDS = 3.0
STEADY_RATE, STEADY_SECONDS = 500, 40.0
NOTHING = "/healthz"


def _ask(plant: RunningPlant, query: str, *parameters: Any) -> tuple[Any, ...]:
    with psycopg.connect(plant.app_url) as connection:
        connection.execute("SELECT set_config('app.current_tenant_id', %s, true)", [plant.endpoints["TENANT_ID"]])
        row = connection.execute(query, parameters or None).fetchone()
    assert row is not None
    return row


def units_in_rows(plant: RunningPlant, orders: list[str]) -> int:
    query = "SELECT coalesce(sum(quantity_produced), 0)::bigint FROM work_orders WHERE work_order_id = ANY(%s)"
    return int(_ask(plant, query, orders)[0])


def machines_say(plant: RunningPlant, orders: list[str], rate: int, seconds: float) -> Popen[str]:
    """The machines, in a process of their own."""
    command = [sys.executable, "-m", "tests.bench.machines", str(rate), str(seconds), *orders]
    environment = {"PATH": "/usr/bin:/bin", **plant.endpoints}
    return Popen(command, env=environment, stdout=PIPE, text=True)


def _sustains(plant: RunningPlant, rate: int, seconds: float) -> tuple[float, float]:
    """Rows per second while machines speak at a rate, and how long the last row took after they fell silent."""
    orders = create_orders(plant.endpoints, [f"BENCH-{rate}-{time.time_ns()}-{index}" for index in range(ORDERS)])
    began = time.monotonic()
    machines = machines_say(plant, orders, rate, seconds)
    told, _ = machines.communicate()
    silent_at = time.monotonic()
    sent = int(told.strip())
    assert machines.returncode == 0, "the machines did not get all they said acknowledged"
    eventually(lambda: units_in_rows(plant, orders) == sent, 120, f"not all of {sent} counts became rows")
    settled_at = time.monotonic()
    print(
        f"  {rate}/s offered for {silent_at - began:.0f} s: {sent} counts, "
        f"all in Postgres {settled_at - silent_at:.1f} s after the last"
    )
    return sent / (settled_at - began), settled_at - silent_at


def mqtt_to_row(plant: RunningPlant) -> Figure:
    """The highest rate at which rows keep up: first 2,000/s for a minute, then steps of a quarter of a minute."""
    rate, lag = _sustains(plant, 2_000, SUSTAINED_SECONDS)
    best = rate if lag < SETTLED_SECONDS else 0.0
    for offered in (2_500, 3_000, 3_500, 4_000, 5_000):
        if best == 0.0:
            break
        reached, lag = _sustains(plant, offered, STEP_SECONDS)
        if lag > SETTLED_SECONDS or reached < best:
            break
        best = reached
    value = round(best or rate, 1)
    return Figure(
        "mqtt_to_row_per_second", value, "rows/s", "what is asked for", 2_000, round(value / 2_000, 2), "1x", "2.5x"
    )


def machine_to_row_seconds(plant: RunningPlant, rate: int, seconds: float) -> list[float]:
    """p50, p95 and p99 from the machine's clock to the row's."""
    (moment,) = _ask(plant, "SELECT clock_timestamp()")
    orders = create_orders(plant.endpoints, [f"STEADY-{time.time_ns()}-{index}" for index in range(ORDERS)])
    machines = machines_say(plant, orders, rate, seconds)
    sent = int(machines.communicate()[0])
    eventually(lambda: units_in_rows(plant, orders) == sent, 30, "not all counts became rows")
    shares = _ask(
        plant,
        "SELECT percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP "
        "(ORDER BY extract(epoch FROM recorded_at - produced_at)) FROM production_logs WHERE recorded_at > %s",
        moment,
    )[0]
    return [float(share) for share in shares]


def machine_to_row(plant: RunningPlant) -> Figure:
    """p95 from the machine's clock to the row's, at 500/s."""
    machine_to_row_seconds(plant, STEADY_RATE, 5.0)  # warms up
    shares = machine_to_row_seconds(plant, STEADY_RATE, STEADY_SECONDS)
    print(
        "  machine to row: " + "  ".join(f"p{p} {1000 * v:.0f} ms" for p, v in zip((50, 95, 99), shares, strict=True))
    )
    p95 = round(shares[1], 4)
    return Figure("machine_to_row_p95_seconds", p95, "s", "what is asked for", 1.0, round(p95, 3), "1x", "0.25x")


def memory(plant: RunningPlant) -> Figure:
    """The largest of our processes, after what was measured before."""
    ours = ("mes-mqtt", "mes-opcua", "gateway", "jobs", "agents", "projector")
    sizes = {name: psutil.Process(plant.pid(name)).memory_info().rss / 2**20 for name in ours}
    print("  " + "  ".join(f"{name} {size:.0f} MB" for name, size in sizes.items()))
    largest = round(max(sizes.values()), 1)
    return Figure("process_memory_mb", largest, "MB", "what is allowed", 400, round(largest / 400, 2), "1x", "0.5x")


def webhook_p95(plant: RunningPlant, path: str) -> float:
    """p95 in seconds of eight clients at once, which order something, or ask a route that does nothing."""

    def ask(seconds: list[float]) -> None:
        with erp(plant) as client:
            for number in range(60):
                event = order_event(f"HOOK-{threading.get_ident()}-{time.time_ns()}-{number}")
                began = time.perf_counter()
                answer = client.post(path, json=event) if path == ROUTE else client.get(path)
                seconds.append(time.perf_counter() - began)
                answer.raise_for_status()

    seconds: list[float] = []
    threads = [threading.Thread(target=ask, args=(seconds,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seconds) == 8 * 60
    return percentile(seconds, 0.95)


def webhook(plant: RunningPlant) -> Figure:
    """p95 of the ERP webhook, order accepted and durable; beside a route that does nothing."""
    nothing, ours = webhook_p95(plant, NOTHING), webhook_p95(plant, ROUTE)
    against = f"GET {NOTHING}"
    return Figure(
        "webhook_p95_seconds", round(ours, 4), "s", against, round(nothing, 4), round(ours / nothing, 2), "-", "-"
    )


MEASURES: dict[str, Measure] = {
    "machine_to_row_p95_seconds": whole(machine_to_row),
    "mqtt_to_row_per_second": whole(mqtt_to_row),
    "webhook_p95_seconds": whole(webhook),
    "process_memory_mb": whole(memory),
}
