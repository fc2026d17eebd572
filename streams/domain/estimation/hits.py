"""How promises held: coverage of the 50 % and 90 % intervals, and pinball losses of ours and of the smoothing's.

The pinball loss of a quantile p is p (x - q) where x lies above q, else (1 - p) (q - x): the quantile that is really
there has the least expected loss (Koenker and Bassett, Regression quantiles, Econometrica 46, 1978). It is averaged
over the five quantiles that are promised.
"""

from collections.abc import Sequence
from typing import Final

from schemas.messages.estimates import Hits, Promised
from streams.domain.estimation.posterior import QUANTILES
from streams.domain.estimation.smoothing import normal_quantiles

NONE_YET: Final = Hits(promised=0, within_50=0, within_90=0, pinball=0.0, pinball_smoothing=0.0)


def pinball(quantiles: Sequence[float], value: float) -> float:
    """The mean pinball loss of the quantiles, which are in the order of `QUANTILES`."""
    loss = 0.0
    for p, quantile in zip(QUANTILES, quantiles, strict=True):
        above = value - quantile
        loss += p * above if above >= 0.0 else (p - 1.0) * above
    return loss / len(QUANTILES)


def counted(hits: Hits, promise: Promised, value: float) -> Hits:
    """The hits with one promise more, and what came of it."""
    ours = promise.p5, promise.p25, promise.p50, promise.p75, promise.p95
    return Hits(
        promised=hits.promised + 1,
        within_50=hits.within_50 + (promise.p25 <= value <= promise.p75),
        within_90=hits.within_90 + (promise.p5 <= value <= promise.p95),
        pinball=hits.pinball + pinball(ours, value),
        pinball_smoothing=hits.pinball_smoothing + pinball(normal_quantiles(promise), value),
    )
