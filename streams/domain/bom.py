"""Bills of materials: what a product consists of over all levels, where an item is used, what it costs.

Quantities are computed as fractions and never rounded on the way. What is told of them is a Decimal of 6 places,
rounded up, so that whoever plans by it never has too little; the fraction (`exact`) stands beside it.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction
from graphlib import CycleError, TopologicalSorter
from typing import NamedTuple

import msgspec

from schemas.messages.materials import SMALLEST_QUANTITY
from schemas.messages.values import check_quantity
from schemas.messages.work_orders import BomLine
from streams.domain.units import ONE, Units

PARTS_OF_ONE = 10**6
"""Quantities have 6 decimal places."""


class Component(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a bill: what goes into its output quantity, without what is spoiled on the way.

    `scrap_percentage`: the share of what is taken that is spoiled (APICS: component scrap). Of 5 %, 100 good ones need
    100 / 0.95 = 105.26. Raises ValueError with a sentence if a value makes no sense.
    """

    item_id: str
    quantity: Decimal
    unit: str = "EA"
    position: str | None = None
    scrap_percentage: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        check_quantity(f"quantity of {self.item_id}", self.quantity, least=SMALLEST_QUANTITY)
        if not (self.scrap_percentage.is_finite() and 0 <= self.scrap_percentage < 100):
            raise ValueError(
                f"scrap_percentage of {self.item_id} must be from 0 to below 100, not {self.scrap_percentage}"
            )


class Bom(msgspec.Struct, frozen=True, kw_only=True):
    """A revision of a product's bill, for `output_quantity` of the product in its `unit`.

    It holds from the day `effective_from` up to, but not on, the day `effective_to`; None: until further notice.
    """

    product_id: str
    revision: str
    effective_from: date
    effective_to: date | None = None
    output_quantity: Decimal = Decimal(1)
    unit: str = "EA"
    components: tuple[Component, ...] = ()

    def __post_init__(self) -> None:
        check_quantity("output_quantity", self.output_quantity, least=SMALLEST_QUANTITY)
        if self.effective_to is not None and self.effective_to <= self.effective_from:
            raise ValueError(f"{self.product_id} revision {self.revision} ends before it begins")


class Cycle(ValueError):
    """A product contains itself. `path`: the items on the way, the first one again at the end."""

    def __init__(self, path: tuple[str, ...]) -> None:
        super().__init__(f"{path[0]} contains itself: {' > '.join(path)}.")
        self.path = path


class Part(NamedTuple):
    """What one unit of a product takes of an item, in the item's unit, with what is spoiled."""

    product_id: str
    item_id: str
    per_unit: Fraction
    position: str | None


_Step = tuple[tuple[str, ...], int, Fraction, Part]
"""The path walked so far, its level, the quantity at its end, and the part to go on with."""


class Structure(NamedTuple):
    """The bills that hold together, ready to be computed with: see `structure`.

    `low_level_codes` lists every item, products before what they contain.
    """

    parts: Mapping[str, tuple[Part, ...]]
    uses: Mapping[str, tuple[Part, ...]]
    units: Mapping[str, str]
    low_level_codes: dict[str, int]
    phantoms: frozenset[str]


class Requirement(NamedTuple):
    """One line of an indented explosion. `path`: from the product to the item, phantoms too, which are no level."""

    level: int
    item_id: str
    quantity: Decimal
    unit: str
    position: str | None
    path: tuple[str, ...]
    exact: Fraction


class Total(NamedTuple):
    """What is needed of an item over all places where it goes in."""

    item_id: str
    quantity: Decimal
    unit: str
    low_level_code: int
    exact: Fraction


class Usage(NamedTuple):
    """A product that an item goes into, and how much of the item one unit of it takes by this path."""

    level: int
    product_id: str
    quantity: Decimal
    unit: str
    path: tuple[str, ...]
    exact: Fraction


class Cost(NamedTuple):
    """What one unit of an item costs; None where it cannot be said because the cost of the `missing` is not known.

    `material`: of everything bought in it. `value_added`: of all operations on it and on what it contains.
    """

    item_id: str
    unit: str
    material: Decimal | None
    value_added: Decimal
    total: Decimal | None
    missing: tuple[str, ...]


def effective(boms: Iterable[Bom], at: date) -> dict[str, Bom]:
    """The one revision of each product that holds on a day. Raises ValueError with a sentence if there are two."""
    found: dict[str, Bom] = {}
    for bom in boms:
        if bom.effective_from <= at and (bom.effective_to is None or at < bom.effective_to):
            other = found.setdefault(bom.product_id, bom)
            if other is not bom:
                raise ValueError(
                    f"{bom.product_id} has two revisions on {at:%Y-%m-%d}: {other.revision} and {bom.revision}."
                )
    return found


def low_level_codes(components: Mapping[str, Collection[str]]) -> dict[str, int]:
    """The lowest level at which each item is used (0: in nothing), products before what they contain.

    `components`: the ids of what goes into each product. Raises Cycle. (Orlicky, Material Requirements Planning, 1975.)
    """
    try:
        upward = list(TopologicalSorter(components).static_order())
    except CycleError as error:
        raise Cycle(tuple(reversed(error.args[1]))) from None
    codes = dict.fromkeys(reversed(upward), 0)
    for product_id, code in codes.items():
        for item_id in components.get(product_id, ()):
            codes[item_id] = max(codes[item_id], code + 1)
    return codes


def refuse_cycles(boms: Iterable[Bom]) -> None:
    """Raise Cycle if on any day, now or to come, a product contains itself; to be asked before a bill is kept."""
    known = list(boms)
    ever: dict[str, list[str]] = {}
    for bom in known:
        ever.setdefault(bom.product_id, []).extend(line.item_id for line in bom.components)
    try:
        low_level_codes(ever)
    except Cycle:
        for day in sorted({bom.effective_from for bom in known}):
            low_level_codes(_contained(effective(known, day)))


def structure(
    boms: Mapping[str, Bom],
    units: Units = Units(),
    item_units: Mapping[str, str] | None = None,
    phantoms: Collection[str] = (),
) -> Structure:
    """The product structure of bills that hold together: those `effective` on a day, or those orders were made with.

    `item_units`: the unit an item is counted in; without one it is that of its bill, or of the first line that has it.
    `phantoms`: items that are never made for themselves; what they contain goes right into what contains them.
    Raises Cycle, or ValueError with a sentence: a unit cannot be converted, a phantom has no bill.
    """
    codes = low_level_codes(_contained(boms))
    for item_id in sorted(phantoms):
        if item_id in codes and item_id not in boms:
            raise ValueError(f"{item_id} is a phantom and has no bill of materials.")
    counted = {bom.product_id: bom.unit for bom in boms.values()} | dict(item_units or {})
    uses: dict[str, list[Part]] = {}
    parts: dict[str, tuple[Part, ...]] = {}
    for bom in boms.values():
        per_output = ONE / Fraction(bom.output_quantity)
        per_output /= units.ratio(bom.product_id, bom.unit, counted[bom.product_id])
        parts[bom.product_id] = tuple(
            _part(bom.product_id, line, per_output, units, counted) for line in bom.components
        )
        for part in parts[bom.product_id]:
            uses.setdefault(part.item_id, []).append(part)
    return Structure(parts, {item_id: tuple(its) for item_id, its in uses.items()}, counted, codes, frozenset(phantoms))


def _contained(boms: Mapping[str, Bom]) -> dict[str, tuple[str, ...]]:
    return {product_id: tuple(line.item_id for line in bom.components) for product_id, bom in boms.items()}


def _part(product_id: str, line: Component, per_output: Fraction, units: Units, counted: dict[str, str]) -> Part:
    """One fraction is made of whole numbers at the end, which is faster than fractions on the way."""
    ratio = units.ratio(line.item_id, line.unit, counted.setdefault(line.item_id, line.unit))
    quantity, of = line.quantity.as_integer_ratio()
    scrapped, of_scrap = line.scrap_percentage.as_integer_ratio()
    per_unit = Fraction(
        quantity * per_output.numerator * ratio.numerator * 100 * of_scrap,
        of * per_output.denominator * ratio.denominator * (100 * of_scrap - scrapped),
    )
    return Part(product_id, line.item_id, per_unit, line.position)


def explode(built: Structure, product_id: str, quantity: Decimal, levels: int | None = None) -> Iterator[Requirement]:
    """The indented explosion: every line below a product, each before what it contains, in the order of the bills.

    An item that goes in by several paths has a line for each; `totals` adds them up. `levels`: how far down.
    Raises ValueError with a sentence: no such bill, a quantity that is none.
    """
    return _lines(built, product_id, _asked(built, product_id, quantity), levels)


def _lines(built: Structure, product_id: str, asked: Fraction, levels: int | None) -> Iterator[Requirement]:
    steps: list[_Step] = [((product_id,), 0, asked, part) for part in built.parts[product_id][::-1]]
    while steps:
        above, level, of_product, part = steps.pop()
        exact, path = of_product * part.per_unit, (*above, part.item_id)
        if part.item_id not in built.phantoms:
            level += 1
            if levels is not None and level > levels:
                continue
            unit = built.units[part.item_id]
            yield Requirement(level, part.item_id, rounded_up(exact), unit, part.position, path, exact)
        steps += [(path, level, exact, below) for below in built.parts.get(part.item_id, ())[::-1]]


def bill_of_order(built: Structure, product_id: str, quantity: Decimal) -> tuple[BomLine, ...]:
    """The bill of an order for a quantity of a product: one level, phantoms dissolved, quantities in total."""
    return tuple(
        BomLine(material_id=line.item_id, quantity_required=line.quantity, unit_of_measure=line.unit)
        for line in explode(built, product_id, quantity, levels=1)
    )


def totals(built: Structure, demands: Mapping[str, Decimal]) -> list[Total]:
    """What all demands for products together need of every item below them, by low-level code, without phantoms.

    Nothing is taken from stock (that is MRP's). Its time grows with the lines of the bills, not with the paths.
    """
    asked = {product_id: _asked(built, product_id, quantity) for product_id, quantity in demands.items()}
    dependent: dict[str, Fraction] = {}
    for product_id in built.low_level_codes:
        if product_id in built.parts and (product_id in asked or product_id in dependent):
            needed = asked.get(product_id, 0) + dependent.get(product_id, 0)
            for part in built.parts[product_id]:
                taken, known = needed * part.per_unit, dependent.get(part.item_id)
                dependent[part.item_id] = taken if known is None else known + taken
    found = [
        Total(item_id, rounded_up(exact), built.units[item_id], built.low_level_codes[item_id], exact)
        for item_id, exact in dependent.items()
        if item_id not in built.phantoms
    ]
    return sorted(found, key=lambda each: (each.low_level_code, each.item_id))


def where_used(built: Structure, item_id: str, levels: int | None = None) -> Iterator[Usage]:
    """Every product that contains an item, by every path, each before what contains it; nothing if nothing does.

    For each line of an explosion of one unit there is the one usage of the same path, level and quantity.
    """
    steps: list[_Step] = [((item_id,), 1, ONE, part) for part in built.uses.get(item_id, ())[::-1]]
    while steps:
        below, level, of_item, part = steps.pop()
        if levels is not None and level > levels:
            continue
        exact, path = of_item * part.per_unit, (part.product_id, *below)
        yield Usage(level, part.product_id, rounded_up(exact), built.units[item_id], path, exact)
        level += part.product_id not in built.phantoms
        steps += [(path, level, exact, above) for above in built.uses.get(part.product_id, ())[::-1]]


def cost_roll_up(
    built: Structure, bought: Mapping[str, Decimal], added: Mapping[str, Decimal] | None = None
) -> dict[str, Cost]:
    """What one unit of every item costs, from the bottom up, rounded to 6 places at the end.

    `bought`: the cost of a unit of what has no bill (a cost told for a product with a bill is not read).
    `added`: what a unit's own operations cost, labour and overhead; a product without one adds nothing.
    """
    rolled: dict[str, tuple[Fraction, Fraction, frozenset[str]]] = {}
    for item_id in reversed(built.low_level_codes):
        value_added, missing = Fraction((added or {}).get(item_id, 0)), frozenset[str]()
        if item_id in built.parts:
            material = Fraction(0)
            for part in built.parts[item_id]:
                its_material, its_added, its_missing = rolled[part.item_id]
                material += part.per_unit * its_material
                value_added += part.per_unit * its_added
                missing |= its_missing
        else:
            material = Fraction(bought.get(item_id, 0))
            missing = frozenset() if item_id in bought else frozenset([item_id])
        rolled[item_id] = material, value_added, missing
    return {item_id: _cost(item_id, built.units[item_id], *sums) for item_id, sums in rolled.items()}


def _cost(item_id: str, unit: str, material: Fraction, value_added: Fraction, missing: frozenset[str]) -> Cost:
    if missing:
        return Cost(item_id, unit, None, _nearest(value_added), None, tuple(sorted(missing)))
    return Cost(item_id, unit, _nearest(material), _nearest(value_added), _nearest(material + value_added), ())


def _asked(built: Structure, product_id: str, quantity: Decimal) -> Fraction:
    if product_id not in built.parts:
        raise ValueError(f"{product_id} has no bill of materials.")
    check_quantity("quantity", quantity, least=SMALLEST_QUANTITY)
    return Fraction(quantity)


def rounded_up(exact: Fraction) -> Decimal:
    """The least Decimal of 6 places that is not less; whole numbers without places."""
    if exact.denominator == 1:
        return Decimal(exact.numerator)
    return _of_parts(-(-exact.numerator * PARTS_OF_ONE // exact.denominator))


def _nearest(exact: Fraction) -> Decimal:
    return _of_parts(round(exact * PARTS_OF_ONE))


def _of_parts(parts: int) -> Decimal:
    """Of a string, because arithmetic of Decimals rounds to the digits of its context."""
    return Decimal(f"{parts}E-6")
