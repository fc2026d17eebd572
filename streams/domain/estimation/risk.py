"""Where a project may overrun: lanes by phases, each with what it may take beyond its allowance."""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

HALF_SCORE_SHARE: Final = 0.02
SURPLUS: Final = 1.25
WORDS: Final = ((0.75, "severe"), (0.5, "high"), (0.25, "moderate"), (0.0, "low"))
MEANING: Final = (
    "A cell is the work of one lane in one phase; what is expected of it is the median. Its allowance is its part of "
    "the budget, divided by expected cost; without a budget, and for other figures, what is expected and a quarter "
    "more. At risk is what the cell is "
    "expected to take beyond its allowance (the mean of max(0, taken - allowance) over simulated outcomes); its share "
    "is of the budget, or of what the whole project is expected to take. The score is share / (share + 2 %): 0.5 where "
    "2 % of the whole is at risk. Low is below 0.25, moderate below 0.5, high below 0.75, severe from there on. The "
    "relative width is that of the 90 % interval, as a share of the median."
)


class Risk(NamedTuple):
    """What a cell is expected to take, in the figure's own unit, and how likely that is too much."""

    expected: float
    p5: float
    p50: float
    p95: float
    relative_width: float
    allowance: float
    probability_of_exceeding: float
    at_risk: float
    share_at_risk: float
    score: float
    word: str


def risk(samples: NDArray[np.float64], allowance: float, whole: float) -> Risk:
    """The risk of a cell, as `MEANING` says; `whole` is the budget, or what the project is expected to take."""
    p5, p50, p95 = (float(each) for each in np.quantile(samples, (0.05, 0.5, 0.95)))
    at_risk = float(np.maximum(samples - allowance, 0).mean())
    share = at_risk / whole if whole > 0 else 0.0
    score = share / (share + HALF_SCORE_SHARE)
    return Risk(
        expected=p50,
        p5=p5,
        p50=p50,
        p95=p95,
        relative_width=(p95 - p5) / p50 if p50 > 0 else 0.0,
        allowance=allowance,
        probability_of_exceeding=float((samples > allowance).mean()),
        at_risk=at_risk,
        share_at_risk=share,
        score=score,
        word=word_of(score),
    )


def allowance_of(expected: float, expected_whole: float, budget: float | None) -> float:
    """What a cell may take: its part of the budget, or what is expected and a quarter more."""
    if budget is None or expected_whole <= 0:
        return SURPLUS * expected
    return budget * expected / expected_whole


def word_of(score: float) -> str:
    """A score from 0 to 1 in a word."""
    return next(word for least, word in WORDS if score >= least)
