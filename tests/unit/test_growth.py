"""Which states move when an inbox gets more partitions, and as of which offset."""

from streams.driver import offset_of, stored
from streams.growth import moves, stored_at, strays
from streams.kafka.partitions import partition_of
from streams.topology import processor
from tests.messages import count, created, registered, run

KEYS = [f"tenant/WO-{number}".encode() for number in range(200)]


def spread(partitions: int) -> dict[int, dict[bytes, bytes]]:
    return {
        number: {key: key for key in KEYS if partition_of(key, partitions) == number} for number in range(partitions)
    }


def test_after_the_moves_each_state_lies_where_its_key_goes() -> None:
    states = spread(4)
    for key, partition, goes_to, value in list(moves(states, 4, 6)):
        states.setdefault(goes_to, {})[key] = states[partition].pop(key)
        assert value == key
    assert states == spread(6)


def test_with_twice_as_many_partitions_a_state_stays_or_moves_by_as_many() -> None:
    assert {goes_to - partition for _, partition, goes_to, _ in moves(spread(4), 4, 8)} == {4}


def test_a_copy_that_an_interrupted_growth_left_is_a_stray_and_does_not_move_again() -> None:
    states = spread(4)
    copied = [(goes_to, key) for key, _, goes_to, _ in moves(states, 4, 6)]
    for goes_to, key in copied:
        states.setdefault(goes_to, {})[key] = key
    assert sorted(strays(states, 4)) == sorted(copied)
    assert sorted(key for key, *_ in moves(states, 4, 6)) == sorted(key for _, key in copied)


def test_a_state_that_moved_is_the_same_as_of_another_offset() -> None:
    said = [registered("M-1"), count(3, 1, machine="M-1")]
    (value,) = run("machines", said).changed.values()
    machines = processor("machines")
    before, after = stored(machines, value), stored(machines, stored_at(value, 41))
    assert before is not None
    assert after is not None
    assert (before.offset, after.offset, offset_of(stored_at(value, -1))) == (1, 41, -1)
    assert (before.heard, before.state) == (after.heard, after.state)


def test_what_was_heard_of_sources_moves_along() -> None:
    (value,) = run("work_orders", [created("WO-1")]).changed.values()
    assert stored_at(stored_at(value, 7), 0) == value
