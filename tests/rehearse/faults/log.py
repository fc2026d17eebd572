"""What Kafka keeps beside the inboxes is lost: changelogs, a partition of one, the offsets of the workers."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import stamina
from confluent_kafka import OFFSET_END, ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from schemas.settings import Settings
from schemas.topics import changelog_of
from streams.kafka.admin import create_topics
from streams.topology import GROUP, TOPOLOGY
from tests.rehearse.site import Site
from tests.rehearse.timeline import Hurt

SESSION_SECONDS: Final = 30.0


class StillThere(Exception):
    """A topic that was deleted is not gone yet."""


def lose_changelogs(site: Site, _: Hurt) -> None:
    """All changelogs are deleted while no worker runs; empty ones are made in their place."""
    with _no_workers(site):
        delete_changelogs(site.plant.settings())


def empty_changelog(site: Site, hurt: Hurt) -> None:
    """All records of one changelog partition are deleted, and the workers have to read it back."""
    topic, _, partition = hurt.target.rpartition("/")
    empty(site.plant.settings(), topic, int(partition))
    for name in site.plant.agents:
        site.signal(name, signal.SIGKILL)


def rewind(site: Site, _: Hurt) -> None:
    """The workers' offsets are set to the beginning while none of them runs."""
    partitions = range(site.plant.settings().partitions)
    beginning = [TopicPartition(each.inbox, number, 0) for each in TOPOLOGY for number in partitions]
    with _no_workers(site):
        _alter(AdminClient(site.plant.settings().kafka()), beginning)


def delete_changelogs(settings: Settings) -> None:
    """Delete every changelog, and make an empty one in its place."""
    names = [changelog_of(each.name) for each in TOPOLOGY]
    admin = AdminClient(settings.kafka())
    _await(admin.delete_topics(names, operation_timeout=60))
    _await_gone(admin, set(names))
    create_topics(settings)


@stamina.retry(on=StillThere, attempts=None, timeout=SESSION_SECONDS, wait_max=0.5)
def _await_gone(admin: AdminClient, names: set[str]) -> None:
    if names & admin.list_topics(timeout=10).topics.keys():
        raise StillThere


def empty(settings: Settings, topic: str, partition: int) -> None:
    """Delete all records of a changelog partition, as somebody might who mistakes it for a log that may be cut."""
    admin = AdminClient(settings.kafka())  # its futures end with it
    _set_policy(admin, topic, "compact,delete")  # of a compacted topic alone Kafka deletes no records
    try:
        _await(admin.delete_records([TopicPartition(topic, partition, OFFSET_END)]))
    finally:
        _set_policy(admin, topic, "compact")


def _set_policy(admin: AdminClient, topic: str, policy: str) -> None:
    entry = ConfigEntry("cleanup.policy", policy, incremental_operation=AlterConfigOpType.SET)
    _await(admin.incremental_alter_configs([ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])]))


@stamina.retry(on=KafkaException, attempts=None, timeout=SESSION_SECONDS, wait_max=1.0)
def _alter(admin: AdminClient, offsets: list[TopicPartition]) -> None:
    """Kafka refuses while it counts a worker as a member; one that was killed counts until its session ends."""
    _await(admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(GROUP, offsets)]))


@contextmanager
def _no_workers(site: Site) -> Iterator[None]:
    site.plant.stop(site.plant.agents)
    try:
        yield
    finally:
        for name in site.plant.agents:
            site.plant.restart(name)


def _await(futures: dict[object, object]) -> None:
    for future in futures.values():
        future.result(60)  # type: ignore[attr-defined]
