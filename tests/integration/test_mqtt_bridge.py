"""From a real MQTT broker to a real Kafka through the process `mes-mqtt`, whatever is sent and whoever dies."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from signal import SIGCONT, SIGSTOP

import psutil
import pytest

from compose.local.runner import Runner
from connectors.resilience import Door
from connectors.systems.statement import milliseconds
from schemas.settings import DEFAULT_TENANT, Settings
from tests.integration.bridges import INBOX, Connector, Ear, await_visit, codes, original
from tests.integration.mes import (
    BAD,
    MACHINES,
    Mes,
    break_off,
    changed,
    count,
    count_topic,
    in_a_stream,
    moment,
    totals,
)
from tests.plants import RunningPlant, eventually

pytestmark = [pytest.mark.services, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def shared(infra: RunningPlant, settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connector]:
    process = Connector("mes-mqtt", tmp_path_factory.mktemp("mes-mqtt"), infra.endpoints)
    yield process
    process.stop()


@pytest.fixture
def connector(shared: Connector) -> Connector:
    """The one connector of these tests, running with the plant's settings."""
    if shared.is_running and shared.changes:
        shared.stop()
    if not shared.is_running:
        shared.start()
    return shared


@pytest.fixture(scope="module")
def mes(infra: RunningPlant) -> Iterator[Mes]:
    speaking = Mes(infra)
    yield speaking
    speaking.close()


def arrives(mes: Mes, ear: Ear, cumulative: int) -> None:
    """Send a count, and wait until Kafka has it."""
    mes.count("M-AFTER", cumulative)
    ear.until(lambda: cumulative in totals(ear.said(about="M-AFTER")))


@contextmanager
def kafka_stopped(plant: RunningPlant) -> Iterator[None]:
    """Kafka ends in order, and comes back with what it had."""
    runner = Runner(plant.local.folder)
    runner.stop(["kafka"])
    try:
        yield
    finally:
        runner.start("kafka")


@contextmanager
def silent(plant: RunningPlant, server: str) -> Iterator[None]:
    """A server's process stands still: connections are taken, stay open, and nobody answers."""
    pid = plant.pid(server)
    os.kill(pid, SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, SIGCONT)


# -- what arrives ------------------------------------------------------------------------------------------------------


def test_counts_inspections_and_downtimes_arrive_under_their_machine_with_ids_that_follow_from_what_was_said(
    connector: Connector, mes: Mes, ear: Ear
) -> None:
    at = datetime.now(UTC).replace(microsecond=456_000)
    told = {"machine_id": "M-203", "work_order_id": "WO-4600", "timestamp": at.isoformat()}
    inspection = told | {"inspection_id": "INS-42", "inspection_type": "inline_automated", "result": "fail"}
    downtime = {"machine_id": "M-203", "timestamp": at.isoformat(), "work_order_affected": "WO-4600"}
    start = downtime | {"event_type": "downtime.started", "downtime_reason_code": "MECH_FAULT", "severity": "high"}
    mes.tell(count_topic("M-203"), count("M-203", 85, timestamp=at.isoformat()))
    mes.tell("mes/quality/line2/machine/M-203/inspection", json.dumps(inspection).encode())
    mes.tell("mes/downtime/line2/machine/M-203/event", json.dumps(start).encode())
    mes.tell("mes/downtime/line2/machine/M-203/event", json.dumps(downtime | {"event_type": "downtime.ended"}).encode())
    ear.until(lambda: len(ear.said(about="M-203")) == 4)
    ms = milliseconds(at)
    assert {each.type: each.message_id for each in ear.said(about="M-203")} == {
        "mes.production_count": f"count-M-203-WO-4600-{ms}-85",
        "mes.inspection": "inspection-INS-42",
        "mes.downtime_started": f"downtime-M-203-started-{ms}",
        "mes.downtime_ended": f"downtime-M-203-ended-{ms}",
    }
    assert {record.key() for record in ear.records} == {f"{DEFAULT_TENANT}/M-203".encode()}
    assert all(each.timestamp == at and not each.late for each in ear.said())
    assert ear.letters() == []


def test_the_same_message_sent_twice_has_the_same_id_twice(connector: Connector, mes: Mes, ear: Ear) -> None:
    said = count("M-TWICE", 1)
    for _ in range(2):
        mes.tell(count_topic("M-TWICE"), said)
    ear.until(lambda: len(ear.said(about="M-TWICE")) == 2)
    assert len({each.message_id for each in ear.said(about="M-TWICE")}) == 1


# -- bad input ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BAD)
def test_a_bad_payload_is_one_dead_letter_with_its_bytes_and_its_neighbours_arrive(
    connector: Connector, mes: Mes, ear: Ear, name: str
) -> None:
    payload, code = BAD[name]
    mes.count("M-BAD", 1)
    mes.say(count_topic("M-BAD"), payload)
    mes.count("M-BAD", 2)
    ear.until(lambda: len(ear.said(about="M-BAD")) == 2 and ear.letters(), complaint=f"said: {ear.said()}")
    mes.count("M-BAD", 3)
    ear.until(lambda: totals(ear.said(about="M-BAD")) == [1, 2, 3])
    (letter,) = ear.letters()
    assert letter["error_details"]["error_code"] == code
    assert original(letter) == payload
    assert letter["source_address"] == count_topic("M-BAD")
    assert (letter["inbox"], letter["integration_type"]) == (INBOX, "mes_production_count")


@pytest.mark.parametrize(("seconds", "code"), [(-310, "STALE_TIMESTAMP"), (310, "FUTURE_TIMESTAMP")])
def test_a_message_out_of_its_time_is_one_dead_letter_that_knows_the_id(
    connector: Connector, mes: Mes, ear: Ear, seconds: float, code: str
) -> None:
    payload = count("M-TIME", 1, timestamp=moment(seconds))
    mes.tell(count_topic("M-TIME"), payload)
    mes.count("M-TIME", 2, timestamp=moment(seconds * 0.9))
    ear.until(lambda: ear.said(about="M-TIME") and ear.letters())
    (letter,) = ear.letters()
    assert letter["error_details"]["error_code"] == code
    assert letter["original_message_id"].startswith("count-M-TIME-WO-4600-")
    assert original(letter) == payload
    assert totals(ear.said(about="M-TIME")) == [2]


def test_a_message_too_large_for_a_dead_letter_is_kept_whole_in_a_file_that_the_letter_names(
    connector: Connector, mes: Mes, ear: Ear
) -> None:
    payload = changed(comment="x" * 2_000_000)
    mes.tell(count_topic("M-BAD"), payload)
    ear.until(ear.letters)
    (letter,) = ear.letters()
    (kept,) = (connector.spool / "oversized").iterdir()
    assert str(kept) in letter["error_details"]["error_message"]
    assert kept.read_bytes() == payload
    assert payload.startswith(original(letter))


def test_a_will_is_one_dead_letter_that_calls_it_so(connector: Connector, mes: Mes, ear: Ear) -> None:
    topic = "mes/downtime/line2/machine/M-WILL/event"
    machine = mes.connected(will=(topic, b'{"status": "offline", "machine_id": "M-WILL"}'))
    break_off(machine)
    ear.until(lambda: ear.letters("M-WILL"))
    assert codes(ear.letters()) == {"WILL_MESSAGE": 1}
    assert original(ear.letters()[0]) == b'{"status": "offline", "machine_id": "M-WILL"}'


def test_a_will_that_reports_a_downtime_is_taken_as_one(connector: Connector, mes: Mes, ear: Ear) -> None:
    will = {"event_type": "downtime.started", "machine_id": "M-WILL", "timestamp": moment()}
    machine = mes.connected(will=("mes/downtime/line2/machine/M-WILL/event", json.dumps(will).encode()))
    break_off(machine)
    ear.until(lambda: ear.said("mes.downtime_started", "M-WILL"))
    assert ear.letters() == []


def test_a_retained_message_that_comes_again_after_a_restart_has_the_same_id_and_is_late(
    connector: Connector, mes: Mes, ear: Ear
) -> None:
    mes.tell(count_topic("M-KEPT"), count("M-KEPT", 5), retain=True)
    ear.until(lambda: ear.said(about="M-KEPT"))
    connector.stop()
    connector.start()
    ear.until(lambda: len(ear.said(about="M-KEPT")) == 2)
    first, again = ear.said(about="M-KEPT")
    assert first.message_id == again.message_id
    assert (first.late, again.late) == (False, True)
    assert ear.letters() == []


def test_a_bad_retained_message_is_one_dead_letter_however_often_we_subscribe(
    infra: RunningPlant, connector: Connector, mes: Mes, ear: Ear
) -> None:
    mes.tell(count_topic("M-KEPT"), b"no json", retain=True)
    ear.until(lambda: ear.letters("M-KEPT"))
    for cumulative in (1, 2):
        infra.local.restart("mqtt")
        arrives(mes, ear, cumulative)
    mes.tell(count_topic("M-KEPT"), b"", retain=True)
    ear.until(lambda: "EMPTY_MESSAGE" in codes(ear.letters("M-KEPT")))
    assert codes(ear.letters("M-KEPT")) == {"INVALID_JSON": 1, "EMPTY_MESSAGE": 1}


# -- trouble -----------------------------------------------------------------------------------------------------------


def stream_has_brought(ear: Ear, messages: int) -> None:
    """Wait until more than so many messages of the stream are in Kafka."""
    ear.until(lambda: len(ear.said(about="M-STREAM-")) > messages)


def assert_whole(ear: Ear, counts: int) -> None:
    """Every count is in Kafka, and none has overtaken another since it was received."""

    def is_whole() -> bool:
        ids = {each.message_id for each in ear.said(about="M-STREAM-")}
        return len(ids) >= MACHINES * counts

    ear.until(is_whole, 30, "messages were lost")
    for machine in range(MACHINES):
        said = ear.said(about=f"M-STREAM-{machine}")
        assert sorted(totals(said)) == list(range(1, counts + 1))
        assert [each.received_at for each in said] == sorted(each.received_at for each in said)


def assert_whole_and_in_order(ear: Ear, counts: int) -> None:
    """Every count is in Kafka, in the order in which its machine has sent it."""
    assert_whole(ear, counts)
    for machine in range(MACHINES):
        assert totals(ear.said(about=f"M-STREAM-{machine}")) == list(range(1, counts + 1))


def test_killed_in_the_middle_of_a_stream_the_connector_loses_nothing_and_repeats_only_the_same_ids(
    connector: Connector, mes: Mes, ear: Ear
) -> None:
    def kill_twice() -> None:
        for seen in (200, 800):
            stream_has_brought(ear, seen)
            connector.kill()
            connector.start()

    assert_whole_and_in_order(ear, in_a_stream(mes, kill_twice))
    assert ear.letters() == []


def test_ended_in_the_middle_of_a_stream_the_connector_ends_cleanly_and_repeats_nothing(
    connector: Connector, mes: Mes, ear: Ear
) -> None:
    def stop_once() -> None:
        stream_has_brought(ear, 200)
        assert connector.stop() == 0
        connector.start()

    counts = in_a_stream(mes, stop_once)
    assert_whole_and_in_order(ear, counts)
    assert len(ear.said(about="M-STREAM-")) == MACHINES * counts


def test_what_the_broker_held_while_nobody_listened_is_late_and_not_refused(
    connector: Connector, mes: Mes, ear: Ear
) -> None:
    connector.stop()
    mes.tell(count_topic("M-HELD"), count("M-HELD", 1))
    connector.start(STALE_SECONDS="0.01")
    ear.until(lambda: ear.said(about="M-HELD"))
    assert [each.late for each in ear.said(about="M-HELD")] == [True]
    assert ear.letters() == []


def test_without_kafka_messages_go_to_the_spool_and_all_arrive_in_order_though_the_connector_is_killed(
    infra: RunningPlant, connector: Connector, mes: Mes, ear: Ear
) -> None:
    with kafka_stopped(infra):
        counts = in_a_stream(mes, lambda: None)
        spooled(connector, MACHINES * counts)
        connector.kill()
        connector.start()
        mes.tell(count_topic("M-LAST"), count("M-LAST", 1))
        spooled(connector, MACHINES * counts + 1)
    ear.until(lambda: ear.said(about="M-LAST"), 60)
    assert_whole_and_in_order(ear, counts)
    assert all(each.late for each in ear.said(about="M-STREAM-"))
    eventually(lambda: connector.figure("connector_spool_messages") == 0, 10, "the spool is not emptied")
    mes.count("M-LAST", 2)
    ear.until(lambda: totals(ear.said(about="M-LAST")) == [1, 2])
    assert not ear.said(about="M-LAST")[-1].late


def spooled(connector: Connector, messages: int) -> None:
    """Wait until so many messages lie in the spool."""
    eventually(lambda: connector.figure("connector_spool_messages") >= messages, 30, f"not spooled: {connector.log}")


def test_a_full_spool_stops_acknowledging_so_the_broker_keeps_what_it_cannot_take(
    infra: RunningPlant, connector: Connector, mes: Mes, ear: Ear
) -> None:
    connector.stop()
    connector.start(SPOOL_MAX_BYTES="30000")
    with silent(infra, "kafka"):
        counts = in_a_stream(mes, lambda: None)
        eventually(lambda: connector.figure("connector_spool_full") == 1, 20, "the spool is not full")
        connector.kill()
    connector.start()
    assert_whole_and_in_order(ear, counts)


def test_a_restart_of_the_broker_in_the_middle_of_a_stream_is_survived(
    infra: RunningPlant, connector: Connector, mes: Mes, ear: Ear
) -> None:
    def restart() -> None:
        stream_has_brought(ear, 200)
        infra.local.restart("mqtt")
        eventually(lambda: connector.figure("connector_connections_total") > before, 20, "it does not come back")

    before = connector.figure("connector_connections_total")
    gaps = connector.figure("connector_gaps_total")
    # paho, as the sender, says new things on a new connection before it repeats what was not acknowledged.
    assert_whole(ear, in_a_stream(mes, restart))
    assert connector.figure("connector_gaps_total") == gaps


def test_a_broker_that_is_back_is_not_waited_for_however_long_the_next_wait_is(
    infra: RunningPlant, settings: Settings, connector: Connector, mes: Mes, ear: Ear
) -> None:
    connector.stop()
    connector.start(RECONNECT_DELAYS="3600", RECONNECT_CAP_SECONDS="3600", RECONNECT_KNOCK_SECONDS="0.2")
    before = connector.figure("connector_connections_total")
    infra.local.stop(["mqtt"])
    await_visit(Door.of(settings.mqtt_url, 1883).port)
    infra.local.restart("mqtt")
    eventually(lambda: connector.figure("connector_connections_total") > before, 20, "it does not come back")
    arrives(mes, ear, 5)


@pytest.mark.parametrize("while_connected", [True, False])
def test_asked_to_end_the_connector_does_not_wait_for_a_broker_that_answers_nothing(
    infra: RunningPlant, connector: Connector, while_connected: bool
) -> None:
    if not while_connected:
        connector.stop()
    with silent(infra, "mqtt"):
        if not while_connected:
            connector.start(lines=0)
            eventually(lambda: psutil.Process(connector.pid).net_connections("tcp"), 5, "it does not connect")
        began = time.monotonic()
        assert connector.stop() == 0
        assert time.monotonic() - began < 5


def test_a_session_the_broker_has_forgotten_is_a_gap_in_the_history_of_every_machine(
    infra: RunningPlant, settings: Settings, connector: Connector, mes: Mes, ear: Ear
) -> None:
    connector.stop()
    forgetting = mes.connected(settings.mqtt_client_id, clean=True)
    forgetting.disconnect()
    forgetting.loop_stop()
    connector.start()
    machines = {each.machine_id for each in settings.layout.machines}
    ear.until(lambda: {each.payload.machine_id for each in ear.said("mes.connection_gap")} == machines)
    gap = ear.said("mes.connection_gap")[0]
    assert gap.payload.from_at < gap.payload.to_at
    assert "forgotten our session" in gap.payload.reason
    arrives(mes, ear, 3)


def test_a_wrong_password_is_said_in_a_sentence_and_the_right_one_helps(
    connector: Connector, mes: Mes, ear: Ear
) -> None:
    connector.stop()
    connector.start(lines=0, MQTT_PASSWORD="wrong")
    eventually(lambda: "The broker refuses the connection: Not authorized." in connector.log, 10, connector.log)
    assert "Traceback" not in connector.log
    assert connector.stop() == 0
    connector.start()
    arrives(mes, ear, 4)


def test_mqtt_5_is_a_matter_of_the_address(infra: RunningPlant, connector: Connector, mes: Mes, ear: Ear) -> None:
    connector.stop()
    connector.start(MQTT_URL=f"{infra.mqtt_url}?version=5")
    mes.count("M-FIVE", 1)
    ear.until(lambda: totals(ear.said(about="M-FIVE")) == [1])
    connector.kill()
    mes.tell(count_topic("M-FIVE"), count("M-FIVE", 2))
    connector.start(MQTT_URL=f"{infra.mqtt_url}?version=5")
    ear.until(lambda: totals(ear.said(about="M-FIVE")) == [1, 2])
