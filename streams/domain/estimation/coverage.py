"""How often promises held: coverage of the 50 % and 90 % intervals, and whether chance alone explains what is off."""

import math
from collections.abc import Iterable
from typing import Final, NamedTuple

from schemas.messages.estimates import Hits

Z_95: Final = 1.959963984540054
FEW: Final = 20
"""Fewer promises than this say nothing about coverage."""


class Rate(NamedTuple):
    """A share of promises that held, and the 95 % interval in which the true share lies (Wilson 1927)."""

    nominal: float
    observed: float | None
    low: float
    high: float
    is_off: bool


class Coverage(NamedTuple):
    """The hit rate of promises, in figures and in a sentence; `pinball_ratio` below 1: better than smoothing."""

    promised: int
    rate_50: Rate
    rate_90: Rate
    pinball_ratio: float | None
    sentence: str


def together(hits: Iterable[Hits]) -> Hits:
    """All of them as one."""
    told = list(hits)
    return Hits(
        promised=sum(each.promised for each in told),
        within_50=sum(each.within_50 for each in told),
        within_90=sum(each.within_90 for each in told),
        pinball=math.fsum(each.pinball for each in told),
        pinball_smoothing=math.fsum(each.pinball_smoothing for each in told),
    )


def coverage(hits: Hits, widening: float) -> Coverage:
    """How these promises held. `widening` is by how much intervals are stretched now."""
    rate_50, rate_90 = _rate(0.5, hits.within_50, hits.promised), _rate(0.9, hits.within_90, hits.promised)
    ratio = hits.pinball / hits.pinball_smoothing if hits.promised and hits.pinball_smoothing > 0 else None
    return Coverage(hits.promised, rate_50, rate_90, ratio, _sentence(hits, rate_50, rate_90, widening))


def _rate(nominal: float, within: int, promised: int) -> Rate:
    """Wilson's interval: E. B. Wilson, Probable inference, J. Am. Stat. Assoc. 22 (1927)."""
    if not promised:
        return Rate(nominal, None, 0.0, 1.0, False)
    share, z2 = within / promised, Z_95 * Z_95 / promised
    centre = (share + z2 / 2) / (1 + z2)
    half = math.sqrt(share * (1 - share) * z2 + z2 * z2 / 4) / (1 + z2)
    low, high = max(0.0, centre - half), min(1.0, centre + half)
    return Rate(nominal, share, low, high, promised >= FEW and not low <= nominal <= high)


def _sentence(hits: Hits, rate_50: Rate, rate_90: Rate, widening: float) -> str:
    if hits.promised < FEW:
        return f"{hits.promised} promises so far: too few to say how well they hold ({FEW} are needed)."
    off = [each for each in (rate_50, rate_90) if each.is_off]
    words = _widened(widening)
    if not off:
        return f"Coverage is as promised: of {hits.promised} promises, {_shares(hits)}.{words}"
    told = " and ".join(
        f"the {each.nominal:.0%} interval holds {'too seldom' if each.observed < each.nominal else 'too often'}"
        for each in off
        if each.observed is not None
    )
    counted = f"of {hits.promised} promises, {_shares(hits)}"
    return f"Coverage is off: {told}; {counted}. Chance does not explain it.{words}"


def _shares(hits: Hits) -> str:
    half, most = hits.within_50 / hits.promised, hits.within_90 / hits.promised
    return f"the 50% interval held {half:.1%} and the 90% interval {most:.1%}"


def _widened(widening: float) -> str:
    if widening > 1.005:
        return f" Intervals are widened, stretched by {widening:.2f}."
    if widening < 0.995:
        return f" Intervals are narrowed, by {widening:.2f}, for they held more often than they say."
    return " Intervals are not stretched."
