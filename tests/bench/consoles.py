"""What a hundred open consoles cost, and how long a machine's word takes to them: with and without, in the same run."""

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx2
import psutil

from tests.bench.figures import Figure, Measure, whole
from tests.bench.seam import machines_say, units_in_rows
from tests.e2e.load import create_orders
from tests.gateways import operator
from tests.plants import RunningPlant, eventually

CONSOLES, ORDERS = 100, 20
RATE, SECONDS = 300, 30.0
WARM_SECONDS = 3.0
REFRESHED_EVERY_SECONDS = 30.0
"""As often as an open page fetches its parts anew, whatever happened (`live.js`)."""
PARTS = ("/machines", "/orders", "/failures?part=summary", "/integrations")


class Cost(NamedTuple):
    """What the gateway took of one core, and the seconds from a machine's clock to a console, sorted."""

    cores: float
    seconds: list[float]


class Consoles(threading.Thread):
    """Pages that are open: each follows the live stream, and fetches a part of itself now and then."""

    def __init__(self, plant: RunningPlant, count: int) -> None:
        super().__init__(daemon=True)
        self._plant, self._count = plant, count
        self._over = threading.Event()
        self.are_open = threading.Event()
        self.seconds: list[float] = []
        self.bytes = 0
        self._open = 0

    def run(self) -> None:
        asyncio.run(self._run())

    def close(self) -> None:
        """Close all pages."""
        self._over.set()
        self.join()

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as group:
            pages = [group.create_task(self._follow(number)) for number in range(self._count)]
            pages += [group.create_task(self._refresh(number)) for number in range(self._count - 1)]
            await asyncio.to_thread(self._over.wait)
            for each in pages:
                each.cancel()

    async def _follow(self, number: int) -> None:
        home = urlsplit(self._plant.endpoints["GATEWAY_URL"])
        reader, writer = await asyncio.open_connection(home.hostname, home.port, limit=2**24)
        token = self._plant.endpoints["ADMIN_TOKEN"]
        asked = f"GET /api/v1/live HTTP/1.1\r\nHost: {home.netloc}\r\nAuthorization: Bearer {token}\r\n\r\n"
        writer.write(asked.encode())
        self._open += 1
        if self._open == self._count:
            self.are_open.set()
        with contextlib.closing(writer):
            while line := await reader.readline():
                self.bytes += len(line)
                # One of them looks at the clock; the others are there.
                if number == 0 and line.startswith(b"data: ["):
                    self._hear(json.loads(line.removeprefix(b"data: ")))

    def _hear(self, changes: list[dict[str, Any]]) -> None:
        now = datetime.now(UTC)
        for each in changes:
            if each["type"] == "work_order.progressed":
                self.seconds.append((now - datetime.fromisoformat(each["at"])).total_seconds())

    async def _refresh(self, number: int) -> None:
        """Each at a moment of its own."""
        headers = {"Authorization": f"Bearer {self._plant.endpoints['ADMIN_TOKEN']}"}
        home = self._plant.endpoints["GATEWAY_URL"]
        async with httpx2.AsyncClient(base_url=home, headers=headers, timeout=60) as client:
            await asyncio.sleep(number * REFRESHED_EVERY_SECONDS / self._count)
            while True:
                (await client.get(PARTS[number % len(PARTS)])).raise_for_status()
                await asyncio.sleep(REFRESHED_EVERY_SECONDS)


@contextmanager
def _opened(plant: RunningPlant, count: int) -> Iterator[Consoles]:
    consoles = Consoles(plant, count)
    consoles.start()
    assert consoles.are_open.wait(60), "not all consoles open"
    try:
        yield consoles
    finally:
        consoles.close()


def _with(plant: RunningPlant, count: int) -> Cost:
    """What so many consoles cost while machines speak."""
    orders = create_orders(plant.endpoints, [f"OPEN-{count}-{time.time_ns()}-{index}" for index in range(ORDERS)])
    gateway = psutil.Process(plant.pid("gateway"))
    with _opened(plant, count) as consoles:
        machines = machines_say(plant, orders, RATE, SECONDS)
        threading.Event().wait(WARM_SECONDS)
        before, began = gateway.cpu_times(), time.monotonic()
        consoles.seconds.clear()
        sent = int(machines.communicate()[0])
        after, ended = gateway.cpu_times(), time.monotonic()
        eventually(lambda: units_in_rows(plant, orders) == sent, 60, "not all counts became rows")
    cores = (after.user + after.system - before.user - before.system) / (ended - began)
    return Cost(cores, sorted(consoles.seconds))


def consoles(plant: RunningPlant) -> Figure:
    """p95 from a machine's clock to an open page among a hundred; what the gateway takes, beside one page alone."""
    one, many = _with(plant, 1), _with(plant, CONSOLES)
    for count, cost in ((1, one), (CONSOLES, many)):
        p50, p95, p99 = (cost.seconds[int(share * len(cost.seconds))] for share in (0.5, 0.95, 0.99))
        print(
            f"  {count} open: gateway {100 * cost.cores:.0f} % of a core at {RATE}/s; "
            f"machine to page p50 {1000 * p50:.0f} ms  p95 {1000 * p95:.0f} ms  p99 {1000 * p99:.0f} ms"
        )
    value = round(many.seconds[int(0.95 * len(many.seconds))], 4)
    return Figure("machine_to_page_100_open_p95_seconds", value, "s", "what is asked for", 1.0, value, "1x", "0.5x")


def first_view(plant: RunningPlant) -> Figure:
    """p95 of the slowest page as the server makes it, after a first call; the browser's own share is in the suites."""
    pages = ("/", "/orders", "/machines", "/materials", "/failures", "/integrations", "/alerts", "/audit", "/analysts")
    worst: dict[str, float] = {}
    with operator(plant) as client:
        for page in pages:
            seconds = []
            for _ in range(21):
                began = time.perf_counter()
                client.get(page).raise_for_status()
                seconds.append(time.perf_counter() - began)
            worst[page] = sorted(seconds[1:])[18]
    print("  " + "  ".join(f"{page} {1000 * seconds:.0f} ms" for page, seconds in worst.items()))
    value = round(max(worst.values()), 4)
    return Figure("page_p95_seconds", value, "s", "what is asked for", 1.0, value, "1x", "0.5x")


MEASURES: dict[str, Measure] = {
    "machine_to_page_100_open_p95_seconds": whole(consoles),
    "page_p95_seconds": whole(first_view),
}
