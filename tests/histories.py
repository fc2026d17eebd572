"""Made-up histories of lanes, for what priors learn: log-normal, heavy-tailed and drifting, all from one seed."""

from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from schemas.messages.estimates import Figure
from streams.domain.estimation.figures import DEFAULTS, FIGURES

Kind = Literal["log-normal", "heavy-tailed", "drifting"]
KINDS: tuple[Kind, ...] = get_args(Kind)


class Lane(NamedTuple):
    """A lane with what was really observed, one column a figure, and around what it was drawn."""

    lane_id: str
    provider: str
    kind: Kind
    values: NDArray[np.float64]
    median: NDArray[np.float64]


def lanes(seed: int, count: int = 200, length: int = 100) -> list[Lane]:
    """So many lanes, in families of ten and with four providers, each kind as often as the others."""
    chance = np.random.default_rng(seed)
    families = chance.normal(0.0, 0.7, (count // 10 + 1, len(FIGURES)))
    providers = chance.normal(0.0, 0.2, (4, len(FIGURES)))
    levels = np.log([DEFAULTS[each].mean for each in FIGURES])
    made = []
    for number in range(count):
        family, provider, kind = number // 10, number % 4, KINDS[number % 3]
        level = levels + families[family] + providers[provider] + chance.normal(0.0, 0.4, len(FIGURES))
        around = level + _drift(chance, kind, length)
        values = np.exp(around + _noise(chance, kind, length))
        made.append(Lane(f"family{family}-lane{number}", f"provider{provider}", kind, values, np.exp(level)))
    return made


def observed(lane: Lane, step: int) -> dict[Figure, float]:
    """What was observed of a lane at one step."""
    return {figure: float(lane.values[step, column]) for column, figure in enumerate(FIGURES)}


def _drift(chance: np.random.Generator, kind: Kind, length: int) -> NDArray[np.float64]:
    """How far the level has moved at each step: it wanders, and jumps once by a factor of 1.6 to 2.7, up or down."""
    if kind != "drifting":
        return np.zeros((length, 1))
    jump = chance.uniform(0.5, 1.0) * chance.choice([-1.0, 1.0])
    wandered = np.cumsum(chance.normal(0.0, 0.04, (length, len(FIGURES))), axis=0)
    wandered[chance.integers(length // 4, 3 * length // 4) :] += jump
    return wandered


def _noise(chance: np.random.Generator, kind: Kind, length: int) -> NDArray[np.float64]:
    """How far each observation lies from its level: normal, or a Student-t with three degrees of freedom."""
    if kind == "heavy-tailed":
        return chance.uniform(0.1, 0.4) * chance.standard_t(3, (length, len(FIGURES)))
    return chance.uniform(0.15, 0.6) * chance.standard_normal((length, len(FIGURES)))
