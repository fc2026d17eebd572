"""People of the plant: a supervisor at the console, and everybody else at the time clock."""

import json
import random
import threading
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import httpx2
import structlog

from compose.simulators.client import Away, GatewayClient, Header
from compose.simulators.ledger import Ledger, Orders, read_entries
from compose.simulators.supervisor import Command, Supervisor
from compose.simulators.time_clock import TimeClock
from schemas.settings import Settings

TICK_SECONDS: Final = 0.5
MOST_ORDERS: Final = 200
STARTED: Final = ("in_progress", "on_hold")
ATTENDANCE: Final = "/api/v1/integrations/hr/attendance"
# What the HR system is asked for at night: a plant that has just begun asks at once.
JOBS: Final = "/api/v1/jobs"

log = structlog.get_logger()


def run(settings: Settings, *, seed: int, folder: Path, stop: threading.Event) -> int:
    """Work until somebody asks to stop."""
    office = Office(settings, random.Random(seed), folder, stop)
    gate = Gate(settings, folder, stop)
    try:
        while not stop.wait(TICK_SECONDS):
            gate.look(office.look())
    except (Away, httpx2.HTTPError) as error:
        log.warning("people leave with something unanswered", error=str(error))
        return 1
    finally:
        office.close()
        gate.close()
    return 0


class Office:
    """Where the supervisor sits: orders come from the ERP, those that are started go to the machines."""

    def __init__(self, settings: Settings, chance: random.Random, folder: Path, stop: threading.Event) -> None:
        self._client = GatewayClient(settings, stop, Header("Authorization", f"Bearer {settings.admin_token}"))
        self._accepted, earlier = Orders(folder / "accepted.jsonl"), Orders(folder / "orders.jsonl")
        earlier.look()
        self._supervisor = Supervisor(settings.layout.machines, chance, earlier.known)
        self._known = {order.work_order_id for order in earlier.known}
        self._orders = Ledger(folder / "orders.jsonl")
        self._asked: set[str] = set()

    def look(self) -> set[str]:
        """Release what is new; start what a machine has room for; the employees that the plant knows."""
        people = self._people()
        self._ask_for(people)
        self._accepted.look()
        new = [order for order in self._accepted.known if order.work_order_id not in self._known]
        self._known.update(order.work_order_id for order in new)
        machines = self._in_work()
        self._orders.write(self._supervisor.resume(new, machines))
        self._say(self._supervisor.take(new))
        in_work = set(machines)
        present = [each["operator_id"] for each in people if each["current_status"] == "available"]
        while decided := self._supervisor.start_next(in_work, present):
            order, commands = decided
            in_work.add(order.work_order_id)
            if self._say(commands):
                self._orders.write([order])
        return {each["employee_id"] for each in people}

    def close(self) -> None:
        """Close the file and the connections."""
        self._orders.close()
        self._client.close()

    def _say(self, commands: Iterable[Command]) -> bool:
        """Say it, one after another; whether the last was done."""
        done = False
        for command in commands:
            answer = self._client.post(
                f"/api/v1/work-orders/{command.work_order_id}/{command.verb}", _json(command.body), command.key
            )
            done = answer.status_code in (200, 202)
            log.debug("said", verb=command.verb, order=command.work_order_id, status=answer.status_code)
        return done

    def _in_work(self) -> dict[str, str | None]:
        """The orders in work; and their machines, if they have been started."""
        answer = self._client.get("/api/v1/work-orders", status=("assigned", *STARTED), limit=MOST_ORDERS)
        return {
            order["work_order_id"]: order["assigned_machine_id"] if order["status"] in STARTED else None
            for order in answer.raise_for_status().json()["work_orders"]
        }

    def _people(self) -> list[dict[str, Any]]:
        answer = self._client.get("/api/v1/operators", limit=MOST_ORDERS)
        return list(answer.json()["operators"]) if answer.status_code == 200 else []

    def _ask_for(self, people: Sequence[dict[str, Any]]) -> None:
        """The clock asks the HR system at night; a plant that has just begun asks at once, for people, then shifts."""
        job = "hr_schedules" if people else "hr_employees"
        if job not in self._asked:
            self._asked.add(job)
            answer = self._client.post(f"{JOBS}/{job}/run", b"", None)
            log.debug("asked", job=job, status=answer.status_code)


class Gate:
    """Where the time clock hangs: each coming stands in the ledger before it is told."""

    def __init__(self, settings: Settings, folder: Path, stop: threading.Event) -> None:
        self._client = GatewayClient(settings, stop, Header("X-API-Key", settings.hr_api_key or ""))
        earlier = read_entries(folder / "people.jsonl")
        self._clock = TimeClock(ZoneInfo(settings.plant_timezone), earlier)
        self._ledger = Ledger(folder / "people.jsonl")

    def look(self, known: set[str]) -> None:
        """Let in who comes now."""
        for arrival in self._clock.next(datetime.now(UTC), known):
            self._ledger.write([arrival.entry])
            answer = self._client.post(ATTENDANCE, arrival.body, arrival.key)
            log.debug("clocked", id=arrival.entry.id, status=answer.status_code)

    def close(self) -> None:
        """Close the file and the connections."""
        self._ledger.close()
        self._client.close()


def _json(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body).encode()
