"""The Kubernetes manifests run what the local runner runs, keep Kubernetes' own schemas, and ask for no rights."""

import re
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from compose.local.folder import ROOT
from compose.local.processes import COMMANDS, MIGRATE, OPCUA_SERVER, REGISTER, TOPICS
from schemas.settings import Settings

FOLDER = ROOT / "compose" / "kubernetes"
VERSION = "1.37"
WORKLOADS = ("Deployment", "StatefulSet", "Job")
ONCE = {"topics": TOPICS, "migrate": MIGRATE, "register": REGISTER}
OURS = {name: arguments for name, arguments in COMMANDS.items() if name != OPCUA_SERVER}
KNOWN = {name.upper() for name in Settings.model_fields}


@cache
def documents() -> list[dict[str, Any]]:
    """Every object of every file."""
    return [each for path in sorted(FOLDER.glob("*.yaml")) for each in yaml.safe_load_all(path.read_text())]


def of_kind(*kinds: str) -> list[dict[str, Any]]:
    return [each for each in documents() if each["kind"] in kinds]


def named(*kinds: str) -> dict[str, dict[str, Any]]:
    return {each["metadata"]["name"]: each for each in of_kind(*kinds)}


def pod_of(workload: dict[str, Any]) -> dict[str, Any]:
    pod: dict[str, Any] = workload["spec"]["template"]["spec"]
    return pod


def container_of(workload: dict[str, Any]) -> dict[str, Any]:
    (container,) = pod_of(workload)["containers"]
    return dict(container)


workloads = pytest.mark.parametrize("workload", of_kind(*WORKLOADS), ids=lambda each: each["metadata"]["name"])


@pytest.mark.parametrize("one", documents(), ids=lambda each: f"{each['kind']}-{each['metadata']['name']}")
def test_an_object_is_what_kubernetes_takes(one: dict[str, Any]) -> None:
    kubernetes_validate.validate(one, VERSION, strict=True)


def test_a_field_that_kubernetes_does_not_know_is_found() -> None:
    wrong = deepcopy(named("Deployment")["agents"])
    wrong["spec"]["replica"] = 3
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSION, strict=True)


@pytest.mark.parametrize(("name", "arguments"), [*OURS.items(), *ONCE.items()])
def test_a_workload_runs_the_command_of_the_local_process(name: str, arguments: tuple[str, ...]) -> None:
    kinds = ("Job",) if name in ONCE else ("Deployment", "StatefulSet")
    assert container_of(named(*kinds)[name])["args"] == ["-m", *arguments]


def test_nothing_else_runs() -> None:
    assert {each["metadata"]["name"] for each in of_kind(*WORKLOADS)} == {*OURS, *ONCE}


@workloads
def test_a_container_has_no_rights_it_does_not_need(workload: dict[str, Any]) -> None:
    pod, container = pod_of(workload), container_of(workload)
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    user = f"USER {pod['securityContext']['runAsUser']}:{pod['securityContext']['runAsGroup']}"
    assert user in (ROOT / "compose" / "Dockerfile").read_text()
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


@workloads
def test_a_container_says_what_it_takes_and_runs_the_image_of_compose(workload: dict[str, Any]) -> None:
    container = container_of(workload)
    assert set(container["resources"]["requests"]) == {"cpu", "memory"}
    assert "memory" in container["resources"]["limits"]
    image, _, version = container["image"].partition(":")
    compose = (ROOT / "compose" / "compose.yaml").read_text()
    assert f"image: {image}:${{PLANT_VERSION:-{version}}}" in compose


@pytest.mark.parametrize("name", OURS)
def test_a_process_that_stays_up_is_asked_on_a_port_that_it_serves(name: str) -> None:
    container = container_of(named("Deployment", "StatefulSet")[name])
    told = named("ConfigMap")["plant-settings"]["data"]
    served = {each["name"]: str(each["containerPort"]) for each in container["ports"]}
    assert served["metrics"] == told["METRICS_PORT"]
    assert served.get("http", told["GATEWAY_PORT"]) == told["GATEWAY_PORT"]
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container[probe]["httpGet"]["port"] in served


@workloads
def test_what_a_container_is_told_is_a_setting_and_secrets_are_referred_to(workload: dict[str, Any]) -> None:
    container = container_of(workload)
    assert container["envFrom"] == [{"configMapRef": {"name": "plant-settings"}}]
    for each in container.get("env", []):
        assert each["name"] in KNOWN
        is_secret = re.search(r"(PASSWORD|SECRET|TOKEN|API_KEY|DATABASE_URL)$", each["name"])
        assert not is_secret or "secretKeyRef" in each["valueFrom"]


def test_what_all_are_told_are_settings_and_no_secrets() -> None:
    told = named("ConfigMap")["plant-settings"]["data"]
    assert set(told) <= KNOWN
    Settings.model_validate({name.lower(): value for name, value in told.items()})
    assert of_kind("Secret") == []


@workloads
def test_a_mount_has_its_volume(workload: dict[str, Any]) -> None:
    claims = {each["metadata"]["name"] for each in workload["spec"].get("volumeClaimTemplates", [])}
    volumes = {each["name"] for each in pod_of(workload)["volumes"]} | claims
    assert {each["name"] for each in container_of(workload)["volumeMounts"]} == volumes


def test_what_runs_more_than_once_keeps_some_of_it_while_nodes_are_emptied() -> None:
    several = {
        name: one["spec"]["replicas"] for name, one in named("Deployment").items() if one["spec"]["replicas"] > 1
    }
    budgets = named("PodDisruptionBudget")
    assert set(budgets) == set(several)
    for name, budget in budgets.items():
        assert 0 < budget["spec"]["minAvailable"] < several[name]
        assert budget["spec"]["selector"] == named("Deployment")[name]["spec"]["selector"]


@pytest.mark.parametrize("name", ["mes-mqtt", "mes-opcua"])
def test_what_holds_a_session_with_the_plant_runs_once_and_keeps_its_spool(name: str) -> None:
    workload = named("StatefulSet")[name]
    assert workload["spec"]["replicas"] == 1
    (claim,) = workload["spec"]["volumeClaimTemplates"]
    assert claim["spec"]["accessModes"] == ["ReadWriteOncePod"]


@workloads
def test_labels_and_selectors_agree(workload: dict[str, Any]) -> None:
    labels = workload["spec"]["template"]["metadata"]["labels"]
    selected = workload["spec"].get("selector", {}).get("matchLabels", {})
    assert selected.items() <= labels.items()
    assert labels["app.kubernetes.io/part-of"] == "plant", "the network policy is about these"


def test_the_readme_names_every_secret_and_file_that_somebody_must_make() -> None:
    readme = Path(FOLDER / "README.md").read_text()
    made = {
        *re.findall(r"secretKeyRef: \{name: ([\w-]+)", _text()),
        *re.findall(r"secretName: ([\w-]+)", _text()),
        *re.findall(r"configMap: \{name: ([\w-]+)", _text()),
    }
    assert made
    assert {name for name in made if f"`{name}`" not in readme} == set()


def _text() -> str:
    return "".join(path.read_text() for path in FOLDER.glob("*.yaml"))
