"""Makes the states of the folds again from inboxes that were given more partitions, and writes their changelogs.

A worker can fold an inbox once more by itself as long as each entity lies in one partition. After a growth its earlier
messages lie in another one: here they are folded first. Nothing is said again; all of it was said before.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Final

from confluent_kafka.admin import AdminClient

from schemas.settings import Settings
from schemas.topics import changelog_of
from streams.driver import Processor, Record, fold_batch
from streams.growth import done_at_rest, stored_at
from streams.kafka.partitions import partition_of
from streams.kafka.producer import Publisher
from streams.kafka.reader import Lane
from streams.replay import read_log
from streams.states import MARK, MARKED
from streams.topology import TOPOLOGY

BATCH: Final = 2_000
Log = Iterable[tuple[int, Record]]
"""Records with their partitions; each partition in order."""


@dataclass(frozen=True, slots=True)
class Refolded:
    """What became of one inbox."""

    inbox: str
    records: int
    states: int


def refold(settings: Settings) -> list[Refolded]:
    """Write every state that the agents had when they last committed. Raises NotAtRest while an agent lives."""
    done = done_at_rest(AdminClient(settings.kafka()), settings)
    publisher = Publisher(settings)
    return [_refold(settings, publisher, processor, done) for processor in TOPOLOGY]


def _refold(settings: Settings, publisher: Publisher, processor: Processor, done: Mapping[Lane, int]) -> Refolded:
    def log() -> Iterator[tuple[int, Record]]:
        for partition, record in read_log(settings, processor.inbox):
            if record.offset < done[processor.inbox, partition]:
                yield partition, record

    partitions, changelog = sum(topic == processor.inbox for topic, _ in done), changelog_of(processor.name)
    places = places_of(log())
    states, records = fold_in_order(processor, log, places)
    for key, value in states.items():
        home = partition_of(key, partitions)
        publisher.send(changelog, key, value if places[key][-1] == home else stored_at(value, -1), home)
    for partition in range(partitions):
        publisher.send(changelog, MARK, MARKED, partition)
    asyncio.run(publisher.delivered())
    return Refolded(processor.inbox, records, len(states))


def places_of(log: Log) -> dict[bytes, list[int]]:
    """Of each entity, the partitions that its messages lie in, the earliest first."""
    since: dict[bytes, dict[int, int]] = {}
    for partition, record in log:
        since.setdefault(record.key, {}).setdefault(partition, record.timestamp_ms)
    return {key: sorted(moments, key=moments.__getitem__) for key, moments in since.items()}


def fold_in_order(
    processor: Processor, log: Callable[[], Log], places: Mapping[bytes, list[int]]
) -> tuple[dict[bytes, bytes], int]:
    """The state of each entity, folded over its first partition, then its second, and so on; and how many records."""
    states: dict[bytes, bytes] = {}
    records = 0
    for turn in range(max(map(len, places.values()), default=0)):
        states = {key: stored_at(value, -1) if len(places[key]) > turn else value for key, value in states.items()}
        theirs = ((at, each) for at, each in log() if places[each.key][turn : turn + 1] == [at])
        for partition, batch in _batches(theirs):
            states.update(fold_batch(processor, partition, states, batch).changed)
            records += len(batch)
    return states, records


def _batches(log: Log) -> Iterator[tuple[int, list[Record]]]:
    """Records of one partition at a time, some at once."""
    for partition, group in groupby(log, key=itemgetter(0)):
        batch: list[Record] = []
        for _, record in group:
            batch.append(record)
            if len(batch) == BATCH:
                yield partition, batch
                batch = []
        yield partition, batch
