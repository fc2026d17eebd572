"""What may be promised of a figure: a Student-t distribution of its logarithm, from a base prior and evidence.

Logarithms of a lane's figures are taken as normal with unknown mean and variance. The conjugate prior is the
normal-inverse-gamma; what it predicts of the next one is a Student-t (Gelman et al., Bayesian Data Analysis, 3rd
edition, section 3.3; Murphy, Conjugate Bayesian analysis of the Gaussian distribution, 2007, section 4). Evidence is
discounted (`evidence.py`), and the base prior with it: it has faded as far as the first observation has (the power
discount of West and Harrison, Bayesian Forecasting and Dynamic Models, section 10.8).
"""

from collections.abc import Sequence
from math import sqrt
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from schemas.messages.estimates import Promised
from streams.domain.estimation.figures import Default

FORGETTING: Final = 0.94
"""What an observation counts after the next one; chosen by experiment, see tests/bench/estimates.py."""
GROUP_PULL: Final = 3.0
"""So many observations' worth a wider group of relatives counts beside a nearer one."""
BASE_WEIGHT: Final = 0.25
BASE_SHAPE: Final = 1.0
QUANTILES: Final = (0.05, 0.25, 0.5, 0.75, 0.95)
TAIL: Final = 0.001
"""A mean and a deviation leave out this share at each end: those of the whole distribution do not exist."""
_PROBABILITIES: Final = np.array(QUANTILES)
_CELLS: Final = TAIL + (1 - 2 * TAIL) * (np.arange(400) + 0.5) / 400
_HIGHEST_LOG: Final = 600.0


class Evidence(NamedTuple):
    """Discounted weight of observations, weighted mean of their logarithms, weighted sum of squares about it."""

    weight: float
    mean_log: float
    square_log: float


class Base(NamedTuple):
    """A normal-inverse-gamma prior: a mean that counts as so many observations, a variance by its shape and scale."""

    mean_log: float
    weight: float
    shape: float
    scale: float


class Posterior(NamedTuple):
    """What is predicted of one piece of work: a Student-t distribution of the logarithm of the figure.

    `shared` is the share of the variance that all work of the lane has in common, because it comes from not knowing
    the lane's mean (`sums.py`).
    """

    location: float
    scale: float
    degrees: float
    shared: float = 0.0

    def quantile(self, p: float) -> float:
        """The value, in the figure's own unit, below which the figure lies with this probability."""
        return float(self.sample(np.array([p]))[0])

    def sample(self, uniforms: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values of the figure, at these probabilities between 0 and 1."""
        logs = self.location + self.scale * stdtrit(self.degrees, uniforms)
        values: NDArray[np.float64] = np.exp(np.clip(logs, -_HIGHEST_LOG, _HIGHEST_LOG))
        return values

    @property
    def mean(self) -> float:
        """The mean, less the outermost thousandth at each end."""
        return float(self.sample(_CELLS).mean())

    @property
    def std(self) -> float:
        """The standard deviation, less the outermost thousandth at each end."""
        return float(self.sample(_CELLS).std())


def base_of(default: Default, relatives: Sequence[Evidence]) -> Base:
    """The base prior of a lane: its factory default, drawn towards what relatives saw; nearest relatives first.

    Each group is drawn towards the next wider one by `GROUP_PULL`. The spread of all that relatives did holds what
    differs within lanes and what differs between them.
    """
    mean, variance = default.mean_log, default.square_log
    for group in reversed(relatives):
        weight = GROUP_PULL + group.weight
        away = group.mean_log - mean
        variance = (
            GROUP_PULL * variance + group.square_log + GROUP_PULL * group.weight / weight * away * away
        ) / weight
        mean = (GROUP_PULL * mean + group.weight * group.mean_log) / weight
    within = variance * BASE_WEIGHT / (1 + BASE_WEIGHT)
    return Base(mean, BASE_WEIGHT, BASE_SHAPE, BASE_SHAPE * within)


def posterior(base: Base, evidence: Evidence | None, widening: float = 1.0) -> Posterior:
    """What is predicted of the next piece of work; `widening` multiplies the spread."""
    location, scale, degrees, shared = predicted(base, evidence)
    return Posterior(location, scale * widening, degrees, shared)


def predicted(base: Base, evidence: tuple[float, float, float] | None) -> tuple[float, float, float, float]:
    """Location, scale, degrees of freedom and shared variance of the prediction, unwidened, as plain numbers."""
    if evidence is None or evidence[0] <= 0:
        weight, mean, shape, scale = base.weight, base.mean_log, base.shape, base.scale
    else:
        seen, seen_mean, squares = evidence
        faded = 1.0 - seen * (1.0 - FORGETTING)
        faded = faded if faded > 0.0 else 0.0
        pull = base.weight * faded
        weight = pull + seen
        away = seen_mean - base.mean_log
        mean = (pull * base.mean_log + seen * seen_mean) / weight
        shape = base.shape * faded + seen / 2
        scale = base.scale * faded + squares / 2 + pull * seen * away * away / (2 * weight)
    variance = scale / shape
    return mean, sqrt(variance * (weight + 1) / weight), 2 * shape, 1 / (weight + 1)


def promised(posterior: Posterior, mean: float, std: float) -> Promised:
    """What is promised, with the smoothed mean and deviation beside it."""
    p5, p25, p50, p75, p95 = posterior.sample(_PROBABILITIES).tolist()
    return Promised(p5=p5, p25=p25, p50=p50, p75=p75, p95=p95, mean=mean, std=std)
