"""Figures computed again from messages: each formula, by hand and against the folds that made the figure first."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.messages.work_orders import WorkOrderUpdated
from streams.domain.passports import (
    LEAVES,
    MACHINE,
    MATERIAL,
    ORDER,
    Hold,
    Stock,
    Use,
    amounts,
    leaves,
    material_values,
    order_values,
    words,
)
from tests import inventory
from tests.messages import at, created, emitted, message, run, units_counted

ALL = ORDER | MATERIAL | MACHINE


def _payloads(*said: Any) -> list[Any]:
    return [each.payload for each in said]


def _counted(number: int, units: int, scrapped: int = 0) -> Any:
    told = units_counted("WO-1", units, f"log-{number}", scrapped_units=scrapped)
    return message("production.counted", told, number)


def test_progress_is_what_was_made_of_what_was_ordered_last() -> None:
    more = message("erp.work_order_updated", WorkOrderUpdated(work_order_id="WO-1", quantity_ordered=Decimal(40)), 5)
    found = order_values(_payloads(created(quantity=30), _counted(1, 3), more, _counted(6, 10, 4)))
    assert (found["quantity_produced"], found["quantity_scrapped"], found["quantity_good"]) == (13, 4, 9)
    assert found["progress_percentage"] == 32.5
    assert order_values([])["progress_percentage"] is None


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=30), st.integers(1, 500))
def test_the_fold_and_the_formula_give_the_same(counts: list[tuple[int, int]], quantity: int) -> None:
    said = [created(quantity=quantity)]
    said += [_counted(number, units, min(units, scrap)) for number, (units, scrap) in enumerate(counts, 1)]
    (*_, last) = emitted(run("work_orders", said))
    again = order_values(_payloads(*said))
    for name in ("progress_percentage", "quantity_produced", "quantity_scrapped"):
        assert again[name] == getattr(last.payload, name), name


def test_on_hand_is_the_latest_count_less_what_it_does_not_know_of() -> None:
    found = material_values(Stock(Decimal(90), Decimal(0), None, [Use(Decimal(20)), Use(Decimal("1.5"))], []))
    assert found["on_hand_quantity"] == Decimal("68.5")
    assert material_values(Stock(Decimal(5), Decimal(0), None, [Use(Decimal(9))], []))["on_hand_quantity"] == 0


def test_what_the_warehouse_holds_for_us_is_not_allocated_twice() -> None:
    ours = Hold(Decimal(30), confirmed=Decimal(30), confirmed_at=at(10))
    later = Hold(Decimal(5), confirmed=Decimal(5), confirmed_at=at(30))
    gone = Use(Decimal(4), was_confirmed=Decimal(4), was_confirmed_at=at(5))
    found = material_values(Stock(Decimal(100), Decimal(45), at(20), [gone], [ours, later]))
    assert found["ours_in_it_quantity"] == 34
    assert found["reserved_quantity"] == 35
    assert found["allocated_quantity"] == 45 - 34 + 35
    assert found["available_quantity"] == 100 - 4 - 46


def test_every_figure_leads_to_what_is_no_figure() -> None:
    for figures in (ORDER, MATERIAL, MACHINE):
        for name in figures:
            assert leaves(figures, name) <= LEAVES.keys(), name
    assert leaves(MATERIAL, "available_quantity") == {
        "counted_quantity",
        "used_quantity",
        "warehouse_allocated_quantity",
        "ours_in_it_quantity",
        "held_quantity",
    }


def test_every_figure_says_its_formula_and_what_it_means() -> None:
    for figure in ALL.values():
        assert figure.symbols
        assert figure.words.endswith(".")


@pytest.mark.parametrize(
    ("said", "counts", "in_words"),
    [
        (created(quantity=30), {"quantity_ordered": 30}, "30 ordered"),
        (_counted(1, 5, 2), {"units": 5, "scrapped_units": 2}, "M-1 made 5 (counter 5), 2 of them scrap"),
        (
            inventory.reported(90, allocated=4),
            {"counted_quantity": 90, "warehouse_allocated_quantity": 4},
            "90 counted, 4 allocated there",
        ),
        (
            inventory.corrected("on_hand_quantity", 80, 5),
            {"counted_quantity": 80},
            "on hand quantity is 80 from then on",
        ),
        (inventory.corrected("safety_stock", 80, 5), {}, "safety stock is 80 from then on"),
        (inventory.consume("WO-1", 7), {"used_quantity": 7}, "WO-1 used up 7"),
        (inventory.confirmed("WO-1", 9, ("A", 3), ("B", 4)), {"ours_in_it_quantity": 7}, None),
        (inventory.release("WO-1"), {}, "no figure"),
    ],
)
def test_a_message_counts_for_what_it_says(said: Any, counts: dict[str, int], in_words: str | None) -> None:
    assert amounts(said.payload) == counts
    if in_words:
        assert words(said.payload) == in_words


def test_the_figures_of_a_material_are_those_that_its_fold_tells() -> None:
    said = [inventory.known(), inventory.reported(60, 1, allocated=10), inventory.reserve("WO-1", 15, 2)]
    said += [inventory.consume("WO-2", 5, 3), inventory.reserve("WO-3", 100, 4)]
    told = [each.payload for each in emitted(run("materials", said), "material.changed")][-1]
    held = [each.payload for each in emitted(run("materials", said), "reservation.changed")]
    holds = [Hold(each.quantity_reserved) for each in {each.reservation_id: each for each in held}.values()]
    again = material_values(Stock(Decimal(60), Decimal(10), at(1), [Use(Decimal(5))], holds))
    for name in MATERIAL:
        assert again[name] == getattr(told, name), name
    assert told.available_quantity == 0
