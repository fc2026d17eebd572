"""The warehouse's change data capture on a real Kafka: nothing is lost and nothing counts twice, whoever is killed."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from connectors.foreign import INVENTORY
from schemas.codec import decode
from schemas.envelope import Message
from schemas.messages.materials import MaterialUpserted
from schemas.settings import Settings
from streams.driver import Record, fold_batch, stored
from streams.kafka.producer import producer_config
from streams.topology import processor
from tests.integration.bridges import Ear, original
from tests.inventory import stock_updated
from tests.messages import message, records
from tests.plants import RunningPlant, eventually

pytestmark = pytest.mark.services

PROGRAM = """
import asyncio
from connectors.foreign import INVENTORY, run
from schemas.settings import Settings
from streams import telemetry

async def main():
    stop = telemetry.stop_requested()
    print("listening", flush=True)
    await run(Settings(), stop, INVENTORY)

asyncio.run(main())
"""
TOPIC, GROUP = INVENTORY.topic, INVENTORY.group
INBOX, DEAD_LETTERS = "material-inbox", "integration-failures"


class Taking:
    """A process that runs `run` and nothing else."""

    def __init__(self, plant: RunningPlant, folder: Path) -> None:
        self.env = os.environ | plant.endpoints | {"METRICS_PORT": "0", "SESSION_TIMEOUT_MS": "6000"}
        self.log_path = folder / f"cdc-{uuid4().hex[:6]}.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log_path.open("ab") as log:
            before = self.log_path.read_text().count("listening")
            self.process = subprocess.Popen([sys.executable, "-c", PROGRAM], env=self.env, stdout=log, stderr=log)
        eventually(lambda: self.log_path.read_text().count("listening") > before, 30, "it does not start")

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)


@pytest.fixture
def ear(settings: Settings) -> Iterator[Ear]:
    with closing(Ear(settings, INBOX, DEAD_LETTERS)) as listening:
        yield listening


@pytest.fixture
def taking(infra: RunningPlant, tmp_path: Path) -> Iterator[Taking]:
    taking = Taking(infra, tmp_path)
    yield taking
    if taking.process is not None and taking.process.poll() is None:
        taking.process.kill()
        taking.process.wait(10)


def change(material: str, value: int, transaction: str, field: str = "on_hand_quantity") -> dict[str, Any]:
    """A CDC event of now."""
    return stock_updated(material, field, value, change_reason="count", transaction_id=transaction)


def publish(settings: Settings, values: Sequence[tuple[bytes | None, bytes]]) -> None:
    """Put records into the warehouse's topic."""
    producer = Producer(producer_config(settings))
    for key, value in values:
        producer.produce(TOPIC, value, key)
        producer.poll(0)
    assert producer.flush(30) == 0


def said(ear: Ear, name: str) -> list[Message[Any]]:
    """What materials whose id begins so were told."""
    messages = [decode(record.value()) for record in ear.records if record.topic() == INBOX]
    return [each for each in messages if each.payload.material_id.startswith(name)]


def committed(settings: Settings) -> dict[int, int]:
    """How far the group is, by partition."""
    consumer = Consumer(settings.kafka(**{"group.id": GROUP, "log_level": 0}))
    try:
        lanes = [TopicPartition(TOPIC, partition) for partition in range(settings.partitions)]
        return {each.partition: each.offset for each in consumer.committed(lanes, timeout=10) if each.offset >= 0}
    finally:
        consumer.close()


def everything_committed(settings: Settings) -> bool:
    consumer = Consumer(settings.kafka(**{"group.id": "asks", "log_level": 0}))
    try:
        done = committed(settings)
        lanes = [TopicPartition(TOPIC, partition) for partition in range(settings.partitions)]
        return all(done.get(each.partition, 0) == consumer.get_watermark_offsets(each, 10)[1] for each in lanes)
    finally:
        consumer.close()


def test_through_kills_every_change_arrives_under_one_id_and_nonsense_is_one_dead_letter(
    settings: Settings, ear: Ear, taking: Taking
) -> None:
    name = f"MAT-{uuid4().hex[:8]}"
    expected: set[str] = set()
    for wave in range(4):
        values: list[tuple[bytes | None, bytes]] = []
        for number in range(500):
            material, transaction = f"{name}-{number % 20}", f"T-{name}-{wave}-{number}"
            key = material.encode() if number % 3 else None
            values.append((key, msgspec.json.encode(change(material, wave * 500 + number, transaction))))
            expected.add(f"cdc-{transaction}-{material}-on_hand_quantity")
        values += [(None, f"{name} nonsense {wave} {each}".encode()) for each in range(5)]
        publish(settings, values)
        taking.start()
        so_far = len(expected) - 300
        ear.until(partial(lambda least: len({each.message_id for each in said(ear, name)}) > least, so_far), 60)
        taking.kill()
    taking.start()
    ear.until(lambda: {each.message_id for each in said(ear, name)} >= expected, 60)
    assert {each.message_id for each in said(ear, name)} == expected
    eventually(lambda: everything_committed(settings), 30, "not all is committed")
    ear.listen(0.5)
    letters = [each["failure_key"] for each in ear.letters(TOPIC) if name.encode() in original(each)]
    assert len(set(letters)) == 20, "one key for each record that nobody can read"
    assert taking.stop() == 0


def test_after_a_kill_the_totals_of_the_fold_are_those_of_the_warehouse(
    settings: Settings, ear: Ear, taking: Taking
) -> None:
    name = f"MAT-{uuid4().hex[:8]}"
    publish(
        settings,
        [(name.encode(), msgspec.json.encode(change(name, total, f"T-{name}-{total}"))) for total in range(1, 200)],
    )
    taking.start()
    ear.until(lambda: said(ear, name), 60)
    taking.kill()
    taking.start()
    ear.until(lambda: any(each.payload.new_value == 199 for each in said(ear, name)), 60)
    upserted = message("erp.material_upserted", MaterialUpserted(material_id=name, part_number="P", part_name="Part"))
    heard = [
        Record(index, record.key(), record.value())
        for index, record in enumerate(ear.records, 1)
        if record.topic() == INBOX and decode(record.value()).payload.material_id == name
    ]
    (first,) = records([upserted])
    batch = fold_batch(processor("materials"), 0, {}, [first, *heard])
    kept = stored(processor("materials"), batch.changed[first.key])
    assert kept is not None
    assert kept.state.on_hand_quantity == 199
    assert taking.stop() == 0


def test_kafka_may_go_and_come_back(infra: RunningPlant, settings: Settings, ear: Ear, taking: Taking) -> None:
    name = f"MAT-{uuid4().hex[:8]}"
    taking.start()
    publish(settings, [(None, msgspec.json.encode(change(name, 1, f"T-{name}-1")))])
    ear.until(lambda: len(said(ear, name)) >= 1, 60)
    infra.kill("kafka")
    publish(settings, [(None, msgspec.json.encode(change(name, 2, f"T-{name}-2")))])
    ear.until(lambda: {each.payload.new_value for each in said(ear, name)} == {1, 2}, 120)
    assert taking.stop() == 0


def test_two_processes_share_the_topic_and_each_change_arrives(
    infra: RunningPlant, settings: Settings, ear: Ear, taking: Taking, tmp_path: Path
) -> None:
    name, other = f"MAT-{uuid4().hex[:8]}", Taking(infra, tmp_path)
    taking.start()
    other.start()
    try:
        values = [
            (f"{name}-{number}".encode(), msgspec.json.encode(change(f"{name}-{number}", number, f"T-{number}")))
            for number in range(300)
        ]
        publish(settings, values)
        ear.until(lambda: len({each.payload.material_id for each in said(ear, name)}) == 300, 60)
    finally:
        assert other.stop() == 0
    assert taking.stop() == 0


@pytest.fixture
def hostage(settings: Settings) -> Iterator[Consumer]:
    """Somebody who is in the group, holds every partition, and stays silent when others want to join."""
    consumer = Consumer(settings.kafka(**{"group.id": GROUP, "enable.auto.commit": False}))
    try:
        consumer.subscribe([TOPIC])
        eventually(lambda: consumer.poll(0.1) or consumer.assignment(), 60, "it gets no partition")
        yield consumer
    finally:
        consumer.close()


def test_whoever_the_group_does_not_let_in_asks_again_and_reads_as_soon_as_it_does(
    settings: Settings, ear: Ear, hostage: Consumer, taking: Taking
) -> None:
    name = f"MAT-{uuid4().hex[:8]}"
    taking.start()
    publish(settings, [(None, msgspec.json.encode(change(name, 1, f"T-{name}-1")))])
    eventually(lambda: "had no place for us" in taking.log_path.read_text(), 60, "it waits for ever")
    assert said(ear, name) == []
    hostage.close()
    ear.until(lambda: [each.payload.new_value for each in said(ear, name)] == [1], 60)
    assert taking.stop() == 0
