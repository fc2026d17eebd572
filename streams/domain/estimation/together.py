"""What many pieces of work take together, in closed form: quick, for an answer that must not wait for `sums.py`.

The sum of log-normal figures is taken as log-normal with the same mean and variance (L. F. Fenton, The Sum of
Log-Normal Probability Distributions, 1960). What is not known of a lane's mean moves all of its work together.
"""

import math
from collections.abc import Iterable
from statistics import NormalDist
from typing import Final, NamedTuple

from schemas.messages.estimates import Promised
from streams.domain.estimation.sampling import quantiles

P95: Final = NormalDist().inv_cdf(0.95)


class Work(NamedTuple):
    """So many pieces of work of one lane, what is promised of each, and how much of its variance they share."""

    pieces: int
    promised: Promised
    shared: float


class Together(NamedTuple):
    """A sum of figures, in their own unit."""

    mean: float
    p5: float
    p50: float
    p95: float


def moments(promised: Promised) -> tuple[float, float]:
    """Mean and variance of the log-normal distribution with the median and the 90 % interval of a promise."""
    spread = math.log(promised.p95 / promised.p5) / (2 * P95)
    mean = promised.p50 * math.exp(spread**2 / 2)
    return mean, mean**2 * math.expm1(spread**2)


def together(work: Iterable[Work]) -> Together:
    """The sum of all of it; of nothing it is zero."""
    mean = variance = 0.0
    for each in work:
        own_mean, own_variance = moments(each.promised)
        mean += each.pieces * own_mean
        variance += own_variance * (each.pieces + each.pieces * (each.pieces - 1) * each.shared)
    return Together(mean, *quantiles(mean, variance))
