"""When an order will be finished at the pace of its last counted hour, with its spread; or why nobody can say."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from math import sqrt
from typing import NamedTuple

from streams.domain.oee import Made

HOUR = timedelta(hours=1)
NINE_OF_TEN = 1.645
"""Standard deviations to each side that hold nine of ten outcomes, if they are spread normally."""


class Finish(NamedTuple):
    """The prediction with what it came from. `earliest_at` and `latest_at` hold nine of ten finishes."""

    at: datetime
    earliest_at: datetime
    latest_at: datetime
    units_left: float
    seconds_per_unit: float
    readings: int
    units: int
    counted_seconds: float


class NotKnown(NamedTuple):
    """Why there is no prediction, as a sentence."""

    reason: str


def of(readings: Sequence[Made], units_left: float, now: datetime) -> Finish | NotKnown:
    """The finish of an order that is in work, of its readings in any order.

    The pace is that of the hour before now: the time from the first reading in it to the last, and the units after the
    first (its own units were made before). Readings are taken as independent of each other; a pause counts as one long
    reading. A finish that should have been by now is now.
    """
    if units_left <= 0:
        return NotKnown("Nothing is left to make.")
    heard = sorted((each for each in readings if now - HOUR <= each.at <= now and each.units > 0), key=lambda m: m.at)
    if len(heard) < 3:
        return NotKnown("Fewer than three readings were counted for it within the last hour.")
    lengths = [(b.at - a.at).total_seconds() for a, b in pairwise(heard)]
    units, seconds = sum(each.units for each in heard[1:]), sum(lengths)
    if seconds <= 0:
        return NotKnown("All its readings have the same moment.")
    return _predicted(heard[-1].at, lengths, units, units_left, now)


def _predicted(last_at: datetime, lengths: list[float], units: int, units_left: float, now: datetime) -> Finish:
    """Its spread is 1.645 s √(k + k² / n): k readings are left, n were counted, s is how much their lengths vary."""
    count, seconds = len(lengths), sum(lengths)
    left = units_left * count / units
    mean = seconds / count
    deviation = sqrt(sum((each - mean) ** 2 for each in lengths) / (count - 1))
    spread = timedelta(seconds=NINE_OF_TEN * deviation * sqrt(left + left * left / count))
    at = last_at + timedelta(seconds=units_left * seconds / units)
    return Finish(
        at=max(at, now),
        earliest_at=max(at - spread, now),
        latest_at=max(at + spread, now),
        units_left=units_left,
        seconds_per_unit=seconds / units,
        readings=count + 1,
        units=units,
        counted_seconds=seconds,
    )
