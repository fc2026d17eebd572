"""A machine, a material and an order of their own in a running plant, and what the API said of them as time went by."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx2

from connectors.register import registration
from schemas.envelope import Message
from schemas.messages.machines import Inspection, MachineState, MachineStatus, ProductionCount
from schemas.settings import MachineLayout
from tests.gateways import MATERIALS, ORDERS, STOCK, erp, material, operator, order_event
from tests.integration.events import event, publish
from tests.messages import message
from tests.plants import RunningPlant, eventually

AT_REST = timedelta(seconds=1.5)
PATHS = {"order": "work-orders", "machine": "machines", "material": "materials"}


@dataclass
class Seen:
    """What the API said of all three at a moment, while nothing was under way."""

    at: datetime
    answers: dict[str, dict[str, Any]]


@dataclass
class Past:
    """They live for a while; whatever is done to them ends with a look at them, which is remembered."""

    plant: RunningPlant
    person: httpx2.Client
    system: httpx2.Client
    name: str = field(default_factory=lambda: uuid4().hex[:8])
    order: str = ""
    cumulative: int = 0
    looks: list[Seen] = field(default_factory=list)

    @property
    def machine(self) -> str:
        return f"M-{self.name}"

    @property
    def material(self) -> str:
        return f"MAT-{self.name}"

    def ids(self) -> dict[str, str]:
        return {"order": self.order, "machine": self.machine, "material": self.material}

    def begin(self, quantity: int = 10, needed: int = 20, stock: int = 100) -> None:
        """The machine is registered, the material has stock, the order is received."""
        layout = MachineLayout(machine_id=self.machine, machine_name="Press", line="line1")
        publish(self.plant.settings(), [registration(self.plant.endpoints["TENANT_ID"], layout, datetime.now(UTC))])
        assert self.system.post(MATERIALS, json={"materials": [material(self.material)]}).status_code == 200
        self.count_stock(stock)
        bill = [{"material_id": self.material, "quantity_required": needed, "unit_of_measure": "EA"}]
        body = order_event(f"ERP-{self.name}", quantity_ordered=quantity, bill_of_materials=bill)
        self.order = str(self.system.post(ORDERS, json=body).json()["mraos_work_order_id"])
        self.until("order", lambda shown: shown["status"] == "received")
        self.until("machine", lambda shown: shown["version"] == 1)

    def count_stock(self, quantity: int, **fields: Any) -> None:
        """The warehouse says how much is there."""
        told = {"material_id": self.material, "on_hand_quantity": quantity} | fields
        assert self.system.post(STOCK, json={"materials": [told]}).json()["accepted"] == 1

    def say(self, verb: str, **body: Any) -> None:
        """A person moves the order."""
        answer = self.person.post(f"/api/v1/work-orders/{self.order}/{verb}", json=body)
        assert answer.status_code in (200, 202), answer.text

    def tell(self, type_name: str, payload: Any) -> None:
        """Say something to the machine, now."""
        now = datetime.now(UTC)
        said: Message[Any] = message(
            type_name, payload, message_id=f"{type_name}-{uuid4().hex}", timestamp=now, received_at=now
        )
        publish(self.plant.settings(), [event(said)])

    def make(self, units: int, **fields: Any) -> None:
        """The machine counts so many units more for the order."""
        self.cumulative += units
        told = ProductionCount(
            machine_id=self.machine,
            work_order_id=self.order,
            units_produced=units,
            cumulative_units=self.cumulative,
            **fields,
        )
        self.tell("mes.production_count", told)

    def status(self, status: MachineState) -> None:
        """The machine says what it does."""
        self.tell("mes.machine_status", MachineStatus(machine_id=self.machine, status=status))

    def inspect(self, *, is_good: bool) -> None:
        """Somebody looks at what it made."""
        told = Inspection(
            machine_id=self.machine,
            work_order_id=self.order,
            inspection_id=f"INS-{uuid4().hex}",
            inspection_type="manual",
            result="pass" if is_good else "fail",
            defect_detected=not is_good,
        )
        self.tell("mes.inspection", told)

    def ask(self, kind: str, what: str = "", **parameters: Any) -> httpx2.Response:
        """What the API says of one of them."""
        return self.person.get(f"/api/v1/{PATHS[kind]}/{self.ids()[kind]}{what}", params=parameters)

    def until(self, kind: str, is_so: Callable[[dict[str, Any]], bool], seconds: float = 60) -> dict[str, Any]:
        """Wait until it is so; the answer."""

        def look() -> dict[str, Any]:
            answer = self.ask(kind)
            return dict(answer.json()) if answer.status_code == 200 and is_so(answer.json()) else {}

        return eventually(look, seconds, f"{self.ids()[kind]} did not become what it should")

    def look(self) -> None:
        """Remember what the API says of all three, at a moment at which nothing is under way.

        An event stands in the log a little before its row is shown; what has not changed for a while is no such moment.
        """
        latest = Seen(datetime.now(UTC), {})

        def still() -> Seen | None:
            nonlocal latest
            now, answers = datetime.now(UTC), {kind: self.ask(kind).json() for kind in PATHS}
            if answers != latest.answers:
                latest = Seen(now, answers)
            return Seen(now, answers) if now - latest.at > AT_REST else None

        seen = eventually(still, 60, "it does not come to rest")
        assert seen is not None
        self.looks.append(seen)


@contextmanager
def past(plant: RunningPlant) -> Iterator[Past]:
    """A new one."""
    with operator(plant) as person, erp(plant) as system:
        yield Past(plant, person, system)


def a_day(of: Past) -> None:
    """An order from its reception to its completion, while stock moves and a machine stops; looked at often."""
    of.begin()
    of.look()
    of.say("assign", machine_id=of.machine)
    of.until("order", lambda shown: shown["materials_status"] == "reserved")
    of.until("material", lambda shown: shown["reserved_quantity"] == 20)
    of.look()
    of.make(1)
    of.until("order", lambda shown: shown["quantity_produced"] == 1)
    of.look()
    of.make(3, quality_status="fail", cycle_time_seconds=2.5)
    of.make(2)
    of.until("order", lambda shown: shown["quantity_produced"] == 6)
    of.look()
    of.status("breakdown")
    of.until("machine", lambda shown: shown["status"] == "breakdown")
    of.inspect(is_good=False)
    of.until("order", lambda shown: shown["defect_count"] == 1)
    of.look()
    of.count_stock(90)
    of.until("material", lambda shown: shown["on_hand_quantity"] == 90)
    of.look()
    of.status("running")
    of.make(4)
    of.until("order", lambda shown: shown["status"] == "completed")
    of.until("material", lambda shown: shown["on_hand_quantity"] == 70)
    of.look()
