"""A posterior as a curve: its density at evenly spaced points, to be drawn."""

import math
from typing import Final, NamedTuple

from streams.domain.estimation.posterior import Posterior

FROM: Final = 0.005
TO: Final = 0.975


class Point(NamedTuple):
    """A value in the figure's own unit and the density there."""

    value: float
    density: float


def density(found: Posterior, value: float) -> float:
    """The density of a Student-t distribution of the logarithm, per unit of the figure."""
    if value <= 0:
        return 0.0
    z, degrees = (math.log(value) - found.location) / found.scale, found.degrees
    norm = math.lgamma((degrees + 1) / 2) - math.lgamma(degrees / 2) - 0.5 * math.log(degrees * math.pi)
    return math.exp(norm - (degrees + 1) / 2 * math.log1p(z * z / degrees)) / (found.scale * value)


def curve(found: Posterior, points: int) -> list[Point]:
    """The density from almost the least to almost the most that is likely."""
    least, most = found.quantile(FROM), found.quantile(TO)
    step = (most - least) / (points - 1)
    return [Point(least + at * step, density(found, least + at * step)) for at in range(points)]
