"""The agents as processes on a real Kafka: every unit once, whatever is done to them."""

import json
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from schemas.settings import Settings
from schemas.topics import changelog_of
from streams.kafka.admin import LARGEST_RECORD, create_topics
from streams.kafka.producer import producer_config
from streams.states import MARK
from tests.integration.kept import Kept
from tests.integration.workers import INBOX, Audit, Load, dead_letters_of, ends, kept_agents, read
from tests.rehearse.faults.log import delete_changelogs, empty

pytestmark = [pytest.mark.services, pytest.mark.chaos, pytest.mark.timeout(240)]
PER_SECOND = 900


@pytest.fixture
def settings(kafka_bootstrap: str) -> Settings:
    told = Settings(kafka_bootstrap=kafka_bootstrap)
    create_topics(told)
    return told


@pytest.fixture
def load(settings: Settings) -> Load:
    return Load(settings, uuid4().hex[:8])


@pytest.fixture
def start(settings: Settings, tmp_path: Path) -> Iterator[Callable[..., Kept]]:
    workers: list[Kept] = []

    def start_worker(**env: str) -> Kept:
        workers.append(kept_agents(settings.kafka_bootstrap, tmp_path, f"worker-{len(workers)}", **env))
        return workers[-1]

    yield start_worker
    assert -signal.SIGKILL not in [worker.stop() for worker in workers], "it did not end when it was asked to"


def pause(seconds: float) -> None:
    """Let the load run on."""
    threading.Event().wait(seconds)


def in_the_background(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def assert_every_unit_once(load: Load, audit: Audit) -> None:
    assert len(load.log_ids - audit.heard) == 0
    assert audit.units_by_output == load.sent
    assert audit.units_by_state == dict(load.sent)
    assert audit.contradictions == []
    assert audit.dead_letters == []


def test_a_worker_folds_what_waits_and_stops_cleanly_at_once(load: Load, start: Callable[..., Kept]) -> None:
    worker = start()
    load.at_pace(PER_SECOND, 2)
    assert_every_unit_once(load, load.audit())
    began = time.monotonic()
    assert worker.stop() == 0
    assert time.monotonic() - began < 3


def test_what_was_done_before_a_clean_stop_is_not_done_again(load: Load, start: Callable[..., Kept]) -> None:
    first = start()
    load.at_pace(PER_SECOND, 2)
    load.audit()
    first.stop()
    start()
    load.at_pace(PER_SECOND, 1)
    audit = load.audit()
    assert_every_unit_once(load, audit)
    assert audit.repeats == 0


def test_two_workers_killed_six_times_under_load_count_every_unit_once(load: Load, start: Callable[..., Kept]) -> None:
    workers = [start(), start()]
    sending = in_the_background(lambda: load.at_pace(PER_SECOND, 40))
    pause(8)
    for kill in range(6):
        pause(4.5)
        workers[kill % 2].signal(signal.SIGKILL)
    sending.join()
    assert_every_unit_once(load, load.audit())


def test_a_worker_that_slept_longer_than_its_session_loses_and_doubles_nothing(
    load: Load, start: Callable[..., Kept]
) -> None:
    workers = [start(), start()]
    sending = in_the_background(lambda: load.at_pace(PER_SECOND, 55))
    pause(10)
    for sleeper in workers:
        sleeper.signal(signal.SIGSTOP)
        pause(16)
        sleeper.signal(signal.SIGCONT)
        pause(6)
    sending.join()
    assert_every_unit_once(load, load.audit())


def test_workers_whose_changelogs_were_deleted_fold_their_inboxes_again(
    load: Load, settings: Settings, start: Callable[..., Kept]
) -> None:
    worker = start()
    load.at_pace(PER_SECOND, 2)
    load.audit()
    worker.stop()
    delete_changelogs(settings)
    start()
    load.at_pace(PER_SECOND, 1)
    assert_every_unit_once(load, load.audit())


def test_changelogs_that_were_half_filled_again_are_filled_from_the_beginning(
    load: Load, settings: Settings, start: Callable[..., Kept]
) -> None:
    changelog = changelog_of("work_orders")
    worker = start()
    load.at_pace(PER_SECOND, 1)
    load.audit()
    early = [(record.key(), record.value(), record.partition()) for record in read(settings, changelog)]
    load.at_pace(PER_SECOND, 1)
    load.audit()
    worker.stop()
    delete_changelogs(settings)
    publisher = Producer(producer_config(settings))
    for key, value, partition in early:
        if key != MARK:
            publisher.produce(changelog, key=key, value=value, partition=partition)
    publisher.flush()
    start()
    load.at_pace(PER_SECOND, 1)
    assert_every_unit_once(load, load.audit())


def test_a_changelog_partition_that_was_emptied_is_filled_again_and_only_once(
    load: Load, settings: Settings, start: Callable[..., Kept]
) -> None:
    worker = start()
    load.at_pace(PER_SECOND, 2)
    load.audit()
    for partition in range(settings.partitions):
        empty(settings, changelog_of("work_orders"), partition)
    worker.kill()
    load.at_pace(PER_SECOND, 1)
    assert_every_unit_once(load, load.audit())
    assert "states_lost" in worker.log
    told = len(worker.log)
    worker.kill()
    load.at_pace(PER_SECOND, 1)
    assert_every_unit_once(load, load.audit())
    assert "states_lost" not in worker.log[told:]


def test_what_an_inbox_lost_before_it_was_folded_is_named_and_the_rest_counts(
    load: Load, settings: Settings, start: Callable[..., Kept]
) -> None:
    worker = start()
    load.at_pace(PER_SECOND, 1)
    assert_every_unit_once(load, load.audit())
    worker.stop()
    heard, sent, folded = set(load.log_ids), Counter(load.sent), ends(settings, INBOX)
    load.at_pace(PER_SECOND, 0.5)
    gone = ends(settings, INBOX)
    cut = [TopicPartition(*lane, end) for lane, end in gone.items()]
    admin = AdminClient(settings.kafka())
    for future in admin.delete_records(cut).values():
        future.result(30)
    load.log_ids, load.sent = heard, sent
    successor = start()
    load.at_pace(PER_SECOND, 1)
    assert_every_unit_once(load, load.audit())
    told = [json.loads(line) for line in successor.log.splitlines() if "offsets_missing" in line]
    assert {(each["topic"], each["partition"]): (each["first"], each["last"] + 1) for each in told} == {
        lane: (folded[lane], end) for lane, end in gone.items() if end > folded[lane]
    }
    assert {each["level"] for each in told} == {"error"}


def test_records_without_key_or_value_or_sense_become_dead_letters_and_disturb_nobody(
    load: Load, settings: Settings, start: Callable[..., Kept]
) -> None:
    start()
    producer = Producer(producer_config(settings))
    huge = b"x" * (LARGEST_RECORD - 1000)
    for key, value in [(None, b"{}"), (b"t/WO-1", None), (b"t/WO-1", b"\xff\xfe"), (None, None), (b"t/WO-1", huge)]:
        producer.produce(INBOX, value, key)
    producer.flush()
    load.at_pace(PER_SECOND, 2)
    audit = load.audit()
    assert audit.units_by_state == dict(load.sent)
    assert len(dead_letters_of(load)) == 5
