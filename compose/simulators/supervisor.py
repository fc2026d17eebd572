"""What a supervisor decides: which order comes next, on which machine, and who works on it."""

import random
from collections import Counter, deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from compose.simulators.ledger import Order
from schemas.settings import MachineLayout

# A machine has an order in work and one behind it.
ORDERS_A_MACHINE: Final = 2


class Command(NamedTuple):
    """What is said to an order."""

    work_order_id: str
    verb: str
    body: Mapping[str, Any] = {}

    @property
    def key(self) -> str:
        """The same for the same decision."""
        return f"{self.verb}-{self.work_order_id}"


class Supervisor:
    """Keeps the machines busy. `earlier` orders were started in an earlier run. Chance arrives from outside."""

    def __init__(self, machines: Sequence[MachineLayout], chance: random.Random, earlier: Iterable[Order] = ()) -> None:
        self._machines, self._chance = machines, chance
        self._started = {order.work_order_id: order for order in earlier}
        self._waiting: deque[Order] = deque()

    def resume(self, orders: Iterable[Order], machines: Mapping[str, str | None]) -> list[Order]:
        """Orders that were started already, on which machine; we ended before we could write that down."""
        found = [
            msgspec.structs.replace(order, machine_id=machine)
            for order in orders
            if (machine := machines.get(order.work_order_id))
        ]
        self._started |= {order.work_order_id: order for order in found}
        return found

    def take(self, orders: Iterable[Order]) -> list[Command]:
        """Orders that the ERP sent: each is released, and waits for a machine."""
        new = [order for order in orders if order.work_order_id not in self._started]
        self._waiting.extend(new)
        return [Command(order.work_order_id, "release") for order in new]

    def start_next(self, in_work: Collection[str], people: Sequence[str]) -> tuple[Order, list[Command]] | None:
        """The next order on the machine that has the fewest, and what is said to it; None while all have enough."""
        self._started = {name: order for name, order in self._started.items() if name in in_work}
        if not self._waiting:
            return None
        load = Counter(order.machine_id for order in self._started.values())
        order = self._waiting[0]
        machine = min(self._machines, key=lambda each: (load[each.machine_id], not _suits(each, order)))
        if load[machine.machine_id] >= ORDERS_A_MACHINE:
            return None
        self._waiting.popleft()
        started = msgspec.structs.replace(order, machine_id=machine.machine_id)
        self._started[order.work_order_id] = started
        whom = {"operator_id": self._chance.choice(people)} if people else {}
        assignment = Command(order.work_order_id, "assign", {"machine_id": machine.machine_id} | whom)
        return started, [assignment, Command(order.work_order_id, "start")]


def _suits(machine: MachineLayout, order: Order) -> bool:
    """Whether the machine stands on the line the order prefers: `Line 2` is `line2`."""
    return order.line is None or machine.line == order.line.lower().replace(" ", "")
