"""A stratified sample of a project's tasks, and the whole project extrapolated from it with its uncertainty.

Strata are complexities. The estimator is the one of W. G. Cochran, Sampling Techniques (3rd ed., 1977), section 5.3:
the sum over strata of N_h times the mean of the sample, with the finite population correction 1 - n_h / N_h.
"""

import math
from collections.abc import Sequence
from itertools import groupby
from statistics import NormalDist
from typing import Final, NamedTuple

COMPLEXITIES: Final = ("trivial", "simple", "moderate", "complex", "extreme")
LONE_VARIATION: Final = 0.3
"""Spread between tasks, as a share of their mean, where one task alone was sampled: that of the factory defaults."""
NEARLY: Final = 9
"""Places to which a share of a stratum is reckoned, so that a tenth of ten is one."""


class Stratum(NamedTuple):
    """The tasks of one complexity: how many there are, and the places of those that were drawn."""

    complexity: str
    size: int
    drawn: tuple[int, ...]


class Guess(NamedTuple):
    """What one task is expected to take: mean and variance of its own distribution."""

    mean: float
    variance: float


class Extrapolated(NamedTuple):
    """A whole project by its sample: `sampling_std` because not all tasks were looked at, `own_std` by chance alone."""

    mean: float
    sampling_std: float
    own_std: float
    p5: float
    p50: float
    p95: float

    @property
    def std(self) -> float:
        """Both together."""
        return math.hypot(self.sampling_std, self.own_std)


def sample(complexities: Sequence[str], share: float, uniforms: Sequence[float]) -> list[Stratum]:
    """This share of each stratum, rounded up, at least one task of each; drawn are those with the least uniforms.

    `uniforms` are random numbers from 0 to 1, one for each task: the same draw the same. Raises ValueError.
    """
    if not 0 < share <= 1:
        raise ValueError(f"A share lies above 0 and at most at 1, not at {share}.")
    strata = []
    for complexity, group in groupby(
        sorted(range(len(complexities)), key=lambda each: _rank(complexities[each])),
        key=lambda each: complexities[each],
    ):
        places = list(group)
        count = max(1, math.ceil(round(share * len(places), NEARLY)))
        drawn = sorted(places, key=lambda place: (uniforms[place], place))[:count]
        strata.append(Stratum(complexity, len(places), tuple(sorted(drawn))))
    return strata


def extrapolate(strata: Sequence[Stratum], guesses: Sequence[Guess]) -> Extrapolated:
    """The sum over all tasks by the guesses for those that were drawn; `guesses` stand at the places of the tasks.

    Where a stratum shows one task alone, its spread is taken from the others' in proportion to its mean. Tasks are
    taken as independent. The quantiles are those of the log-normal distribution with this mean and variance.
    """
    variation = _pooled_variation(strata, guesses)
    mean = sampling = own = 0.0
    for stratum in strata:
        seen = [guesses[place] for place in stratum.drawn]
        average = math.fsum(each.mean for each in seen) / len(seen)
        mean += stratum.size * average
        spread = _variance([each.mean for each in seen]) if len(seen) > 1 else variation * average**2
        sampling += stratum.size**2 * (1 - len(seen) / stratum.size) * spread / len(seen)
        own += stratum.size / len(seen) * math.fsum(each.variance for each in seen)
    return Extrapolated(mean, math.sqrt(sampling), math.sqrt(own), *quantiles(mean, sampling + own))


def quantiles(mean: float, variance: float) -> tuple[float, float, float]:
    """The 5 %, 50 % and 95 % points of a log-normal distribution with this mean and variance."""
    if mean <= 0:
        return mean, mean, mean
    square = math.log1p(variance / mean**2)
    centre, spread = math.log(mean) - square / 2, math.sqrt(square)
    low, middle, high = (math.exp(centre + spread * NormalDist().inv_cdf(p)) for p in (0.05, 0.5, 0.95))
    return low, middle, high


def _pooled_variation(strata: Sequence[Stratum], guesses: Sequence[Guess]) -> float:
    """The squared coefficient of variation within strata that show several tasks; else between all that were drawn."""
    several = [[guesses[place].mean for place in each.drawn] for each in strata if len(each.drawn) > 1]
    if not several:
        several = [[guesses[place].mean for each in strata for place in each.drawn]]
    freedom = sum(len(each) - 1 for each in several)
    if freedom == 0:
        return LONE_VARIATION**2
    relative = [_variance(each) * (len(each) - 1) / (math.fsum(each) / len(each)) ** 2 for each in several if any(each)]
    return math.fsum(relative) / freedom


def _variance(values: Sequence[float]) -> float:
    average = math.fsum(values) / len(values)
    return math.fsum((value - average) ** 2 for value in values) / (len(values) - 1)


def _rank(complexity: str) -> tuple[int, str]:
    return (COMPLEXITIES.index(complexity), "") if complexity in COMPLEXITIES else (len(COMPLEXITIES), complexity)
