"""`make rehearse`: a plant under load, hurt again and again for minutes; writes `.run/certificate.json`.

DURATION (seconds), RATE (machine messages per second) and SEED choose the rehearsal; the same seed hurts in the same
order. It ends with code 0 only if every message is accounted for, once, in order.
"""

import json
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
from rich.console import Console

from compose.demo import summary
from compose.demo.accounts import Account
from compose.demo.run import Demo
from compose.local.plant import LocalPlant

PROCESSES = ("mes-mqtt", "agents", "agents-2", "projector", "gateway", "mes-opcua", "jobs")
SERVERS = ("kafka", "postgres", "mqtt")
SLEEPER, SLEEP_SECONDS = "agents-2", 18.0
REST_SECONDS = (8.0, 16.0)
RECOVERY_SECONDS = 60.0

OUT_OF_ORDER = """
SELECT count(*) FROM (SELECT order_version <= lag(order_version) OVER (PARTITION BY work_order_id
  ORDER BY event_partition, event_offset) AS is_behind FROM production_logs) steps WHERE is_behind
"""
OVERSOLD = "SELECT count(*) FROM materials WHERE allocated_quantity > on_hand_quantity"
ARRIVED = "SELECT count(*) FROM production_logs WHERE log_id = ANY(%s)"


class Chaos:
    """Hurts one thing after the other, and times how long it takes until all that was said by then is in Postgres."""

    def __init__(self, plant: LocalPlant, seed: int, said: Callable[[], list[str]], say: Callable[[str], None]) -> None:
        self._plant, self._said, self._say = plant, said, say
        self._chance = random.Random(seed)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._guarded, daemon=True)
        self.recoveries: list[float] = []
        self.failure: Exception | None = None

    def start(self) -> None:
        """Begin to hurt."""
        self._thread.start()

    def finish(self) -> None:
        """Leave the plant alone. Raises what went wrong here."""
        self._stop.set()
        self._thread.join()
        if self.failure:
            raise self.failure

    def _guarded(self) -> None:
        try:
            self._run()
        except Exception as error:  # noqa: BLE001 - raised again by finish()
            self.failure = error

    def _run(self) -> None:
        while True:
            plan = [("kill", name) for name in (*PROCESSES, *SERVERS)] + [("sleep", SLEEPER)]
            self._chance.shuffle(plan)
            for deed, name in plan:
                if self._stop.wait(self._chance.uniform(*REST_SECONDS)):
                    return
                self._hurt(deed, name)

    def _hurt(self, deed: str, name: str) -> None:
        pid = self._plant.pid(name)
        if pid is None:
            return
        began = time.monotonic()
        if deed == "sleep":
            os.kill(pid, signal.SIGSTOP)
            self._stop.wait(SLEEP_SECONDS)
            os.kill(pid, signal.SIGCONT)
        else:
            os.kill(pid, signal.SIGKILL)
        threading.Event().wait(1.0)  # what is said in the second after it must arrive, too
        seconds = self._recovered(self._said(), began)
        self.recoveries.append(seconds)
        self._say(f"{deed} {name}: all that was said by then was in Postgres {seconds:.1f} s later")

    def _recovered(self, said: list[str], began: float) -> float:
        while (waited := time.monotonic() - began) < RECOVERY_SECONDS + SLEEP_SECONDS:
            try:
                if _ask(self._plant, ARRIVED, said) == len(said):
                    return time.monotonic() - began
            except psycopg.OperationalError:
                pass
            threading.Event().wait(0.1)
        return waited


def _ask(plant: LocalPlant, query: str, *parameters: Any) -> int:
    found = plant.endpoints()
    with psycopg.connect(found["DATABASE_URL"], connect_timeout=3) as connection:
        connection.execute("SELECT set_config('app.current_tenant_id', %s, true)", [found["TENANT_ID"]])
        row = connection.execute(query.encode(), parameters or None).fetchone()
    return int(row[0]) if row else 0


class Rehearsal(Demo):
    """The demo with two workers and somebody who hurts it."""

    def __init__(self, console: Console, duration: float, seed: int) -> None:
        super().__init__(console, duration, workers=2)
        self._seed = seed
        self.chaos = Chaos(self._plant, seed, self._recent, lambda sentence: self._say(f"  {sentence}"))
        self.certificate: dict[str, object] = {}

    def _recent(self) -> list[str]:
        """Readings that must become rows: the latest few hundred that machines have said so far."""
        said = [entry for entry in self._read("mqtt.jsonl") if entry.fate == "applied" and entry.channel == "mqtt"]
        return [entry.id for entry in said if entry.id.startswith("count-")][-500:]

    def _watch(self) -> float:
        self.chaos.start()
        try:
            return super()._watch()
        finally:
            self.chaos.finish()

    def _settle(self, seconds: float) -> Account:
        account = super()._settle(seconds)
        recoveries = sorted(self.chaos.recoveries)
        self.certificate = {
            **summary.document(account, seconds),
            "out_of_order": _ask(self._plant, OUT_OF_ORDER),
            "oversold": _ask(self._plant, OVERSOLD),
            "faults": len(recoveries),
            "recovery_p95_seconds": recoveries[int(0.95 * len(recoveries))] if recoveries else None,
            "seed": self._seed,
        }
        return account


def main() -> int:
    """Rehearse; the exit code."""
    root = Path(os.environ.get("RUN_DIR") or ".run").resolve()
    os.environ["RUN_DIR"] = str(root / "rehearsal")
    os.environ.setdefault("SIMULATOR_RATE", os.environ.get("RATE", "200"))
    seed = int(os.environ.get("SEED", str(time.time_ns() % 1_000_000)))
    console = Console(highlight=False, force_terminal=False, width=120)
    LocalPlant().wipe()
    rehearsal = Rehearsal(console, float(os.environ.get("DURATION") or 600), seed)
    code = rehearsal.run()
    certificate = root / "certificate.json"
    certificate.write_text(json.dumps(rehearsal.certificate, indent=2) + "\n")
    LocalPlant().wipe()
    console.print(f"The certificate: {certificate}", soft_wrap=True)
    is_clean = not rehearsal.certificate["out_of_order"] and not rehearsal.certificate["oversold"]
    return code if is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
