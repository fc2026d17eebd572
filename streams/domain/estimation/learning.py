"""What one observation of one figure changes in what is remembered of it."""

from math import copysign, exp, log, sqrt
from typing import Final

import msgspec

from schemas.messages.estimates import Figure, Learned
from streams.domain.estimation.drift import moved
from streams.domain.estimation.evidence import with_one_more
from streams.domain.estimation.figures import DEFAULTS, FIGURES, logarithm
from streams.domain.estimation.posterior import FORGETTING, Base, Evidence, base_of, predicted
from streams.domain.estimation.smoothing import smoothed
from streams.domain.estimation.widening import half_width, widened

MOST_DEVIATIONS: Final = 4.0
"""An observation further off than this many deviations teaches as much as one that lies there."""
FORGETTING_IN_DRIFT: Final = 0.8
FORGET_FROM: Final = 3.0
"""What an observation counts after the next one while the lane may be moving: a sum of the drift test is over this."""
BASES: Final[dict[Figure, Base]] = {each: base_of(DEFAULTS[each], ()) for each in FIGURES}


CONVERGED: Final = 5.0
CONVERGED_EARLY: Final = 3.0
WITHIN: Final = 1.25


class Remembered(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One figure of a prior: smoothing, discounted evidence, widening, both sums of the drift test, and `told`.

    `told` is the weight of all observations of the figure, not discounted.
    """

    mean: float
    variance: float
    weight: float = 0.0
    mean_log: float = 0.0
    square_log: float = 0.0
    log_widening: float = 0.0
    up: float = 0.0
    down: float = 0.0
    told: float = 0.0


NOTHING: Final[dict[Figure, Remembered]] = {
    each: Remembered(DEFAULTS[each].mean, DEFAULTS[each].std ** 2) for each in FIGURES
}


def learn(figure: Figure, known: Remembered, value: float, weight: float, *, is_outcome: bool = True) -> Remembered:
    """What is remembered after one more value; a person's judgement is no outcome that a prediction is held against."""
    told = logarithm(figure, value)
    location, scale, degrees, _ = predicted(BASES[figure], (known.weight, known.mean_log, known.square_log))
    deviations = (told - location) / scale
    log_widening, up, down, forgetting = known.log_widening, known.up, known.down, FORGETTING
    if known.weight > 0.0:
        widening = exp(log_widening)
        most = MOST_DEVIATIONS * widening
        if abs(deviations) > most:
            told = location + copysign(most * scale, deviations)
        if is_outcome:
            trust = min(1.0, known.weight * (1.0 - FORGETTING))
            log_widening = widened(log_widening, widening, deviations, degrees, trust)
            up, down = moved(up, down, deviations)
            if up > FORGET_FROM or down > FORGET_FROM:
                forgetting = FORGETTING_IN_DRIFT
    mean, variance = smoothed(known.mean, known.variance, value, weight)
    seen, mean_log, square_log = with_one_more(known.weight, known.mean_log, known.square_log, told, weight, forgetting)
    return Remembered(mean, variance, seen, mean_log, square_log, log_widening, up, down, known.told + weight)


def is_converged(known: Remembered) -> bool:
    """Whether a figure rests on observations rather than on the factory default.

    From a weight of 5 on it does; from 3 on, if its median is already known to within a quarter, 9 times out of 10.
    """
    if known.told < CONVERGED_EARLY or known.weight <= 1:
        return False
    if known.told >= CONVERGED:
        return True
    error = sqrt(known.square_log) / known.weight
    return half_width(known.weight - 1) * error <= log(WITHIN)


def evidence_of(learned: Learned) -> Evidence:
    """The evidence that an event or a row tells."""
    return Evidence(learned.weight, learned.mean_log, learned.square_log)


def learned_of(known: Remembered) -> Learned:
    """What an event tells of a figure."""
    return Learned(
        mean=known.mean,
        std=known.variance**0.5,
        weight=known.weight,
        mean_log=known.mean_log,
        square_log=known.square_log,
        widening=exp(known.log_widening),
    )
