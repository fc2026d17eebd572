"""What several pieces of work take together: quantiles of a sum, by seeded Monte Carlo."""

from collections.abc import Hashable, Sequence
from math import sqrt
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from streams.domain.estimation.posterior import TAIL, Posterior

DRAWS: Final = 4_000


class Total(NamedTuple):
    """A sum of figures, in their own unit; mean and deviation leave out the outermost thousandth of each."""

    p5: float
    p10: float
    p25: float
    p50: float
    p75: float
    p90: float
    p95: float
    mean: float
    std: float


_PROBABILITIES: Final = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)


def total(
    posteriors: Sequence[Posterior], lanes: Sequence[Hashable], chance: np.random.Generator, draws: int = DRAWS
) -> Total:
    """Quantiles of the sum of these, of which each belongs to a lane (a lane id, or lane and provider).

    What is not known of a lane's mean moves all of its work together, so pieces of one lane are not independent: they
    share a factor (a Gaussian copula with the posterior's `shared` as correlation). The same generator state gives
    the same total; nothing gives zero.
    """
    return summary(samples(posteriors, lanes, chance, draws).sum(axis=0))


def samples(
    posteriors: Sequence[Posterior], lanes: Sequence[Hashable], chance: np.random.Generator, draws: int = DRAWS
) -> NDArray[np.float64]:
    """Draws of each piece of work, one row each; column by column they belong together."""
    if len(posteriors) != len(lanes):
        raise ValueError(f"{len(posteriors)} posteriors and {len(lanes)} lanes: each posterior belongs to one lane.")
    factors: dict[Hashable, NDArray[np.float64]] = {}
    rows = np.empty((len(posteriors), draws))
    for row, (each, lane) in enumerate(zip(posteriors, lanes, strict=True)):
        if lane not in factors:
            factors[lane] = chance.standard_normal(draws)
        normal = sqrt(each.shared) * factors[lane] + sqrt(1 - each.shared) * chance.standard_normal(draws)
        rows[row] = each.sample(np.clip(ndtr(normal), TAIL, 1 - TAIL))
    return rows


def summary(sums: NDArray[np.float64]) -> Total:
    """Quantiles, mean and deviation of draws."""
    quantiles = np.quantile(sums, _PROBABILITIES).tolist()
    return Total._make((*quantiles, float(sums.mean()), float(sums.std())))
