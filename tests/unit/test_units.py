"""Units of measure, converted by hand."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.domain.units import Conversion, of

METRIC = [Conversion("kg", "g", Decimal(1000)), Conversion("t", "kg", Decimal(1000))]
BOX = Conversion("BOX", "EA", Decimal(200), "SCREW")


def test_a_unit_is_one_of_itself_without_any_conversion() -> None:
    assert of([]).ratio("SCREW", "EA", "EA") == 1


def test_conversions_are_followed_in_chains_and_both_ways() -> None:
    units = of(METRIC)
    assert units.ratio("STEEL", "t", "g") == 1_000_000
    assert units.ratio("STEEL", "g", "t") == Fraction(1, 1_000_000)


def test_two_families_become_one_by_a_row_between_them() -> None:
    units = of([*METRIC, Conversion("lb", "oz", Decimal(16)), Conversion("lb", "g", Decimal("453.59237"))])
    assert units.ratio("STEEL", "t", "oz") == 1_000_000 / Fraction("453.59237") * 16


def test_the_box_of_one_item_says_nothing_about_another() -> None:
    units = of([*METRIC, BOX])
    assert units.ratio("SCREW", "BOX", "EA") == 200
    assert units.ratio("SCREW", "kg", "g") == 1000
    with pytest.raises(ValueError, match=r"There is no conversion from BOX to EA for NUT\."):
        units.ratio("NUT", "BOX", "EA")


def test_an_item_can_be_weighed_and_counted() -> None:
    units = of([*METRIC, BOX, Conversion("EA", "g", Decimal("2.5"), "SCREW")])
    assert units.ratio("SCREW", "kg", "BOX") == 2


def test_rows_that_disagree_are_refused() -> None:
    with pytest.raises(ValueError, match=r"One g is 0\.002 kg by one conversion and 0\.001 kg by others"):
        of([*METRIC, Conversion("g", "kg", Decimal("0.002"))])
    with pytest.raises(ValueError, match="One t of STEEL is 900 kg by one conversion and 1000 kg by others"):
        of([*METRIC, Conversion("t", "kg", Decimal(900), "STEEL")])


@pytest.mark.parametrize("factor", ["0", "-1", "NaN", "Infinity"])
def test_a_factor_that_is_none_is_refused(factor: str) -> None:
    with pytest.raises(ValueError, match=f"One kg cannot be {factor} g."):
        of([Conversion("kg", "g", Decimal(factor))])


FACTORS = st.decimals("0.0001", "10000", places=4)


@given(st.lists(FACTORS, min_size=1, max_size=6), st.data())
def test_a_ratio_is_the_product_of_its_steps_whatever_the_order_of_the_rows(
    factors: list[Decimal], data: st.DataObject
) -> None:
    rows = [Conversion(f"u{place}", f"u{place + 1}", factor) for place, factor in enumerate(factors)]
    units = of(data.draw(st.permutations(rows)))
    whole = Fraction(1)
    for factor in factors:
        whole *= Fraction(factor)
    assert units.ratio("any", "u0", f"u{len(factors)}") == whole
    assert units.ratio("any", f"u{len(factors)}", "u0") == 1 / whole
