"""Alert rules fire when they should and not before, as promtool sees it; the own watch knows the same conditions."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from compose.observability.__main__ import HERE, targets, write_into
from connectors.watch import CONDITIONS

PROMTOOL = shutil.which("promtool")
RULES: list[dict[str, Any]] = [
    rule for group in yaml.safe_load((HERE / "rules.yml").read_text())["groups"] for rule in group["rules"]
]
NAMES = [rule["alert"] for rule in RULES]
DASHBOARD: dict[str, Any] = json.loads((HERE / "grafana/dashboards/integrations.json").read_text())
needs_promtool = pytest.mark.skipif(
    PROMTOOL is None, reason="promtool is not here: it comes with the package prometheus"
)


class Case(NamedTuple):
    """Series (a value a minute) under which a rule fires at a minute, and others under which it must not."""

    fires: dict[str, str]
    stays_quiet: dict[str, str]
    minute: int = 40


def histogram(name: str, labels: str, fast: str, slow: str, limit: str) -> dict[str, str]:
    """A histogram with two buckets: up to a limit, and all."""
    comma = "," if labels else ""
    return {f'{name}{{{labels}{comma}le="{limit}"}}': fast, f'{name}{{{labels}{comma}le="+Inf"}}': slow}


ROUTE = 'method="POST",route="/api/v1/integrations/erp/work-orders"'
MANY, NONE = "0+600x60", "0x60"
CASES = {
    "ErpIntegrationDown": Case(
        {'integration_down_seconds{system="ERP"}': "0+60x60"},
        {'integration_down_seconds{system="ERP"}': "300x60", 'integration_down_seconds{system="HR"}': "9000x60"},
    ),
    "IntegrationDown": Case(
        {'integration_down_seconds{system="HR"}': "301x60"},
        {'integration_down_seconds{system="HR"}': "299x60", 'integration_down_seconds{system="ERP"}': "9000x60"},
    ),
    "MesDataLag": Case(
        {'integration_data_age_seconds{system="MES",data="machines"}': "601x60"},
        {'integration_data_age_seconds{system="MES",data="machines"}': "599x60"}
        | histogram("integration_lag_seconds_bucket", 'system="MES"', MANY, MANY, "300"),
    ),
    "CircuitBreakerOpen": Case(
        {'circuit_breaker_state{system="WMS"}': "0x39 2x20"},
        {'circuit_breaker_state{system="WMS"}': "1x60"},
    ),
    "DeadLetterQueueDeep": Case(
        {'dead_letters_pending{integration="a"}': "60x60", 'dead_letters_pending{integration="b"}': "41x60"},
        {
            'dead_letters_pending{integration="a",process="jobs"}': "100x60",
            'dead_letters_pending{integration="a",process="jobs-2"}': "100x60",
        },
    ),
    "SpoolFull": Case({'connector_spool_full{process="mes-mqtt"}': "1x60"}, {"connector_spool_full": "0x60"}),
    "InboxTruncated": Case(
        {'agents_offsets_missing_total{process="agents"}': "0x30 7x30"},
        {'agents_offsets_missing_total{process="agents"}': "0x60"},
    ),
    "LineStopped": Case(
        {'line_stopped{line="machine-inbox",process="agents"}': "0x30 1x30"},
        {'line_stopped{line="machine-inbox"}': "0x60"},
    ),
    "ProcessDown": Case({'up{job="plant",process="jobs"}': "1x20 0x40"}, {'up{job="plant",process="jobs"}': "1x60"}),
    "ApiLatencyHigh": Case(
        histogram("gateway_request_seconds_bucket", ROUTE, "0+90x60", "0+100x60", "2.5"),
        histogram("gateway_request_seconds_bucket", ROUTE, "0+96x60", "0+100x60", "1")
        | histogram("delivery_seconds_bucket", 'system="ERP"', MANY, MANY, "2"),
    ),
    "ErrorRateHigh": Case(
        {
            'integration_errors_total{system="MES",type="STALE"}': "0+3x60",
            'integration_messages_total{system="MES"}': "0+100x60",
        },
        {
            'integration_errors_total{system="MES",type="STALE"}': "0+2x60",
            'integration_messages_total{system="MES"}': "0+100x60",
        },
    ),
    "ErrorRateVeryHigh": Case(
        {'delivery_troubles_total{system="ERP"}': "0+6x60", 'deliveries_total{system="ERP"}': "0+100x60"},
        {'delivery_troubles_total{system="ERP"}': "0+5x60", 'deliveries_total{system="ERP"}': "0+100x60"},
    ),
    "MaterialStockSyncDelayed": Case(
        {'integration_data_age_seconds{system="WMS",data="stock"}': "901x60"},
        {'integration_data_age_seconds{system="WMS",data="stock"}': "900x60"},
    ),
    "IntegrationLag": Case(
        histogram("integration_lag_seconds_bucket", 'system="ERP"', "0+90x60", "0+100x60", "600"),
        {'deliveries_oldest_pending_seconds{system="ERP"}': "300x60"}
        | histogram("integration_lag_seconds_bucket", 'system="ERP"', "0+96x60", "0+100x60", "300"),
    ),
    "ProcessingRateLow": Case(
        {"agents_records_folded_total": "0+400x60", "integration_messages_total": "0+600x60"},
        {
            "agents_records_folded_total": "0+100x60",
            "integration_messages_total": "0+100x60",
            "agents_lag_records": "0x60",
        },
    ),
    "ConsumerLag": Case(
        {'projector_lag_records{topic="work-orders"}': "10001x60"},
        {'projector_lag_records{topic="work-orders"}': "9999x60", "agents_lag_records": "9999x60"},
    ),
    "CredentialOld": Case(
        {'credential_age_days{credential="hr"}': "91x60"}, {'credential_age_days{credential="hr"}': "90x60"}
    ),
    "FiguresMissing": Case({"integration_figures_up": "0x60"}, {"integration_figures_up": "1x60"}),
    "DataQualityAnomaly": Case(
        {'data_quality_anomalies{signal="rate"}': "1x60"}, {'data_quality_anomalies{signal="rate"}': "0x60"}
    ),
}


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    assert PROMTOOL is not None
    return subprocess.run([PROMTOOL, *arguments], capture_output=True, text=True, check=False)


def firing(folder: Path, name: str, series: dict[str, str], minute: int, expected: int) -> str:
    """What promtool complains about if not so many alerts of that name fire at a minute."""
    samples = [{"labels": f'{{alertname="{name}"}}', "value": expected}] if expected else []
    test = {
        "rule_files": [str(HERE / "rules.yml")],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": text, "values": values} for text, values in series.items()],
                "promql_expr_test": [
                    {
                        "expr": f'count by (alertname) (ALERTS{{alertname="{name}", alertstate="firing"}})',
                        "eval_time": f"{minute}m",
                        "exp_samples": samples,
                    }
                ],
            }
        ],
    }
    path = folder / f"{name}.yml"
    path.write_text(yaml.safe_dump(test))
    done = promtool("test", "rules", str(path))
    return "" if done.returncode == 0 else done.stdout + done.stderr


@needs_promtool
@pytest.mark.parametrize("name", NAMES)
def test_a_rule_fires_when_its_condition_lasts(tmp_path: Path, name: str) -> None:
    case = CASES[name]
    assert firing(tmp_path, name, case.fires, case.minute, 1) == ""


@needs_promtool
@pytest.mark.parametrize("name", NAMES)
def test_a_rule_does_not_fire_at_its_limit(tmp_path: Path, name: str) -> None:
    case = CASES[name]
    assert firing(tmp_path, name, case.stays_quiet, case.minute, 0) == ""


@needs_promtool
def test_promtool_accepts_the_rules_and_the_configuration(tmp_path: Path) -> None:
    path = write_into(tmp_path, "jobs=http://127.0.0.1:1/metrics")
    done = promtool("check", "config", str(path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(RULES)} rules found" in done.stdout


def test_the_plants_own_watch_and_the_rules_know_the_same_conditions() -> None:
    ours = {condition.name: condition.severity for condition in CONDITIONS}
    assert ours == {rule["alert"]: rule["labels"]["severity"] for rule in RULES}


def test_what_the_document_calls_critical_is_critical() -> None:
    severity = {rule["alert"]: rule["labels"]["severity"] for rule in RULES}
    assert {
        severity[name] for name in ("ErpIntegrationDown", "MesDataLag", "CircuitBreakerOpen", "DeadLetterQueueDeep")
    } == {"critical"}
    assert {severity[name] for name in ("ApiLatencyHigh", "ErrorRateHigh", "MaterialStockSyncDelayed")} == {"warning"}


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_a_rule_says_in_a_sentence_what_is_wrong_and_where_to_read_on(rule: dict[str, Any]) -> None:
    assert rule["annotations"]["summary"].endswith(".")
    path, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    headings = re.findall(r"^#+ (.+)$", (HERE.parents[1] / path).read_text(), re.MULTILINE)
    assert anchor in {heading.lower().replace(" ", "-") for heading in headings}


def test_the_dashboard_has_the_six_panels_of_the_document() -> None:
    assert [(panel["title"], panel["type"]) for panel in DASHBOARD["panels"]] == [
        ("Integration Health Overview", "stat"),
        ("Message Throughput", "timeseries"),
        ("API Latency", "timeseries"),
        ("Error Rate", "timeseries"),
        ("Dead-Letter Queue Depth", "gauge"),
        ("Data Lag", "timeseries"),
    ]
    assert all(target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"])
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == 6


def test_the_panels_show_what_the_document_asks_of_them() -> None:
    health, throughput, latency, errors, _, _ = DASHBOARD["panels"]
    defaults = health["fieldConfig"]["defaults"]["mappings"][0]["options"]
    assert [defaults[str(state)]["color"] for state in (0, 1, 2)] == ["green", "yellow", "red"]
    assert [target["legendFormat"] for target in throughput["targets"]] == ["inbound", "outbound"]
    assert {target["legendFormat"].split()[0] for target in latency["targets"]} == {"p50", "p95", "p99"}
    assert errors["fieldConfig"]["defaults"]["custom"]["stacking"]["mode"] == "normal"
    assert "by (type)" in errors["targets"][0]["expr"]


def test_grafana_finds_the_dashboard_and_its_data() -> None:
    provisioning = HERE / "grafana" / "provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources" / "prometheus.yaml").read_text())["datasources"]
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "plant.yaml").read_text())["providers"]
    assert provider["type"] == "file"
    used = {target["datasource"]["uid"] for panel in DASHBOARD["panels"] for target in panel["targets"]}
    assert used == {source["uid"]}


def test_critical_alerts_go_to_a_pager_and_warnings_to_mail_and_slack() -> None:
    told = yaml.safe_load((HERE / "alertmanager.yml").read_text())
    receivers = {each["name"]: each for each in told["receivers"]}
    (critical,) = told["route"]["routes"]
    assert critical["matchers"] == ['severity="critical"']
    assert "webhook_configs" in receivers[critical["receiver"]]
    assert {"email_configs", "slack_configs"} <= set(receivers[told["route"]["receiver"]])


def test_targets_name_the_process_and_where_its_figures_are() -> None:
    assert targets("jobs=http://127.0.0.1:21000/metrics") == [
        {
            "targets": ["127.0.0.1:21000"],
            "labels": {"process": "jobs", "__metrics_path__": "/metrics", "__scheme__": "http"},
        }
    ]
