"""Who gets what is there, by hand."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from streams.domain.pegging import Peg, Pegged, Source, Supply, Tracing, fifo

NEW_YEAR = date(2026, 1, 1)


def day(number: int) -> date:
    return NEW_YEAR + timedelta(days=number)


def test_what_is_there_first_goes_to_who_is_first() -> None:
    found = fifo(
        [(day(1), "D-1", 6), (day(2), ("P", day(4)), 9), (day(3), None, 2)],
        [(date.min, None, 4), (day(1), "PO-1", 5), (day(2), day(2), 10)],
        2,
    )
    assert found == {
        "PO-1": Pegged(5, 2, (("D-1", 2), (("P", day(4)), 3))),
        day(2): Pegged(10, 2, ((("P", day(4)), 6), (None, 2))),
    }
    assert found["PO-1"].pegs() == [Peg(Decimal(1), "D-1"), Peg(Decimal("1.5"), None, "P", day(4))]


def test_what_nobody_takes_is_told_of_with_nothing() -> None:
    assert fifo([], [(day(1), "PO-1", 5)], 1) == {"PO-1": Pegged(5, 1, ())}


def test_less_than_is_required_is_an_error_of_the_caller() -> None:
    with pytest.raises(ValueError, match="Less is supplied"):
        fifo([(day(1), "D-1", 6)], [(day(1), "PO-1", 5)], 1)


# S is for P and for D-3; P is for D-1 and D-2, and a fifth of it for stock.
PEGGED: dict[tuple[str, Supply], Pegged] = {
    ("P", day(5)): Pegged(10, 1, (("D-1", 6), ("D-2", 2))),
    ("S", day(4)): Pegged(30, 1, ((("P", day(5)), 20), ("D-3", 5), (None, 1))),
    ("T", "PO-1"): Pegged(60, 2, ((("S", day(4)), 60),)),
}


def test_an_order_is_traced_through_all_levels_and_what_is_left_is_for_stock() -> None:
    tracing = Tracing(lambda item_id, supply: PEGGED[item_id, supply])
    assert tracing.demands("S", day(4)) == {"D-1": 12, "D-2": 4, "D-3": 5, None: 4 + 5}
    assert tracing.demands("T", "PO-1") == {"D-1": 12, "D-2": 4, "D-3": 5, None: 9}


def test_a_demand_by_several_ways_is_added_up() -> None:
    takes: tuple[tuple[Source, int], ...] = ((("P", day(5)), 5), ("D-1", 1))
    pegged = {**PEGGED, ("U", day(3)): Pegged(6, 1, takes)}
    tracing = Tracing(lambda item_id, supply: pegged[item_id, supply])
    assert tracing.demands("U", day(3)) == {"D-1": 4, "D-2": 1, None: 1}


def test_thirds_are_told_to_six_places() -> None:
    assert Pegged(3, 3, (("D-1", 1),)).pegs() == [Peg(Decimal("0.333333"), "D-1")]
