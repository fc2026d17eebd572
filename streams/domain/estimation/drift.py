"""Whether what a lane takes has moved: a two-sided CUSUM of standardised log errors.

The tabular CUSUM of Montgomery, Introduction to Statistical Quality Control, 7th edition, section 9.1, with reference
value 0.5 and decision interval 5: a shift of one deviation is found after about 10 observations, and a lane that does
not move is taken for moving once in 465 (its table 9.3; ours errs a little more often while the deviation itself is
estimated). An error is what was observed less what was predicted one observation before, in deviations of that
prediction; one counts no more than `MOST`, so that a single outlier does not make a drift.
"""

from typing import Final, Literal

from schemas.messages.estimates import Drift

METHOD: Final = "cusum"
REFERENCE: Final = 0.5
THRESHOLD: Final = 5.0
MOST: Final = 3.0


def moved(up: float, down: float, deviations: float) -> tuple[float, float]:
    """The sums upwards and downwards after one more error."""
    error = MOST if deviations > MOST else -MOST if deviations < -MOST else deviations
    up += error - REFERENCE
    down -= error + REFERENCE
    return up if up > 0.0 else 0.0, down if down > 0.0 else 0.0


def drift_of(up: float, down: float) -> Drift:
    """What the test says."""
    statistic = max(up, down)
    direction: Literal["none", "up", "down"] = "none"
    if statistic > THRESHOLD:
        direction = "up" if up >= down else "down"
    return Drift(method=METHOD, statistic=statistic, threshold=THRESHOLD, direction=direction)
