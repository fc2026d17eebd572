"""The figures that are estimated, what a factory assumes of them, and what is believable."""

from math import log, log1p
from typing import Final, NamedTuple

from schemas.messages.estimates import Figure

FIGURES: Final[tuple[Figure, ...]] = ("tokens", "duration_minutes", "cost_usd")


class Default(NamedTuple):
    """What is assumed of a figure before anything was observed (document 001: mean and standard deviation)."""

    mean: float
    std: float

    @property
    def square_log(self) -> float:
        """The variance of the logarithm, of the log-normal distribution with this mean and deviation."""
        return log1p((self.std / self.mean) ** 2)

    @property
    def mean_log(self) -> float:
        """The mean of the logarithm, of the same distribution."""
        return log(self.mean) - self.square_log / 2


class Bounds(NamedTuple):
    """What is believable of one observation: `least` is what counts for nothing at all, `most` is the limit.

    Zero tokens and a cost of zero happen (a cached answer, a free provider): they are learned as `least`. Work that
    took no time was not done, so a duration of zero is not believed.
    """

    least: float
    most: float
    may_be_zero: bool
    unit: str


DEFAULTS: Final[dict[Figure, Default]] = {
    "tokens": Default(3000.0, 900.0),
    "duration_minutes": Default(5.0, 1.5),
    "cost_usd": Default(0.18, 0.054),
}
BOUNDS: Final[dict[Figure, Bounds]] = {
    "tokens": Bounds(1.0, 1e9, True, "tokens"),
    "duration_minutes": Bounds(0.000_001, 30 * 24 * 60.0, False, "minutes"),
    "cost_usd": Bounds(0.0001, 1e5, True, "US dollars"),
}


def logarithm(figure: Figure, value: float) -> float:
    """The logarithm that is learned of a value; nothing at all counts as the least there is."""
    return log(max(value, BOUNDS[figure].least))
