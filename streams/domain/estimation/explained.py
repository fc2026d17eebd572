"""One estimate explained: what it is drawn from and how strongly, and each step of the formula with its numbers."""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

from scipy.special import stdtrit

from streams.domain.estimation.figures import Default
from streams.domain.estimation.operations import SPREAD, plan_of
from streams.domain.estimation.posterior import FORGETTING, GROUP_PULL, Base, Evidence, Posterior


class Source(NamedTuple):
    """Something an estimate is drawn towards: its mean of logarithms, its weight, and its share of the location."""

    mean_log: float
    weight: float
    share: float


class Step(NamedTuple):
    """A step of the computation, in letters and in numbers."""

    what: str
    formula: str
    numbers: str
    value: float


class Sources(NamedTuple):
    """Own observations, groups of relatives (nearest first) and the factory default; their shares are 1 together."""

    own: Source | None
    groups: list[Source]
    default: Source


def pull_of(base: Base, own: Evidence | None) -> float:
    """The weight that the base prior still has beside a lane's own evidence (`posterior.predicted`)."""
    return base.weight * max(0.0, 1 - (own.weight if own else 0.0) * (1 - FORGETTING))


def sources(default: Default, relatives: Sequence[Evidence], base: Base, own: Evidence | None) -> Sources:
    """How strongly each source moves the location (`posterior.base_of` and `posterior.predicted`)."""
    pull, seen = pull_of(base, own), own.weight if own else 0.0
    left = pull / (pull + seen)
    groups = list[Source]()
    for group in relatives:
        share = group.weight / (GROUP_PULL + group.weight)
        groups.append(Source(group.mean_log, group.weight, left * share))
        left *= 1 - share
    return Sources(
        Source(own.mean_log, seen, seen / (pull + seen)) if own else None,
        groups,
        Source(default.mean_log, GROUP_PULL if relatives else pull, left),
    )


def steps(base: Base, own: Evidence | None, found: Posterior, widening: float) -> list[Step]:
    """From base prior and evidence to the quantiles; the last values are those of the posterior."""
    seen, mean, squares = own or Evidence(0.0, base.mean_log, 0.0)
    faded = max(0.0, 1 - seen * (1 - FORGETTING))
    pull, away = base.weight * faded, mean - base.mean_log
    weight = pull + seen
    location = (pull * base.mean_log + seen * mean) / weight
    shape = base.shape * faded + seen / 2
    scale = base.scale * faded + squares / 2 + pull * seen * away * away / (2 * weight)
    spread = widening * math.sqrt(scale / shape * (weight + 1) / weight)
    reach = float(stdtrit(2 * shape, 0.95)) * spread
    n = _number
    return [
        Step("what is left of the base prior", "f = 1 - n (1 - r)", f"1 - {n(seen)} (1 - {n(FORGETTING)})", faded),
        Step("its weight beside the observations", "k = k0 f", f"{n(base.weight)} x {n(faded)}", pull),
        Step(
            "the middle, as a logarithm",
            "m = (k m0 + n y) / (k + n)",
            f"({n(pull)} x {n(base.mean_log)} + {n(seen)} x {n(mean)}) / {n(weight)}",
            location,
        ),
        Step("half the degrees of freedom", "a = a0 f + n/2", f"{n(base.shape)} x {n(faded)} + {n(seen)}/2", shape),
        Step(
            "the sum of squares",
            "b = b0 f + S/2 + k n (y - m0)^2 / 2(k + n)",
            f"{n(base.scale)} x {n(faded)} + {n(squares)}/2 + {n(pull)} x {n(seen)} x {n(away)}^2 / {n(2 * weight)}",
            scale,
        ),
        Step(
            "the spread, stretched",
            "s = g sqrt(b/a (k + n + 1)/(k + n))",
            f"{n(widening)} x sqrt({n(scale)}/{n(shape)} x {n(weight + 1)}/{n(weight)})",
            spread,
        ),
        Step("the median", "P50 = e^m", f"e^{n(found.location)}", math.exp(location)),
        Step("the 90% interval from", "P5 = e^(m - t s)", _reached(location, -reach), math.exp(location - reach)),
        Step("the 90% interval to", "P95 = e^(m + t s)", _reached(location, reach), math.exp(location + reach)),
    ]


def plan_steps(planned_minutes: float, elsewhere: Evidence | None, base: Base) -> list[Step]:
    """From what a routing plans to the base prior of its operation (`operations.base`)."""
    plan, spread, n = plan_of(planned_minutes), 1 + SPREAD**2, _number
    planned = f"ln {n(planned_minutes)} - ln({n(spread)}) / 2"
    found = [Step("what the routing plans, as a logarithm", "d = ln p - ln(1 + c^2) / 2", planned, plan.mean_log)]
    if elsewhere is None:
        return [*found, Step("the base prior's middle", "m0 = d", n(plan.mean_log), base.mean_log)]
    weight = GROUP_PULL + elsewhere.weight
    drawn = f"({n(GROUP_PULL)} x {n(plan.mean_log)} + {n(elsewhere.weight)} x {n(elsewhere.mean_log)}) / {n(weight)}"
    middle = "the base prior's middle, drawn to other work centres"
    return [*found, Step(middle, "m0 = (q d + e z) / (q + e)", drawn, base.mean_log)]


LETTERS_OF_PLAN: Final = (
    f"p: the minutes that the routing plans; c: the share of them that one standard deviation is taken to be, "
    f"{SPREAD:g}; e, z: what the same weighs at other work centres, and the mean of its logarithms; q: what the plan "
    f"weighs beside that, {GROUP_PULL:g}. "
)
LETTERS: Final = (
    "n: what the lane's own observations weigh; y: the mean of their logarithms; S: their sum of squares about it; "
    "m0, k0, a0, b0: the base prior, drawn from the source named last towards those between; r: what an "
    "observation counts after the next one; g: by how much intervals are stretched; t: Student's t at 95% with 2a "
    "degrees of freedom."
)


def _reached(location: float, reach: float) -> str:
    return f"e^({_number(location)} {'-' if reach < 0 else '+'} {_number(abs(reach))})"


def _number(value: float) -> str:
    return f"{value:.5g}"
