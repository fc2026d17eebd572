"""What Kafka keeps beside the inboxes is lost: changelogs, a partition of one, the offsets of the workers."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import stamina
from confluent_kafka import OFFSET_END, ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from connectors.gateway.lag import GROUP
from schemas.topics import changelog_of
from streams.kafka.admin import create_topics
from streams.topology import TOPOLOGY
from tests.rehearse.site import Site
from tests.rehearse.timeline import Hurt

SESSION_SECONDS: Final = 30.0


def lose_changelogs(site: Site, _: Hurt) -> None:
    """All changelogs are deleted while no worker runs; empty ones are made in their place."""
    settings = site.plant.settings()
    with _no_workers(site):
        _await(_admin(site).delete_topics([changelog_of(each.name) for each in TOPOLOGY], operation_timeout=60))
        create_topics(settings)


def empty_changelog(site: Site, hurt: Hurt) -> None:
    """All records of one changelog partition are deleted, and the workers have to read it back."""
    topic, _, partition = hurt.target.rpartition("/")
    _await(_admin(site).delete_records([TopicPartition(topic, int(partition), OFFSET_END)]))
    for name in site.plant.agents:
        site.signal(name, signal.SIGKILL)


def rewind(site: Site, _: Hurt) -> None:
    """The workers' offsets are set to the beginning while none of them runs."""
    partitions = range(site.plant.settings().partitions)
    beginning = [TopicPartition(each.inbox, number, 0) for each in TOPOLOGY for number in partitions]
    with _no_workers(site):
        _alter(_admin(site), beginning)


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


def _admin(site: Site) -> AdminClient:
    return AdminClient(site.plant.settings().kafka())


def _await(futures: dict[object, object]) -> None:
    for future in futures.values():
        future.result(60)  # type: ignore[attr-defined]
