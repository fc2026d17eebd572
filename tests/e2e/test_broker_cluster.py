"""Three brokers, three workers: any broker may die under load, and what was said is in Postgres once."""

from collections.abc import Iterator
from functools import partial

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from compose.local.kafka.listeners import names
from compose.local.plant import LocalPlant
from schemas.topics import TOPICS, changelog_of
from streams.topology import TOPOLOGY
from tests.e2e.load import Load, assert_no_doubles, await_truth, create_orders, recovered
from tests.plants import RunningPlant, eventually, running_plant, stop_hard

pytestmark = [pytest.mark.services, pytest.mark.chaos, pytest.mark.alone, pytest.mark.timeout(600)]

BROKERS, WORKERS = 3, 3
PER_SECOND = 100
MOST_SECONDS = 600
"""How long machines speak at most; they fall silent when the last broker is back."""
OFFSETS = "__consumer_offsets"


@pytest.fixture(scope="module")
def cluster() -> Iterator[RunningPlant]:
    with running_plant(infra_only=False, workers=WORKERS, brokers=BROKERS) as plant:
        if not isinstance(plant.local, LocalPlant):
            pytest.skip("brokers are killed by their process ids; containers have none here")
        yield plant


@pytest.fixture
def admin(cluster: RunningPlant) -> AdminClient:
    return AdminClient(cluster.settings().kafka())


def replicas(admin: AdminClient) -> dict[tuple[str, int], tuple[set[int], set[int], int]]:
    """Of each partition: who is to have it, who has all of it, and who leads it; of none while no broker answers."""
    try:
        topics = admin.list_topics(timeout=10).topics.values()
    except KafkaException:
        return {}
    return {
        (str(topic.topic), number): (set(one.replicas), set(one.isrs), one.leader)
        for topic in topics
        for number, one in topic.partitions.items()
    }


def is_whole(admin: AdminClient) -> bool:
    """Whether all three brokers have all of every partition."""
    found = replicas(admin).values()
    return bool(found) and all(in_sync == wanted and len(wanted) == BROKERS for wanted, in_sync, _ in found)


def leads_nothing(admin: AdminClient, broker: int) -> bool:
    """Whether another one leads what a broker led, and nothing is without a leader."""
    leaders = {leader for _, _, leader in replicas(admin).values()}
    return bool(leaders) and not {-1, broker} & leaders


def test_every_topic_lies_on_three_brokers_and_needs_two(cluster: RunningPlant, admin: AdminClient) -> None:
    assert len(cluster.kafka_bootstrap.split(",")) == BROKERS
    topics = {*TOPICS, *(changelog_of(processor.name) for processor in TOPOLOGY), OFFSETS}
    found = replicas(admin)
    assert topics <= {topic for topic, _ in found}
    assert {len(wanted) for wanted, _, _ in found.values()} == {BROKERS}
    asked = admin.describe_configs([ConfigResource(ResourceType.TOPIC, name) for name in sorted(topics)])
    needed = {resource.name: answer.result(10)["min.insync.replicas"].value for resource, answer in asked.items()}
    assert needed == dict.fromkeys(topics, "2")


def test_each_broker_in_turn_dies_under_load_and_comes_back_in_sync(cluster: RunningPlant, admin: AdminClient) -> None:
    """One of the three is the active controller, and each leads a third of all partitions."""
    local = cluster.local
    assert isinstance(local, LocalPlant)
    orders = create_orders(cluster.endpoints, [f"BROKER-{number}" for number in range(5)])
    eventually(lambda: is_whole(admin), 60, "the cluster was not whole to begin with")
    load = Load(cluster.endpoints, orders, PER_SECOND, MOST_SECONDS)
    load.start()
    for number, name in enumerate(names(BROKERS), 1):
        recovered(cluster.endpoints, orders)
        stop_hard(local, name)
        eventually(partial(leads_nothing, admin, number), 60, f"nobody took over from {name}")
        without = recovered(cluster.endpoints, orders)
        local.restart(name)
        eventually(lambda: is_whole(admin), 60, f"{name} did not come back in sync")
        print(f"{name}: rows were current again {without:.1f} s after others led, with {name} away")
    load.end()
    waited = await_truth(cluster.endpoints, load.truth, 60)
    print(f"{load.sent} counts, {BROKERS} brokers killed, all in Postgres {waited:.1f} s after the last")
    assert_no_doubles(cluster.endpoints, load)
