"""Discounted sufficient statistics of logarithms: what a posterior needs of a lane's past.

Each observation counts `FORGETTING` times as much once another one of weight 1 has come, so that a lane that drifts is
followed; 0.94 remembers about 17 observations. Mean and sum of squares are kept as West (Updating mean and variance
estimates, CACM 22(9), 1979) does for weighted observations, which loses no digits where the mean is large.
"""

from typing import Final

from streams.domain.estimation.posterior import FORGETTING

ENOUGH: Final = 5.0
"""So much weight tells what is usual without a base prior."""


def with_one_more(
    weight: float, mean_log: float, square_log: float, told: float, told_weight: float, forgetting: float = FORGETTING
) -> tuple[float, float, float]:
    """Weight, mean and sum of squares after one more logarithm."""
    kept = forgetting if told_weight == 1.0 else forgetting**told_weight
    weight *= kept
    after = weight + told_weight
    away = told - mean_log
    mean_after = mean_log + away * told_weight / after
    return after, mean_after, square_log * kept + told_weight * away * (told - mean_after)
