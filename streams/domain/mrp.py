"""Material requirements planning: what to make and to buy, how much, from when to when, and for which demand.

Items are planned from the top down (by low-level code), so that all that asks for an item is known before it is netted:
what several products and levels take of it is added up once and covered from its stock once. Orders start without a
limit of capacity, and before today if they had to: that is a shortage, and is told.
(Orlicky, Material Requirements Planning, 1975; terms: APICS Dictionary.)
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import cache
from math import lcm
from operator import attrgetter, itemgetter
from typing import NamedTuple, TypeVar

import msgspec

from schemas.messages.values import check_quantity
from streams.domain.bom import Structure
from streams.domain.lot_sizing import LotSizing, lots
from streams.domain.needs import EXACT
from streams.domain.pegging import Peg, Pegged, Required, Supplied, Supply, Tracing, fifo

Offset = Callable[[date, int], date]
"""The working day that lies a number of working days before a day; after it, if the number is negative."""
NOTHING = Decimal(0)


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """What is made or bought, and how it is ordered. Quantities are in the item's unit, that of the bills' structure.

    `lead_time_days`: working days from an order's start to the day it is due.
    `scrap_percentage`: the share of an order that turns out no good (APICS: shrinkage); lots are of what is started.
    What is bought is not exploded, even if it has a bill. Raises ValueError with a sentence if a value makes no sense.
    """

    item_id: str
    lot_sizing: LotSizing = LotSizing()
    safety_stock: Decimal = NOTHING
    lead_time_days: int = 0
    scrap_percentage: Decimal = NOTHING
    is_purchased: bool = False

    def __post_init__(self) -> None:
        check_quantity(f"safety_stock of {self.item_id}", self.safety_stock)
        if self.lead_time_days < 0:
            raise ValueError(f"lead_time_days of {self.item_id} must be 0 or more, not {self.lead_time_days}")
        if not (self.scrap_percentage.is_finite() and 0 <= self.scrap_percentage < 100):
            raise ValueError(
                f"scrap_percentage of {self.item_id} must be from 0 to below 100, not {self.scrap_percentage}"
            )


class Demand(NamedTuple):
    """A customer, a forecast or an order that exists wants a quantity of an item on a day, beside what is reserved."""

    demand_id: str
    item_id: str
    quantity: Decimal
    due: date


class Receipt(NamedTuple):
    """A scheduled receipt: what an open order will bring, all of it good. One that is overdue is expected today."""

    receipt_id: str
    item_id: str
    quantity: Decimal
    due: date


class Inputs(NamedTuple):
    """All that a plan is made from, as it was at one moment. Days are days of the plant.

    `reserved` is the part of what is on hand that is promised already, so that nothing else is made from it. What is on
    hand or reserved of other items is not looked at.
    """

    today: date
    items: Sequence[Item]
    structure: Structure
    on_hand: Mapping[str, Decimal] = {}
    reserved: Mapping[str, Decimal] = {}
    receipts: Sequence[Receipt] = ()
    demands: Sequence[Demand] = ()


class PlannedOrder(msgspec.Struct, frozen=True, gc=False):
    """`quantity` is what is started or bought, `good_quantity` what is left of it without scrap.

    An item has one for each day at most: item and due day name it.
    """

    item_id: str
    start: date
    due: date
    quantity: Decimal
    good_quantity: Decimal
    is_purchased: bool


class Shortage(NamedTuple):
    """What is needed on a day for which it had to be started before today.

    `possible_on`: when it can be there if it is started today, and all that goes into it is there.
    """

    item_id: str
    quantity: Decimal
    due: date
    start: date
    possible_on: date


class Requisition(NamedTuple):
    """Ask purchasing for a quantity, ordered on a day (today, if that has passed), so that it is there when needed."""

    item_id: str
    quantity: Decimal
    order_on: date
    due: date


class Use(NamedTuple):
    """A product takes the item: `per_step` for each step of the product's orders."""

    product_id: str
    per_step: Fraction


class Facts(NamedTuple):
    """All that an item's plan depends on, beside the orders of what it goes into."""

    item: Item
    on_hand: Decimal
    reserved: Decimal
    receipts: tuple[Receipt, ...]
    demands: tuple[Demand, ...]
    uses: tuple[Use, ...]


Release = tuple[date, tuple[str, date], int]
"""A planned order as what goes into it sees it: start, item and due day, quantity in steps of the item's lots."""


class ItemPlan(NamedTuple):
    """`pegged`: what each planned order (by due day) and each receipt (by id) is for."""

    orders: tuple[PlannedOrder, ...]
    releases: tuple[Release, ...]
    pegged: Mapping[Supply, Pegged]
    possible_on: date


class Plan(NamedTuple):
    """A plan with the facts it was made from, by item, products first. `replanned`: the items computed anew for it."""

    today: date
    facts: Mapping[str, Facts]
    items: Mapping[str, ItemPlan]
    replanned: tuple[str, ...]

    def orders(self) -> Iterator[PlannedOrder]:
        """Every planned order, products before what they contain, by due day."""
        return (order for plan in self.items.values() for order in plan.orders)

    def requisitions(self) -> list[Requisition]:
        """The planned orders of what is bought, to be asked for."""
        return [
            Requisition(order.item_id, order.quantity, max(order.start, self.today), order.due)
            for order in self.orders()
            if order.is_purchased
        ]

    def shortages(self) -> list[Shortage]:
        """The planned orders that had to start before today, by the day they are needed on."""
        found = [
            Shortage(order.item_id, order.good_quantity, order.due, order.start, self.items[order.item_id].possible_on)
            for order in self.orders()
            if order.start < self.today
        ]
        return sorted(found, key=attrgetter("due", "item_id"))

    def pegs(self, item_id: str, supply: Supply) -> list[Peg]:
        """What the planned order due on a day, or the receipt of an id, is for, one level up. KeyError: no such one."""
        return self.items[item_id].pegged[supply].pegs()

    def tracing(self) -> Tracing:
        """What finds the demands behind planned orders and receipts, however many levels up."""
        return Tracing(lambda item_id, supply: self.items[item_id].pegged[supply])


def plan(inputs: Inputs, offset: Offset) -> Plan:
    """Plan everything. Raises ValueError with a sentence: an item is not known, a quantity makes no sense."""
    return _planned(inputs, cache(offset), None)


def net_change(before: Plan, inputs: Inputs, offset: Offset) -> Plan:
    """The plan of the inputs as `plan` makes it, but only what differs from the plan before is computed anew.

    That is: an item whose own facts changed, and what goes into an item whose orders changed. On another day everything
    is computed. `offset` must be the one of the plan before: if the calendar changed, ask for a full plan.
    """
    return _planned(inputs, cache(offset), before if before.today == inputs.today else None)


def _planned(inputs: Inputs, offset: Offset, before: Plan | None) -> Plan:
    facts, done = _facts(inputs), dict[str, ItemPlan]()
    replanned: list[str] = []
    moved: set[str] = set()
    for item_id, its in facts.items():
        known = before.items.get(item_id) if before else None
        if before and known and its == before.facts[item_id] and not any(u.product_id in moved for u in its.uses):
            done[item_id] = known
            continue
        done[item_id] = _item_plan(its, done, inputs.today, offset)
        replanned.append(item_id)
        if known and known.releases != done[item_id].releases:
            moved.add(item_id)
    return Plan(inputs.today, facts, done, tuple(replanned))


def _item_plan(facts: Facts, done: Mapping[str, ItemPlan], today: date, offset: Offset) -> ItemPlan:
    item, step = facts.item, facts.item.lot_sizing.step
    good = 1 - item.scrap_percentage / 100
    is_single, is_good = step == 1, good == 1
    good_per_step = Fraction(step) * Fraction(good)
    unit = _unit(facts, good_per_step)
    parts_per_step = _parts(good_per_step, unit)
    # On a day off, the working day that lies no days away may be the one before.
    possible_on = max(today, offset(today, -item.lead_time_days))
    required = _required(facts, done, possible_on, unit)
    supplied = _supplied(facts, today, unit)
    by_day: dict[date, int] = {}
    for day, _, parts in required:
        by_day[day] = by_day.get(day, 0) + parts
    there = [(day, parts) for day, _, parts in supplied]
    orders: list[PlannedOrder] = []
    releases: list[Release] = []
    for due, steps in lots(list(by_day.items()), there, item.lot_sizing, parts_per_step):
        start, quantity = offset(due, item.lead_time_days), Decimal(steps)
        if not is_single:
            quantity = EXACT.multiply(step, quantity)
        good_quantity = quantity if is_good else EXACT.multiply(quantity, good)
        orders.append(PlannedOrder(item.item_id, start, due, quantity, good_quantity, item.is_purchased))
        releases.append((start, (item.item_id, due), steps))
        supplied.append((due, due, steps * parts_per_step))
    supplied.sort(key=itemgetter(0))
    return ItemPlan(tuple(orders), tuple(releases), fifo(required, supplied, unit), possible_on)


def _required(facts: Facts, done: Mapping[str, ItemPlan], possible_on: date, unit: int) -> list[Required]:
    """What is asked of an item, by day. Safety stock can be asked for from the day on which an order can bring it."""
    found: list[Required] = [(each.due, each.demand_id, _parts(each.quantity, unit)) for each in facts.demands]
    for use in facts.uses:
        per_step = _parts(use.per_step, unit)
        found += [(start, key, steps * per_step) for start, key, steps in done[use.product_id].releases]
    held = facts.item.safety_stock + max(NOTHING, facts.reserved - facts.on_hand)
    if held > 0:
        found.append((possible_on, None, _parts(held, unit)))
    return sorted(found, key=itemgetter(0))


def _supplied(facts: Facts, today: date, unit: int) -> list[Supplied]:
    """What is there without planned orders, by day. What is overdue is there from the beginning, as stock is."""
    free = max(NOTHING, facts.on_hand - facts.reserved)
    found: list[Supplied] = [(date.min, None, _parts(free, unit))]
    for each in facts.receipts:
        day = date.min if each.due <= today else each.due
        found.append((day, each.receipt_id, _parts(each.quantity, unit)))
    return found


def _unit(facts: Facts, good_per_step: Fraction) -> int:
    """How many parts a unit of the item must have for all its quantities to be whole numbers of parts."""
    quantities: list[Decimal | Fraction] = [good_per_step, facts.on_hand, facts.reserved, facts.item.safety_stock]
    quantities += [each.quantity for each in facts.receipts]
    quantities += [each.quantity for each in facts.demands]
    quantities += [use.per_step for use in facts.uses]
    return lcm(*{quantity.as_integer_ratio()[1] for quantity in quantities})


def _parts(quantity: Decimal | Fraction, unit: int) -> int:
    numerator, denominator = quantity.as_integer_ratio()
    return numerator * unit // denominator


def _facts(inputs: Inputs) -> dict[str, Facts]:
    """The facts of each item, products before what they contain."""
    items = {item.item_id: item for item in inputs.items if item.item_id not in inputs.structure.phantoms}
    uses = _uses(inputs.structure, items)
    receipts = _by_item(items, inputs.receipts)
    demands = _by_item(items, inputs.demands)
    ordered = [item_id for item_id in inputs.structure.low_level_codes if item_id in items]
    return {
        item_id: Facts(
            items[item_id],
            inputs.on_hand.get(item_id, NOTHING),
            inputs.reserved.get(item_id, NOTHING),
            receipts.get(item_id, ()),
            demands.get(item_id, ()),
            uses.get(item_id, ()),
        )
        for item_id in dict.fromkeys([*ordered, *items])
    }


T = TypeVar("T", Demand, Receipt)


def _by_item(items: Mapping[str, Item], told: Sequence[T]) -> dict[str, tuple[T, ...]]:
    """What is told of each item, by due day and id."""
    found: dict[str, list[T]] = {}
    seen: set[str] = set()
    for each in sorted(told, key=lambda its: (its.due, its[0])):
        if each.item_id not in items:
            raise ValueError(f"{each[0]} is about {each.item_id}, which is no item that is planned.")
        if each[0] in seen:
            raise ValueError(f"{each[0]} is told twice.")
        seen.add(each[0])
        if not (each.quantity.is_finite() and each.quantity > 0):
            raise ValueError(f"The quantity of {each[0]} must be more than 0, not {each.quantity}.")
        found.setdefault(each.item_id, []).append(each)
    return {item_id: tuple(those) for item_id, those in found.items()}


def _uses(structure: Structure, items: Mapping[str, Item]) -> dict[str, tuple[Use, ...]]:
    """The products that each item goes into when they are made; phantoms are gone through, not planned."""
    found: dict[str, tuple[Use, ...]] = {}
    for item_id in structure.uses:
        if item_id in structure.phantoms:
            continue
        per_unit: dict[str, Fraction] = {}
        for product_id, quantity in _taken(structure, item_id):
            if product_id in items and not items[product_id].is_purchased:
                per_unit[product_id] = per_unit.get(product_id, Fraction(0)) + quantity
        if per_unit and item_id not in items:
            raise ValueError(f"{item_id} goes into {min(per_unit)} and is no item that is planned.")
        found[item_id] = tuple(
            Use(product_id, quantity * Fraction(items[product_id].lot_sizing.step))
            for product_id, quantity in sorted(per_unit.items())
        )
    return found


def _taken(structure: Structure, item_id: str) -> Iterator[tuple[str, Fraction]]:
    for part in structure.uses.get(item_id, ()):
        if part.product_id in structure.phantoms:
            above = _taken(structure, part.product_id)
            yield from ((product_id, quantity * part.per_unit) for product_id, quantity in above)
        else:
            yield part.product_id, part.per_unit
