"""Spreads the inboxes over more partitions while nothing runs: each state moves to where its key goes from now on.

The log stays as it is: addresses (topic, partition, offset) in rows and passports keep their meaning, and numbers of
sources go on growing. Events keep the partitions that they have; nothing is gained by more of them.
"""

import asyncio
import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec
from confluent_kafka.admin import AdminClient, NewPartitions

from schemas.settings import Settings
from schemas.topics import changelog_of
from streams.driver import Processor
from streams.kafka.admin import until_shown
from streams.kafka.changelogs import Ends
from streams.kafka.partitions import partition_of
from streams.kafka.producer import Publisher
from streams.kafka.reader import Lane
from streams.states import MARK, MARKED, States, Tables
from streams.topology import GROUP, TOPOLOGY

PATIENCE_SECONDS: Final = 30.0


class NotAtRest(Exception):
    """Somebody works, or something waits: states that move now would be behind what is said next."""


class CannotShrink(Exception):
    """Kafka takes no partitions away."""


class _Kept(msgspec.Struct, array_like=True):
    """A stored state (`driver.Kept`), of which only the offset is read."""

    offset: int
    heard: msgspec.Raw
    state: msgspec.Raw


@dataclass(frozen=True, slots=True)
class Growth:
    """What became of one inbox."""

    inbox: str
    before: int
    after: int
    states: int
    moved: int


def grow(settings: Settings, partitions: int) -> list[Growth]:
    """Give every inbox of the folds, and its changelog, so many partitions. Killed on the way, it may be run again.

    Raises NotAtRest where an agent lives or has not folded everything, CannotShrink, NotShown, KafkaException.
    """
    admin = AdminClient(settings.kafka())
    counts = _counts(admin)
    if too_many := [each.inbox for each in TOPOLOGY if counts[each.inbox] > partitions]:
        raise CannotShrink(
            f"{', '.join(too_many)} have more than {partitions} partitions already; nothing was changed."
        )
    ends = _folded_to_the_end(settings, admin)
    return [_grow(settings, admin, processor, counts, ends, partitions) for processor in TOPOLOGY]


def _counts(admin: AdminClient) -> dict[str, int]:
    return {name: len(topic.partitions) for name, topic in admin.list_topics(timeout=PATIENCE_SECONDS).topics.items()}


def done_at_rest(admin: AdminClient, settings: Settings) -> dict[Lane, int]:
    """Per inbox partition the offset that the agents go on from, if none of them lives. Raises NotAtRest."""
    group = admin.describe_consumer_groups([GROUP])[GROUP].result(PATIENCE_SECONDS)
    if group.members:
        raise NotAtRest(f"{len(group.members)} agents still run (or died within the session timeout). Stop them first.")
    with contextlib.closing(Ends(settings, GROUP)) as asked:
        return asked.done(_lanes(admin))


def _lanes(admin: AdminClient) -> list[Lane]:
    counts = _counts(admin)
    return [(each.inbox, number) for each in TOPOLOGY for number in range(counts[each.inbox])]


def _folded_to_the_end(settings: Settings, admin: AdminClient) -> dict[Lane, int]:
    """Where the inboxes end, if no agent lives and the last one folded all of them. Raises NotAtRest."""
    done = done_at_rest(admin, settings)
    with contextlib.closing(Ends(settings, GROUP)) as asked:
        ends = asked.of(done)
    if waiting := sum(end - done[lane] for lane, end in ends.items() if end > done[lane]):
        raise NotAtRest(f"{waiting} messages wait in inboxes. Start an agent, let it finish, then stop it.")
    return ends


def _grow(
    settings: Settings,
    admin: AdminClient,
    processor: Processor,
    counts: Mapping[str, int],
    ends: Mapping[Lane, int],
    partitions: int,
) -> Growth:
    """States first, then the inbox: until the inbox has its new partitions, the copies lie where nobody looks."""
    before, changelog = counts[processor.inbox], changelog_of(processor.name)
    states = _read(settings, processor, counts[changelog])
    _forget(Publisher(settings), changelog, strays(states.partitions, before))
    _widen(admin, changelog, counts[changelog], partitions)
    publisher = Publisher(settings)  # one that knew the topic before would not know its new partitions
    moving = list(moves(states.partitions, before, partitions))
    for key, _, partition, value in moving:
        publisher.send(changelog, key, stored_at(value, ends.get((processor.inbox, partition), 0) - 1), partition)
    for partition in range(before, partitions):
        publisher.send(changelog, MARK, MARKED, partition)
    asyncio.run(publisher.delivered())
    _widen(admin, processor.inbox, before, partitions)
    _forget(publisher, changelog, ((partition, key) for key, partition, _, _ in moving))
    kept = sum(map(len, states.partitions.values()))
    return Growth(processor.inbox, before, partitions, kept, len(moving))


def moves(
    states: Mapping[int, Mapping[bytes, bytes]], before: int, after: int
) -> Iterator[tuple[bytes, int, int, bytes]]:
    """Key, partition, next partition and state of each entity that has to move."""
    for partition, some in states.items():
        for key, value in some.items():
            goes_to = partition_of(key, after)
            if partition_of(key, before) == partition != goes_to:
                yield key, partition, goes_to, value


def strays(states: Mapping[int, Mapping[bytes, bytes]], partitions: int) -> Iterator[tuple[int, bytes]]:
    """What lies where its key does not go: copies left by a growth that was killed."""
    for partition, some in states.items():
        yield from ((partition, key) for key in some if partition_of(key, partitions) != partition)


def stored_at(value: bytes, offset: int) -> bytes:
    """The same state, as of an offset in the partition that it moves to: all that lies there before is of others."""
    kept = msgspec.json.decode(value, type=_Kept)
    kept.offset = offset
    return msgspec.json.encode(kept)


def _read(settings: Settings, processor: Processor, partitions: int) -> States:
    states = States(changelog_of(processor.name))
    lanes = [(processor.inbox, number) for number in range(partitions)]
    asyncio.run(Tables(settings, [processor], {processor.name: states}).adopt(lanes, lambda: True))
    return states


def _widen(admin: AdminClient, topic: str, before: int, after: int) -> None:
    if before < after:
        wanted = [NewPartitions(topic, after)]
        admin.create_partitions(wanted, operation_timeout=PATIENCE_SECONDS)[topic].result(PATIENCE_SECONDS)
        until_shown(lambda: _counts(admin)[topic] == after, f"the {after} partitions of {topic}")


def _forget(publisher: Publisher, changelog: str, places: Iterable[tuple[int, bytes]]) -> None:
    for partition, key in places:
        publisher.send(changelog, key, None, partition)
    asyncio.run(publisher.delivered())
