"""Stands in for the stimuli and the certificate until they are there: counts over MQTT, each its own row."""

import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from schemas.ids import milliseconds, short
from tests.e2e.load import MACHINES, count_message, create_orders, mqtt_client, scalar
from tests.rehearse.recovery import Recovery
from tests.rehearse.timeline import Hurt

ORDERS = 5
OUT_OF_ORDER = """
SELECT count(*) FROM (SELECT order_version <= lag(order_version) OVER (PARTITION BY work_order_id
  ORDER BY event_partition, event_offset) AS is_behind FROM production_logs) steps WHERE is_behind
"""
OVERSOLD = "SELECT count(*) FROM materials WHERE allocated_quantity > on_hand_quantity"


class Stimuli:
    """Machines count at a steady rate."""

    def __init__(self, endpoints: dict[str, str], folder: Path, seed: int, rate: int, seconds: float) -> None:
        self._endpoints, self._rate, self._seconds = endpoints, rate, seconds
        self._path = folder / "said.json"
        folder.mkdir(parents=True, exist_ok=True)
        self._said: list[tuple[float, str]] = []
        self._failure: BaseException | None = None
        self._orders = create_orders(endpoints, [f"RH-{seed}-{number}" for number in range(ORDERS)])
        self._thread = threading.Thread(target=self._guarded, daemon=True)

    def start(self) -> None:
        """Begin to speak."""
        self._thread.start()

    def finish(self) -> None:
        """Return when all is said and acknowledged. Raises what went wrong."""
        self._thread.join()
        if self._failure:
            raise self._failure

    def sent(self) -> int:
        """How much was said so far."""
        return len(self._said)

    def recent(self, seconds: float) -> list[str]:
        """The readings of the last seconds."""
        since, found = time.monotonic() - seconds, []
        for at, name in reversed(self._said[:]):
            if at < since:
                break
            found.append(name)
        return found[::-1]

    def _guarded(self) -> None:
        try:
            self._run()
        except BaseException as error:  # noqa: BLE001 - raised again by finish()
            self._failure = error

    def _run(self) -> None:
        client = mqtt_client(self._endpoints, f"rehearsal-{time.monotonic_ns()}")
        totals: Counter[tuple[str, str]] = Counter()
        pairs = itertools.cycle(itertools.product(MACHINES, self._orders))
        pending, tick = [], threading.Event()
        began = time.monotonic()
        while (elapsed := time.monotonic() - began) < self._seconds:
            while len(self._said) < elapsed * self._rate:
                machine, order = next(pairs)
                totals[machine, order] += 1
                topic, data = count_message(machine, order, totals[machine, order])
                at = milliseconds(datetime.fromisoformat(json.loads(data)["timestamp"]))
                name = short(f"count-{machine}-{order}-{at}-{totals[machine, order]}")
                self._said.append((time.monotonic(), name))
                pending.append(client.publish(topic, data, qos=1))
            tick.wait(0.01)
        for info in pending:
            info.wait_for_publish(180)
        client.disconnect()
        client.loop_stop()
        self._path.write_text(json.dumps({"names": [name for _, name in self._said], "orders": self._orders}))


def settle(endpoints: dict[str, str], folder: Path, seconds: float) -> dict[str, Any]:
    """What became of what was said, as soon as all of it has arrived."""
    told = json.loads((folder / "said.json").read_text())
    query = "SELECT count(*) FROM production_logs WHERE log_id = ANY(%s)"
    until, tick = time.monotonic() + seconds, threading.Event()
    while time.monotonic() < until and scalar(endpoints, query, told["names"]) < len(told["names"]):
        tick.wait(0.5)
    rows = scalar(endpoints, "SELECT count(*) FROM production_logs")
    units = scalar(endpoints, "SELECT sum(quantity_produced)::int FROM work_orders")
    return {
        "sent": len(told["names"]),
        "applied": scalar(endpoints, query, told["names"]),
        "late": scalar(endpoints, "SELECT count(*) FROM production_logs WHERE is_late"),
        "dead_letters": scalar(endpoints, "SELECT count(*) FROM integration_failures"),
        "lost": len(told["names"]) - scalar(endpoints, query, told["names"]),
        "doubled": max(0, units - len(told["names"])),
        "invented": rows - scalar(endpoints, query, told["names"]),
        "out_of_order": scalar(endpoints, OUT_OF_ORDER),
        "oversold": scalar(endpoints, OVERSOLD),
    }


def certificate(
    account: dict[str, Any],
    recoveries: Sequence[Recovery],
    outages: Sequence[Hurt],
    seed: int,
    duration: float,
    rate: int,
) -> dict[str, Any]:
    """The certificate."""
    known = sorted(each.seconds for each in recoveries if each.seconds is not None)
    return account | {
        "recovery_p95_seconds": known[int(0.95 * len(known))] if known else None,
        "not_recovered": [each._asdict() for each in recoveries if each.seconds is None],
        "faults": [each._asdict() for each in recoveries],
        "outages": [each._asdict() for each in outages],
        "seed": seed,
        "duration": duration,
        "rate": rate,
    }


def save(document: dict[str, Any], folder: Path) -> None:
    """Write `certificate.json`."""
    (folder / "certificate.json").write_text(json.dumps(document, indent=2) + "\n")


def show(document: dict[str, Any], console: Console) -> None:
    """Print what counts."""
    console.print_json(data={name: value for name, value in document.items() if not isinstance(value, list)})
