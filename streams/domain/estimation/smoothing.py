"""Exponential smoothing as document 001 asks for it (alpha 0.3): the rival that every promise is measured against.

With an observation x of weight w, a = 0.3 w: the mean moves by a (x - mean), and the variance becomes
(1 - a) (variance + a (x - mean)^2), the exponentially weighted variance of Finch, Incremental calculation of weighted
mean and variance (2009), section 9. Both start from the factory default.
"""

from math import sqrt
from statistics import NormalDist
from typing import Final, NamedTuple

from schemas.messages.estimates import Promised
from streams.domain.estimation.figures import Default
from streams.domain.estimation.posterior import QUANTILES

ALPHA: Final = 0.3
_DEVIATES: Final = tuple(NormalDist().inv_cdf(p) for p in QUANTILES)


class Smoothed(NamedTuple):
    """A mean and a variance, smoothed."""

    mean: float
    variance: float

    @property
    def std(self) -> float:
        return sqrt(self.variance)


def started(default: Default) -> Smoothed:
    """Before anything was observed."""
    return Smoothed(default.mean, default.std**2)


def smoothed(mean: float, variance: float, value: float, weight: float) -> tuple[float, float]:
    """Mean and variance after one more observation."""
    share = ALPHA * weight
    away = value - mean
    return mean + share * away, (1 - share) * (variance + share * away * away)


def quality_after(quality: float | None, told: float | None, weight: float) -> float | None:
    """The share of what validators asked that holds, smoothed; the first one known is taken as it is."""
    if told is None:
        return quality
    return told if quality is None else quality + ALPHA * weight * (told - quality)


def normal_quantiles(promise: Promised) -> tuple[float, ...]:
    """What the rival would have promised: quantiles of a normal distribution with its mean and deviation."""
    return tuple(promise.mean + promise.std * each for each in _DEVIATES)
