"""The ERP's order desk: writes master data, stock and orders, repeats itself, changes its mind and makes mistakes."""

import itertools
import json
import random
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from compose.simulators.catalogue import PARTS, PRODUCTS, Part, master_data, stock
from compose.simulators.ledger import Entry, Order
from schemas.ids import work_order_id

ORDERS: Final = "/api/v1/integrations/erp/work-orders"
MATERIALS: Final = "/api/v1/integrations/erp/materials"
STOCK: Final = "/api/v1/integrations/inventory/stock-levels"
FIRST_NUMBER: Final = 452_100
PREFIX: Final = "WO-ERP-"
PRIORITIES: Final = {"low": 15, "normal": 50, "high": 25, "urgent": 10}
DUE_IN_HOURS: Final = (1, 4, 12, 24, 48, 72)
TENS: Final = range(2, 13)


class Call(NamedTuple):
    """One request: what the ledger says of it first, and the order that machines may work on once it is accepted."""

    entries: tuple[Entry, ...]
    path: str
    body: bytes
    key: str | None = None
    order: Order | None = None


class Desk:
    """Writes the ERP's requests. Time and chance arrive from outside; order numbers go on where the ledger ends."""

    def __init__(self, tenant_id: str, chance: random.Random, earlier: Iterable[Entry] = ()) -> None:
        self._tenant_id, self._chance = tenant_id, chance
        self._said = {entry.id for entry in earlier}
        numbers = [int(name.removeprefix(PREFIX)) for name in self._said if name.startswith(PREFIX)]
        self._numbers = itertools.count(max(numbers, default=FIRST_NUMBER - 1) + 1)
        # What an ERP does besides sending orders, in turn.
        self._turns = itertools.cycle(
            (
                self.the_same_with_its_key,
                self.the_same_without_a_key,
                self.changed,
                self.cancelled,
                self.with_unknown_material,
                self.unreadable,
            )
        )

    def opening(self, now: datetime) -> list[Call]:
        """Master data of every material, and the stock when it is told first; later the warehouse is asked for it."""
        is_told = any(name.startswith("stock-") for name in self._said)
        return [self._master_data()] if is_told else [self._master_data(), self._stock(now)]

    def turn(self, now: datetime) -> list[Call]:
        """The next of the things that are not just a new order."""
        return next(self._turns)(now)

    def new_order(self, now: datetime) -> list[Call]:
        """One order."""
        return [self._create(now, self._next_name())]

    def again(self, name: str, now: datetime) -> list[Call]:
        """An order that nobody answered when we were last here; its ledger entry stands already."""
        return [self._create(now, name)._replace(entries=())]

    def the_same_with_its_key(self, now: datetime) -> list[Call]:
        """An order, and the same request once more: the stored answer is expected."""
        (call,) = self.new_order(now)
        return [call, call._replace(entries=_repeated(call), order=None)]

    def the_same_without_a_key(self, now: datetime) -> list[Call]:
        """An order, and the same order as if it were new: 409 with the existing id is expected."""
        (call,) = self.new_order(now)
        return [call, call._replace(entries=_repeated(call), key=None, order=None)]

    def changed(self, now: datetime) -> list[Call]:
        """An order that is changed before anybody begins with it."""
        name = self._next_name()
        call = self._create(now, name)
        change = {"erp_work_order_id": name, "priority": "urgent", "special_instructions": "Revision 2: needed sooner"}
        update = self._event(f"updated-{name}", "updated", now, change)
        return [call._replace(order=None), update._replace(order=call.order)]

    def cancelled(self, now: datetime) -> list[Call]:
        """An order that is cancelled before anybody begins with it."""
        name = self._next_name()
        call = self._create(now, name)
        change = {"erp_work_order_id": name, "cancellation_reason": "The customer withdrew."}
        return [call._replace(order=None), self._event(f"cancelled-{name}", "cancelled", now, change)]

    def with_unknown_material(self, now: datetime) -> list[Call]:
        """An order that needs something nobody has heard of: 400 with the missing material is expected."""
        name = self._next_name()
        bill = [{"material_id": "MAT-X-0000", "part_number": "X-0000", "quantity_required": 1}]
        body = self._order(name, now) | {"bill_of_materials": bill}
        call = self._event(name, "created", now, body)
        return [call._replace(entries=(Entry(id=name, channel="erp", fate="refused:400"),))]

    def unreadable(self, now: datetime) -> list[Call]:
        """A body that ends in the middle: 400 is expected."""
        name = self._next_name()
        call = self._event(name, "created", now, self._order(name, now))
        return [call._replace(entries=(Entry(id=name, channel="erp", fate="refused:400"),), body=call.body[:-20])]

    def _next_name(self) -> str:
        return f"{PREFIX}{next(self._numbers)}"

    def _create(self, now: datetime, name: str) -> Call:
        order = self._order(name, now)
        call = self._event(name, "created", now, order)
        return call._replace(
            order=Order(
                work_order_id(self._tenant_id, name), order["quantity_ordered"], order["production_line_preference"]
            )
        )

    def _event(self, entry_id: str, what: str, now: datetime, order: dict[str, Any]) -> Call:
        name = order["erp_work_order_id"]
        ours = work_order_id(self._tenant_id, name)
        entry = Entry(id=entry_id, channel="erp", fate="applied", work_order_id=ours)
        body = {"event_type": f"work_order.{what}", "timestamp": now.isoformat(), "work_order": order}
        return Call((entry,), ORDERS, _json(body), key=f"{what}-{name}")

    def _order(self, name: str, now: datetime) -> dict[str, Any]:
        """A work order as 002 section 3.2.1 shows one."""
        product = self._chance.choice(PRODUCTS)
        quantity = 10 * self._chance.choice(TENS)
        (priority,) = self._chance.choices(list(PRIORITIES), list(PRIORITIES.values()))
        parts = {part.material_id: part for part in PARTS}
        return {
            "erp_work_order_id": name,
            "work_order_number": name.removeprefix(PREFIX),
            "product_id": product.product_id,
            "product_name": product.name,
            "product_variant": self._chance.choice(product.variants),
            "quantity_ordered": quantity,
            "unit_of_measure": "EA",
            "priority": priority,
            "due_date": (now + timedelta(hours=self._chance.choice(DUE_IN_HOURS))).isoformat(),
            "customer_order_id": f"CO-{self._chance.randrange(10_000, 99_999)}",
            "production_line_preference": product.line,
            "bill_of_materials": [
                _bill_line(parts[material_id], count * quantity) for material_id, count in product.parts.items()
            ],
        }

    def _master_data(self) -> Call:
        materials = [master_data(part) for part in PARTS]
        entries = tuple(self._entry(f"material-{part.material_id}", "erp") for part in PARTS)
        return Call(entries, MATERIALS, _json({"materials": materials}))

    def _stock(self, now: datetime) -> Call:
        """Everything in its batches, as the warehouse counts it (002 section 6.2.1)."""
        materials = stock(now)
        entries = tuple(
            self._entry(f"stock-{each['material_id']}-{batch['batch_number']}", "wms")
            for each in materials
            for batch in each["batch_details"]
        )
        return Call(entries, STOCK, _json({"materials": materials}))

    def _entry(self, entry_id: str, channel: str) -> Entry:
        """Master data and stock are totals: what was told in an earlier run changes nothing now."""
        return Entry(id=entry_id, channel=channel, fate="duplicate" if entry_id in self._said else "applied")


def _repeated(call: Call) -> tuple[Entry, ...]:
    """The same statement once more; it must change nothing."""
    return tuple(Entry(id=entry.id, channel=entry.channel, fate="duplicate") for entry in call.entries)


def _bill_line(part: Part, quantity: int) -> dict[str, Any]:
    return {
        "material_id": part.material_id,
        "part_number": part.part_number,
        "part_name": part.name,
        "quantity_required": quantity,
        "unit_of_measure": "EA",
    }


def _json(body: dict[str, Any]) -> bytes:
    return json.dumps(body).encode()
