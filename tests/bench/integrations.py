"""The figures that document 002 names for its integrations, taken on a whole plant that is at work."""

import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from subprocess import PIPE, Popen
from uuid import uuid4

import psutil

from tests.bench.figures import Figure, Measure, whole
from tests.e2e.load import create_orders
from tests.gateways import MATERIALS, ORDERS, erp, material, order_event
from tests.plants import RunningPlant

HOOKS_PER_SECOND, HOOK_SECONDS, HOOK_CLIENTS = 50, 20.0, 16
MACHINES_PER_SECOND = 100
DOCUMENT_PER_SECOND, DOCUMENT_SECONDS = 17, 60.0
OURS = ("mes-mqtt", "mes-opcua", "gateway", "jobs", "agents", "projector")
SERVERS = ("kafka", "postgres", "mqtt")


def _machines(plant: RunningPlant, per_second: int, seconds: float) -> "Popen[str]":
    """Machines that speak, in a process of their own."""
    orders = create_orders(plant.endpoints, [f"BESIDE-{uuid4().hex[:12]}" for _ in range(8)])
    command = [sys.executable, "-m", "tests.bench.machines", str(per_second), str(seconds), *orders]
    return Popen(command, env={"PATH": "/usr/bin:/bin", **plant.endpoints}, stdout=PIPE, text=True)


def _await(machines: "Popen[str]") -> None:
    """Until they have said everything, and Kafka's side of it was acknowledged."""
    machines.communicate()
    assert machines.returncode == 0, "the machines did not get all they said acknowledged"


def webhooks(plant: RunningPlant) -> Figure:
    """p95 of ERP webhooks that come 50 a second, whether earlier ones are answered or not, while machines speak."""
    machines = _machines(plant, MACHINES_PER_SECOND, HOOK_SECONDS + 3)
    tick, seconds = threading.Event(), list[float]()
    with erp(plant) as client, ThreadPoolExecutor(HOOK_CLIENTS) as clients:
        client.post(ORDERS, json=order_event(f"WARM-{uuid4().hex}")).raise_for_status()
        began = time.perf_counter()

        def send(due: float) -> None:
            tick.wait(max(0.0, due - time.perf_counter()))
            client.post(ORDERS, json=order_event(f"HOOK-{uuid4().hex}")).raise_for_status()
            seconds.append(time.perf_counter() - due)

        for number in range(int(HOOKS_PER_SECOND * HOOK_SECONDS)):
            clients.submit(send, began + number / HOOKS_PER_SECOND)
    _await(machines)
    assert len(seconds) == HOOKS_PER_SECOND * HOOK_SECONDS, "not every webhook was answered with 200"
    ordered = sorted(seconds)
    p50, p95, p99 = (ordered[int(share * len(ordered))] for share in (0.5, 0.95, 0.99))
    print(f"  50 webhooks a second: p50 {1000 * p50:.0f} ms  p95 {1000 * p95:.0f} ms  p99 {1000 * p99:.0f} ms")
    name, against = "webhooks_50_per_second_p95_seconds", "what is asked for"
    return Figure(name, round(p95, 4), "s", against, 0.1, round(p95 / 0.1, 2), "1x", "0.5x")


def thousand_materials(plant: RunningPlant) -> Figure:
    """From the request with 1,000 materials to its answer, which comes when orders can be checked against them."""
    name = uuid4().hex[:8]
    rows = [material(f"MAT-{name}-{number}", standard_cost=1.5) for number in range(1_000)]
    with erp(plant) as client:
        began = time.perf_counter()
        answer = client.post(MATERIALS, json={"materials": rows})
        seconds = time.perf_counter() - began
    assert answer.json()["accepted"] == 1_000
    against = "what is asked for"
    return Figure("materials_1000_seconds", round(seconds, 3), "s", against, 5.0, round(seconds / 5, 3), "1x", "0.2x")


def document_load(plant: RunningPlant) -> Figure:
    """Share of all cores that our processes use at the document's 1,000 messages a minute; the servers' beside it."""
    machines = _machines(plant, DOCUMENT_PER_SECOND, DOCUMENT_SECONDS)
    before, began = {name: cpu_seconds(plant.pid(name)) for name in (*OURS, *SERVERS)}, time.monotonic()
    _await(machines)
    elapsed = (time.monotonic() - began) * (psutil.cpu_count() or 1)
    used = {name: (cpu_seconds(plant.pid(name)) - before[name]) / elapsed for name in before}
    print("  share of the cores: " + "  ".join(f"{name} {100 * share:.1f} %" for name, share in used.items()))
    ours = round(sum(used[name] for name in OURS), 4)
    return Figure(
        "document_load_core_share", ours, "cores", "what is allowed", 0.05, round(ours / 0.05, 2), "1x", "0.5x"
    )


def cpu_seconds(pid: int) -> float:
    """CPU seconds of a process and all below it."""
    process = psutil.Process(pid)
    family = [process, *process.children(recursive=True)]
    times = (each.cpu_times() for each in family)
    return sum(each.user + each.system for each in times)


MEASURES: dict[str, Measure] = {
    "webhooks_50_per_second_p95_seconds": whole(webhooks),
    "materials_1000_seconds": whole(thousand_materials),
    "document_load_core_share": whole(document_load),
}
