"""How inboxes begin, as the log has it: the first record of each partition, and whether keys have moved since."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, TopicPartition

from schemas.settings import Settings
from streams.kafka.partitions import partition_of
from streams.kafka.reader import READ_TO_THE_END, RECORDS_AT_ONCE, Lane, ends_partition, lane_of, reader_config

LOOKED_AT: Final = 10_000


@dataclass
class Beginnings:
    """What was found in inboxes of so many partitions."""

    partitions: dict[str, int]
    first: dict[Lane, int] = field(default_factory=dict)
    """The offset of the first record of each partition; those without any are left out."""
    grown: set[str] = field(default_factory=set)
    """Inboxes that were spread over more partitions: records lie where their keys do not go any more. The first of
    each partition are looked at; where keys moved, a third of them and more did.
    """
    _looked_at: Counter[Lane] = field(default_factory=Counter)

    def take(self, lane: Lane, record: Message) -> bool:
        """Whether enough is known of a partition after this record of it. Raises KafkaException."""
        if (error := record.error()) is not None:
            return ends_partition(error)
        offset, key = record.offset(), record.key()
        assert offset is not None
        self.first.setdefault(lane, offset)
        self._looked_at[lane] += 1
        if isinstance(key, bytes) and partition_of(key, self.partitions[lane[0]]) != lane[1]:
            self.grown.add(lane[0])
        return self._looked_at[lane] >= LOOKED_AT


def beginnings(settings: Settings, inboxes: Iterable[str]) -> Beginnings:
    """Look how these inboxes begin, all their partitions at the same time. Blocks. Raises KafkaException."""
    consumer = Consumer(reader_config(settings, **READ_TO_THE_END))
    try:
        topics = consumer.list_topics(timeout=30).topics
        found = Beginnings({inbox: len(topics[inbox].partitions) for inbox in inboxes})
        waiting = {(inbox, number) for inbox, size in found.partitions.items() for number in range(size)}
        consumer.assign([TopicPartition(*lane, OFFSET_BEGINNING) for lane in waiting])
        while waiting:
            for record in consumer.consume(RECORDS_AT_ONCE, 0.2):
                lane = lane_of(record)
                if lane in waiting and found.take(lane, record):
                    waiting.remove(lane)
                    consumer.incremental_unassign([TopicPartition(*lane)])
        return found
    finally:
        consumer.close()
