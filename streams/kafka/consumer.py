"""Reads event topics from offsets that Postgres keeps: no group, no commits to Kafka, no silent resets."""

from collections.abc import Iterable, Mapping

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from schemas.settings import Settings

Lane = tuple[str, int]


class LogTruncated(Exception):
    """The log no longer holds what comes next. Going on would skip data, so nobody goes on."""


class LogReader:
    """Reads given partitions from given offsets, in order within each."""

    def __init__(self, settings: Settings, **options: object) -> None:
        self._consumer = Consumer(
            settings.kafka(
                **{
                    "group.id": "mfg-reader",
                    "enable.auto.commit": False,
                    "enable.auto.offset.store": False,
                    "auto.offset.reset": "error",
                    "isolation.level": "read_committed",
                    "fetch.queue.backoff.ms": 5,
                    "fetch.wait.max.ms": 250,
                    "queued.max.messages.kbytes": 32 * 1024,
                }
                | options
            )
        )

    def lanes(self, topics: Iterable[str]) -> list[Lane]:
        """Every partition of the topics. Raises KafkaException while Kafka or a topic is away."""
        found = self._consumer.list_topics(timeout=10).topics
        missing = sorted(set(topics) - found.keys())
        if missing:
            raise KafkaException(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART, f"not there yet: {', '.join(missing)}"))
        return [(topic, partition) for topic in topics for partition in sorted(found[topic].partitions)]

    def read_from(self, offsets: Mapping[Lane, int]) -> None:
        """Begin at these offsets. Raises LogTruncated where the log begins later or ends earlier."""
        self._consumer.unassign()  # a fetch under way would delay each of the questions below
        for (topic, partition), offset in offsets.items():
            first, end = self._consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=30)
            if not first <= offset <= end:
                raise LogTruncated(
                    f"{topic}/{partition} holds offsets {first} to {end - 1}, but {offset} comes next. "
                    "Data are missing from the log; see README, 'the log is shorter than Postgres says'."
                )
        self._consumer.assign(
            [TopicPartition(topic, partition, offset) for (topic, partition), offset in offsets.items()]
        )

    def read(self, limit: int, seconds: float) -> list[Message]:
        """Up to `limit` records, waiting up to `seconds` for the first. Raises LogTruncated, KafkaException."""
        records = self._consumer.consume(limit, seconds)
        good = []
        for record in records:
            error = record.error()
            if error is None:
                good.append(record)
            elif error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
                raise LogTruncated(f"{record.topic()}/{record.partition()}: {error.str()}")
            elif error.fatal():
                raise KafkaException(error)
        return good

    def ends(self, lanes: Iterable[Lane]) -> dict[Lane, int]:
        """Where each partition ends now, as far as the client knows without asking."""
        return {lane: self._consumer.get_watermark_offsets(TopicPartition(*lane), cached=True)[1] for lane in lanes}

    def ends_now(self, lanes: Iterable[Lane]) -> dict[Lane, int]:
        """Where each partition ends now, as the brokers say."""
        return {lane: self._consumer.get_watermark_offsets(TopicPartition(*lane), timeout=30)[1] for lane in lanes}

    def close(self) -> None:
        """Let go."""
        self._consumer.close()


def lag(ends: Mapping[Lane, int], offsets: Mapping[Lane, int]) -> dict[str, int]:
    """How many records of each topic are still to come for one that stands at these offsets (0 where none is named)."""
    found: dict[str, int] = {}
    for lane, end in ends.items():
        found[lane[0]] = found.get(lane[0], 0) + max(0, end - offsets.get(lane, 0))
    return found
