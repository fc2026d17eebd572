"""Bills of materials, exploded by hand: the speaker kit of Heizer and Render, Operations Management, chapter MRP."""

from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import msgspec
import pytest

from streams.domain import units as measures
from streams.domain.bom import (
    Bom,
    Component,
    Cost,
    Cycle,
    Structure,
    bill_of_order,
    cost_roll_up,
    effective,
    explode,
    low_level_codes,
    refuse_cycles,
    structure,
    totals,
    where_used,
)
from streams.domain.units import Conversion

NEW_YEAR = date(2026, 1, 1)
MARCH = date(2026, 3, 1)
METRIC = measures.of([Conversion("kg", "g", Decimal(1000))])


def bill(product_id: str, /, **quantities: str | int) -> Bom:
    lines = tuple(Component(item_id=item_id, quantity=Decimal(each)) for item_id, each in quantities.items())
    return Bom(product_id=product_id, revision="A", effective_from=NEW_YEAR, components=lines)


def built(*bills: Bom, phantoms: tuple[str, ...] = (), units: measures.Units = METRIC) -> Structure:
    return structure({each.product_id: each for each in bills}, units, phantoms=phantoms)


# A speaker kit takes 2 B and 3 C; B takes 2 D and 2 E; C takes 2 E and 2 F; F takes 2 D and 1 G.
SPEAKERS = (bill("A", B=2, C=3), bill("B", D=2, E=2), bill("C", E=2, F=2), bill("F", D=2, G=1))
KIT = built(*SPEAKERS)


def needs(found: Structure, product_id: str, quantity: int | str = 1) -> dict[str, Decimal]:
    return {each.item_id: each.quantity for each in totals(found, {product_id: Decimal(quantity)})}


# -- which revision holds


def test_a_revision_holds_from_its_first_day_up_to_but_not_on_its_last() -> None:
    old = Bom(product_id="A", revision="1", effective_from=NEW_YEAR, effective_to=MARCH)
    new = Bom(product_id="A", revision="2", effective_from=MARCH)
    assert effective([old, new], date(2025, 12, 31)) == {}
    assert effective([old, new], NEW_YEAR) == {"A": old}
    assert effective([old, new], date(2026, 2, 28)) == {"A": old}
    assert effective([old, new], MARCH) == {"A": new}


def test_two_revisions_of_one_product_on_one_day_are_refused() -> None:
    both = [Bom(product_id="A", revision=name, effective_from=NEW_YEAR) for name in ("1", "2")]
    with pytest.raises(ValueError, match=r"A has two revisions on 2026-03-01: 1 and 2\."):
        effective(both, MARCH)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"quantity": Decimal(0)}, "quantity of B must be"),
        ({"quantity": Decimal("0.0000001")}, "quantity of B"),
        ({"quantity": Decimal("NaN")}, "quantity of B must be"),
        ({"scrap_percentage": Decimal(100)}, "scrap_percentage of B must be from 0 to below 100, not 100"),
        ({"scrap_percentage": Decimal("-0.1")}, "scrap_percentage of B must be from 0"),
        ({"scrap_percentage": Decimal("NaN")}, "scrap_percentage of B must be from 0"),
    ],
)
def test_a_line_that_makes_no_sense_is_refused(change: dict[str, Decimal], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        msgspec.structs.replace(Component(item_id="B", quantity=Decimal(1)), **change)


def test_a_bill_for_nothing_or_of_no_day_is_refused() -> None:
    with pytest.raises(ValueError, match="output_quantity must be"):
        Bom(product_id="A", revision="1", effective_from=NEW_YEAR, output_quantity=Decimal(0))
    with pytest.raises(ValueError, match="A revision 1 ends before it begins"):
        Bom(product_id="A", revision="1", effective_from=MARCH, effective_to=MARCH)


# -- levels and cycles


def test_the_low_level_code_is_the_lowest_level_at_which_an_item_is_used() -> None:
    """D is used at level 2 in B and at level 3 in F."""
    assert KIT.low_level_codes == {"A": 0, "B": 1, "C": 1, "E": 2, "F": 2, "D": 3, "G": 3}


def test_products_come_before_what_they_contain() -> None:
    order = list(KIT.low_level_codes)
    assert all(order.index(part.product_id) < order.index(part.item_id) for each in KIT.parts.values() for part in each)


def test_a_cycle_is_refused_with_its_path_from_product_to_component() -> None:
    with pytest.raises(Cycle) as refused:
        built(bill("A", B=1), bill("B", C=1, X=1), bill("C", A=2))
    path = refused.value.path
    assert path[0] == path[-1]
    assert set(pairwise(path)) == {("A", "B"), ("B", "C"), ("C", "A")}
    assert str(refused.value) == f"{path[0]} contains itself: {' > '.join(path)}."


def test_a_product_that_lists_itself_is_a_cycle() -> None:
    with pytest.raises(Cycle, match=r"A contains itself: A > A\."):
        low_level_codes({"A": ["A"]})


def test_a_cycle_of_revisions_to_come_is_refused_and_one_over_different_days_is_none() -> None:
    first = Bom(
        product_id="A",
        revision="1",
        effective_from=NEW_YEAR,
        effective_to=MARCH,
        components=(Component(item_id="B", quantity=Decimal(1)),),
    )
    second = Bom(product_id="A", revision="2", effective_from=MARCH)
    back = Bom(
        product_id="B",
        revision="1",
        effective_from=MARCH,
        components=(Component(item_id="A", quantity=Decimal(1)),),
    )
    refuse_cycles([first, second, back])
    with pytest.raises(Cycle):
        refuse_cycles([bill("A", B=1), back])


def test_a_chain_of_ten_thousand_levels_is_no_trouble() -> None:
    deep = built(*(bill(f"I{place}", **{f"I{place + 1}": 1}) for place in range(10_000)))
    assert deep.low_level_codes["I10000"] == 10_000


# -- explosion


def test_fifty_speaker_kits_need_what_the_textbook_says() -> None:
    assert needs(KIT, "A", 50) == {"B": 100, "C": 150, "D": 800, "E": 500, "F": 300, "G": 300}


def test_the_indented_explosion_has_a_line_for_every_path_in_the_order_of_the_bills() -> None:
    found = [(each.level, each.item_id, int(each.quantity)) for each in explode(KIT, "A", Decimal(50))]
    assert found == [
        (1, "B", 100),
        (2, "D", 200),
        (2, "E", 200),
        (1, "C", 150),
        (2, "E", 300),
        (2, "F", 300),
        (3, "D", 600),
        (3, "G", 300),
    ]
    paths = [each.path for each in explode(KIT, "A", Decimal(50)) if each.item_id == "D"]
    assert paths == [("A", "B", "D"), ("A", "C", "F", "D")]


def test_an_explosion_stops_at_the_level_asked_for() -> None:
    assert [each.item_id for each in explode(KIT, "A", Decimal(1), levels=1)] == ["B", "C"]
    assert [each.item_id for each in explode(KIT, "A", Decimal(1), levels=2)] == ["B", "D", "E", "C", "E", "F"]


def test_what_several_products_share_is_added_up() -> None:
    """Two finished goods with one sub-assembly: 3 x 2 + 4 x 5 = 26 of it (erpnext 58809)."""
    found = built(bill("P", SUB=2), bill("Q", SUB=5), bill("SUB", RAW=3))
    asked = {"P": Decimal(3), "Q": Decimal(4), "SUB": Decimal(1)}
    assert {each.item_id: each.quantity for each in totals(found, asked)} == {"SUB": 26, "RAW": 81}


def test_an_item_on_two_lines_of_one_bill_is_needed_for_both() -> None:
    lines = tuple(Component(item_id="BOLT", quantity=Decimal(each), position=f"{each}") for each in (4, 6))
    found = built(Bom(product_id="A", revision="1", effective_from=NEW_YEAR, components=lines))
    assert needs(found, "A", 10) == {"BOLT": 100}
    assert [each.position for each in explode(found, "A", Decimal(10))] == ["4", "6"]


def test_a_bill_for_a_batch_is_divided_by_what_it_makes() -> None:
    """Ink for 300 brochures: 7 g. 1,000 take 23.333... g, told as 23.333334 and kept exact."""
    ink = Component(item_id="INK", quantity=Decimal(7), unit="g")
    batch = Bom(product_id="A", revision="1", effective_from=NEW_YEAR, output_quantity=Decimal(300), components=(ink,))
    (line,) = explode(built(batch), "A", Decimal(1000))
    assert (line.quantity, line.exact) == (Decimal("23.333334"), Fraction(70, 3))


def test_thirds_of_thirds_do_not_drift() -> None:
    """Three times a third is one, on any level: nothing is rounded on the way."""

    def third(product_id: str, item_id: str, quantity: int, of: int) -> Bom:
        line = Component(item_id=item_id, quantity=Decimal(quantity))
        return Bom(
            product_id=product_id,
            revision="1",
            effective_from=NEW_YEAR,
            output_quantity=Decimal(of),
            components=(line,),
        )

    found = built(third("A", "B", 1, 3), third("B", "C", 1, 7), third("C", "D", 21, 1))
    assert needs(found, "A")["D"] == 1


def test_scrap_of_a_component_is_a_share_of_what_is_taken() -> None:
    """Of 5 % scrap, 19 good ones need 20."""
    line = Component(item_id="B", quantity=Decimal(19), scrap_percentage=Decimal(5))
    found = built(Bom(product_id="A", revision="1", effective_from=NEW_YEAR, components=(line,)))
    assert needs(found, "A") == {"B": 20}


def paste_of(quantity: int, unit: str, *components: Component) -> Bom:
    """So much paste is made at a time, of these."""
    return Bom(
        product_id="PASTE",
        revision="1",
        effective_from=NEW_YEAR,
        output_quantity=Decimal(quantity),
        unit=unit,
        components=components,
    )


def test_units_are_converted_from_the_line_to_the_bill_below() -> None:
    """250 g of a paste that is made 5 kg at a time from 2 kg resin: 4 pieces need 1 kg paste and 0.4 kg resin."""
    paste = Component(item_id="PASTE", quantity=Decimal(250), unit="g")
    resin = Component(item_id="RESIN", quantity=Decimal(2), unit="kg")
    found = built(
        Bom(product_id="A", revision="1", effective_from=NEW_YEAR, components=(paste,)),
        paste_of(5, "kg", resin),
    )
    told = [(each.item_id, each.quantity, each.unit) for each in totals(found, {"A": Decimal(4)})]
    assert told == [("PASTE", 1, "kg"), ("RESIN", Decimal("0.4"), "kg")]


def test_an_item_on_lines_of_different_units_is_counted_in_its_own() -> None:
    grams, kilos = (Component(item_id="RAW", quantity=Decimal(1), unit=unit) for unit in ("g", "kg"))
    mixed = Bom(product_id="A", revision="1", effective_from=NEW_YEAR, components=(grams, kilos))
    (total,) = totals(structure({"A": mixed}, METRIC), {"A": Decimal(1)})
    assert (total.quantity, total.unit) == (Decimal(1001), "g")
    (total,) = totals(structure({"A": mixed}, METRIC, {"RAW": "kg"}), {"A": Decimal(1)})
    assert (total.quantity, total.unit) == (Decimal("1.001"), "kg")


def test_a_product_counted_in_another_unit_than_its_bill_is_converted() -> None:
    """The bill makes 1,000 g; the item is counted in kg: 3 of them take 3 times what the bill lists."""
    line = Component(item_id="RESIN", quantity=Decimal(2))
    made = paste_of(1000, "g", line)
    assert needs(structure({"PASTE": made}, METRIC, {"PASTE": "kg"}), "PASTE", 3) == {"RESIN": 6}


def test_a_unit_that_nothing_converts_is_refused() -> None:
    barrel = Component(item_id="OIL", quantity=Decimal(1), unit="BARREL")
    with pytest.raises(ValueError, match=r"There is no conversion from BARREL to kg for OIL\."):
        structure(
            {"A": Bom(product_id="A", revision="1", effective_from=NEW_YEAR, components=(barrel,))},
            METRIC,
            {"OIL": "kg"},
        )


def test_a_phantom_is_no_line_and_no_level_and_its_components_are() -> None:
    kit = built(*SPEAKERS, phantoms=("C",))
    found = [(each.level, each.item_id) for each in explode(kit, "A", Decimal(1))]
    assert found == [(1, "B"), (2, "D"), (2, "E"), (1, "E"), (1, "F"), (2, "D"), (2, "G")]
    assert "C" not in needs(kit, "A", 50)
    assert needs(kit, "A", 50) == {"B": 100, "D": 800, "E": 500, "F": 300, "G": 300}
    assert [each.path for each in explode(kit, "A", Decimal(1), levels=1)] == [
        ("A", "B"),
        ("A", "C", "E"),
        ("A", "C", "F"),
    ]


def test_a_phantom_without_a_bill_is_refused() -> None:
    with pytest.raises(ValueError, match=r"E is a phantom and has no bill of materials\."):
        built(*SPEAKERS, phantoms=("E",))


def test_what_has_no_bill_or_no_quantity_cannot_be_exploded() -> None:
    with pytest.raises(ValueError, match=r"E has no bill of materials\."):
        explode(KIT, "E", Decimal(1))
    with pytest.raises(ValueError, match="quantity must be"):
        totals(KIT, {"A": Decimal(0)})


def test_the_bill_of_an_order_has_one_level_and_the_whole_quantity() -> None:
    told = [(each.material_id, int(each.quantity_required)) for each in bill_of_order(KIT, "A", Decimal(50))]
    assert told == [("B", 100), ("C", 150)]


# -- where used, and what it costs


def test_where_used_finds_every_product_by_every_path() -> None:
    found = [(each.level, each.product_id, int(each.quantity)) for each in where_used(KIT, "D")]
    assert found == [(1, "B", 2), (2, "A", 4), (1, "F", 2), (2, "C", 4), (3, "A", 12)]
    assert [each.product_id for each in where_used(KIT, "D", levels=1)] == ["B", "F"]
    assert list(where_used(KIT, "A")) == []


def test_where_used_tells_products_in_the_order_of_the_bills_on_every_level() -> None:
    found = built(bill("X", SUB=1), bill("Y", SUB=2), bill("SUB", RAW=1), bill("Z", RAW=1))
    assert [each.path for each in where_used(found, "RAW")] == [
        ("SUB", "RAW"),
        ("X", "SUB", "RAW"),
        ("Y", "SUB", "RAW"),
        ("Z", "RAW"),
    ]


def test_costs_roll_up_from_what_is_bought_and_what_is_done_to_it() -> None:
    """B: 2 x 1 + 2 x 5 = 12 and 3 of work; F: 2 x 1 + 4 = 6 and 1; C: 2 x 5 + 2 x 6 = 22, 2 x 1 + 0 = 2.

    A: 2 x 12 + 3 x 22 = 90 of material; 2 x 3 + 3 x 2 + 10 = 22 of work.
    """
    bought = {"D": Decimal(1), "E": Decimal(5), "G": Decimal(4), "B": Decimal(999)}
    rolled = cost_roll_up(KIT, bought, {"B": Decimal(3), "F": Decimal(1), "A": Decimal(10)})
    assert rolled["B"] == Cost("B", "EA", Decimal(12), Decimal(3), Decimal(15), ())
    assert rolled["C"] == Cost("C", "EA", Decimal(22), Decimal(2), Decimal(24), ())
    assert rolled["A"] == Cost("A", "EA", Decimal(90), Decimal(22), Decimal(112), ())


def test_a_cost_that_lacks_a_part_is_not_known_and_says_which() -> None:
    rolled = cost_roll_up(KIT, {"D": Decimal(1), "E": Decimal(5)}, {"B": Decimal(3)})
    assert rolled["B"].total == 15
    assert (rolled["A"].total, rolled["A"].material, rolled["A"].missing) == (None, None, ("G",))
    assert rolled["A"].value_added == 6
