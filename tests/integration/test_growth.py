"""Inboxes are spread over more partitions: every entity keeps its state, its order and its numbers."""

import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from schemas.codec import decode, encode
from schemas.settings import Settings
from schemas.topics import MESSAGES, key_of
from streams.growth import CannotShrink, grow
from streams.kafka.admin import TopicMismatch, create_topics
from streams.kafka.changelogs import Ends
from streams.kafka.partitions import partition_of
from streams.kafka.producer import producer_config
from streams.topology import GROUP, TOPOLOGY
from tests.integration.kept import Kept
from tests.integration.workers import kept_agents, read
from tests.messages import count, created, registered
from tests.plants import eventually
from tests.rehearse.faults.log import delete_changelogs

pytestmark = [pytest.mark.services, pytest.mark.timeout(240)]

MACHINES, ORDERS, COUNTS = 12, 30, 1_500
BEFORE, AFTER = 4, 6


@dataclass
class Floor:
    """Machines that count, each for every order in turn; knows what it said."""

    settings: Settings
    sent: Counter[str] = field(default_factory=Counter)
    _readings: Counter[tuple[str, str]] = field(default_factory=Counter)

    def begin(self) -> None:
        """Machines and orders become known."""
        self._say([registered(f"M-{number}", counter_scope="order") for number in range(MACHINES)])
        self._say([created(f"WO-{number}", 1_000_000) for number in range(ORDERS)])

    def count(self, counts: int) -> None:
        """So many units more."""
        said = []
        for number in range(sum(self.sent.values()), sum(self.sent.values()) + counts):
            machine, order = f"M-{number % MACHINES}", f"WO-{number * 7 % ORDERS}"
            self._readings[machine, order] += 1
            self.sent[order] += 1
            said.append(count(self._readings[machine, order], number / 100, order=order, machine=machine))
        self._say(said)

    def _say(self, messages: list[Any]) -> None:
        producer = Producer(producer_config(self.settings))
        for said in messages:
            key = key_of(said.type, said.tenant_id, said.payload)
            producer.produce(MESSAGES[said.type].topic, encode(said), key)
        producer.flush()


@pytest.fixture
def settings(kafka_bootstrap: str) -> Settings:
    told = Settings(kafka_bootstrap=kafka_bootstrap, partitions=BEFORE)
    create_topics(told)
    return told


@pytest.fixture
def start(settings: Settings, tmp_path: Path) -> Iterator[Callable[[int], Kept]]:
    workers: list[Kept] = []

    def start_worker(partitions: int) -> Kept:
        name = f"worker-{len(workers)}"
        workers.append(kept_agents(settings.kafka_bootstrap, tmp_path, name, PARTITIONS=str(partitions)))
        return workers[-1]

    yield start_worker
    for worker in workers:
        worker.stop()


def await_rest(settings: Settings) -> None:
    """Return when the agents have folded all there is."""
    asked = Ends(settings, GROUP)
    lanes = [(each.inbox, number) for each in TOPOLOGY for number in range(settings.partitions)]

    def rests() -> bool:
        ends = asked.of(lanes)
        return sum(ends.values()) > 0 and asked.done(lanes) == ends

    try:
        eventually(rests, 60, "the agents do not come to rest")
    finally:
        asked.close()


def progress(settings: Settings) -> dict[str, list[int]]:
    """Of each order, how many units it had after each reading that added some, in the order in which it was told."""
    told: dict[str, list[int]] = defaultdict(list)
    for record in read(settings, "work-orders"):
        said = decode(record.value())
        if said.type == "work_order.progressed":
            told[said.payload.work_order_id].append(int(said.payload.quantity_produced))
    return told


def command(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`python -m streams ARGUMENTS`."""
    return subprocess.run(
        [sys.executable, "-m", "streams", *arguments],
        env={"KAFKA_BOOTSTRAP": settings.kafka_bootstrap, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_after_growth_every_order_goes_on_where_it_was_also_when_states_are_lost(
    settings: Settings, start: Callable[[int], Kept]
) -> None:
    floor, worker = Floor(settings), start(BEFORE)
    floor.begin()
    await_rest(settings)
    floor.count(COUNTS)
    refused = command(settings, "grow", str(AFTER))
    assert refused.returncode == 1
    assert "still run" in refused.stderr
    await_rest(settings)
    worker.stop()
    done = command(settings, "grow", str(AFTER))
    assert done.returncode == 0, done.stderr
    print(done.stdout)

    with pytest.raises(TopicMismatch, match="PARTITIONS"):
        create_topics(settings)
    grown = settings.model_copy(update={"partitions": AFTER})
    assert create_topics(grown) == []
    assert {each.moved for each in grow(grown, AFTER)} == {0}, "a second time there is nothing to move"
    with pytest.raises(CannotShrink):
        grow(grown, BEFORE)

    worker, floor = start(AFTER), replace(floor, settings=grown)
    floor.count(COUNTS)
    await_rest(grown)
    told = progress(grown)
    assert told == {order: list(range(1, units + 1)) for order, units in floor.sent.items()}
    assert read(grown, "integration-failures") == []
    homes = {partition_of(record.key(), AFTER) == record.partition() for record in read(grown, "machine-inbox")}
    assert homes == {True, False}, "no machine has moved, so nothing was tried"

    worker.stop()
    delete_changelogs(grown)
    floor.count(COUNTS)
    worker = start(AFTER)
    eventually(lambda: "run `streams refold`" in worker.log, 60, "the worker went on without its states")
    worker.stop()
    assert progress(grown) == told, "it made states up"
    eventually(lambda: command(grown, "refold").returncode == 0, 60, "the states were not made again")
    start(AFTER)
    await_rest(grown)
    assert progress(grown) == {order: list(range(1, units + 1)) for order, units in floor.sent.items()}
    assert read(grown, "integration-failures") == []
