"""What holds of every plan, over products of up to seven levels, reckoned anew from the inputs in fractions."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from schemas.messages.materials import SMALLEST_QUANTITY
from streams.domain.bom import Bom, Component, structure
from streams.domain.lot_sizing import LotSizing
from streams.domain.mrp import Demand, Inputs, Item, PlannedOrder, Receipt, net_change, plan

NEW_YEAR = date(2026, 1, 1)
ZERO = Fraction(0)


def day(number: int) -> date:
    return NEW_YEAR + timedelta(days=number)


def every_day(due: date, days: int) -> date:
    return due - timedelta(days=days)


NAMES = [f"I{number}" for number in range(7)]
SMALL = st.sampled_from([Decimal(each) for each in ("1", "2", "0.5", "3", "0.75")])
SCRAP = st.sampled_from([Decimal(each) for each in ("0", "0", "10", "2.5", "37.5")])
QUANTITIES = st.integers(1, 400).map(lambda number: Decimal(number) / 4)
LOTS = st.builds(
    LotSizing,
    policy=st.sampled_from(["lot_for_lot", "fixed", "min_multiple", "period"]),
    lot_size=QUANTITIES,
    minimum=QUANTITIES,
    multiple=QUANTITIES,
    period_days=st.integers(1, 9),
    smallest=st.sampled_from([Decimal(1), Decimal("0.01")]),
)


@dataclass(frozen=True)
class World:
    """What a plan is made from, so that a single fact of it can be replaced."""

    items: dict[str, Item]
    lines: dict[tuple[str, str], tuple[Decimal, Decimal]]
    output: Decimal
    on_hand: dict[str, Decimal] = field(default_factory=dict)
    reserved: dict[str, Decimal] = field(default_factory=dict)
    receipts: tuple[Receipt, ...] = ()
    demands: tuple[Demand, ...] = ()

    def inputs(self) -> Inputs:
        components: dict[str, list[Component]] = {}
        for (product_id, item_id), (quantity, scrap) in self.lines.items():
            line = Component(item_id=item_id, quantity=quantity, scrap_percentage=scrap)
            components.setdefault(product_id, []).append(line)
        bills = [
            Bom(
                product_id=product_id,
                revision="A",
                effective_from=NEW_YEAR,
                output_quantity=self.output,
                components=tuple(those),
            )
            for product_id, those in components.items()
        ]
        items = list(self.items.values())
        return Inputs(
            day(0),
            items,
            structure({each.product_id: each for each in bills}),
            self.on_hand,
            self.reserved,
            self.receipts,
            self.demands,
        )


def an_item(item_id: str) -> st.SearchStrategy[Item]:
    return st.builds(
        Item,
        item_id=st.just(item_id),
        lot_sizing=LOTS,
        safety_stock=st.one_of(st.just(Decimal(0)), QUANTITIES),
        lead_time_days=st.integers(0, 4),
        scrap_percentage=SCRAP,
        is_purchased=st.sampled_from([False, False, False, True]),
    )


PAIRS = [(above, below) for at, above in enumerate(NAMES) for below in NAMES[at + 1 :]]
DUE = st.integers(-4, 20)
STOCK = st.dictionaries(st.sampled_from(NAMES), QUANTITIES)
RECEIPTS = st.lists(st.tuples(st.sampled_from(NAMES), QUANTITIES, DUE), max_size=6).map(
    lambda those: tuple(Receipt(f"R-{at}", name, each, day(due)) for at, (name, each, due) in enumerate(those))
)
DEMANDS = st.lists(st.tuples(st.sampled_from(NAMES), QUANTITIES, DUE), max_size=12).map(
    lambda those: tuple(Demand(f"D-{at}", name, each, day(due)) for at, (name, each, due) in enumerate(those))
)
WORLDS = st.builds(
    World,
    items=st.fixed_dictionaries({name: an_item(name) for name in NAMES}),
    lines=st.dictionaries(st.sampled_from(PAIRS), st.tuples(SMALL, SCRAP), max_size=12),
    output=st.sampled_from([Decimal(1), Decimal(3), Decimal("0.7")]),
    on_hand=STOCK,
    reserved=STOCK,
    receipts=RECEIPTS,
    demands=DEMANDS,
)


def required(world: World, orders: Sequence[PlannedOrder], item_id: str, by: date) -> Fraction:
    """What demands and the orders of what it goes into take of an item up to a day; reckoned anew from the inputs."""
    total = sum((Fraction(each.quantity) for each in world.demands if each.item_id == item_id and each.due <= by), ZERO)
    for order in orders:
        line = world.lines.get((order.item_id, item_id))
        if line and order.start <= by and not world.items[order.item_id].is_purchased:
            total += (
                Fraction(order.quantity) * Fraction(line[0]) / Fraction(world.output) / (1 - Fraction(line[1]) / 100)
            )
    its = world.items[item_id]
    if day(its.lead_time_days) <= by:
        return total + Fraction(its.safety_stock) + max(ZERO, -free(world, item_id))
    return total


def free(world: World, item_id: str) -> Fraction:
    return Fraction(world.on_hand.get(item_id, 0)) - Fraction(world.reserved.get(item_id, 0))


def supplied(world: World, orders: Sequence[PlannedOrder], item_id: str, by: date) -> Fraction:
    total = max(ZERO, free(world, item_id))
    for each in world.receipts:
        if each.item_id == item_id and (each.due <= by or each.due <= day(0)):
            total += Fraction(each.quantity)
    return total + sum((Fraction(o.good_quantity) for o in orders if o.item_id == item_id and o.due <= by), ZERO)


DAYS = [day(number) for number in range(-40, 22)]


@given(WORLDS)
def test_never_less_is_planned_than_demand_minus_supply_on_any_level_and_day(world: World) -> None:
    orders = list(plan(world.inputs(), every_day).orders())
    for item_id in NAMES:
        for by in DAYS:
            assert supplied(world, orders, item_id, by) >= required(world, orders, item_id, by)


@given(WORLDS)
def test_nothing_is_ordered_without_need_and_not_in_more_lots_than_needed(world: World) -> None:
    orders = list(plan(world.inputs(), every_day).orders())
    for order in orders:
        its = world.items[order.item_id]
        lot, good = its.lot_sizing, 1 - Fraction(its.scrap_percentage) / 100
        assert order.quantity % lot.step == 0
        spare = Fraction(lot.step) * good
        if lot.policy == "min_multiple" and order.quantity - lot.step < lot.minimum:
            spare = Fraction(order.quantity) * good
        last = lot.period_days if lot.policy == "period" else 1
        days = [order.due + timedelta(days=number) for number in range(last)]
        assert any(
            supplied(world, orders, its.item_id, by) - spare < required(world, orders, its.item_id, by) for by in days
        )


@given(WORLDS, st.data())
def test_a_net_change_is_the_full_plan(world: World, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(NAMES))
    changed = data.draw(
        st.one_of(
            st.builds(lambda its: replace(world, items={**world.items, name: its}), an_item(name)),
            st.builds(lambda stock: replace(world, on_hand=stock), STOCK),
            st.builds(lambda stock: replace(world, reserved=stock), STOCK),
            st.builds(lambda those: replace(world, receipts=those), RECEIPTS),
            st.builds(lambda those: replace(world, demands=those), DEMANDS),
            st.builds(
                lambda pair, line: replace(world, lines={**world.lines, pair: line}),
                st.sampled_from(PAIRS),
                st.tuples(SMALL, SCRAP),
            ),
            st.just(replace(world, lines=dict(list(world.lines.items())[1:]))),
        )
    )
    full = plan(changed.inputs(), every_day)
    net = net_change(plan(world.inputs(), every_day), changed.inputs(), every_day)
    assert (net.items, net.facts) == (full.items, full.facts)


@given(WORLDS, st.randoms())
def test_the_order_of_what_is_told_does_not_matter(world: World, chance: Random) -> None:
    mixed = world.inputs()
    mixed = mixed._replace(
        items=chance.sample(list(mixed.items), len(mixed.items)),
        demands=chance.sample(list(mixed.demands), len(mixed.demands)),
        receipts=chance.sample(list(mixed.receipts), len(mixed.receipts)),
    )
    assert plan(mixed, every_day).items == plan(world.inputs(), every_day).items


@given(WORLDS)
def test_every_order_is_pegged_to_demands_and_stock_in_full_and_every_demand_is_supplied_once(world: World) -> None:
    found = plan(world.inputs(), every_day)
    tracing = found.tracing()
    given_to: dict[str, Fraction] = {}
    for order in found.orders():
        behind = tracing.demands(order.item_id, order.due)
        assert abs(sum(behind.values()) - order.good_quantity) < len(behind) * SMALLEST_QUANTITY
        assert behind.keys() <= {None, *(each.demand_id for each in world.demands)}
    for its in found.items.values():
        for pegged in its.pegged.values():
            assert sum(parts for _, parts in pegged.takes) <= pegged.parts
            for source, parts in pegged.takes:
                if isinstance(source, str):
                    given_to[source] = given_to.get(source, ZERO) + Fraction(parts, pegged.unit)
    for each in world.demands:
        assert given_to.get(each.demand_id, ZERO) <= each.quantity
        if not max(ZERO, free(world, each.item_id)):
            assert given_to[each.demand_id] == each.quantity
