"""Creates the topics of the registry and the changelogs of the topology, with their partitions and policies."""

import operator
from collections.abc import Callable
from concurrent.futures import as_completed
from typing import Final

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic
from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, wait_fixed

from schemas.codec import DEAD_LETTERS, LARGEST_DEAD_LETTER
from schemas.settings import Settings
from schemas.topics import TOPICS, Topic, changelog_of
from streams.topology import TOPOLOGY

ONE_DAY_MS = 24 * 60 * 60 * 1000
LARGEST_RECORD = 1024 * 1024
SHOWN_WITHIN_SECONDS: Final = 30.0
ASK_AGAIN_SECONDS: Final = 0.1


class TopicMismatch(Exception):
    """An inbox or a changelog has another number of partitions than the setting says."""


class NotShown(Exception):
    """Kafka said yes, and does not answer accordingly."""


def wanted_topics(settings: Settings) -> list[NewTopic]:
    """Every topic that must exist."""
    changelogs = [changelog_of(processor.name) for processor in TOPOLOGY]
    return [
        *(_new(settings, topic.name, _event_policy(settings, topic)) for topic in TOPICS.values()),
        *(_new(settings, name, _changelog_policy()) for name in changelogs),
    ]


def _event_policy(settings: Settings, topic: Topic) -> dict[str, str]:
    retention = settings.retention_ms if settings.retention_ms >= 0 else topic.retention_ms
    return {"cleanup.policy": "delete", "retention.ms": str(retention)}


def _changelog_policy() -> dict[str, str]:
    """Compacted, but not before a day: a paused worker's older state must not be all that is left (TRAPS)."""
    return {"cleanup.policy": "compact", "min.compaction.lag.ms": str(ONE_DAY_MS)}


def _new(settings: Settings, name: str, policy: dict[str, str]) -> NewTopic:
    largest = LARGEST_DEAD_LETTER if name == DEAD_LETTERS else LARGEST_RECORD
    config = {
        **policy,
        "max.message.bytes": str(largest),
        "min.insync.replicas": str(settings.min_insync_replicas),
    }
    return NewTopic(name, settings.partitions, settings.replication, config=config)


def create_topics(settings: Settings) -> list[str]:
    """Create what is missing and return its names. Raises TopicMismatch where an inbox or a changelog differs.

    Other topics keep the partitions they were made with (streams/README.md, 'More partitions').
    """
    admin = AdminClient(settings.kafka())
    wanted = wanted_topics(settings)
    existing = admin.list_topics(timeout=30).topics
    for name in (name for each in TOPOLOGY for name in (each.inbox, changelog_of(each.name))):
        found = existing.get(name)
        if found is not None and len(found.partitions) != settings.partitions:
            raise TopicMismatch(
                f"Topic {name} has {len(found.partitions)} partitions, the setting PARTITIONS says "
                f"{settings.partitions}. Changing it moves keys; see streams/README.md, 'More partitions'."
            )
    missing = [topic for topic in wanted if topic.topic not in existing]
    if missing:
        _await(admin, missing)
    return [topic.topic for topic in missing]


def _await(admin: AdminClient, topics: list[NewTopic]) -> None:
    for future in as_completed(admin.create_topics(topics, operation_timeout=30).values()):
        try:
            future.result()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise


def until_shown(is_shown: Callable[[], bool], what: str) -> None:
    """Return when Kafka answers as it was asked to: a broker learns of it after the controller has said yes.

    Raises NotShown, and whatever asking raises.
    """
    asked = Retrying(
        retry=retry_if_result(operator.not_),
        stop=stop_after_delay(SHOWN_WITHIN_SECONDS),
        wait=wait_fixed(ASK_AGAIN_SECONDS),
    )
    try:
        asked(is_shown)
    except RetryError as error:
        raise NotShown(f"Kafka does not show {what}.") from error
