"""What holds of every product structure."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from streams.domain import units as measures
from streams.domain.bom import (
    Bom,
    Component,
    Structure,
    cost_roll_up,
    explode,
    rounded_up,
    structure,
    totals,
    where_used,
)
from streams.domain.units import Conversion

NEW_YEAR = date(2026, 1, 1)
METRIC = measures.of([Conversion("kg", "g", Decimal(1000))])

QUANTITIES = st.decimals("0.000001", "1000", places=6)
SCRAPS = st.just(Decimal(0)) | st.decimals("0", "60", places=2)
UNIT = st.sampled_from(["kg", "g"])


@st.composite
def plants(draw: st.DrawFn) -> Structure:
    """Bills of up to nine items; an item contains items of higher numbers only, so there is no cycle."""
    count = draw(st.integers(2, 9))
    bills = {}
    for place in range(count - 1):
        below = draw(st.lists(st.integers(place + 1, count - 1), max_size=4))
        lines = tuple(
            Component(item_id=f"I{each}", quantity=draw(QUANTITIES), unit=draw(UNIT), scrap_percentage=draw(SCRAPS))
            for each in below
        )
        if lines or not place:
            made = draw(QUANTITIES)
            bills[f"I{place}"] = Bom(
                product_id=f"I{place}",
                revision="A",
                effective_from=NEW_YEAR,
                output_quantity=made,
                unit=draw(UNIT),
                components=lines,
            )
    phantoms = draw(st.sets(st.sampled_from(sorted(bills))))
    return structure(bills, METRIC, phantoms=phantoms)


@given(plants())
def test_explosion_and_where_used_agree(plant: Structure) -> None:
    exploded = {
        (line.path, line.level, line.exact)
        for product_id in plant.parts
        for line in explode(plant, product_id, Decimal(1))
    }
    used = {
        (usage.path, usage.level, usage.exact)
        for item_id in plant.low_level_codes
        if item_id not in plant.phantoms
        for usage in where_used(plant, item_id)
    }
    assert exploded == used


@given(plants(), QUANTITIES)
def test_totals_are_the_sums_of_the_lines(plant: Structure, quantity: Decimal) -> None:
    summed: dict[str, Fraction] = {}
    for line in explode(plant, "I0", quantity):
        summed[line.item_id] = summed.get(line.item_id, Fraction(0)) + line.exact
    assert {each.item_id: each.exact for each in totals(plant, {"I0": quantity})} == summed


def by_hand(plant: Structure, product_id: str, needed: Fraction) -> Iterator[tuple[str, Fraction]]:
    """The same explosion, told recursively."""
    for part in plant.parts.get(product_id, ()):
        yield part.item_id, needed * part.per_unit
        yield from by_hand(plant, part.item_id, needed * part.per_unit)


@given(plants(), QUANTITIES)
def test_an_explosion_is_what_it_is_by_hand(plant: Structure, quantity: Decimal) -> None:
    told = [(line.item_id, line.exact) for line in explode(plant, "I0", quantity)]
    assert told == [each for each in by_hand(plant, "I0", Fraction(quantity)) if each[0] not in plant.phantoms]


@given(plants())
def test_an_item_lies_one_level_below_the_lowest_that_contains_it(plant: Structure) -> None:
    for item_id, code in plant.low_level_codes.items():
        above = [plant.low_level_codes[part.product_id] for part in plant.uses.get(item_id, ())]
        assert code == (max(above) + 1 if above else 0)


@given(
    plants(), st.dictionaries(st.sampled_from([f"I{place}" for place in range(9)]), st.decimals("0", "99", places=2))
)
def test_a_cost_is_what_all_that_is_bought_for_one_unit_costs(plant: Structure, bought: dict[str, Decimal]) -> None:
    rolled = cost_roll_up(plant, bought)
    leaves = [each for each in totals(plant, {"I0": Decimal(1)}) if each.item_id not in plant.parts]
    assert rolled["I0"].missing == tuple(sorted(each.item_id for each in leaves if each.item_id not in bought))
    if not rolled["I0"].missing:
        spent = sum((each.exact * Fraction(bought[each.item_id]) for each in leaves), Fraction(0))
        assert abs(Fraction(rolled["I0"].total or 0) - spent) <= Fraction(1, 2_000_000)


@given(st.fractions(min_value=0, max_value=10**30))
def test_a_quantity_is_rounded_up_by_less_than_its_last_place(exact: Fraction) -> None:
    assert 0 <= Fraction(rounded_up(exact)) - exact < Fraction(1, 10**6)
