"""Which observations a prior learns from, and why it does not learn from the others."""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from math import exp, log, sqrt
from typing import Final, NamedTuple

from schemas.codec import encode
from schemas.messages.estimates import Figure, Observed
from streams.domain.estimation.evidence import ENOUGH
from streams.domain.estimation.figures import BOUNDS, FIGURES, logarithm
from streams.domain.estimation.learning import Remembered
from streams.domain.estimation.widening import half_width

AHEAD_AT_MOST: Final = timedelta(minutes=5)
IN_PROPORTION: Final = 100.0
UNLIKE: Final = 1000.0
"""So many times what 95 % of the work takes: somebody counted in other units, or a clock was wrong."""


class Doubt(NamedTuple):
    """Why an observation is set aside: a code, and a sentence."""

    code: str
    reason: str


def doubt(told: Observed, said_at: datetime) -> Doubt | None:
    """What is wrong with an observation by itself; `said_at` is when it was reported."""
    if told.completed_at > said_at + AHEAD_AT_MOST:
        return Doubt(
            "COMPLETED_IN_FUTURE", f"It was completed at {told.completed_at}, later than it was told, {said_at}."
        )
    if told.quality is not None and not 0 <= told.quality <= 1:
        return Doubt("QUALITY_OUT_OF_RANGE", f"A quality is a share between 0 and 1, not {told.quality:g}.")
    is_measured = told.quality is not None
    for figure in FIGURES:
        value = getattr(told, figure)
        if value is not None:
            is_measured = True
            if found := _out_of_bounds(figure, value):
                return found
    return None if is_measured else Doubt("NOTHING_MEASURED", "It tells neither tokens nor a duration nor a cost.")


def _out_of_bounds(figure: Figure, value: float) -> Doubt | None:
    bounds = BOUNDS[figure]
    if 0 < value <= bounds.most:
        return None
    if value < 0:
        return Doubt("NEGATIVE", f"{figure} is {value:g}: nothing takes less than nothing.")
    if value > bounds.most:
        return Doubt("ABSURD", f"{figure} is {value:g}; more than {bounds.most:g} {bounds.unit} is not believed.")
    return None if bounds.may_be_zero else Doubt("ZERO", f"{figure} is 0: work that takes no time was not done.")


def unlike(told: Observed, known: Sequence[Remembered]) -> Doubt | None:
    """Whether an observation is out of all proportion to what is known of its lane, in the order of `FIGURES`.

    What lies within a hundred times the smoothed mean is not, and needs no logarithm.
    """
    for figure, remembered in zip(FIGURES, known, strict=True):
        value = getattr(told, figure)
        if value is None or value <= IN_PROPORTION * remembered.mean or remembered.weight < ENOUGH:
            continue
        usual = usual_at_most(remembered)
        if logarithm(figure, value) > usual + log(UNLIKE):
            sentence = f"{figure} is {value:g}, more than {UNLIKE:g} times {exp(usual):.3g}, below which 95 % lie"
            return Doubt("UNLIKE_ITS_LANE", f"{sentence} in this lane.")
    return None


def usual_at_most(known: Remembered) -> float:
    """The logarithm below which 95 % of a lane's work lies, by its own observations alone."""
    spread = sqrt(known.square_log / known.weight) * exp(known.log_widening)
    return known.mean_log + half_width(known.weight) * spread


def mark_of(told: Observed, doubt: Doubt) -> str:
    """By what an observation that is set aside is known again: all that it says, and why it is set aside."""
    return hashlib.blake2b(encode(told) + doubt.code.encode(), digest_size=9).hexdigest()
