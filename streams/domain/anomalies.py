"""How unusual a figure is, judged by the machine's own past, with an explanation in a sentence.

The score is the modified z-score of Iglewicz and Hoaglin (How to Detect and Handle Outliers, ASQC 1993): the distance
from the median in units of 1.4826 times the median absolute deviation, which is the standard deviation of normal noise
and does not move when up to half of the past is wrong. They call 3.5 an outlier; a plant looks ten thousand times a
week, so here an anomaly begins at 8, three looks in a row, and ends below 4, five looks in a row.
"""

from bisect import bisect_left
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import Final, NamedTuple

import msgspec

SIGMA_OF_MAD: Final = 1.4826
RAISED_AT: Final = 8.0
CLEARED_BELOW: Final = 4.0
LOOKS_TO_RAISE: Final = 3
LOOKS_TO_CLEAR: Final = 5
LEAST_PAST: Final = 60
LONGEST_PAST: Final = 240
# Nobody alarms over a deviation of less than RAISED_AT times this share of what is usual.
LEAST_RELATIVE_SPREAD: Final = 0.03
# A figure that moves in steps may be one step off: that is worth a score of 4.
STEPS_OF_SPREAD: Final = 0.25


class Usual(NamedTuple):
    """What is usual: the median of the past and its spread, from so many readings."""

    median: float
    spread: float
    readings: int


class Judgement(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is thought of a signal now. `looks` in a row were unusual (or usual again, while it is an anomaly)."""

    value: float
    median: float | None = None
    spread: float | None = None
    score: float | None = None
    readings: int = 0
    looks: int = 0
    since: datetime | None = None
    sentence: str = ""

    @property
    def is_anomaly(self) -> bool:
        """Whether it is one now."""
        return self.since is not None


def median(values: Sequence[float]) -> float:
    """The middle of some values, of which there is at least one."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def robust_spread(values: Sequence[float], around: float) -> float:
    """The standard deviation as the median absolute deviation tells it."""
    ordered = sorted(values)
    below = bisect_left(ordered, around)
    # Two runs that are sorted already: much quicker to sort than distances in any order.
    distances = [around - value for value in reversed(ordered[:below])] + [value - around for value in ordered[below:]]
    return SIGMA_OF_MAD * median(distances)


def step(values: Sequence[float]) -> float:
    """The smallest difference between two of the values: how coarse the figure is; 0 where all are the same."""
    ordered = sorted(set(values))
    return min((after - before for before, after in pairwise(ordered)), default=0.0)


def usual(
    past: Sequence[float],
    coarseness: float = 0.0,
    least_spread: float = 0.0,
    least_relative_spread: float = LEAST_RELATIVE_SPREAD,
) -> Usual | None:
    """What the past says is usual; None while there is too little of it."""
    if len(past) < LEAST_PAST:
        return None
    middle = median(past)
    floor = max(least_relative_spread * abs(middle), STEPS_OF_SPREAD * coarseness, least_spread)
    spread = max(robust_spread(past, middle), floor)
    return Usual(middle, spread, len(past)) if spread > 0 else None


def score(value: float, known: Usual) -> float:
    """The modified z-score, signed: above what is usual is positive."""
    return (value - known.median) / known.spread


def judge(
    before: Judgement | None,
    at: datetime,
    value: float,
    known: Usual | None,
    *,
    upwards_only: bool = False,
    looks_to_raise: int = LOOKS_TO_RAISE,
    looks_to_clear: int = LOOKS_TO_CLEAR,
) -> Judgement:
    """The judgement after one more look; the sentence is left to whoever knows what the figure means."""
    if known is None:
        return Judgement(value=value)
    signed = score(value, known)
    amount = max(0.0, signed) if upwards_only else abs(signed)
    since, looks = before.since if before else None, before.looks if before else 0
    if since is None:
        looks = looks + 1 if amount >= RAISED_AT else 0
        since, looks = (at, 0) if looks >= looks_to_raise else (None, looks)
    else:
        looks = looks + 1 if amount < CLEARED_BELOW else 0
        since, looks = (None, 0) if looks >= looks_to_clear else (since, looks)
    return Judgement(
        value=value,
        median=known.median,
        spread=known.spread,
        score=round(amount, 2),
        readings=known.readings,
        looks=looks,
        since=since,
    )
