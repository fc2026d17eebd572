"""Runs the folds over a log, without Faust: the same records give the same events, states and dead letters."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from confluent_kafka import Consumer, TopicPartition

from schemas.settings import Settings
from streams.driver import Output, Processor, Record, fold_batch

BATCH = 2_000


@dataclass(slots=True)
class Replayed:
    """What an inbox came to: the states by key, and everything that was said on the way."""

    states: dict[bytes, bytes] = field(default_factory=dict)
    outputs: list[Output] = field(default_factory=list)
    records: int = 0


def replay(processor: Processor, partition: int, records: Iterable[Record], *, batch: int = BATCH) -> Replayed:
    """Fold all records of one partition, in order, in batches of any size."""
    result = Replayed()
    for chunk in _chunks(records, batch):
        folded = fold_batch(processor, partition, result.states, chunk)
        result.states.update(folded.changed)
        result.outputs.extend(folded.outputs)
        result.records += len(chunk)
    return result


def _chunks(records: Iterable[Record], size: int) -> Iterator[list[Record]]:
    chunk: list[Record] = []
    for record in records:
        chunk.append(record)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def read_log(settings: Settings, topic: str) -> Iterator[tuple[int, Record]]:
    """Every record of a topic up to its present end, with its partition; each partition in order."""
    consumer = Consumer(
        settings.kafka(
            **{
                "group.id": "mfg-replay",
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
                "fetch.queue.backoff.ms": 5,
                "isolation.level": "read_committed",
            }
        )
    )
    try:
        for partition in consumer.list_topics(topic, timeout=30).topics[topic].partitions:
            yield from ((partition, record) for record in _read_partition(consumer, topic, partition))
    finally:
        consumer.close()


def _read_partition(consumer: Consumer, topic: str, partition: int) -> Iterator[Record]:
    first, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=30)
    if first >= end:
        return
    consumer.assign([TopicPartition(topic, partition, first)])
    position = first
    while position < end:
        for message in consumer.consume(min(BATCH, end - position), timeout=5):  # no more: it would wait for them
            if message.error():
                raise RuntimeError(f"Reading {topic}/{partition} at {position} failed: {message.error()}")
            position = (message.offset() or 0) + 1
            if position <= end:
                yield Record(position - 1, message.key() or b"", message.value() or b"", message.timestamp()[1])
    consumer.unassign()
