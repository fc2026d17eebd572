"""A growth that was killed is begun again, with more partitions than before: no state is lost and none lies twice."""

import asyncio
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient

from schemas.settings import Settings
from schemas.topics import changelog_of
from streams import growth
from streams.kafka.admin import create_topics
from streams.kafka.partitions import partition_of
from streams.kafka.producer import Publisher
from streams.states import MARK, MARKED
from streams.topology import TOPOLOGY, processor
from tests.integration.workers import read
from tests.messages import created, run

pytestmark = [pytest.mark.services, pytest.mark.timeout(120)]

BEFORE, KILLED, AFTER = 4, 6, 9
ORDERS = run("work_orders", [created(f"WO-{number}") for number in range(60)]).changed


@pytest.fixture
def settings(kafka_bootstrap: str) -> Settings:
    """Every state there is belongs to an order; no inbox was ever written to."""
    told = Settings(kafka_bootstrap=kafka_bootstrap, partitions=BEFORE)
    create_topics(told)
    publisher = Publisher(told)
    for each in TOPOLOGY:
        for partition in range(BEFORE):
            publisher.send(changelog_of(each.name), MARK, MARKED, partition)
    for key, value in ORDERS.items():
        publisher.send(changelog_of("work_orders"), key, value, partition_of(key, BEFORE))
    asyncio.run(publisher.delivered())
    return told


class Killed(Exception):
    """No more is done."""


def test_a_growth_that_was_killed_goes_on_to_more_partitions(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox, widen = processor("work_orders").inbox, growth._widen

    def widen_but_the_inbox(admin: AdminClient, topic: str, before: int, after: int) -> None:
        if topic == inbox:
            raise Killed
        widen(admin, topic, before, after)

    monkeypatch.setattr(growth, "_widen", widen_but_the_inbox)
    with pytest.raises(Killed):
        growth.grow(settings, KILLED)
    monkeypatch.undo()
    copies = [key for _, key in placed(settings)]
    assert len(copies) > len(set(copies)), "no copy lies where it does not belong, so nothing was tried"
    growth.grow(settings, AFTER)
    assert sorted(placed(settings)) == sorted((partition_of(key, AFTER), key) for key in ORDERS)


def placed(settings: Settings) -> list[tuple[int, bytes]]:
    """Partition and key of every state of an order."""
    last: dict[tuple[int, bytes], Any] = {}
    for record in read(settings, changelog_of("work_orders")):
        last[record.partition(), record.key()] = record.value()
    return [place for place, value in last.items() if value is not None and place[1] != MARK]
