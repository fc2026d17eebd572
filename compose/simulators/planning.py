"""The planning office: sells, lays out the shop once, and keeps a schedule that follows what breaks."""

import hashlib
import itertools
import json
import random
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx2
import structlog
from confluent_kafka import Producer

from compose.simulators.catalogue import PRODUCTS, Product
from compose.simulators.client import Away, GatewayClient, Header
from schemas.settings import Settings
from streams.kafka.producer import producer_config

log = structlog.get_logger()

ORDERS: Final = "/api/v1/production-orders"
TICK_SECONDS: Final = 0.5
SELL_EVERY_SECONDS: Final = 12.0
OPENING_ORDERS: Final = 14
MOST_OPEN: Final = 60
SCHEDULE_SECONDS: Final = 2.0
# A person reads a proposal before they accept it.
READ_SECONDS: Final = 1.0
CUSTOMERS: Final = ("Larsen Appliances", "Nordhaus", "Casa Bella", "Whitegoods Direct", "Hotel Supply")
PRIORITIES: Final = ("low", "normal", "normal", "high", "urgent")
SHIFTS: Final = [
    {"name": "early", "begins": "06:00", "ends": "14:00", "breaks": [{"begins": "10:00", "minutes": 30}]},
    {"name": "late", "begins": "14:00", "ends": "22:00", "breaks": [{"begins": "18:00", "minutes": 30}]},
    {"name": "night", "begins": "22:00", "ends": "06:00", "breaks": [{"begins": "02:00", "minutes": 45}]},
]
# Around the clock, so that there is something to see whenever somebody looks.
WEEKDAYS: Final = [1, 2, 3, 4, 5, 6, 7]
# Machines of a line stand in for each other; who works where by operation.
STEPS: Final[dict[str, tuple[tuple[str, tuple[str, ...]], ...]]] = {
    "Line 1": (("PRESSING", ("M-201", "M-202")), ("ASSEMBLY", ("M-203",)), ("PACKAGING", ("M-208",))),
    "Line 2": (
        ("WELDING", ("M-204",)),
        ("PRESSING", ("M-205",)),
        ("BALANCING", ("M-206",)),
        ("PACKAGING", ("M-208",)),
    ),
    "Line 3": (("PRESSING", ("M-201", "M-202", "M-205")), ("PAINTING", ("M-207",)), ("PACKAGING", ("M-208",))),
}
SECONDS_A_UNIT: Final = {
    "PRESSING": 30,
    "ASSEMBLY": 45,
    "WELDING": 40,
    "BALANCING": 35,
    "PAINTING": 50,
    "PACKAGING": 20,
}


def run(settings: Settings, *, seed: int, stop: threading.Event) -> int:
    """Work until somebody asks to stop."""
    office = PlanningOffice(settings, random.Random(seed), stop)
    try:
        office.lay_out()
        while not stop.wait(TICK_SECONDS):
            office.look()
    except (Away, httpx2.HTTPError) as error:
        log.warning("planning ends with something unanswered", error=str(error))
        return 1
    finally:
        office.close()
    return 0


class PlanningOffice:
    """One planner, who is also sales. What they lay out has keys of its own: a second day finds it as it was."""

    def __init__(self, settings: Settings, chance: random.Random, stop: threading.Event) -> None:
        self._client = GatewayClient(settings, stop, Header("Authorization", f"Bearer {settings.admin_token}"))
        self._settings, self._chance = settings, chance
        self._sales = Producer(producer_config(settings))
        self._numbers = itertools.count(1)
        self._day = datetime.now(UTC)
        self._sold_at: datetime | None = None
        self._seen: dict[str, datetime] = {}
        self._asked: str | None = None
        self._without_bill = list(PRODUCTS)

    def lay_out(self) -> None:
        """Calendar, work centres, changeovers and routings; what is there already stays as it is."""
        calendar = self._make(
            "calendars",
            {
                "calendar_code": "THREE-SHIFTS",
                "calendar_name": "Early, late and night shift",
                "definition": {
                    "zone": self._settings.plant_timezone,
                    "shifts": [shift | {"weekdays": WEEKDAYS} for shift in SHIFTS],
                },
            },
        )
        centers = {
            machine.machine_id: self._make(
                "work-centers",
                {
                    "work_center_code": machine.machine_id,
                    "work_center_name": machine.machine_name or machine.machine_id,
                    "line": machine.line,
                    "machine_id": machine.machine_id,
                    "calendar_id": calendar["id"],
                },
            )["id"]
            for machine in self._settings.layout.machines
        }
        for body in _changeovers():
            self._make("changeovers", body)
        catalogue = self._client.get("/api/v1/operations", limit=500).raise_for_status().json()["operations"]
        operations = {each["operation_code"]: each["id"] for each in catalogue}
        for product in PRODUCTS:
            self._make("routings", _routing(product, operations, centers))

    def look(self) -> None:
        """Sell, make runs of what was sold, have it scheduled, accept what is proposed."""
        self._write_bills()
        self._sell()
        self._expand()
        self._answer_proposals()
        if not self._seen:
            self._schedule()

    def close(self) -> None:
        """Send what waits and close the connections."""
        self._sales.flush(5)
        self._client.close()

    def _write_bills(self) -> None:
        """A bill of materials for each product, as soon as its parts are known: the ERP tells them."""
        if not self._without_bill:
            return
        found = self._client.get("/api/v1/materials", limit=500).raise_for_status().json()["materials"]
        known = {each["material_id"] for each in found}
        for product in [each for each in self._without_bill if known.issuperset(each.parts)]:
            self._make("boms", _bill(product))
            self._without_bill.remove(product)

    def _make(self, subject: str, body: dict[str, Any]) -> dict[str, Any]:
        told = json.dumps(body).encode()
        key = f"layout-{subject}-{hashlib.sha256(told).hexdigest()[:24]}"
        answer = self._client.post(f"/api/v1/{subject}", told, key)
        if answer.status_code == 409:
            return {"id": answer.json().get("existing_id")}
        made: dict[str, Any] = answer.raise_for_status().json()
        return made

    def _sell(self) -> None:
        now = datetime.now(UTC)
        if self._sold_at is None:
            wanted = OPENING_ORDERS
        elif (now - self._sold_at).total_seconds() < SELL_EVERY_SECONDS:
            return
        else:
            wanted = 1
        self._sold_at = now
        waiting = self._client.get(ORDERS, status=("planned", "expanded", "scheduled"), limit=500).raise_for_status()
        if len(waiting.json()["production_orders"]) >= MOST_OPEN:
            return
        for event in itertools.islice(self._orders(now), wanted):
            value = json.dumps(event).encode()
            self._sales.produce("sales-orders", value, event["sales_order"]["sales_order_id"].encode())
        self._sales.poll(0)

    def _orders(self, now: datetime) -> Iterator[dict[str, Any]]:
        """Confirmed sales orders, as sales tells them."""
        for number in self._numbers:
            lines = [
                {
                    "product_id": product.product_id,
                    "product_name": product.name,
                    "quantity": self._chance.randrange(40, 400, 20),
                }
                for product in self._chance.sample(PRODUCTS, self._chance.choice((1, 1, 2)))
            ]
            yield {
                "event_type": "sales.order.confirmed",
                "timestamp": now.isoformat(),
                "sales_order": {
                    "sales_order_id": f"SO-{self._day:%m%d-%H%M%S}-{number:03}",
                    "customer": self._chance.choice(CUSTOMERS),
                    "priority": self._chance.choice(PRIORITIES),
                    "due_date": (now + timedelta(hours=self._chance.choice((18, 30, 44, 68, 92)))).isoformat(),
                    "lines": lines,
                },
            }

    def _expand(self) -> None:
        planned = self._client.get(ORDERS, status=("planned",), limit=50).raise_for_status()
        for order in planned.json()["production_orders"]:
            path = f"{ORDERS}/{order['production_order_id']}/expand"
            answer = self._client.post(path, b"{}", f"expand-{order['production_order_id']}-{order['version']}")
            log.debug("expanded", order=order["production_order_number"], status=answer.status_code)

    def _schedule(self) -> None:
        """Ask for a schedule where something has none; accept it when it is there."""
        if self._asked is not None:
            found = self._client.get(f"/api/v1/schedules/{self._asked}").raise_for_status().json()
            if found["status"] in ("queued", "running", "draft"):
                return
            if found["status"] == "proposed":
                answer = self._client.post(f"/api/v1/schedules/{self._asked}/accept", b"{}", f"accept-{self._asked}")
                log.debug("accepted", schedule=self._asked, status=answer.status_code)
            self._asked = None
            return
        unplanned = self._client.get(ORDERS, status=("expanded",), limit=1).raise_for_status()
        if unplanned.json()["production_orders"]:
            frozen = (datetime.now(UTC) + timedelta(minutes=10)).isoformat()
            body = {"scenario": "plan", "seconds": SCHEDULE_SECONDS, "frozen_until": frozen}
            answer = self._client.post("/api/v1/schedules", json.dumps(body).encode(), None).raise_for_status()
            self._asked = answer.json()["id"]

    def _answer_proposals(self) -> None:
        """Accept what is proposed, once there was time to read it."""
        now = datetime.now(UTC)
        found = self._client.get("/api/v1/proposals", status=("open",), limit=20).raise_for_status().json()["proposals"]
        self._seen = {each["proposal_id"]: self._seen.get(each["proposal_id"], now) for each in found}
        for proposal, seen_at in self._seen.items():
            if (now - seen_at).total_seconds() >= READ_SECONDS:
                answer = self._client.post(f"/api/v1/proposals/{proposal}/accept", b"{}", f"accept-{proposal}")
                log.debug("proposal accepted", proposal=proposal, status=answer.status_code)


def _changeovers() -> Iterator[dict[str, Any]]:
    """Twenty minutes from any product to another, more where paint or tools are changed."""
    yield {"setup_minutes": 20, "external_minutes": 8, "reason": "tools of another product"}
    yield {
        "from_family": "PROD-DR-210",
        "to_family": "PROD-CB-400",
        "setup_minutes": 45,
        "external_minutes": 15,
        "reason": "the press gets its large table",
    }
    for first, second in itertools.permutations(("PROD-WD-100", "PROD-DD-120")):
        yield {"from_family": first, "to_family": second, "setup_minutes": 8, "reason": "doors share their tools"}


def _routing(product: Product, operations: dict[str, str], centers: dict[str, str]) -> dict[str, Any]:
    steps = [
        {
            "sequence_number": 10 * place,
            "operation_id": operations[code],
            "work_center_id": centers[machines[0]],
            "alternative_work_center_ids": [centers[machine] for machine in machines[1:]],
            "setup_time_minutes": 15,
            "run_time_per_unit_seconds": SECONDS_A_UNIT[code],
            "yield_percentage": 98 if code in ("PRESSING", "PAINTING") else 99.5,
        }
        for place, (code, machines) in enumerate(STEPS[product.line], 1)
    ]
    return {
        "routing_code": f"R-{product.product_id}",
        "routing_name": f"{product.name}, as usual",
        "product_id": product.product_id,
        "operations": steps,
    }


def _bill(product: Product) -> dict[str, Any]:
    return {
        "product_id": product.product_id,
        "product_name": product.name,
        "components": [{"item_code": part, "quantity": quantity} for part, quantity in product.parts.items()],
    }
