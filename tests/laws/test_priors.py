"""Laws of priors: whatever the order, the repeats and the batches, each observation counts once, in its place."""

from collections.abc import Sequence
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.envelope import Message
from schemas.messages.estimates import Observed
from streams.domain.priors import BLOCK, REMEMBERED, SET_ASIDE_REMEMBERED, Prior, place_of
from streams.driver import Batch, fold_batch, stored
from streams.topology import processor
from tests.messages import emitted, records, run
from tests.observations import MINUTES, OBSERVATIONS, observed

PRIORS = processor("priors")
WITHIN_MEMORY = st.lists(
    OBSERVATIONS, min_size=1, max_size=REMEMBERED, unique_by=lambda each: each.payload.observation_id
)


def _prior(batch: Batch) -> Prior:
    (value,) = batch.changed.values()
    kept = stored(PRIORS, value)
    assert kept is not None
    assert isinstance(kept.state, Prior)
    return kept.state


def _figures(value: Any) -> list[float]:
    """Every number of a state or an event, in the order of its fields."""
    if isinstance(value, bool | str) or value is None:
        return []
    if isinstance(value, int | float):
        return [float(value)]
    if isinstance(value, dict):
        return [number for key in sorted(value) for number in _figures(value[key])]
    return [number for each in value for number in _figures(each)]


def _assert_alike(one: Any, other: Any) -> None:
    ours, theirs = _figures(msgspec.to_builtins(one)), _figures(msgspec.to_builtins(other))
    assert len(ours) == len(theirs)
    assert all(abs(a - b) <= 1e-9 * max(1.0, abs(a)) for a, b in zip(ours, theirs, strict=True))


def _calm(said: Sequence[Message[Observed]]) -> list[Message[Observed]]:
    return sorted(said, key=lambda each: (each.payload.completed_at, each.payload.observation_id))


@settings(max_examples=100, deadline=None)
@given(said=WITHIN_MEMORY, chance=st.randoms(use_true_random=False), repeats=st.integers(1, 3))
def test_any_order_and_any_repeats_give_what_the_calm_order_gives(
    said: list[Message[Observed]], chance: Any, repeats: int
) -> None:
    calm = run("priors", _calm(said))
    shuffled = said * repeats
    chance.shuffle(shuffled)
    hurt = run("priors", shuffled)
    _assert_alike(_prior(hurt), _prior(calm))
    first, last = emitted(hurt, "prior.learned")[-1].payload, emitted(calm, "prior.learned")[-1].payload
    for name in ("version", "observations", "is_converged", "quality", "learned", "hits"):
        _assert_alike(getattr(first, name), getattr(last, name))
    assert [each.payload.version for each in emitted(hurt)] == list(range(1, len(said) + 1))


@settings(max_examples=20, deadline=None)
@given(
    said=st.lists(MINUTES, min_size=REMEMBERED + 1, max_size=REMEMBERED + 4 * BLOCK),
    cuts=st.sets(st.integers(1, REMEMBERED + 4 * BLOCK), max_size=6),
    reach=st.integers(1, BLOCK),
    chance=st.randoms(use_true_random=False),
)
def test_beyond_what_is_remembered_the_order_still_does_not_matter_nor_do_batches(
    said: list[float], cuts: set[int], reach: int, chance: Any
) -> None:
    """Each comes at most `reach` places from its own."""
    calm = [observed(number, minutes) for number, minutes in enumerate(said)]
    late = [calm[at] for at in sorted(range(len(calm)), key=lambda at: at + chance.random() * reach)]
    heard, states = records(late), dict[bytes, bytes]()
    for first, last in zip([0, *sorted(cuts)], [*sorted(cuts), len(heard)], strict=True):
        states.update(fold_batch(PRIORS, 0, states, heard[first:last]).changed)
    (value,) = states.values()
    kept = stored(PRIORS, value)
    assert kept is not None
    _assert_alike(kept.state, _prior(run("priors", calm)))


@settings(max_examples=20, deadline=None)
@given(said=st.lists(OBSERVATIONS, min_size=1, max_size=60), again=st.integers(1, 3))
def test_nothing_counts_twice_and_what_is_remembered_is_bounded(said: list[Message[Observed]], again: int) -> None:
    """Here ids come again with other figures too."""
    many = [*said, *(observed(1000 + number, 5.0, 100 + number) for number in range(2 * REMEMBERED)), *said] * again
    batch = run("priors", many)
    learned = [each.payload.observation.observation_id for each in emitted(batch, "prior.learned")]
    assert len(learned) == len(set(learned)) == len({each.payload.observation_id for each in many})
    prior = _prior(batch)
    assert prior.observations == len(learned)
    assert REMEMBERED <= len(prior.recent) < REMEMBERED + BLOCK
    assert len(prior.marks) == -(-len(prior.recent) // BLOCK)
    assert len(prior.set_aside) <= SET_ASIDE_REMEMBERED
    assert list(prior.recent) == sorted(prior.recent, key=place_of)
    assert prior.settled is not None
    assert prior.settled < place_of(prior.recent[0])
