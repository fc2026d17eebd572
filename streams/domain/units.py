"""Units of measure and what one of them is in another, exactly; some conversions hold for one item alone."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import NamedTuple

ONE = Fraction(1)

Scales = Mapping[str, tuple[str, Fraction]]
"""Of each unit: the unit its family is measured in, and how many of that it is."""


class Conversion(NamedTuple):
    """One `unit` is `factor` times `into`: of every item, or of one (a box of these screws holds 200)."""

    unit: str
    into: str
    factor: Decimal
    item_id: str | None = None


class Units(NamedTuple):
    """A table of conversions, read: chains and both directions are followed."""

    general: Scales = MappingProxyType({})
    of_items: Mapping[str, Scales] = MappingProxyType({})

    def ratio(self, item_id: str, unit: str, into: str) -> Fraction:
        """How many `into` one `unit` of an item is. Raises ValueError with a sentence where no conversion says it."""
        if unit == into:
            return ONE
        scales = self.of_items.get(item_id, self.general)
        root, size = scales.get(unit, (unit, ONE))
        other, its = scales.get(into, (into, ONE))
        if root != other:
            raise ValueError(f"There is no conversion from {unit} to {into} for {item_id}.")
        return size / its


def of(conversions: Iterable[Conversion]) -> Units:
    """The units of a table. Raises ValueError with a sentence where its rows disagree, or a factor is not above 0."""
    rows = list(conversions)
    general = _welded({}, (row for row in rows if row.item_id is None))
    own: dict[str, list[Conversion]] = {}
    for row in rows:
        if row.item_id is not None:
            own.setdefault(row.item_id, []).append(row)
    return Units(general, {item_id: _welded(general, its) for item_id, its in own.items()})


def _welded(scales: Scales, rows: Iterable[Conversion]) -> Scales:
    """The families of units with those joined that a row connects."""
    found = dict(scales)
    for row in rows:
        if not (row.factor.is_finite() and row.factor > 0):
            raise ValueError(f"One {row.unit} cannot be {row.factor} {row.into}.")
        root, size = found.setdefault(row.unit, (row.unit, ONE))
        other, its = found.setdefault(row.into, (row.into, ONE))
        told = size / Fraction(row.factor)
        if root != other:
            found |= {unit: (root, held * told / its) for unit, (of, held) in found.items() if of == other}
        elif told != its:
            of_item = f" of {row.item_id}" if row.item_id else ""
            raise ValueError(
                f"One {row.unit}{of_item} is {row.factor} {row.into} by one conversion "
                f"and {float(size / its):g} {row.into} by others; leave one of them out."
            )
    return found
