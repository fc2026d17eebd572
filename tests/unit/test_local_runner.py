"""What the local runner writes, chooses and remembers, without starting anything."""

import configparser
import os
import shlex
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from compose.local import endpoints, identity, java, postgres
from compose.local.errors import PlantError, failed
from compose.local.folder import Folder, run_directory, write_private
from compose.local.kafka import broker, jars
from compose.local.mqtt import mosquitto_config
from compose.local.processes import COMMANDS, Process, commands
from compose.local.programs import configuration, write_script
from compose.local.survivors import pid_of

CONTRACT = {
    *("KAFKA_BOOTSTRAP", "DATABASE_URL", "ANALYST_DATABASE_URL", "MQTT_URL", "MQTT_USERNAME", "MQTT_PASSWORD"),
    *("OPCUA_URL", "GATEWAY_URL", "METRICS_URLS", "TENANT_ID", "OAUTH_TOKEN_URL", "OAUTH_CLIENT_ID"),
    *("OAUTH_CLIENT_SECRET", "HR_API_KEY", "ADMIN_TOKEN"),
}


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = Folder(tmp_path / "run")
    made.make()
    return made


def test_endpoints_hold_every_name_of_the_contract(folder: Folder) -> None:
    values = endpoints.endpoints(folder, identity.make(1), COMMANDS)
    assert set(values) >= CONTRACT
    assert all(values[name] for name in CONTRACT)


def test_endpoints_survive_being_written_and_only_the_owner_reads_them(folder: Folder) -> None:
    values = {"A": "plain", "B": "two words", "C": 'a "quote" and $HOME', "D": ""}
    endpoints.write(folder.endpoints, values)
    assert endpoints.read(folder.endpoints) == values
    assert stat.S_IMODE(folder.endpoints.stat().st_mode) == 0o600


def test_a_shell_reads_endpoints_as_python_does(folder: Folder) -> None:
    values = {"B": "two words", "C": 'a "quote" and $HOME'}
    endpoints.write(folder.endpoints, values)
    command = f'. {shlex.quote(str(folder.endpoints))}; printf "%s|%s" "$B" "$C"'
    read = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    assert read.stdout == "|".join(values.values())


def test_ports_and_secrets_are_made_up_once(folder: Folder) -> None:
    first = identity.of(folder, brokers=None)
    port, secret = first.port("gateway"), first.secret("admin_token")
    identity.save(folder, first)
    again = identity.of(folder, brokers=None)
    assert (again.port("gateway"), again.secret("admin_token")) == (port, secret)


def test_two_plants_share_no_port_and_no_secret() -> None:
    one, other = identity.make(1), identity.make(1)
    assert one.secret("mqtt_password") != other.secret("mqtt_password")
    assert len({one.port(use) for use in "abcdef"}) == 6


def test_ports_lie_below_those_that_outgoing_connections_draw() -> None:
    made = identity.make(1)
    assert all(20_000 <= made.port(str(number)) < 32_000 for number in range(50))


def test_the_number_of_brokers_belongs_to_the_data(folder: Folder) -> None:
    identity.save(folder, identity.of(folder, brokers=3))
    assert identity.of(folder, brokers=None).brokers == 3
    with pytest.raises(PlantError, match=r"belong to 3 Kafka broker\(s\), not 1; .* `make wipe`"):
        identity.of(folder, brokers=1)


def test_a_setting_given_to_up_reaches_the_processes_and_a_foreign_variable_does_not() -> None:
    given = {"STALE_SECONDS": "60", "KAFKA_BOOTSTRAP": "elsewhere:9092", "METRICS_PORT": "1", "HOME": "/root"}
    assert endpoints.given(given, known={"KAFKA_BOOTSTRAP": "127.0.0.1:1"}) == {"STALE_SECONDS": "60"}


def test_with_simulators_the_plant_calls_the_simulated_systems(folder: Folder) -> None:
    made = identity.make(1)
    values = endpoints.endpoints(folder, made, commands(1, simulators=True))
    assert set(values) >= set(endpoints.SYSTEMS)
    assert values["WMS_URL"] == f"http://127.0.0.1:{made.port('systems')}/wms"
    assert values["INTEGRATION_CLIENT_SECRET"] != values["OAUTH_CLIENT_SECRET"]


def test_without_simulators_the_plant_calls_whom_somebody_names_and_nobody_else(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in endpoints.SYSTEMS:
        monkeypatch.delenv(name, raising=False)
    made = identity.make(1)
    assert not set(endpoints.endpoints(folder, made, COMMANDS)) & set(endpoints.SYSTEMS)
    monkeypatch.setenv("ERP_URL", "https://erp.company.com")
    values = endpoints.endpoints(folder, made, COMMANDS)
    assert values["ERP_URL"] == "https://erp.company.com"
    assert "WMS_URL" not in values


def test_workers_have_names_of_their_own_and_the_same_command() -> None:
    names = [name for name in commands(3, simulators=False) if name.startswith("agents")]
    assert names == ["agents", "agents-2", "agents-3"]
    assert commands(3, simulators=False)["agents-3"] == COMMANDS["agents"]


def test_the_runner_restarts_whatever_dies_however_often(folder: Folder) -> None:
    config = configparser.RawConfigParser()
    config.read_string(configuration(folder, [Process("gateway", ("sleep", "9"))]))
    program = dict(config["program:gateway"])
    assert (program["autorestart"], program["startsecs"], program["killasgroup"]) == ("true", "0", "true")


def test_a_program_notes_its_id_takes_its_settings_and_hides_what_is_not_its_own(folder: Folder) -> None:
    endpoints.write(folder.endpoints, {"TENANT_ID": "t 1", "OWNER_DATABASE_URL": "secret"})
    show = 'echo "$$ $TENANT_ID ${OWNER_DATABASE_URL:-hidden} $METRICS_PORT"'
    process = Process(
        "jobs", ("sh", "-c", show), {"METRICS_PORT": "9"}, (folder.endpoints,), hidden=("OWNER_DATABASE_URL",)
    )
    write_script(folder, process)
    said = subprocess.run(["sh", folder.programs / "jobs.sh"], capture_output=True, text=True, check=True).stdout
    assert said.strip() == f"{(folder.pids / 'jobs').read_text().strip()} t 1 hidden 9"


def test_a_process_id_that_now_belongs_to_somebody_else_is_not_ours(folder: Folder) -> None:
    note = folder.pids / "kafka"
    note.write_text(str(os.getpid()))
    os.utime(note, (0, 0))
    assert pid_of(folder.pids, "kafka") is None


def test_a_deep_folder_gets_a_short_socket(tmp_path: Path) -> None:
    deep = Folder(tmp_path / ("x" * 60) / ("y" * 60))
    assert len(str(deep.socket())) < 100
    assert stat.S_IMODE(deep.socket().parent.stat().st_mode) == 0o700
    deep.socket().parent.rmdir()


def test_wiping_leaves_what_is_not_the_plants(folder: Folder) -> None:
    (folder.path / "bench.json").write_text("[]")
    write_private(folder.endpoints, "A=1\n")
    folder.delete()
    assert [path.name for path in folder.path.iterdir()] == ["bench.json"]


def test_run_dir_is_taken_from_the_clone_and_not_from_where_one_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RUN_DIR", raising=False)
    monkeypatch.chdir("/")
    assert run_directory() == Path(__file__).resolve().parents[2] / ".run"


def test_a_failure_names_the_log_and_shows_its_end(tmp_path: Path) -> None:
    log = tmp_path / "kafka.log"
    log.write_text("\n".join(f"line {number}" for number in range(100)))
    message = str(failed("kafka ends as soon as it is started", log))
    assert message.startswith(f"kafka ends as soon as it is started; its log is {log}.\n")
    assert "line 99" in message
    assert "line 50" not in message


@pytest.mark.parametrize(
    ("said", "major"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('openjdk version "25" 2025-09-16', 25),
        ('java version "1.8.0_392"', 8),
        ("command not found", 0),
    ],
)
def test_javas_version_is_read_from_what_it_says(said: str, major: int) -> None:
    assert java.major(said) == major


def test_the_resolver_is_asked_for_what_the_pom_says() -> None:
    assert f"org.apache.kafka:kafka_2.13:{jars.VERSION}" in jars.coordinates()
    assert len(jars.coordinates()) == 3


def test_three_brokers_replicate_everything_and_need_two(tmp_path: Path) -> None:
    made = identity.make(3)
    said = broker.properties(made, 2, "kafka-2", tmp_path)
    assert said["node.id"] == 2
    assert said["default.replication.factor"] == said["offsets.topic.replication.factor"] == 3
    assert said["min.insync.replicas"] == 2
    assert str(said["controller.quorum.voters"]).count("127.0.0.1") == 3


def test_kafka_listens_on_this_machine_only_and_forgets_nothing(tmp_path: Path) -> None:
    said = broker.properties(identity.make(1), 1, "kafka", tmp_path)
    assert all("://127.0.0.1:" in listener for listener in str(said["listeners"]).split(","))
    assert said["log.retention.ms"] == -1
    assert said["auto.create.topics.enable"] == "false"


def test_mosquitto_wants_a_password_and_keeps_what_an_absent_client_missed(tmp_path: Path) -> None:
    lines = mosquitto_config(1883, tmp_path / "passwords", tmp_path / "rights", tmp_path).splitlines()
    assert {"listener 1883 127.0.0.1", "allow_anonymous false", "persistence true", "max_queued_messages 0"} <= {*lines}
    assert "autosave_on_changes false" in lines


def test_mosquitto_may_be_asked_to_write_its_queue_down_after_every_change(tmp_path: Path) -> None:
    lines = mosquitto_config(1883, tmp_path / "passwords", tmp_path / "rights", tmp_path, is_durable=True).splitlines()
    assert {"autosave_on_changes true", "autosave_interval 1"} <= {*lines}


def test_a_folder_closed_to_the_servers_user_is_noticed(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    assert not postgres.may_enter(closed, "nobody")
    assert postgres.may_enter(Path("/usr/bin"), "nobody")


def test_no_command_line_takes_the_clusters_id_for_an_option() -> None:
    drawn = iter(["-starts-with-a-dash", "-again", "good-one"])
    assert identity._cluster_id(lambda: next(drawn)) == "good-one"


CHOOSE = "from compose.local import identity; identity.PORTS = {ports}; print(identity.free_port())"


def test_two_plants_that_start_at_once_choose_different_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens yet on what was chosen."""
    first, second = sorted((identity.free_port(), identity.free_port()))
    identity.let_go([first, second])
    monkeypatch.setattr(identity, "PORTS", [first])
    assert identity.free_port() == first
    choose = [sys.executable, "-c", CHOOSE.format(ports=[first] * 99 + [second])]
    chosen = [subprocess.run(choose, capture_output=True, text=True, check=True).stdout for _ in range(3)]
    assert set(map(int, chosen)) == {second}
    with socket.create_server(("127.0.0.1", first)):
        assert not identity.is_free(first), "its owner listens there"
    identity.let_go([first])
    assert identity.free_port() == first
    identity.let_go([first])
