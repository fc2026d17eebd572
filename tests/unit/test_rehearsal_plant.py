"""In a rehearsed plant every link leads through a port of its own, and a defect is in the processes that it names."""

from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import httpx2
import pytest

from compose.local import identity as identities
from compose.local.plant import silent
from compose.local.processes import Process
from tests.rehearse.links import Links
from tests.rehearse.plant import RehearsedPlant, add_listeners
from tests.systems import SimulatedSystems

SYSTEMS = SimulatedSystems("http://127.0.0.1:19999", cast("httpx2.Client", None))


def started(folder: Path, defect: str = "") -> tuple[RehearsedPlant, dict[str, Process], identities.Identity]:
    """What would be started, and with which ports."""
    plant = RehearsedPlant(folder, 2, Links(), SYSTEMS, silent, defect)
    plant.folder.make()
    identity = identities.of(plant.folder, None)
    plant._choose_ports(identity)
    return plant, {each.name: each for each in plant._ours(identity)}, identity


def test_each_process_reaches_each_server_by_a_port_of_its_own(tmp_path: Path) -> None:
    plant, ours, identity = started(tmp_path)
    told = [value for process in ours.values() for name, value in process.environment.items() if name != "METRICS_PORT"]
    ports = [value.rpartition(":")[2].partition("/")[0] for value in told if "127.0.0.1:" in value]
    own = {str(identity.port(server)) for server in ("kafka", "postgres", "mqtt", "opcua", "gateway")}
    assert not own & set(ports)
    assert ours["agents"].environment["KAFKA_BOOTSTRAP"] != ours["agents-2"].environment["KAFKA_BOOTSTRAP"]
    database = urlsplit(ours["projector"].environment["DATABASE_URL"])
    direct = urlsplit(plant.endpoints()["DATABASE_URL"])
    assert (database.username, database.password, database.path) == (direct.username, direct.password, direct.path)
    assert database.port == identity.port("projector>postgres")
    assert urlsplit(ours["jobs"].environment["ERP_URL"])[2:] == urlsplit(SYSTEMS.settings()["ERP_URL"])[2:]
    assert plant.outside()["MQTT_URL"] == f"mqtt://127.0.0.1:{identity.port('machines>mqtt')}"


def test_kafka_tells_each_client_its_proxy(tmp_path: Path) -> None:
    _, _, identity = started(tmp_path)
    config = tmp_path / "kafka.properties"
    config.write_text("listeners=PLAINTEXT://127.0.0.1:1\n")
    add_listeners(config, identity, ["agents", "projector"])
    last = dict(line.split("=", 1) for line in config.read_text().splitlines())
    assert f"FOR-AGENTS://127.0.0.1:{identity.port('kafka-for-agents')}" in last["listeners"].split(",")
    assert f"FOR-AGENTS://127.0.0.1:{identity.port('agents>kafka')}" in last["advertised.listeners"].split(",")
    assert f"PLAINTEXT://127.0.0.1:{identity.port('kafka')}" in last["advertised.listeners"].split(",")
    assert "FOR-PROJECTOR:SASL_PLAINTEXT" in last["listener.security.protocol.map"].split(",")


@pytest.mark.parametrize("defect", ["", "offsets of Kafka"])
def test_only_the_processes_of_a_defect_are_started_with_it(tmp_path: Path, defect: str) -> None:
    _, ours, _ = started(tmp_path, defect)
    changed = {name for name, process in ours.items() if "tests.rehearse.defects" in process.command}
    assert changed == ({"projector"} if defect else set())
    assert ours["projector"].command[-2:] == ("streams", "projector")
