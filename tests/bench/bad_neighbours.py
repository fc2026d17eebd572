"""What a tenant costs the others that asks as much as it may, most of it to be refused, and is slow to say the rest.

`python -m tests.bench.bad_neighbours` is that tenant until it is told to end: clients that order what needs unknown
materials, garbled, too deep and well made orders in turns, as fast as they are answered, and connections whose requests
trickle. It prints how many answers it had, by status. The figures are the plant's own tenant's while the other does
that, beside the same with the other silent, in turns.
"""

import json
import os
import signal
import socket
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle
from statistics import median
from subprocess import PIPE, Popen
from typing import Final
from urllib.parse import urlsplit

import httpx2

from connectors.gateway.auth import OPERATOR_SCOPES, Tokens
from schemas.settings import Settings
from tests.bench.figures import Figure, Measure, whole
from tests.bench.seam import machine_to_row_seconds, webhook_p95
from tests.gateways import ORDERS as ROUTE
from tests.gateways import order_event
from tests.plants import RunningPlant
from tests.rehearse.expected import NEIGHBOUR

CLIENTS: Final = 4
TRICKLING: Final = 50
TRICKLE_SECONDS: Final = 0.5
TURNS: Final = 3
RATE, SECONDS = 200, 15.0
DEEP: Final = b"[" * 200 + b"]" * 200
NOWHERE: Final = {"material_id": "NOWHERE", "part_number": "NOWHERE", "quantity_required": 1, "unit_of_measure": "EA"}


def main() -> None:
    """Be that tenant until SIGTERM."""
    settings, is_over, answers = Settings(tenant_id=NEIGHBOUR), threading.Event(), Counter[int]()
    signal.signal(signal.SIGTERM, lambda *_: is_over.set())
    token, url = Tokens(settings).issue("bad-neighbour", OPERATOR_SCOPES, 3600), settings.gateway_url
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    threads = [
        threading.Thread(target=_flood, args=(number, url, headers, is_over, answers)) for number in range(CLIENTS)
    ]
    threads.append(threading.Thread(target=_trickle, args=(url, is_over)))
    for thread in threads:
        thread.start()
    print("asks", flush=True)
    for thread in threads:
        thread.join()
    print(", ".join(f"{count} times {status}" for status, count in sorted(answers.items())))


def _flood(number: int, url: str, headers: dict[str, str], is_over: threading.Event, answers: Counter[int]) -> None:
    bodies = cycle((_order(number, [NOWHERE]), b'{"event_type":', DEEP, _order(number, [])))
    with httpx2.Client(base_url=url, headers=headers, timeout=30) as client:
        while not is_over.is_set():
            answers[client.post(ROUTE, content=next(bodies)).status_code] += 1


def _order(number: int, materials: list[dict[str, object]]) -> bytes:
    return json.dumps(order_event(f"BAD-{os.getpid()}-{number}", bill_of_materials=materials)).encode()


def _trickle(url: str, is_over: threading.Event) -> None:
    """One more byte of a request line on every connection now and then; who is hung up on comes again."""
    address = urlsplit(url).hostname, urlsplit(url).port
    open_ones: list[socket.socket] = []
    while not is_over.wait(TRICKLE_SECONDS):
        open_ones += [socket.create_connection(address) for _ in range(TRICKLING - len(open_ones))]
        for each in list(open_ones):
            try:
                each.sendall(b"G")
            except OSError:
                each.close()
                open_ones.remove(each)
    for each in open_ones:
        each.close()


@contextmanager
def _bad_neighbour(plant: RunningPlant) -> Iterator[None]:
    command = [sys.executable, "-m", "tests.bench.bad_neighbours"]
    with Popen(command, env={"PATH": "/usr/bin:/bin", **plant.endpoints}, stdout=PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline(), "the neighbour did not begin"
        try:
            yield
        finally:
            process.terminate()
            print(f"  the neighbour was answered {process.communicate()[0].strip()}")


def _beside(plant: RunningPlant, name: str, p95: Callable[[], float]) -> Figure:
    """The median of some turns, with the neighbour and without."""
    alone, beside = [], []
    for _ in range(TURNS):
        alone.append(p95())
        with _bad_neighbour(plant):
            beside.append(p95())
    print(f"  {name}: alone {_shown(alone)}, beside it {_shown(beside)}")
    one, other = median(beside), median(alone)
    return Figure(
        name, round(one, 4), "s", "the neighbour silent", round(other, 4), round(one / other, 2), "1.2x", "1x"
    )


def _shown(seconds: list[float]) -> str:
    return " ".join(f"{1000 * each:.0f}" for each in seconds) + " ms"


def to_row(plant: RunningPlant) -> Figure:
    """p95 from the machine's clock to the row's, at 200/s."""
    return _beside(
        plant, "machine_to_row_beside_a_bad_neighbour", lambda: machine_to_row_seconds(plant, RATE, SECONDS)[1]
    )


def to_webhook(plant: RunningPlant) -> Figure:
    """p95 of the ERP webhook with eight clients at once."""
    return _beside(plant, "webhook_beside_a_bad_neighbour", lambda: webhook_p95(plant, ROUTE))


MEASURES: dict[str, Measure] = {
    "machine_to_row_beside_a_bad_neighbour": whole(to_row),
    "webhook_beside_a_bad_neighbour": whole(to_webhook),
}

if __name__ == "__main__":
    main()
