"""Every expression of alert rules and dashboard, asked of a real Prometheus over a running plant; and the own watch."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx2
import pytest
import yaml

from compose.local.identity import free_port
from compose.observability.__main__ import HERE, write_into
from tests.gateways import ORDERS, erp, operator, order_event
from tests.plants import RunningPlant, eventually

pytestmark = [pytest.mark.services, pytest.mark.timeout(240)]

PROMETHEUS = shutil.which("prometheus")
RULES = [rule for group in yaml.safe_load((HERE / "rules.yml").read_text())["groups"] for rule in group["rules"]]
PANELS = json.loads((HERE / "grafana/dashboards/integrations.json").read_text())["panels"]
EXPRESSIONS = {rule["alert"]: rule["expr"] for rule in RULES} | {
    f"{panel['title']} {target['refId']}": target["expr"] for panel in PANELS for target in panel["targets"]
}
# These have labels, and no series before the first event of their kind: a call to another system, an error.
ONLY_ON_EVENTS = {
    "circuit_breaker_state",
    "credential_age_days",
    "deliveries_total",
    "delivery_seconds_bucket",
    "delivery_troubles_total",
    "integration_errors_total",
}
NAME = re.compile(r"[a-z_][a-z0-9_]*(?=\{|\[|\)| [<>=]| or|$)")
WORDS = {"by", "or", "and", "on", "rate", "sum", "max", "absent", "vector", "histogram_quantile", "label_replace"}


@dataclass
class Server:
    """A Prometheus over the plant."""

    client: httpx2.Client

    def ask(self, path: str, **query: str) -> Any:
        """What it answers. Raises AssertionError with its complaint."""
        answer = self.client.get(f"/api/v1/{path}", params=query).json()
        assert answer["status"] == "success", answer
        return answer["data"]

    def value(self, expression: str) -> float:
        """The only value of an expression."""
        (found,) = self.ask("query", query=expression)["result"]
        return float(found["value"][1])


@pytest.fixture(scope="module")
def prometheus(plant: RunningPlant, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of our own that has scraped every process of the plant, after an order and one that was refused."""
    if PROMETHEUS is None:
        pytest.skip("prometheus is not here: `make test` as root of a Debian-like machine installs it")
    with erp(plant) as client:
        assert client.post(ORDERS, json=order_event(f"WO-ERP-{uuid4().hex[:10]}")).status_code == 200
        assert client.post(ORDERS, json={"event_type": "work_order.created"}).status_code == 400
    folder = tmp_path_factory.mktemp("prometheus")
    config = write_into(folder, plant.endpoints["METRICS_URLS"])
    config.write_text(config.read_text().replace("interval: 15s", "interval: 1s"))
    port = free_port()
    command = [
        PROMETHEUS,
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
                server = Server(client)
                wanted = plant.endpoints["METRICS_URLS"].count("=")
                eventually(lambda: _has_scraped(server, wanted), 60, "Prometheus did not scrape every process")
                yield server
        finally:
            process.terminate()


def _has_scraped(server: Server, wanted: int) -> bool:
    try:
        if server.client.get("/-/ready").status_code != 200:
            return False
        found = server.ask("targets")["activeTargets"]
        return len([each for each in found if each["health"] == "up"]) == wanted
    except httpx2.TransportError:
        return False


def names_of(expression: str) -> set[str]:
    """The metrics that an expression is about."""
    bare = re.sub(r'"[^"]*"', '""', re.sub(r"by \([^)]*\)|on \(\)", "", expression))
    return {name for name in NAME.findall(bare) if "_" in name or name == "up"} - WORDS


@pytest.mark.parametrize("what", EXPRESSIONS)
def test_an_expression_is_understood_and_made_of_metrics_that_exist(prometheus: Server, what: str) -> None:
    prometheus.ask("query", query=EXPRESSIONS[what])
    names = names_of(EXPRESSIONS[what])
    assert names
    known = set(prometheus.ask("label/__name__/values"))
    assert names - known - ONLY_ON_EVENTS == set()


def test_what_appears_on_events_only_is_declared_by_its_process(prometheus: Server) -> None:
    """A metric without a series is still described at /metrics, so a wrong name cannot hide among these."""
    found = prometheus.ask("targets")["activeTargets"]
    texts = "".join(httpx2.get(target["scrapeUrl"]).text for target in found)
    for name in ONLY_ON_EVENTS:
        bare = name.removesuffix("_bucket")
        assert f"# TYPE {bare} " in texts, f"nobody tells {name}"


def test_every_process_is_scraped_under_its_name(prometheus: Server, plant: RunningPlant) -> None:
    told = {each["metric"]["process"] for each in prometheus.ask("query", query='up{job="plant"} == 1')["result"]}
    assert {"gateway", "jobs", "agents", "projector", "mes-mqtt", "mes-opcua"} <= told


def test_the_rules_are_loaded_and_none_fails(prometheus: Server) -> None:
    def evaluated() -> list[dict[str, Any]]:
        rules = [rule for group in prometheus.ask("rules")["groups"] for rule in group["rules"]]
        return rules if all(rule["health"] != "unknown" for rule in rules) else []

    rules = eventually(evaluated, 30, "the rules were not evaluated")
    assert len(rules) == len(RULES)
    assert [(rule["name"], rule.get("lastError")) for rule in rules if rule["health"] != "ok"] == []


def test_a_refused_webhook_is_an_error_of_its_system(prometheus: Server) -> None:
    assert prometheus.value('sum(integration_errors_total{system="ERP",type="HTTP 400"})') >= 1
    assert prometheus.value('sum(integration_messages_total{system="ERP",direction="inbound"})') >= 2


def test_an_order_of_the_erp_has_a_lag_from_source_to_row(prometheus: Server) -> None:
    eventually(
        lambda: prometheus.ask("query", query='integration_lag_seconds_count{system="ERP"} > 0')["result"],
        30,
        "no lag was seen",
    )


def test_the_health_page_and_the_metric_say_the_same(prometheus: Server, plant: RunningPlant) -> None:
    with operator(plant) as person:
        systems = {each["system"]: each for each in person.get("/api/v1/integrations/health").json()["systems"]}
    assert list(systems) == ["ERP", "MES", "HR", "WMS"]
    assert all(each["reason"].endswith(".") for each in systems.values())
    figures = {"green": 0, "yellow": 1, "red": 2, "unknown": -1}
    assert systems["ERP"]["state"] == "green"
    assert prometheus.value('max(integration_health{system="ERP"})') == figures["green"]


def test_the_clock_scores_every_machine_and_the_api_explains_the_scores(plant: RunningPlant) -> None:
    """The jobs process looks at the machines once a minute by itself."""
    with operator(plant) as person:

        def scored() -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = person.get("/api/v1/data-quality").json()["scores"]
            return found

        found = eventually(scored, 150, "no machine was looked at")
        only = person.get("/api/v1/data-quality", params={"machine_id": "M-203"}).json()["scores"]
        anomalies = person.get("/api/v1/data-quality", params={"anomalies": True}).json()["scores"]
    assert {each["machine_id"] for each in found} >= {"M-201", "M-203"}
    assert all(each["sentence"].startswith(each["machine_id"]) for each in found)
    assert {each["machine_id"] for each in only} == {"M-203"}
    assert all(each["is_anomaly"] for each in anomalies)
