"""Whatever is sent to the API, it answers as its OpenAPI document says, and never with an error it does not declare.

Every operation of the document gets data that fit it and data that do not, from schemathesis. Names of things that are
there (orders, machines, dead letters) stand in for made-up ones in half of the calls: behind a 404 there is little to
find. The same cases come again with every run; FUZZ_SEED=n makes others.
"""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from schemas.settings import DEFAULT_TENANT
from sql.database import rows_of
from tests import estimate_rows
from tests.facts import put
from tests.gateways import MATERIALS, ORDERS, erp, material, operator, order_event
from tests.plants import RunningPlant, eventually, running_plant

pytestmark = [pytest.mark.services, pytest.mark.timeout(900)]

CASES_WANTED = 2000
# An operation whose path, query or body has room for surprises gets more cases than one without.
PLAIN, RICH = 10, 20
CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
# What never ends by itself is looked at by a test of its own.
STREAMS = {"/api/v1/live", "/api/projects/{project_id}/live"}
Operation = APIOperation[Any, Any, Any, Any]
SEED = int(os.environ.get("FUZZ_SEED", "20261121"))


@dataclass
class Findings:
    """What was sent, and what was answered otherwise than declared: one example of each kind."""

    sent: Counter[str] = field(default_factory=Counter)
    answers: Counter[int] = field(default_factory=Counter)
    wrong: dict[tuple[str, str, int], str] = field(default_factory=dict)

    def look(self, case: Case[Any], response: schemathesis.Response) -> None:
        """Hold an answer against the document."""
        self.sent[case.operation.label] += 1
        self.answers[response.status_code] += 1
        try:
            case.validate_response(response, checks=CHECKS)
        except BaseExceptionGroup as group:
            for each in group.exceptions:
                key = case.operation.label, type(each).__name__, response.status_code
                told = f"{each}\n{case.as_curl_command()}\n{response.text[:500]}"
                self.wrong.setdefault(key, told)


@pytest.fixture(scope="module")
def fuzzed() -> Iterator[RunningPlant]:
    """A plant of its own: what is sent at random stops lines, completes orders, rotates keys."""
    told = {"RATE_LIMIT_PER_MINUTE": "1000000", "COMMAND_WAIT_SECONDS": "1"}
    with running_plant(infra_only=False, told=told) as plant:
        _live_in(plant)
        yield plant


def _live_in(plant: RunningPlant) -> None:
    """Some of everything, so that there is something to find and to change."""
    with erp(plant) as client:
        client.post(MATERIALS, json={"materials": [material("MAT-1"), material("MAT-2")]}).raise_for_status()
        for number in range(4):
            client.post(ORDERS, json=order_event(f"ERP-{number}")).raise_for_status()
    with rows_of(plant.app_url, DEFAULT_TENANT) as rows:
        put(rows, "machines", machine_id="M-9")
        put(rows, "machine_status_history", machine_id="M-9")
        put(rows, "operators", operator_id="O-9")
        put(rows, "deliveries", delivery_id="DEL-9", status="failed")
        put(
            rows,
            "integration_failures",
            failure_id="FAIL-9",
            failure_key="key-9",
            original_message={},
            inbox="work-order-inbox",
        )
        put(rows, "alerts", alert_id="ALERT-9", severity="info")
        put(rows, "integration_audit_log")
        put(rows, "production_logs", work_order_id="WO-9", machine_id="M-9")
        estimate_rows.lane(rows, DEFAULT_TENANT, "code-api", estimate_rows.history(8))
        project = estimate_rows.project(rows, DEFAULT_TENANT)
        estimate_rows.tasks(rows, DEFAULT_TENANT, project, [("T-1", "code-api", "build"), ("T-2", "docs", "test")])
        estimate_rows.done(rows, estimate_rows.run(rows, DEFAULT_TENANT, project), "T-1", estimate_rows.Taken(9, 9, 9))


def _names(plant: RunningPlant) -> dict[str, list[str]]:
    """Names of things that are there, by the path parameter that asks for them."""
    with operator(plant) as client:

        def ask(path: str, member: str, key: str) -> list[str]:
            return [row[key] for row in client.get(path).json()[member]]

        return {
            "work_order_id": eventually(
                lambda: ask("/api/v1/work-orders", "work_orders", "work_order_id"), 30, "no order"
            ),
            "machine_id": ask("/api/v1/machines", "machines", "machine_id"),
            "material_id": ask("/api/v1/materials", "materials", "material_id"),
            "operator_id": ask("/api/v1/operators", "operators", "operator_id"),
            "failure_id": ask("/api/v1/failures", "failures", "failure_id"),
            "alert_id": ask("/api/v1/alerts", "alerts", "alert_id"),
            "delivery_id": ask("/api/v1/deliveries", "deliveries", "delivery_id"),
            "project_id": ["1"],
            "lane_id": ["code-api"],
            "provider": [estimate_rows.PROVIDER],
            "form": ["csv", "parquet"],
        }


def test_every_operation_answers_as_the_document_says(fuzzed: RunningPlant) -> None:
    url = fuzzed.endpoints["GATEWAY_URL"]
    document = httpx2.get(f"{url}/openapi.json", timeout=120).raise_for_status().json()
    described = list(schemathesis.openapi.from_dict(document).get_all_operations())
    operations = [each.ok() for each in described if isinstance(each, Ok)]
    assert len(operations) == len(described), "an operation of the document cannot be read"
    findings, names = Findings(), _names(fuzzed)
    keys = {"Authorization": f"Bearer {fuzzed.endpoints['ADMIN_TOKEN']}", "X-API-Key": fuzzed.endpoints["HR_API_KEY"]}
    with requests.Session() as session:
        for operation in operations:
            if operation.path not in STREAMS:
                for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                    _send(operation, mode, names, keys, url, session, findings)
    assert not findings.wrong, "\n\n".join(f"{key}: {told}" for key, told in findings.wrong.items())
    assert not {status for status in findings.answers if status >= 500} - {503}, findings.answers
    assert findings.sent.total() >= CASES_WANTED, findings.sent
    missed = {each.label for each in operations if each.path not in STREAMS} - findings.sent.keys()
    assert not missed
    assert findings.answers[200] > CASES_WANTED / 10, findings.answers
    assert httpx2.get(f"{url}/readyz").status_code == 200


def _send(
    operation: Operation,
    mode: GenerationMode,
    names: dict[str, list[str]],
    keys: dict[str, str],
    url: str,
    session: requests.Session,
    findings: Findings,
) -> None:
    """Some cases of an operation, one after the other."""

    @seed(SEED)
    @settings(
        max_examples=RICH if operation.query or operation.body else PLAIN,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(_cases(operation, mode, names))
    def each(case: Case[Any]) -> None:
        case.cookies = {}
        try:
            response = case.call(base_url=url, session=session, headers=keys, timeout=30)
        except requests.exceptions.InvalidHeader:
            return
        findings.look(case, response)

    try:
        each()
    except Unsatisfiable:
        assert mode is GenerationMode.NEGATIVE, f"schemathesis finds nothing to send to {operation.label}"


@st.composite
def _cases(draw: st.DrawFn, operation: Operation, mode: GenerationMode, names: dict[str, list[str]]) -> Case[Any]:
    case = draw(operation.as_strategy(generation_mode=mode))
    if draw(st.booleans()):
        known = {name: draw(st.sampled_from(names[name])) for name in case.path_parameters or () if names.get(name)}
        case.path_parameters = {**(case.path_parameters or {}), **known}
    return case


@pytest.mark.parametrize("path", sorted(STREAMS))
def test_a_live_stream_is_declared_and_begins(fuzzed: RunningPlant, path: str) -> None:
    document = httpx2.get(f"{fuzzed.endpoints['GATEWAY_URL']}/openapi.json", timeout=120).json()
    declared = document["paths"][path]["get"]["responses"]["200"]["content"]
    with operator(fuzzed) as client, client.stream("GET", path.format(project_id=1)) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].partition(";")[0] in declared
