"""Lots, netted by hand."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from streams.domain.lot_sizing import Bucket, LotSizing, lots

NEW_YEAR = date(2026, 1, 1)
# Net requirements of the lot-sizing example that Heizer and Render compare policies on: ten weeks, 35 on hand.
WEEKS = (35, 30, 40, 0, 10, 40, 30, 0, 30, 55)


def buckets(*quantities: int) -> list[Bucket]:
    return [(NEW_YEAR + timedelta(days=at), each) for at, each in enumerate(quantities)]


def ordered(sizing: LotSizing, *supplied: Bucket, required: tuple[int, ...] = WEEKS, good: int = 1) -> dict[int, int]:
    """The steps of the orders, by the number of their day."""
    found = lots([each for each in buckets(*required) if each[1]], supplied, sizing, good)
    return {(each.due - NEW_YEAR).days: each.steps for each in found}


ON_HAND = (date.min, 35)


def test_lot_for_lot_orders_what_is_short_on_each_day() -> None:
    assert ordered(LotSizing(), ON_HAND) == {1: 30, 2: 40, 4: 10, 5: 40, 6: 30, 8: 30, 9: 55}


def test_a_fixed_lot_leaves_what_covers_days_to_come_and_several_are_ordered_at_once() -> None:
    """Of lots of 50: 50 - 30 = 20, + 50 - 40 = 30, - 10 = 20, + 50 - 40 = 30, - 30 = 0, + 50 - 30 = 20, + 50 - 55."""
    fixed = LotSizing(policy="fixed", lot_size=Decimal(50))
    assert ordered(fixed, ON_HAND, good=50) == {1: 1, 2: 1, 5: 1, 8: 1, 9: 1}
    assert ordered(fixed, required=(101,), good=50) == {0: 3}


def test_at_least_the_minimum_and_then_multiples() -> None:
    """At least 45 in tens is 50; 73 short is 80."""
    sizing = LotSizing(policy="min_multiple", minimum=Decimal(45), multiple=Decimal(10))
    assert (sizing.step, sizing.least_steps) == (Decimal(10), 5)
    assert ordered(sizing, required=(7, 43, 73), good=10) == {0: 5, 2: 8}


def test_a_minimum_is_not_rounded_on_its_way_to_steps() -> None:
    sizing = LotSizing(policy="min_multiple", minimum=Decimal("999999999999.000001"), multiple=Decimal("999999999999"))
    assert sizing.least_steps == 2


def test_a_period_is_ordered_at_once_from_the_first_day_that_is_short() -> None:
    """Three days each: 30 + 40, 10 + 40 + 30, 30 + 55."""
    period = LotSizing(policy="period", period_days=3)
    assert ordered(period, ON_HAND) == {1: 70, 4: 80, 8: 85}


def test_a_receipt_within_a_period_covers_what_comes_after_it_but_not_what_is_short_before() -> None:
    period = LotSizing(policy="period", period_days=4)
    assert ordered(period, (NEW_YEAR + timedelta(days=2), 25), required=(10, 5, 20, 12)) == {0: 22}
    assert ordered(period, (NEW_YEAR + timedelta(days=2), 99), required=(10, 5, 20, 12)) == {0: 15}
    assert ordered(period, (NEW_YEAR + timedelta(days=4), 99), required=(10, 5, 20, 12)) == {0: 47}


def test_what_is_there_on_its_day_covers_that_day() -> None:
    supply = (NEW_YEAR + timedelta(days=1), 10)
    assert ordered(LotSizing(), supply, required=(4, 10)) == {0: 4}


def test_of_a_lot_that_loses_some_more_is_started() -> None:
    """9 of 10 are good: 28 short are 3.1 lots, so 4."""
    assert ordered(LotSizing(policy="fixed", lot_size=Decimal(10)), required=(28,), good=9) == {0: 4}


def test_nothing_short_is_nothing_ordered() -> None:
    minimum = LotSizing(policy="min_multiple", minimum=Decimal(5))
    assert ordered(minimum, ON_HAND, required=(35,)) == {}


def test_a_lot_sizing_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="lot_size must be a number"):
        LotSizing(policy="fixed", lot_size=Decimal(0))
    with pytest.raises(ValueError, match="period_days must be 1 or more, not 0"):
        LotSizing(policy="period", period_days=0)
