"""A line most of which fails with one cause stops, and goes on with every message exactly once when it is resumed."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from confluent_kafka import Producer
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from schemas.codec import decode, decode_event, encode
from schemas.ids import DEFAULT_TENANT
from schemas.messages.machines import MachineRegistered
from schemas.settings import Settings
from schemas.topics import key_of
from sql import line_stops
from streams.kafka.admin import create_topics
from streams.kafka.producer import producer_config
from tests.integration.bridges import Connector, Ear
from tests.integration.kept import Kept
from tests.integration.test_inventory_cdc import GROUP, TOPIC, Taking, change, publish
from tests.integration.workers import Load, ends, kept_agents, read
from tests.messages import message
from tests.plants import RunningPlant, eventually

pytestmark = [pytest.mark.services, pytest.mark.timeout(600)]

WINDOW, LIMIT = 200, 101
"""The window of these lines, and the failures over which they stop."""
PATIENCE = 120
DEAD_LETTERS, ALERTS, MACHINES = "integration-failures", "alerts", "resource-status"


@pytest.fixture(scope="module")
def settings(migrated: RunningPlant) -> Settings:
    told = migrated.settings()
    create_topics(told)
    return told


@pytest.fixture(autouse=True)
def nothing_stands(migrated: RunningPlant) -> None:
    """Whatever a test before left standing is resumed."""
    with migrated.rows() as rows:
        rows.execute("UPDATE line_stops SET resumed_at = clock_timestamp(), resumed_by = 't' WHERE resumed_at IS NULL")
        rows.connection.commit()


@pytest.fixture
def told(migrated: RunningPlant) -> dict[str, str]:
    """What a process needs to know besides where Kafka is."""
    return {"DATABASE_URL": migrated.app_url, "LINE_STOP_WINDOW": str(WINDOW)}


@pytest.fixture
def start(settings: Settings, tmp_path: Path, told: dict[str, str]) -> Iterator[Callable[..., Kept]]:
    """Starts Faust workers."""
    workers: list[Kept] = []

    def start_worker(**env: str) -> Kept:
        name = f"worker-{len(workers)}"
        workers.append(kept_agents(settings.kafka_bootstrap, tmp_path / name, name, **(told | env)))
        return workers[-1]

    yield start_worker
    for worker in workers:
        worker.stop()


class Watch:
    """What was said in some topics since it was made."""

    def __init__(self, settings: Settings, *topics: str) -> None:
        self._settings, self._topics, self._since = settings, topics, ends(settings, *topics)

    def letters(self, about: str) -> set[str]:
        """Dead letters of messages that came from there, each once."""
        found = [decode_event(DEAD_LETTERS, each.value()).payload for each in self._read(DEAD_LETTERS)]
        return {each.failure_key for each in found if about in each.source_address}

    def alerts(self, line: str) -> set[str]:
        """The alerts about a line, each once."""
        found = [decode(each.value()).payload for each in self._read(ALERTS)]
        return {each.alert_id for each in found if each.kind == "line.stopped" and each.entity_id == line}

    def machines(self) -> set[str]:
        """Machines that have become known."""
        return {decode(each.value()).payload.machine_id for each in self._read(MACHINES)}

    def _read(self, topic: str) -> list[Any]:
        return read(self._settings, topic, since={lane: at for lane, at in self._since.items() if lane[0] == topic})


def standing(plant: RunningPlant, line: str) -> dict[str, Any] | None:
    """The stop of a line, if it stands."""
    with plant.rows() as rows:
        return line_stops.standing(rows, line)


def stops(plant: RunningPlant, line: str) -> dict[str, Any]:
    """Wait until a line stands."""
    return eventually(lambda: standing(plant, line), PATIENCE, f"{line} does not stop") or {}


def resume(plant: RunningPlant, line: str) -> None:
    with plant.rows() as rows:
        assert line_stops.resume(rows, line, "olga", "tried out") is not None
        rows.connection.commit()


def stays(ask: Callable[[], Any], seconds: float = 3) -> None:
    """Something is for a while what it was."""
    first, tick, until = ask(), threading.Event(), time.monotonic() + seconds
    while time.monotonic() < until:
        assert ask() == first
        tick.wait(0.05)


def becomes(ask: Callable[[], Any], wanted: Any) -> None:
    """Something becomes what it should, and stays so."""
    eventually(lambda: ask() == wanted, PATIENCE, "") if ask() != wanted else None
    stays(ask, 1.5)


def mixed(load: Load, bad: int, good: int, causes: int = 1) -> None:
    """So many counts and messages that nobody can read, well mixed; each of these has texts of its own."""
    total, bad_ones = bad + good, 0
    for number in range(total):
        if good * number // total != good * (number + 1) // total:
            load.count(len(load.log_ids) + 1)
            continue
        # The causes take turns within each order: a partition may well be worked on alone for a while.
        turn = bad_ones // load.orders % causes
        wrong: dict[str, Any] = ({}, {"tenant_id": number}, {"message_id": number})[turn]
        data = json.dumps({"type": "production.counted", "correlation_id": f"bad-{number}"} | wrong).encode()
        order, bad_ones = load.names[bad_ones % load.orders], bad_ones + 1
        load._producer.produce("work-order-inbox", data, f"{DEFAULT_TENANT}/{order}".encode())
        load._producer.poll(0)
    load._producer.flush()


def register(settings: Settings, name: str) -> None:
    """A machine is told to the plant."""
    said = message("machine.register", MachineRegistered(machine_id=name, machine_name=name, line="line1"))
    producer = Producer(producer_config(settings))
    producer.produce("machine-inbox", encode(said), key_of(said.type, said.tenant_id, said.payload))
    producer.flush()


def is_worked_on(settings: Settings, watch: Watch) -> None:
    """Another inbox goes on: a new machine becomes known."""
    name = f"M-{uuid4().hex[:8]}"
    register(settings, name)
    eventually(lambda: name in watch.machines(), PATIENCE, "the machines' inbox stands, too")


def assert_every_unit_once(load: Load) -> None:
    audit = load.audit()
    assert audit.units_by_output == load.sent
    assert audit.units_by_state == dict(load.sent)
    assert (audit.heard, audit.contradictions) == (load.log_ids, [])


# -- an inbox ----------------------------------------------------------------------------------------------------------


def test_an_inbox_stops_with_an_alert_while_others_go_on_and_a_word_resumes_it_with_everything_once(
    migrated: RunningPlant, settings: Settings, start: Callable[..., Kept]
) -> None:
    worker, watch = start(), Watch(settings, DEAD_LETTERS, ALERTS, MACHINES)
    load = Load(settings, uuid4().hex[:6], orders=8)
    mixed(load, bad=3000, good=1000)
    stop = stops(migrated, "work-order-inbox")
    assert (stop["failures"], stop["error_code"], stop["stopped_by"]) == (LIMIT, "VALIDATION_ERROR", "agents")
    becomes(lambda: len(watch.letters("work-order-inbox")), LIMIT)
    assert stop["failure_key"] in watch.letters("work-order-inbox")
    eventually(lambda: len(watch.alerts("work-order-inbox")) == 1, PATIENCE, "no alert")

    is_worked_on(settings, watch)
    worker.kill()
    is_worked_on(settings, watch)
    stays(lambda: len(watch.letters("work-order-inbox")))
    assert len(watch.letters("work-order-inbox")) == LIMIT

    resume(migrated, "work-order-inbox")
    eventually(lambda: len(watch.letters("work-order-inbox")) >= 3000, PATIENCE, "letters are missing")
    becomes(lambda: len(watch.letters("work-order-inbox")), 3000)
    assert_every_unit_once(load)
    assert len(watch.alerts("work-order-inbox")) == 1
    assert standing(migrated, "work-order-inbox") is None


def test_two_workers_stand_and_go_on_together_whoever_is_killed(
    migrated: RunningPlant, settings: Settings, start: Callable[..., Kept]
) -> None:
    workers, watch = [start()], Watch(settings, DEAD_LETTERS, ALERTS, MACHINES)
    load = Load(settings, uuid4().hex[:6], orders=16)
    mixed(load, bad=600, good=200)
    stops(migrated, "work-order-inbox")
    becomes(lambda: len(watch.letters("work-order-inbox")), LIMIT)
    workers.append(start())
    is_worked_on(settings, watch)
    workers[0].kill()
    is_worked_on(settings, watch)
    stays(lambda: len(watch.letters("work-order-inbox")), 12)
    assert len(watch.letters("work-order-inbox")) == LIMIT
    resume(migrated, "work-order-inbox")
    eventually(lambda: len(watch.letters("work-order-inbox")) >= 600, PATIENCE, "letters are missing")
    assert_every_unit_once(load)
    assert len(watch.letters("work-order-inbox")) == 600


def test_a_share_below_a_half_and_mixed_causes_do_not_stop_an_inbox(
    migrated: RunningPlant, settings: Settings, start: Callable[..., Kept]
) -> None:
    start()
    watch, load = Watch(settings, DEAD_LETTERS), Load(settings, uuid4().hex[:6], orders=8)
    mixed(load, bad=980, good=1020)
    mixed(load, bad=900, good=100, causes=3)
    assert_every_unit_once(load)
    assert len(watch.letters("work-order-inbox")) == 1880
    assert standing(migrated, "work-order-inbox") is None


def test_without_postgres_a_line_stands_all_the_same(settings: Settings, start: Callable[..., Kept]) -> None:
    start(DATABASE_URL="postgresql://nobody@127.0.0.1:1/plant")
    watch, load = Watch(settings, DEAD_LETTERS, ALERTS, MACHINES), Load(settings, uuid4().hex[:6], orders=8)
    mixed(load, bad=400, good=100)
    eventually(lambda: len(watch.letters("work-order-inbox")) == LIMIT, PATIENCE, "letters are missing")
    eventually(lambda: len(watch.alerts("work-order-inbox")) == 1, PATIENCE, "no alert")
    is_worked_on(settings, watch)
    stays(lambda: (len(watch.letters("work-order-inbox")), len(watch.alerts("work-order-inbox"))))
    assert len(watch.letters("work-order-inbox")) == LIMIT


# -- what comes from outside -------------------------------------------------------------------------------------------


class Mes:
    """Says counts by MQTT, good and bad, and inspections."""

    def __init__(self, plant: RunningPlant) -> None:
        self.client = Client(CallbackAPIVersion.VERSION2)
        self.client.username_pw_set(plant.endpoints["MQTT_USERNAME"], plant.endpoints["MQTT_PASSWORD"])
        self.client.max_inflight_messages_set(1000)
        self.client.max_queued_messages_set(0)
        url = urlsplit(plant.mqtt_url)
        self.client.connect(url.hostname or "", url.port or 1883)
        self.client.loop_start()
        self.machine = f"M-{uuid4().hex[:6]}"
        self.counted = 0

    def _say(self, topic: str, told: dict[str, Any]) -> Any:
        head = {"machine_id": self.machine, "timestamp": datetime.now(UTC).isoformat(timespec="microseconds")}
        return self.client.publish(topic, json.dumps(head | told).encode(), qos=1)

    def counts(self, number: int, *, bad: bool) -> None:
        """So many counts; bad ones have a text where a number belongs."""
        for _ in range(number):
            self.counted += not bad
            told = {"work_order_id": "WO-X", "units_produced": 1, "cumulative_units": "x" if bad else self.counted}
            last = self._say(f"mes/production/line2/machine/{self.machine}/count", told)
        last.wait_for_publish(30)

    def inspection(self) -> str:
        """One inspection; its id."""
        identity = f"INS-{uuid4().hex[:8]}"
        told = {"work_order_id": "WO-X", "inspection_id": identity, "inspection_type": "inline", "result": "pass"}
        self._say(f"mes/quality/line2/machine/{self.machine}/inspection", told).wait_for_publish(30)
        return identity

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


def distinct_counts(ear: Ear, machine_id: str) -> list[int]:
    """The cumulative units of a machine's counts in the order of the inbox, each message once."""
    said = ear.said("mes.production_count", machine_id)
    return list({each.message_id: each.payload.cumulative_units for each in said}.values())


def inspected(ear: Ear, mes: "Mes") -> None:
    """Another line of the same process goes on."""
    identity = mes.inspection()
    ear.until(lambda: identity in {each.payload.inspection_id for each in ear.said("mes.inspection")}, PATIENCE)


def test_a_line_of_the_mes_is_kept_raw_while_it_stands_and_follows_in_order_whenever_the_process_is_killed(
    migrated: RunningPlant, settings: Settings, told: dict[str, str], tmp_path: Path
) -> None:
    name, connector = "mes_production_count", Connector("mes-mqtt", tmp_path, migrated.endpoints | told)
    ear, watch, mes = Ear(settings, "machine-inbox"), Watch(settings, DEAD_LETTERS, ALERTS), Mes(migrated)
    register(settings, mes.machine)
    try:
        connector.start()
        mes.counts(5, bad=False)
        mes.counts(150, bad=True)
        stops(migrated, name)
        for _ in range(20):
            mes.counts(2, bad=True)
            mes.counts(3, bad=False)
        inspected(ear, mes)
        connector.kill()
        connector.start()
        mes.counts(40, bad=False)
        inspected(ear, mes)
        assert distinct_counts(ear, mes.machine) == [1, 2, 3, 4, 5]
        assert len(watch.letters(mes.machine)) == LIMIT
        assert connector.figure("line_stopped", name) == 1
        eventually(
            lambda: connector.figure("line_held_messages", name) == 49 + 40 + 60 + 40, PATIENCE, "not all is kept"
        )
        assert len(watch.alerts(name)) == 1

        resume(migrated, name)
        mes.counts(30, bad=False)
        ear.until(lambda: len(distinct_counts(ear, mes.machine)) > 20, PATIENCE)
        connector.kill()
        connector.start()
        mes.counts(10, bad=False)
        wanted = list(range(1, mes.counted + 1))
        ear.until(lambda: len(distinct_counts(ear, mes.machine)) == len(wanted), PATIENCE, "counts are missing")
        assert distinct_counts(ear, mes.machine) == wanted
        eventually(lambda: len(watch.letters(mes.machine)) == 190, PATIENCE, "letters are missing")
        assert all(each.late for each in ear.said("mes.production_count", mes.machine)[5:60])
        assert connector.figure("line_held_messages", name) == 0
    finally:
        connector.stop()
        mes.close()
        ear.close()


def test_the_warehouses_changes_stop_without_a_commit_and_come_again(
    migrated: RunningPlant, settings: Settings, told: dict[str, str], tmp_path: Path
) -> None:
    taking, watch = Taking(migrated, tmp_path), Watch(settings, DEAD_LETTERS, ALERTS)
    taking.env |= told
    ear, material = Ear(settings, "material-inbox"), f"MAT-{uuid4().hex[:6]}"
    values = [change(material, number, f"{material}-{number}") for number in range(3000)]
    changed = [told | {"new_value": "none"} if told["new_value"] % 3 else told for told in values]
    taking.start()
    publish(settings, [(material.encode(), json.dumps(told).encode()) for told in changed])
    assert stops(migrated, TOPIC)["stopped_by"] == GROUP
    becomes(lambda: len(watch.letters(TOPIC)), LIMIT)
    taking.kill()
    taking.start()
    stays(lambda: len(watch.letters(TOPIC)), 10)
    assert len(watch.letters(TOPIC)) == LIMIT
    resume(migrated, TOPIC)
    eventually(lambda: len(watch.letters(TOPIC)) == 2000, PATIENCE, "letters are missing")

    def ids() -> list[str]:
        ear.listen()
        return list(dict.fromkeys(decode(record.value()).message_id for record in ear.records))

    eventually(lambda: len(ids()) == 1000, PATIENCE, "changes are missing")
    assert taking.stop() == 0
    assert len(watch.alerts(TOPIC)) == 1
    ear.close()
