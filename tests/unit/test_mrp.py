"""Material requirements planned by hand: the speaker kit of Heizer and Render, Operations Management, chapter MRP."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

import pytest

from streams.domain.bom import Bom, Component, Structure, structure
from streams.domain.lot_sizing import LotSizing
from streams.domain.mrp import Demand, Inputs, Item, Plan, Receipt, Requisition, net_change, plan
from streams.domain.pegging import Peg

NEW_YEAR = date(2026, 1, 1)
PIECES = LotSizing(smallest=Decimal(1))


def day(number: int) -> date:
    return NEW_YEAR + timedelta(days=number)


def every_day(due: date, days: int) -> date:
    return due - timedelta(days=days)


def from_monday_to_friday(due: date, days: int) -> date:
    step = timedelta(days=1 if days > 0 else -1)
    left = abs(days)
    while left:
        due -= step
        left -= due.weekday() < 5
    return due


def bill(product_id: str, /, **quantities: str | int) -> Bom:
    lines = tuple(Component(item_id=item_id, quantity=Decimal(each)) for item_id, each in quantities.items())
    return Bom(product_id=product_id, revision="A", effective_from=NEW_YEAR, components=lines)


def built(*bills: Bom, phantoms: tuple[str, ...] = ()) -> Structure:
    return structure({each.product_id: each for each in bills}, phantoms=phantoms)


def item(item_id: str, lead: int = 0, **others: object) -> Item:
    return Item(**{"item_id": item_id, "lead_time_days": lead, "lot_sizing": PIECES, **others})  # type: ignore[arg-type]


def demand(demand_id: str, item_id: str, quantity: int | str, due: int) -> Demand:
    return Demand(demand_id, item_id, Decimal(quantity), day(due))


def receipt(receipt_id: str, item_id: str, quantity: int | str, due: int) -> Receipt:
    return Receipt(receipt_id, item_id, Decimal(quantity), day(due))


def told(found: Plan, item_id: str) -> list[tuple[int, int, int | Decimal]]:
    """Start, due, quantity of an item's orders."""
    return [
        ((each.start - NEW_YEAR).days, (each.due - NEW_YEAR).days, each.quantity)
        for each in found.orders()
        if each.item_id == item_id
    ]


def one(its: Item, *demands: Demand, today: int = 0, receipts: Sequence[Receipt] = (), **stock: int) -> Plan:
    """The plan of one item; `on_hand` and `reserved` are its stock."""
    quantities = {name: {its.item_id: Decimal(quantity)} for name, quantity in stock.items()}
    return plan(Inputs(day(today), [its], built(), receipts=receipts, demands=demands, **quantities), every_day)


# A speaker kit takes 2 B and 3 C; B takes 2 D and 2 E; C takes 2 E and 2 F; F takes 2 D and 1 G. Days stand for weeks.
SPEAKERS = built(bill("A", B=2, C=3), bill("B", D=2, E=2), bill("C", E=2, F=2), bill("F", D=2, G=1))
KIT = Inputs(
    today=day(1),
    items=[item(name, lead) for name, lead in zip("ABCDEFG", (1, 2, 1, 1, 2, 3, 2), strict=True)],
    structure=SPEAKERS,
    on_hand={name: Decimal(each) for name, each in zip("ABCDEF", (10, 15, 20, 10, 10, 5), strict=True)},
    demands=[demand("SO-1", "A", 50, 8)],
)


def test_the_net_requirements_plan_of_the_book() -> None:
    """D is used on two levels: 2 in each of 195 F, 2 in each of 65 B; its stock is taken once, by who is first."""
    found = plan(KIT, every_day)
    assert {name: told(found, name) for name in "ABCDEFG"} == {
        "A": [(7, 8, 40)],
        "B": [(5, 7, 65)],
        "C": [(6, 7, 100)],
        "D": [(2, 3, 380), (4, 5, 130)],
        "E": [(3, 5, 120), (4, 6, 200)],
        "F": [(3, 6, 195)],
        "G": [(1, 3, 195)],
    }
    assert found.shortages() == []


def test_what_a_planned_order_is_for_one_level_up() -> None:
    found = plan(KIT, every_day)
    assert found.pegs("D", day(3)) == [Peg(Decimal(380), product_id="F", product_due=day(6))]
    assert found.pegs("E", day(5)) == [Peg(Decimal(120), product_id="B", product_due=day(7))]
    assert found.pegs("A", day(8)) == [Peg(Decimal(40), demand_id="SO-1")]


def test_what_is_needed_before_today_is_a_shortage_with_its_days() -> None:
    found = plan(KIT._replace(today=day(3)), every_day)
    assert [(each.item_id, each.quantity, each.start, each.due, each.possible_on) for each in found.shortages()] == [
        ("D", Decimal(380), day(2), day(3), day(4)),
        ("G", Decimal(195), day(1), day(3), day(5)),
    ]


def test_on_a_day_off_nothing_is_possible_before_today() -> None:
    """The third of January 2026 is a Saturday; the working day that lies no days away from it is the Friday before."""

    def working_day(due: date, days: int) -> date:
        return from_monday_to_friday(due, days) if days else due - timedelta(days=max(0, due.weekday() - 4))

    inputs = Inputs(day(2), [item("A")], built(), demands=[demand("SO-1", "A", 5, 1)])
    (shortage,) = plan(inputs, working_day).shortages()
    assert (shortage.due, shortage.possible_on) == (day(1), day(2))


def test_an_item_in_several_products_and_sub_assemblies_is_added_up_before_its_stock_is_taken() -> None:
    """10 P take 20 S; 5 Q take 5 S and 15 T, each of which takes another S: 40 S, 8 are there. (erpnext 58809)"""
    inputs = Inputs(
        day(0),
        [item(name) for name in "PQST"],
        built(bill("P", S=2), bill("Q", S=1, T=3), bill("T", S=1)),
        on_hand={"S": Decimal(8)},
        demands=[demand("SO-1", "P", 10, 5), demand("SO-2", "Q", 5, 5)],
    )
    assert told(plan(inputs, every_day), "S") == [(5, 5, 32)]


def test_stock_on_every_level_is_taken_before_what_would_make_it() -> None:
    """100 wanted, 20 painted ones and 20 unpainted ones there: 80 to paint, 60 to make. (erpnext 26563)"""
    inputs = Inputs(
        day(0),
        [item("assembly"), item("painted"), item("part")],
        built(bill("assembly", painted=1), bill("painted", part=1)),
        on_hand={"painted": Decimal(20), "part": Decimal(20)},
        demands=[demand("SO-1", "assembly", 100, 5)],
    )
    found = plan(inputs, every_day)
    assert (told(found, "assembly"), told(found, "painted"), told(found, "part")) == (
        [(5, 5, 100)],
        [(5, 5, 80)],
        [(5, 5, 60)],
    )


def test_a_bill_that_names_an_item_in_two_positions_takes_both() -> None:
    lines = tuple(Component(item_id="S", quantity=Decimal(each), position=str(each)) for each in (1, 2))
    twice = Bom(product_id="P", revision="A", effective_from=NEW_YEAR, components=lines)
    inputs = Inputs(day(0), [item("P"), item("S")], built(twice), demands=[demand("SO-1", "P", 4, 5)])
    assert told(plan(inputs, every_day), "S") == [(5, 5, 12)]


def test_a_phantom_is_gone_through_and_not_planned() -> None:
    inputs = Inputs(
        day(0),
        [item("P", 2), item("phantom", 9), item("S", 1)],
        built(bill("P", phantom=2), bill("phantom", S=3), phantoms=("phantom",)),
        demands=[demand("SO-1", "P", 4, 5)],
    )
    found = plan(inputs, every_day)
    assert told(found, "S") == [(2, 3, 24)]
    assert told(found, "phantom") == []


# -- supply


def test_a_receipt_covers_what_is_due_with_it_or_after_and_nothing_before() -> None:
    found = one(item("X"), demand("D-1", "X", 10, 4), demand("D-2", "X", 10, 5), receipts=[receipt("PO-1", "X", 10, 5)])
    assert told(found, "X") == [(4, 4, 10)]
    assert found.pegs("X", "PO-1") == [Peg(Decimal(10), demand_id="D-2")]


def test_an_overdue_receipt_is_expected_today() -> None:
    late = [receipt("PO-1", "X", 10, -7)]
    assert told(one(item("X"), demand("D-1", "X", 10, -3), receipts=late), "X") == []
    assert told(one(item("X"), demand("D-1", "X", 10, -3), receipts=[receipt("PO-1", "X", 10, 1)]), "X") != []


def test_what_is_reserved_is_not_there_for_others() -> None:
    assert told(one(item("X"), demand("D-1", "X", 10, 5), on_hand=8, reserved=6), "X") == [(5, 5, 8)]


def test_what_is_reserved_beyond_what_is_there_is_ordered_for_nobody() -> None:
    found = one(item("X", 2), on_hand=4, reserved=6)
    assert told(found, "X") == [(0, 2, 2)]
    assert found.pegs("X", day(2)) == [Peg(Decimal(2))]


def test_safety_stock_is_refilled_as_soon_as_an_order_can_bring_it() -> None:
    """5 there, 8 to be kept: 4 go to D-1, so that 7 are missing on the day an order of today arrives."""
    found = one(item("X", 3, safety_stock=Decimal(8)), demand("D-1", "X", 4, 2), demand("D-2", "X", 3, 9), on_hand=5)
    assert told(found, "X") == [(0, 3, 7), (6, 9, 3)]
    assert found.shortages() == []


def test_a_lead_time_counts_working_days() -> None:
    monday = date(2026, 1, 12)
    inputs = Inputs(NEW_YEAR, [item("X", 3)], built(), demands=[Demand("D-1", "X", Decimal(1), monday)])
    assert [each.start for each in plan(inputs, from_monday_to_friday).orders()] == [date(2026, 1, 7)]


# -- scrap


def test_of_an_order_that_loses_a_tenth_so_much_is_started_that_enough_is_left() -> None:
    found = one(item("X", scrap_percentage=Decimal(10)), demand("D-1", "X", 100, 5), demand("D-2", "X", 100, 6))
    orders = list(found.orders())
    assert [(each.quantity, each.good_quantity) for each in orders] == [
        (Decimal(112), Decimal("100.8")),
        (Decimal(111), Decimal("99.9")),
    ]
    assert found.pegs("X", day(5)) == [Peg(Decimal(100), "D-1"), Peg(Decimal("0.8"), "D-2")]


def test_thirds_add_up_to_a_whole_and_do_not_start_another_lot() -> None:
    """Three orders that take 10/3 each take 10, not a little more: the bill makes 3 P of 10 S."""
    thirds = Bom(
        product_id="P",
        revision="A",
        effective_from=NEW_YEAR,
        output_quantity=Decimal(3),
        components=(Component(item_id="S", quantity=Decimal(10)),),
    )
    tens = LotSizing(policy="fixed", lot_size=Decimal(10))
    demands = [demand(f"D-{number}", "P", 1, number) for number in (5, 6, 7)]
    inputs = Inputs(day(0), [item("P"), item("S", lot_sizing=tens)], built(thirds), demands=demands)
    found = plan(inputs, every_day)
    assert told(found, "S") == [(5, 5, 10)]
    assert [each.quantity for each in found.pegs("S", day(5))] == [Decimal("3.333333")] * 3


# -- purchasing


def test_what_is_bought_is_asked_for_and_not_exploded() -> None:
    inputs = Inputs(
        day(4),
        [item("P", 5, is_purchased=True), item("S")],
        built(bill("P", S=2)),
        demands=[demand("SO-1", "P", 7, 10), demand("SO-2", "P", 1, 8)],
    )
    found = plan(inputs, every_day)
    assert found.requisitions() == [
        Requisition("P", Decimal(1), order_on=day(4), due=day(8)),
        Requisition("P", Decimal(7), order_on=day(5), due=day(10)),
    ]
    assert told(found, "S") == []


def test_what_is_made_is_not_asked_of_purchasing() -> None:
    assert plan(KIT, every_day).requisitions() == []


# -- the demands behind an order


def test_the_demands_behind_an_order_of_a_component_with_what_is_left_for_stock() -> None:
    """A lot of 10 P for demands of 6 and 3 takes 20 S, a lot of 25: 12 and 6 are for the demands, the rest for none."""
    inputs = Inputs(
        day(0),
        [
            item("P", lot_sizing=LotSizing(policy="fixed", lot_size=Decimal(10))),
            item("S", lot_sizing=LotSizing(policy="fixed", lot_size=Decimal(25))),
        ],
        built(bill("P", S=2)),
        demands=[demand("D-1", "P", 6, 5), demand("D-2", "P", 3, 6)],
    )
    found = plan(inputs, every_day).tracing().demands("S", day(5))
    assert found == {"D-1": 12, "D-2": 6, None: 7}


def test_the_demands_behind_a_receipt() -> None:
    inputs = KIT._replace(receipts=[receipt("PO-1", "G", 100, 2)])
    assert plan(inputs, every_day).tracing().demands("G", "PO-1") == {"SO-1": 100}


# -- refusals


def test_what_is_about_no_known_item_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^D-1 is about Y, which is no item that is planned\.$"):
        one(item("X"), demand("D-1", "Y", 1, 1))
    with pytest.raises(ValueError, match=r"^S goes into P and is no item that is planned\.$"):
        plan(Inputs(day(0), [item("P")], built(bill("P", S=1))), every_day)


def test_a_demand_for_a_phantom_is_refused() -> None:
    inputs = Inputs(
        day(0),
        [item("F"), item("S")],
        built(bill("P", F=1), bill("F", S=1), phantoms=("F",)),
        demands=[demand("D-1", "F", 1, 1)],
    )
    with pytest.raises(ValueError, match="D-1 is about F"):
        plan(inputs, every_day)


def test_quantities_that_are_none_are_refused() -> None:
    for quantity in ("0", "-1", "NaN", "Infinity"):
        with pytest.raises(ValueError, match="quantity of D-1 must be more than 0"):
            one(item("X"), demand("D-1", "X", quantity, 1))


def test_what_is_told_twice_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^D-1 is told twice\.$"):
        one(item("X"), demand("D-1", "X", 1, 1), demand("D-1", "X", 1, 1))


def test_an_item_that_makes_no_sense_is_refused() -> None:
    for others in ({"scrap_percentage": Decimal(100)}, {"lead": -1}, {"safety_stock": Decimal(-1)}):
        with pytest.raises(ValueError, match="of X must be"):
            item("X", **others)


# -- net change


def test_a_net_change_computes_what_is_touched_and_what_lies_below() -> None:
    before = plan(KIT, every_day)
    found = net_change(before, KIT._replace(receipts=[receipt("WO-1", "B", 5, 6)]), every_day)
    assert sorted(found.replanned) == ["B", "D", "E"]
    assert told(found, "B") == [(5, 7, 60)]


def test_a_net_change_ends_where_orders_stay_the_same() -> None:
    """The stock of C goes to another demand for it: what it starts does not change, nor anything below."""
    before = plan(KIT, every_day)
    inputs = KIT._replace(on_hand={**KIT.on_hand, "C": Decimal(30)}, demands=[*KIT.demands, demand("D-2", "C", 10, 7)])
    assert net_change(before, inputs, every_day).replanned == ("C",)


def test_nothing_changed_is_nothing_computed() -> None:
    before = plan(KIT, every_day)
    assert net_change(before, KIT, every_day).replanned == ()


def test_on_another_day_everything_is_computed() -> None:
    before = plan(KIT, every_day)
    assert len(net_change(before, KIT._replace(today=day(2)), every_day).replanned) == 7
