"""The fold of priors: what a lane and a provider take, learned from each observation once, in order of completion.

The result does not depend on the order in which observations come: the latest `REMEMBERED` are kept, with what was
known before every block of them, so one that comes late finds its place and all after it is learned again. What is
older than all that is remembered has settled, and is not learned any more.
"""

from bisect import bisect_left
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from schemas.envelope import Message
from schemas.messages.estimates import Figure, Hits, ObservationSetAside, Observed, PriorLearned
from streams.domain.estimation import believable
from streams.domain.estimation.believable import Doubt
from streams.domain.estimation.drift import drift_of
from streams.domain.estimation.figures import FIGURES
from streams.domain.estimation.hits import NONE_YET, counted
from streams.domain.estimation.lanes import prior_id
from streams.domain.estimation.learning import NOTHING, Remembered, is_converged, learn, learned_of
from streams.domain.estimation.smoothing import quality_after
from streams.driver import Emit, Rejected, Step

BLOCK: Final = 32
REMEMBERED: Final = 64
SET_ASIDE_REMEMBERED: Final = 64
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
Place = tuple[int, str]
"""Where an observation stands in the order: microseconds since 1970 when it was completed, and its id."""


class Seen(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What is remembered of an observation: all that is learned from it."""

    at: int
    observation_id: str
    is_outcome: bool
    weight: float
    tokens: float | None
    duration_minutes: float | None
    cost_usd: float | None
    quality: float | None


class Standing(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What is known at some place in the order."""

    tokens: Remembered
    duration_minutes: Remembered
    cost_usd: Remembered
    quality: float | None = None


FACTORY: Final = Standing(NOTHING["tokens"], NOTHING["duration_minutes"], NOTHING["cost_usd"])


class Prior(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What is remembered of a lane and a provider.

    `recent` are the latest observations in order, `marks` what was known before every block of them, `settled` the
    place of the last one that is not remembered any more. `set_aside` are the latest that were set aside.
    """

    observations: int = 0
    now: Standing = FACTORY
    hits: tuple[Hits, Hits, Hits] = (NONE_YET, NONE_YET, NONE_YET)
    recent: tuple[Seen, ...] = ()
    marks: tuple[Standing, ...] = ()
    settled: Place | None = None
    set_aside: tuple[str, ...] = ()


NEW: Final = Prior()


def fold(state: Prior | None, message: Message[Any]) -> Step:
    """What an observation teaches a prior: said again it is silent, doubtful it is set aside."""
    told: Observed = message.payload
    if told.prior_id != prior_id(told.lane_id, told.provider):
        sentence = f"The prior of {told.lane_id} and {told.provider} is not called {told.prior_id}."
        raise Rejected("WRONG_PRIOR", sentence, "prior_id")
    prior = state or NEW
    seen = _seen(told)
    same = _known(prior, seen.observation_id)
    if same == seen:
        return Step(prior)
    if doubt := _doubt(prior, message, seen, is_repeated=same is not None):
        return _set_aside(prior, told, doubt)
    fresh = _with(prior, told, seen)
    return Step(fresh, (_learned(fresh, told, is_restated=fresh.recent[-1] is not seen),))


def _seen(told: Observed) -> Seen:
    return Seen(
        at=(told.completed_at - _EPOCH) // _MICROSECOND,
        observation_id=told.observation_id,
        is_outcome=told.source != "override",
        weight=told.weight,
        tokens=told.tokens,
        duration_minutes=told.duration_minutes,
        cost_usd=told.cost_usd,
        quality=told.quality,
    )


def _known(prior: Prior, observation_id: str) -> Seen | None:
    for each in prior.recent:
        if each.observation_id == observation_id:
            return each
    return None


def place_of(seen: Seen) -> Place:
    """Where an observation stands in the order."""
    return seen.at, seen.observation_id


def _doubt(prior: Prior, message: Message[Any], seen: Seen, *, is_repeated: bool) -> Doubt | None:
    """Why an observation is not learned from; None where it is.

    What is usual is judged by what has settled: so the judgement does not depend on the order of arrival either.
    """
    told: Observed = message.payload
    if is_repeated:
        return Doubt("REPEATED_DIFFERENTLY", f"{told.observation_id} was told before with other figures; those count.")
    if doubt := believable.doubt(told, message.timestamp):
        return doubt
    if prior.settled is None:
        return None
    if place_of(seen) <= prior.settled:
        sentence = (
            f"It was completed before the latest {len(prior.recent)} observations, which is all that is remembered"
        )
        return Doubt("TOO_LATE", f"{sentence}; either it counts already, or it comes too late.")
    settled = prior.marks[0]
    return believable.unlike(told, (settled.tokens, settled.duration_minutes, settled.cost_usd))


def _set_aside(prior: Prior, told: Observed, doubt: Doubt) -> Step:
    """An observation that is set aside is told once, as long as it is remembered."""
    mark = believable.mark_of(told, doubt)
    if mark in prior.set_aside:
        return Step(prior)
    fresh = msgspec.structs.replace(prior, set_aside=(*prior.set_aside, mark)[-SET_ASIDE_REMEMBERED:])
    event = ObservationSetAside(
        prior_id=told.prior_id,
        lane_id=told.lane_id,
        provider=told.provider,
        version=prior.observations,
        observation=told,
        code=doubt.code,
        reason=doubt.reason,
    )
    return Step(fresh, (Emit("prior.observation_set_aside", event),))


def _with(prior: Prior, told: Observed, seen: Seen) -> Prior:
    """The prior with one observation more, in its place."""
    place = len(prior.recent)
    if prior.recent and place_of(seen) < place_of(prior.recent[-1]):
        place = bisect_left(prior.recent, place_of(seen), key=place_of)
    is_last = place == len(prior.recent)
    recent = (*prior.recent, seen) if is_last else (*prior.recent[:place], seen, *prior.recent[place:])
    marks, now = _learned_from(prior, recent, place)
    settled = prior.settled
    if len(recent) == REMEMBERED + BLOCK:
        settled, recent, marks = place_of(recent[BLOCK - 1]), recent[BLOCK:], marks[1:]
    hits = prior.hits if told.source == "override" or not told.promised else _hits(prior, told)
    return Prior(prior.observations + 1, now, hits, recent, marks, settled, prior.set_aside)


def _learned_from(prior: Prior, recent: Sequence[Seen], place: int) -> tuple[tuple[Standing, ...], Standing]:
    """What is known before every block, and at the end, where all from `place` on is learned (again)."""
    if place == len(recent) - 1:
        marks = prior.marks if place % BLOCK else (*prior.marks, prior.now)
        return marks, _after(prior.now, recent[place])
    block = place // BLOCK
    learned, now = list(prior.marks[: block + 1]), prior.marks[block]
    for number in range(block * BLOCK, len(recent)):
        if number % BLOCK == 0 and number > block * BLOCK:
            learned.append(now)
        now = _after(now, recent[number])
    return tuple(learned), now


def _after(known: Standing, seen: Seen) -> Standing:
    weight, is_outcome = seen.weight, seen.is_outcome
    tokens, minutes, cost = known.tokens, known.duration_minutes, known.cost_usd
    if seen.tokens is not None:
        tokens = learn("tokens", tokens, seen.tokens, weight, is_outcome=is_outcome)
    if seen.duration_minutes is not None:
        minutes = learn("duration_minutes", minutes, seen.duration_minutes, weight, is_outcome=is_outcome)
    if seen.cost_usd is not None:
        cost = learn("cost_usd", cost, seen.cost_usd, weight, is_outcome=is_outcome)
    return Standing(tokens, minutes, cost, quality_after(known.quality, seen.quality, weight))


def _hits(prior: Prior, told: Observed) -> tuple[Hits, Hits, Hits]:
    """How promises held, with those of this observation; one that was promised and not measured does not count."""

    def after(figure: Figure, hits: Hits) -> Hits:
        value, promise = getattr(told, figure), told.promised.get(figure)
        return hits if value is None or promise is None else counted(hits, promise, value)

    tokens, minutes, cost = map(after, FIGURES, prior.hits)
    return tokens, minutes, cost


def _learned(prior: Prior, told: Observed, *, is_restated: bool) -> Emit:
    known: dict[Figure, Remembered] = {each: getattr(prior.now, each) for each in FIGURES}
    observed = [each for each in known.values() if each.told > 0]
    event = PriorLearned(
        prior_id=told.prior_id,
        lane_id=told.lane_id,
        provider=told.provider,
        version=prior.observations,
        changed_at=told.completed_at,
        observation=told,
        observations=prior.observations,
        is_converged=bool(observed) and all(map(is_converged, observed)),
        is_restated=is_restated,
        quality=prior.now.quality,
        learned={figure: learned_of(each) for figure, each in known.items()},
        hits=dict(zip(FIGURES, prior.hits, strict=True)),
        drift={figure: drift_of(each.up, each.down) for figure, each in known.items()},
    )
    return Emit("prior.learned", event)
