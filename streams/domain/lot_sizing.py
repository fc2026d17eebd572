"""What is short on which day, and in which lots it is ordered: netting and lot sizing of one item.

Quantities are whole numbers of parts of a unit, which the caller chooses so small that none is a fraction.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from math import ceil
from typing import Literal, NamedTuple

import msgspec

from schemas.messages.materials import SMALLEST_QUANTITY
from schemas.messages.values import check_quantity

Policy = Literal["lot_for_lot", "fixed", "min_multiple", "period"]


class LotSizing(msgspec.Struct, frozen=True, kw_only=True):
    """How large the orders of an item are (APICS: lot sizing).

    `lot_for_lot`: what is short on a day. `fixed`: `lot_size`, or several of it. `min_multiple`: at least `minimum`,
    and several of `multiple`. `period`: in one order what is short from its day on, for `period_days` calendar days.
    `smallest`: what `lot_for_lot` and `period` are rounded up to; 1 for what is counted in pieces.
    Raises ValueError with a sentence if a value makes no sense.
    """

    policy: Policy = "lot_for_lot"
    lot_size: Decimal = Decimal(1)
    minimum: Decimal = Decimal(0)
    multiple: Decimal = Decimal(1)
    period_days: int = 1
    smallest: Decimal = SMALLEST_QUANTITY

    def __post_init__(self) -> None:
        for name in ("lot_size", "multiple", "smallest"):
            check_quantity(name, getattr(self, name), least=SMALLEST_QUANTITY)
        check_quantity("minimum", self.minimum)
        if self.period_days < 1:
            raise ValueError(f"period_days must be 1 or more, not {self.period_days}")

    @property
    def step(self) -> Decimal:
        """Every order is a whole number of it."""
        return {"fixed": self.lot_size, "min_multiple": self.multiple}.get(self.policy, self.smallest)

    @property
    def least_steps(self) -> int:
        """How many steps the smallest order has."""
        return max(1, ceil(self.minimum / self.multiple)) if self.policy == "min_multiple" else 1


Bucket = tuple[date, int]
"""How many parts are required on a day, or are there from a day on. (A plain pair: there are millions of them.)"""


class Lot(NamedTuple):
    due: date
    steps: int


def lots(required: Sequence[Bucket], supplied: Sequence[Bucket], sizing: LotSizing, parts_per_step: int) -> list[Lot]:
    """The orders without which less would be there on some day than is required up to it; one a day at most.

    Both sequences are in order of days, and of what is required there is one bucket for each day. `parts_per_step`:
    what is good of one step of an order. (Orlicky, Material Requirements Planning, 1975: gross to net.)
    """
    found: list[Lot] = []
    is_period, least = sizing.policy == "period", sizing.least_steps
    balance = arrived = 0
    for index, (day, parts) in enumerate(required):
        while arrived < len(supplied) and supplied[arrived][0] <= day:
            balance += supplied[arrived][1]
            arrived += 1
        balance -= parts
        if balance < 0:
            last = day + timedelta(days=sizing.period_days - 1)
            short = _most_short(required, supplied, (index, arrived, balance), last) if is_period else -balance
            lot = Lot(day, max(least, -(-short // parts_per_step)))
            found.append(lot)
            balance += lot.steps * parts_per_step
    return found


def _most_short(
    required: Sequence[Bucket], supplied: Sequence[Bucket], so_far: tuple[int, int, int], last: date
) -> int:
    """How much is short at the worst of the days from where netting stands up to the last one, without an order."""
    index, arrived, balance = so_far
    most = -balance
    while (index := index + 1) < len(required) and required[index][0] <= last:
        while arrived < len(supplied) and supplied[arrived][0] <= required[index][0]:
            balance += supplied[arrived][1]
            arrived += 1
        balance -= required[index][1]
        most = max(most, -balance)
    return most
