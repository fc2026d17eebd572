"""Priors: how fast observations are folded, and how well what is promised holds on histories nobody tuned on.

Forgetting (0.94), widening gain (0.04), and weight and shape of base priors (0.25, 1) were chosen on the histories of
seeds 101 and 102, by pinball loss among those whose 90 % intervals held; what is reported is of other seeds.
"""

import time
from collections.abc import Sequence

import msgspec

from schemas.codec import decode, encode
from schemas.settings import Settings
from schemas.topics import key_of
from streams.domain.estimation.smoothing import smoothed
from streams.driver import Record, fold_batch
from streams.kafka.reader import MOST_RECORDS
from streams.topology import processor
from tests.bench.figures import Figure, contest, faster
from tests.held_out import by_kind, held_out
from tests.histories import lanes, observed
from tests.observations import observation, promise, told

OBSERVATIONS, LANES = 100_000, 200
REPORTED_SEEDS = (7, 8, 9)


def inbox() -> list[Record]:
    """Observations as they stand in the inbox, of one lane after the other."""
    steps = OBSERVATIONS // LANES
    made = lanes(REPORTED_SEEDS[0], LANES, steps)
    found, promises = [], dict(promise())
    for number in range(OBSERVATIONS):
        lane = made[number % LANES]
        values = observed(lane, number // LANES)
        minutes = values.pop("duration_minutes")
        payload = observation(
            number, minutes, lane=lane.lane_id, provider=lane.provider, promised=promises, quality=0.9, **values
        )
        said = msgspec.structs.replace(told(payload, OBSERVATIONS), message_id=f"{payload.prior_id}-{number}")
        found.append(Record(number, key_of(said.type, said.tenant_id, payload), encode(said)))
    return found


def fold(records: Sequence[Record]) -> float:
    """Seconds for folding them as a worker does: in batches of what one fetch returns, states and events encoded."""
    states: dict[bytes, bytes] = {}
    told_of = 0
    began = time.perf_counter()
    for first in range(0, len(records), MOST_RECORDS):
        batch = fold_batch(processor("priors"), 0, states, records[first : first + MOST_RECORDS])
        states.update(batch.changed)
        told_of += len(batch.outputs)
    elapsed = time.perf_counter() - began
    assert told_of == len(records), "an observation was not learned from"
    return elapsed


def plain_loop(records: Sequence[Record]) -> float:
    """Seconds for reading them and smoothing the duration as document 001 says, and nothing else."""
    known: dict[bytes, tuple[float, float]] = {}
    began = time.perf_counter()
    for record in records:
        minutes = decode(record.value).payload.duration_minutes
        known[record.key] = smoothed(*known.get(record.key, (5.0, 2.25)), minutes, 1.0)
    elapsed = time.perf_counter() - began
    assert len(known) == LANES
    return elapsed


def observations_per_second(settings: Settings) -> Figure:
    """Observations of 200 lanes folded by one worker, beside a loop that only smooths and keeps nothing."""
    records = inbox()
    ours, plain = len(records) / fold(records), len(records) / plain_loop(records)
    least = "10,000/s"
    return faster("observations_per_second", ours, "a loop that only smooths", plain, least, "0.2x", "obs/s")


def interval_coverage_90(settings: Settings) -> Figure:
    """Share of outcomes within the 90 % intervals promised for them; pinball losses are printed beside it."""
    held = [each for seed in REPORTED_SEEDS for each in held_out(seed)]
    for kind, found in by_kind(held).items():
        print(
            f"  {kind:12} within 90 %: {found.within_90:.3f}, within 50 %: {found.within_50:.3f}, "
            f"pinball loss {found.pinball_ratio:.3f} of smoothing with normal intervals"
        )
    found = by_kind(held)["all"]
    ratio = round(found.within_90 / 0.9, 3)
    return Figure(
        "interval_coverage_90", found.within_90, "share", "what was promised", 0.9, ratio, "0.87..0.93", "0.9"
    )


def pinball_vs_smoothing(settings: Settings) -> Figure:
    """Pinball loss of what was promised over that of the documented smoothing with normal intervals."""
    held = [each for seed in REPORTED_SEEDS for each in held_out(seed)]
    ours, theirs = sum(each.pinball for each in held), sum(each.pinball_smoothing for each in held)
    count = sum(each.promised for each in held)
    name, against = "pinball_vs_smoothing", "smoothing, normal intervals"
    return Figure(name, ours / count, "medians", against, theirs / count, round(ours / theirs, 3), "0.9x", "0.85x")


MEASURES = {each.__name__: contest(each) for each in (observations_per_second, interval_coverage_90)} | {
    "pinball_vs_smoothing": contest(pinball_vs_smoothing)
}
