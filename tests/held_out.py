"""Promises made along a made-up history, each from what was known before its work, and how they held."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from schemas.messages.estimates import Figure, Hits, Learned, Promised
from streams.domain.estimation.figures import DEFAULTS, FIGURES
from streams.domain.estimation.lanes import Relatives
from streams.domain.estimation.learning import evidence_of
from streams.domain.estimation.posterior import base_of, posterior, promised
from streams.driver import fold_batch
from streams.topology import processor
from tests.histories import KINDS, Kind, Lane, lanes, observed
from tests.messages import emitted, records
from tests.observations import observation, told

Key = tuple[str, str]
Known = Mapping[Key, Mapping[Figure, Learned]]


class Held(NamedTuple):
    """How promises of one lane and figure held, by the priors' own count; losses in medians of the lane."""

    kind: Kind
    promised: int
    within_50: int
    within_90: int
    pinball: float
    pinball_smoothing: float


class Record(NamedTuple):
    """Share of outcomes within the 50 % and 90 % intervals, and our pinball loss over that of the smoothing."""

    within_50: float
    within_90: float
    pinball_ratio: float


def record(held: Iterable[Held]) -> Record:
    """How promises of several lanes held together."""
    _, counts, fifties, nineties, ours, theirs = zip(*held, strict=True)
    return Record(sum(fifties) / sum(counts), sum(nineties) / sum(counts), sum(ours) / sum(theirs))


def by_kind(held: Sequence[Held]) -> dict[str, Record]:
    """The same for each kind of lane, and for all."""
    kinds: dict[str, Record] = {kind: record(each for each in held if each.kind == kind) for kind in KINDS}
    return {"all": record(held)} | kinds


def held_out(seed: int, count: int = 200, length: int = 100) -> list[Held]:
    """Fold such a history step by step: at each, all lanes are promised from what was known, and then observed."""
    made = lanes(seed, count, length)
    known: dict[Key, Mapping[Figure, Learned]] = {}
    hits: dict[Key, Mapping[Figure, Hits]] = {}
    states: dict[bytes, bytes] = {}
    for step in range(length):
        promises = _promises(made, known)
        said = [told(_observation(lane, step, promises[lane.lane_id])) for lane in made]
        batch = fold_batch(processor("priors"), 0, states, records(said, step * count))
        states.update(batch.changed)
        for each in emitted(batch, "prior.learned"):
            key = each.payload.lane_id, each.payload.provider
            known[key], hits[key] = each.payload.learned, each.payload.hits
    return [
        _held(lane, hits[lane.lane_id, lane.provider][figure], float(lane.median[column]))
        for lane in made
        for column, figure in enumerate(FIGURES)
    ]


def _observation(lane: Lane, step: int, promise: dict[Figure, Promised]):
    values = observed(lane, step)
    return observation(
        step, values.pop("duration_minutes"), lane=lane.lane_id, provider=lane.provider, promised=promise, **values
    )


def _promises(made: Sequence[Lane], known: Known) -> dict[str, dict[Figure, Promised]]:
    """What is promised of the next work of every lane."""
    promises: dict[str, dict[Figure, Promised]] = {lane.lane_id: {} for lane in made}
    for figure in FIGURES:
        evidence = {key: evidence_of(learned[figure]) for key, learned in known.items()}
        relatives = Relatives(evidence)
        for lane in made:
            key = lane.lane_id, lane.provider
            base = base_of(DEFAULTS[figure], relatives.of(*key))
            mean, std, widening = DEFAULTS[figure].mean, DEFAULTS[figure].std, 1.0
            if learned := known.get(key):
                mean, std, widening = learned[figure].mean, learned[figure].std, learned[figure].widening
            promises[lane.lane_id][figure] = promised(posterior(base, evidence.get(key), widening), mean, std)
    return promises


def _held(lane: Lane, hits: Hits, unit: float) -> Held:
    losses = hits.pinball / unit, hits.pinball_smoothing / unit
    return Held(lane.kind, hits.promised, hits.within_50, hits.within_90, *losses)
