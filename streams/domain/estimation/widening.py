"""Intervals that hold as often as they say: their spread grows when they miss too often, and shrinks when they hold.

Adaptive conformal inference (Gibbs and Candes, Adaptive conformal inference under distribution shift, NeurIPS 2021),
on the logarithm of the spread instead of the level, as in quantile tracking (Angelopoulos, Candes and Tibshirani,
Conformal PID control for time series prediction, NeurIPS 2023): after each outcome it moves by
`GAIN` times (1 if the 90 % interval missed, else 0) - 0.1. Over a long time 10 % of the outcomes miss, whatever the
distribution is. It is judged by what the prior itself said one observation before, not by what somebody was promised
long ago: so it follows from the observations and their order alone.
"""

from functools import lru_cache
from math import log
from typing import Final

from scipy.special import stdtrit

GAIN: Final = 0.04
MAY_MISS: Final = 0.10
NARROWEST: Final = log(0.5)
WIDEST: Final = log(4.0)


def half_width(degrees: float) -> float:
    """Half the 90 % interval of a Student-t distribution, in units of its scale, to a quarter of a degree of freedom.

    More exactly it is not needed where outcomes are only counted as within or without, and so it is quick.
    """
    return _half_width(round(4 * degrees) or 1)


@lru_cache(maxsize=4096)
def _half_width(quarters: int) -> float:
    return float(stdtrit(quarters / 4, 1 - MAY_MISS / 2))


def widened(log_widening: float, widening: float, deviations: float, degrees: float, trust: float) -> float:
    """The logarithm of the widening after one more outcome, so many deviations from what was predicted.

    `widening` is the one before, `trust`, from 0 to 1, how far the prediction came from observations rather than from
    the base prior.
    """
    is_missed = abs(deviations) > half_width(degrees) * widening
    moved = log_widening + GAIN * trust * (is_missed - MAY_MISS)
    if moved < NARROWEST:
        return NARROWEST
    return WIDEST if moved > WIDEST else moved
