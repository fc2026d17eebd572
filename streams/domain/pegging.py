"""What a supply is for: first come, first served for one item, and up through all levels to the demands behind it."""

from collections.abc import Callable, Iterable, Iterator
from datetime import date
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from typing import NamedTuple

import msgspec

from schemas.messages.materials import SMALLEST_QUANTITY
from streams.domain.needs import EXACT

DIGITS = Context(prec=40, rounding=ROUND_HALF_EVEN)
"""Shares of shares, over all levels, are right in far more digits than quantities have."""

Source = str | tuple[str, date] | None
"""A demand's id; the planned order (item, due day) of a product; None: the item's own safety stock, or what is reserved
beyond what is on hand."""
Supply = date | str
"""A planned order of an item by its due day, or a receipt by its id."""
Required = tuple[date, Source, int]
Supplied = tuple[date, Supply | None, int]
NOBODY: Required = (date.max, None, 0)


class Peg(NamedTuple):
    """A supply is there for a quantity that a demand or a product's planned order takes; for stock, if for neither."""

    quantity: Decimal
    demand_id: str | None = None
    product_id: str | None = None
    product_due: date | None = None


class Pegged(msgspec.Struct, frozen=True, gc=False):
    """What of a supply goes where, in parts of which `unit` make one. What goes nowhere stays in stock."""

    parts: int
    unit: int
    takes: tuple[tuple[Source, int], ...]

    def pegs(self) -> list[Peg]:
        return [_peg(source, _told(Decimal(parts), self.unit)) for source, parts in self.takes]


def fifo(required: Iterable[Required], supplied: Iterable[Supplied], unit: int) -> dict[Supply, Pegged]:
    """Give what is there first to what is required first; both in order of days. What is None is not told of.

    Raises ValueError if in all there is less than is required.
    """
    found: dict[Supply, Pegged] = {}
    waiting = iter(required)
    source: Source = None
    wanted = 0
    for _, supply, parts in supplied:
        left = parts
        takes: list[tuple[Source, int]] = []
        while left:
            if not wanted:
                _, source, wanted = next(waiting, NOBODY)
                if not wanted:
                    break
            taken = left if left < wanted else wanted
            takes.append((source, taken))
            left -= taken
            wanted -= taken
        if supply is not None:
            found[supply] = Pegged(parts, unit, tuple(takes))
    if wanted or next(waiting, NOBODY) is not NOBODY:
        raise ValueError("Less is supplied than is required.")
    return found


Shares = dict[str | None, Decimal]


class Tracing:
    """Traces supplies up to demands; what it found of an order it keeps, for the next one that leads there."""

    def __init__(self, pegged: Callable[[str, Supply], Pegged]) -> None:
        self._pegged = pegged
        self._known: dict[tuple[str, Supply], Shares] = {}

    def demands(self, item_id: str, supply: Supply) -> dict[str | None, Decimal]:
        """How much of a supply is there for each demand, however many levels up; None: for stock.

        An order that is for several demands takes what goes into it for each in proportion.
        """
        its = self._pegged(item_id, supply)
        with localcontext(DIGITS):
            shares = self._shares(item_id, supply)
            return {demand_id: _told(share * its.parts, its.unit) for demand_id, share in shares.items()}

    def _shares(self, item_id: str, supply: Supply) -> Shares:
        known = self._known.get((item_id, supply))
        if known is None:
            known = self._known[item_id, supply] = {}
            for demand_id, share in self._traced(self._pegged(item_id, supply)):
                known[demand_id] = known.get(demand_id, 0) + share
        return known

    def _traced(self, pegged: Pegged) -> Iterator[tuple[str | None, Decimal]]:
        left, whole = pegged.parts, Decimal(pegged.parts)
        for source, parts in pegged.takes:
            left -= parts
            share = parts / whole
            if isinstance(source, tuple):
                yield from ((demand_id, share * its) for demand_id, its in self._shares(*source).items())
            else:
                yield source, share
        if left:
            yield None, left / whole


def _peg(source: Source, quantity: Decimal) -> Peg:
    return Peg(quantity, None, *source) if isinstance(source, tuple) else Peg(quantity, source)


def _told(parts: Decimal, unit: int) -> Decimal:
    """Rounded to the nearest of 6 places, which is all that is kept of a quantity."""
    return EXACT.divide(parts, Decimal(unit)).quantize(SMALLEST_QUANTITY, context=EXACT)
