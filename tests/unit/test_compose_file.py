"""compose.yaml and the Dockerfile say the same as the local runner, and keep the rules of their trade."""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jsonschema
import pytest
import yaml

from compose.local import containers, identity, mqtt
from compose.local.errors import PlantError
from compose.local.folder import ROOT, Folder
from compose.local.plant import LocalPlant
from compose.local.processes import ACCESS, COMMANDS, INFRASTRUCTURE, MIGRATE, REGISTER, SIMULATORS, TOPICS
from connectors.access import ADMIN, user_of
from schemas.settings import PlantLayout, Settings
from tests.containers import ContainedPlant
from tests.plants import plant_in

COMPOSE = ROOT / "compose" / "compose.yaml"
DOCKERFILE = ROOT / "compose" / "Dockerfile"
SERVICES: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())["services"]
ONCE = {"access": ACCESS, "topics": TOPICS, "migrate": MIGRATE, "register": REGISTER}
HADOLINT = Path(sys.executable).with_name("hadolint")


@pytest.mark.parametrize(("name", "arguments"), [*COMMANDS.items(), *ONCE.items(), *SIMULATORS.items()])
def test_a_container_runs_the_command_of_the_local_process(name: str, arguments: tuple[str, ...]) -> None:
    assert SERVICES[name]["command"] == ["-m", *arguments]


def test_nothing_runs_in_containers_that_does_not_run_locally() -> None:
    local = {*COMMANDS, *ONCE, *SIMULATORS, *INFRASTRUCTURE}
    watching = {name for name, one in SERVICES.items() if one.get("profiles") == ["observability"]}
    assert set(SERVICES) - local - watching == {"roles", "kafka-2", "kafka-3"}


def test_the_file_is_what_the_compose_specification_allows() -> None:
    """The specification's schema is a file of the package check-jsonschema; its command line is not needed."""
    package = importlib.util.find_spec("check_jsonschema")
    assert package is not None
    assert package.origin is not None
    schema = Path(package.origin).parent / "builtin_schemas" / "vendor" / "compose-spec.json"
    errors = jsonschema.Draft7Validator(json.loads(schema.read_text())).iter_errors(yaml.safe_load(COMPOSE.read_text()))
    assert [f"{error.json_path}: {error.message}" for error in errors] == []


@pytest.mark.parametrize("name", sorted({*COMMANDS, *SIMULATORS, *INFRASTRUCTURE, "kafka-2", "kafka-3"}))
def test_a_service_that_stays_up_says_whether_it_is_well(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"]
    assert SERVICES[name]["restart"] == "unless-stopped"


def test_ports_are_open_to_this_machine_only() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_images_are_pinned_to_a_version() -> None:
    images = {service["image"] for service in SERVICES.values()}
    assert all(re.search(r":(\$\{PLANT_VERSION:-|v)?\d+(\.\d+)+\}?$", image) for image in images), images


def test_no_secret_stands_in_the_file() -> None:
    secret = re.compile(r"(PASSWORD|SECRET|TOKEN|API_KEY)$")
    given = [
        str(value)
        for service in SERVICES.values()
        for name, value in service.get("environment", {}).items()
        if secret.search(name)
    ]
    assert given
    assert all(re.fullmatch(r"\$\{\w+:\?run make up PLANT=compose\}", value) for value in given), given
    assert not re.search(r"://\w+:[^$]\S*@", COMPOSE.read_text())


def test_a_data_folder_is_a_named_volume() -> None:
    volumes = set(yaml.safe_load(COMPOSE.read_text())["volumes"])
    mounted = {volume.partition(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}
    assert mounted == volumes


def test_the_gateway_can_judge_results_and_write_none() -> None:
    gateway = SERVICES["gateway"]
    told = gateway["environment"]
    found = re.fullmatch(r"\$\{PROMETHEUS_URL:-(.+)\}", told["PROMETHEUS_URL"])
    assert found is not None
    address = urlsplit(found[1])
    published = SERVICES[str(address.hostname)]["ports"]
    assert [each.rpartition(":")[2] for each in published] == [str(address.port)]
    assert [each for each in gateway["volumes"] if each.split(":")[1] == told["KPI_ARTIFACTS"]] == [
        "kpi-artifacts:/artifacts:ro"
    ]
    assert told["KPI_DATABASE_URL"] is None, "as whoever starts the plant says"
    known = {name.upper() for name in Settings.model_fields}
    assert known >= {name for name in told if name.startswith(("KPI_", "PROMETHEUS_"))}


@pytest.mark.parametrize("name", [*COMMANDS, *ONCE, *SIMULATORS])
def test_a_container_signs_in_to_kafka_as_its_process_does_and_to_none_that_it_does_not_need(name: str) -> None:
    told = SERVICES[name]["environment"]
    user = {"access": ADMIN, "topics": ADMIN}.get(name, user_of(name))
    assert told.get("KAFKA_SASL_USERNAME") == user
    word = "KAFKA_ADMIN_PASSWORD" if user == ADMIN else f"KAFKA_PASSWORD_{str(user).upper().replace('-', '_')}"
    assert told.get("KAFKA_SASL_PASSWORD") == (f"${{{word}:?run make up PLANT=compose}}" if user else None)


def test_kafka_in_containers_lets_in_nobody_without_a_name() -> None:
    for name in ("kafka", "kafka-2", "kafka-3"):
        told = SERVICES[name]["environment"]
        protocols = dict(each.split(":") for each in told["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"].split(","))
        assert protocols.keys() == {each.split(":")[0] for each in told["KAFKA_LISTENERS"].split(",")}
        assert set(protocols.values()) == {"SASL_PLAINTEXT"}
        assert told["KAFKA_SUPER_USERS"] == f"User:{ADMIN}"
        for listener in protocols:
            for mechanism in ("PLAIN", "SCRAM___SHA___512"):
                assert told[f"KAFKA_LISTENER_NAME_{listener}_{mechanism}_SASL_JAAS_CONFIG"].endswith(";")


def test_the_mqtt_broker_in_containers_has_the_rights_of_the_local_one() -> None:
    said = yaml.safe_load(COMPOSE.read_text())["configs"]
    assert said["mqtt-rights"]["content"] == mqtt.rights(PlantLayout(machines=[]).mqtt_filters)
    assert "acl_file /mosquitto/config/rights" in said["mosquitto"]["content"].splitlines()
    users = {name: one["environment"].get("MQTT_USERNAME") for name, one in SERVICES.items() if "environment" in one}
    assert {name: user for name, user in users.items() if user} == mqtt.OWN_USERS


@pytest.mark.parametrize("name", [*COMMANDS, *SIMULATORS])
def test_our_containers_have_no_rights_they_do_not_need(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] or service["secrets"]


def test_every_variable_of_the_file_is_given_or_has_a_default(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.make()
    given = containers.environment(folder, identity.make(3), workers=2)
    required = set(re.findall(r"\$\{(\w+):\?", COMPOSE.read_text()))
    assert required <= set(given)
    assert "OAUTH_SIGNING_KEY_PEM" in given


def test_the_cluster_has_three_brokers_three_workers_three_replicas_and_needs_two(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.make()
    given = containers.environment(folder, identity.make(3), workers=3)
    assert given["COMPOSE_PROFILES"] == "cluster"
    assert given["KAFKA_VOTERS"] == "1@kafka:9093,2@kafka-2:9093,3@kafka-3:9093"
    assert (given["REPLICATION"], given["MIN_INSYNC_REPLICAS"]) == ("3", "2")
    assert given["KAFKA_INSIDE"].split(",") == ["kafka:19092", "kafka-2:19092", "kafka-3:19092"]
    assert (given["WORKERS"], SERVICES["agents"]["deploy"]["replicas"]) == ("3", "${WORKERS:-1}")
    assert [name for name, one in SERVICES.items() if one.get("profiles") == ["cluster"]] == ["kafka-2", "kafka-3"]
    ids = [SERVICES[name]["environment"]["KAFKA_NODE_ID"] for name in ("kafka", "kafka-2", "kafka-3")]
    assert ids == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("environment", "expected"),
    [({}, "local"), ({"PLANT": ""}, "local"), ({"PLANT": "local"}, "local"), ({"PLANT": "compose"}, "compose")],
)
def test_plant_chooses_between_processes_and_containers(environment: dict[str, str], expected: str) -> None:
    assert containers.choice(environment) == expected


def test_another_plant_is_refused_with_the_choices() -> None:
    with pytest.raises(PlantError, match="PLANT is local or compose, not kubernetes"):
        containers.choice({"PLANT": "kubernetes"})


def test_without_docker_the_sentence_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(PlantError, match=r"needs Docker, which is not installed; `make up` without PLANT needs none"):
        containers.engine()


@pytest.mark.parametrize(("plant", "kind"), [("", LocalPlant), ("local", LocalPlant), ("compose", ContainedPlant)])
def test_the_suites_choose_as_the_plant_does(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, plant: str, kind: type
) -> None:
    monkeypatch.setenv("PLANT", plant)
    assert type(plant_in(tmp_path)) is kind


def test_testcontainers_are_told_to_start_what_exists(tmp_path: Path) -> None:
    contained = ContainedPlant(tmp_path)
    servers = contained.compose(infra_only=True)
    assert set(servers.services or ()) <= set(SERVICES)
    assert set(INFRASTRUCTURE) <= set(servers.services or ())
    assert [Path(servers.context, name) for name in servers.compose_file_name or ()] == [COMPOSE]
    assert contained.compose(infra_only=False).services is None


def test_the_suites_say_so_where_no_engine_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(PlantError, match="needs Docker"):
        ContainedPlant(tmp_path).up(infra_only=True)


def test_the_dockerfile_keeps_the_rules_of_hadolint() -> None:
    linted = subprocess.run([str(HADOLINT), str(DOCKERFILE)], capture_output=True, text=True, check=False)
    assert linted.returncode == 0, linted.stdout


def test_the_image_runs_as_nobody_special_with_packages_checked_by_hash() -> None:
    text = DOCKERFILE.read_text()
    assert "USER 10001:10001" in text
    assert "--require-hashes" in text
    assert "requirements.lock" in text


def test_the_image_has_every_package_of_ours() -> None:
    copied = set(re.findall(r"^COPY (\w+) /plant/\1$", DOCKERFILE.read_text(), re.MULTILINE))
    assert copied == {arguments[0].partition(".")[0] for arguments in [*COMMANDS.values(), *ONCE.values()]} | {
        "schemas"
    }
