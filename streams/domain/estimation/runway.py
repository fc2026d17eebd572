"""How long a budget lasts: what is spent, what the work ahead will cost, and whether that is too much."""

from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Status = Literal["ok", "warning", "critical"]

WARNING_PROBABILITY: Final = 0.1
CRITICAL_PROBABILITY: Final = 0.5
WARNING_SHARE: Final = 0.8
THRESHOLDS: Final = (
    "Critical: more is spent than the budget allows, or it will rather be overrun than not (probability of 50 % or "
    "more). Warning: an overrun has a probability of 10 % or more, or 80 % is spent while work lies ahead. Else ok; "
    "without a budget always."
)


class Runway(NamedTuple):
    """A budget and the work ahead, in US dollars and minutes.

    `minutes_to_depletion` is what remains, at the pace at which the work under way burns money; None where nothing is
    under way or nothing limits it. `minutes_to_completion` is the work ahead, one task after another. What is projected
    is the median, with the tenth and the ninetieth percentile.
    """

    status: Status
    usd_max: float | None
    usd_spent: float
    usd_remaining: float | None
    spent_share: float | None
    burn_usd_per_minute: float
    minutes_to_depletion: float | None
    minutes_to_completion: float
    projected_total_usd: float
    projected_total_p10: float
    projected_total_p90: float
    projected_overrun_usd: float
    probability_of_overrun: float


def runway(
    usd_max: float | None, usd_spent: float, ahead_usd: NDArray[np.float64], ahead_minutes: float, is_under_way: bool
) -> Runway:
    """The runway, from samples of what the work ahead costs; no work ahead: samples of 0, and 0 minutes."""
    p10, p50, p90 = (float(each) for each in np.quantile(ahead_usd, (0.1, 0.5, 0.9)))
    overrun = float((usd_spent + ahead_usd > usd_max).mean()) if usd_max is not None else 0.0
    burn = p50 / ahead_minutes if is_under_way and ahead_minutes > 0 else 0.0
    remaining = None if usd_max is None else usd_max - usd_spent
    return Runway(
        status=status_of(usd_max, usd_spent, overrun, p50 > 0),
        usd_max=usd_max,
        usd_spent=usd_spent,
        usd_remaining=remaining,
        spent_share=usd_spent / usd_max if usd_max else None,
        burn_usd_per_minute=burn,
        minutes_to_depletion=max(0.0, remaining) / burn if remaining is not None and burn > 0 else None,
        minutes_to_completion=ahead_minutes,
        projected_total_usd=usd_spent + p50,
        projected_total_p10=usd_spent + p10,
        projected_total_p90=usd_spent + p90,
        projected_overrun_usd=0.0 if usd_max is None else max(0.0, usd_spent + p50 - usd_max),
        probability_of_overrun=overrun,
    )


def status_of(usd_max: float | None, usd_spent: float, probability_of_overrun: float, is_work_ahead: bool) -> Status:
    """What `THRESHOLDS` says."""
    if usd_max is None:
        return "ok"
    if usd_spent > usd_max or probability_of_overrun >= CRITICAL_PROBABILITY:
        return "critical"
    is_nearly_spent = is_work_ahead and usd_spent >= WARNING_SHARE * usd_max
    return "warning" if is_nearly_spent or probability_of_overrun >= WARNING_PROBABILITY else "ok"
