"""Results of tasks judged through a gateway: kept with their evidence, once, and told to the lane of a run."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from prometheus_client import REGISTRY
from starlette.testclient import TestClient

from schemas.codec import decode
from schemas.messages.estimates import Observed
from tests import estimate_rows as made
from tests.gateways import own_gateway
from tests.integration.planners import admin
from tests.offices import PROJECTS, enter, tag, tasks
from tests.plants import RunningPlant

pytestmark = [pytest.mark.services, pytest.mark.timeout(180)]

GOOD = '<testsuite><testcase name="a"/><testcase name="b"/></testsuite>'
HALF = '<testsuite><testcase name="a"/><testcase name="b"><failure/></testcase></testsuite>'
TESTS = {"validator": "test_results"}
UNKNOWN = ("unknown", "not_judged")
ROWS = {"validator": "row_count", "table": "projects", "least": 1}
AWAY = {"validator": "row_count", "table": "projects", "least": 1, "source": "away"}
RUN = "INSERT INTO project_runs (tenant_id, project_id, run_kind, requested_by) VALUES (%s, %s, 'baseline', 'me')"
RUN_TASK = """
INSERT INTO run_tasks (tenant_id, run_id, task_id, lane_id, provider, phase, complexity, promised, status)
VALUES (%s, %s, 'T-000', %s, 'beta', 'build', 'simple', '{}', %s)
"""
SAID = """
SELECT args ->> 'value' AS value FROM ops.procrastinate_jobs WHERE task_name = 'say' AND args ->> 'value' LIKE %s
ORDER BY id
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where tasks leave their reports."""
    return tmp_path_factory.mktemp("artifacts")


@pytest.fixture(scope="module")
def gateway(migrated: RunningPlant, folder: Path) -> Iterator[TestClient]:
    """Somebody who may plan, at a gateway whose validators have a folder, and a database that is away."""
    sources = json.dumps({"away": "postgresql://x@127.0.0.1:1/x"})
    with own_gateway(migrated, kpi_database_url=sources, kpi_artifacts=folder) as (client, _):
        client.headers.update(admin(migrated))
        yield client


@pytest.fixture
def lane() -> str:
    """A lane that no other test knows."""
    return f"code{tag()}-x"


def project(gateway: TestClient, lane: str, *formula: dict[str, Any]) -> int:
    """A project with one task, T-000, that is judged so."""
    (task,) = tasks(1, (lane,))
    return int(enter(gateway, tasks=[task | {"kpi_formula": list(formula)}])["project_id"])


def run_of(plant: RunningPlant, project_id: int, lane: str, status: str = "completed") -> str:
    """A run of it, of which the PAS has told this."""
    tenant = plant.endpoints["TENANT_ID"]
    with plant.rows() as rows:
        rows.execute(f"{RUN} RETURNING run_id::text".encode(), [tenant, project_id])
        (row,) = rows.fetchall()
        rows.execute(RUN_TASK, [tenant, row["run_id"], lane, status])
    return str(row["run_id"])


def validate(gateway: TestClient, project_id: int, key: str | None = None, task: str = "T-000", **body: Any) -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    return gateway.post(f"{PROJECTS}/{project_id}/tasks/{task}/validate", json=body, headers=headers)


def results(gateway: TestClient, project_id: int, **wanted: Any) -> list[dict[str, Any]]:
    answer = gateway.get(f"{PROJECTS}/{project_id}/kpi-results", params=wanted)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["results"])


def observed(plant: RunningPlant, lane: str) -> list[Observed]:
    """What is to be said of a lane."""
    with plant.rows() as rows:
        rows.execute(SAID, [f"%{lane}%"])
        return [decode(row["value"].encode()).payload for row in rows.fetchall()]


def counted(validator: str, outcome: str) -> float:
    """How many results this process has counted."""
    return REGISTRY.get_sample_value("kpi_results_total", {"validator": validator, "outcome": outcome}) or 0


def quality(plant: RunningPlant, run_id: str) -> float | None:
    with plant.rows() as rows:
        rows.execute("SELECT quality FROM run_tasks WHERE run_id = %s", [run_id])
        (row,) = rows.fetchall()
    found: float | None = row["quality"]
    return found


def test_a_result_is_judged_and_kept_with_its_evidence(gateway: TestClient, folder: Path, lane: str) -> None:
    (folder / f"{lane}.xml").write_text(HALF)
    number = project(gateway, lane, ROWS, TESTS | {"artifact": f"{lane}.xml"})
    answer = validate(gateway, number)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["is_passed"], told["quality"], told["is_observed"], told["run_id"]) == (False, 0.75, False, None)
    assert [(each["validator"], each["is_passed"], each["score"]) for each in told["results"]] == [
        ("row_count", True, 1),
        ("test_results", False, 0.5),
    ]
    assert told["results"][1]["evidence"]["found"]["not_passed"] == ["::b"]
    assert told["results"][0]["evidence"]["asked"] == ROWS
    assert {each["measured_by"] for each in told["results"]} == {"admin"}
    kept = results(gateway, number)
    assert sorted(kept, key=str) == sorted(told["results"], key=str)


def test_a_run_gets_its_quality_and_its_lane_is_told(gateway: TestClient, migrated: RunningPlant, lane: str) -> None:
    number = project(gateway, lane, TESTS, ROWS)
    run_id = run_of(migrated, number, lane)
    told = validate(gateway, number, run_id=run_id, test_report=HALF).json()
    assert (told["quality"], told["is_observed"], told["run_id"], told["lane_id"]) == (0.75, True, run_id, lane)
    assert quality(migrated, run_id) == 0.75
    (said,) = observed(migrated, lane)
    assert (said.prior_id, said.source, said.quality, said.run_id) == (f"{lane}/beta", "run", 0.75, run_id)
    assert (said.tokens, said.duration_minutes, said.cost_usd, said.promised) == (None, None, None, {})
    assert said.observation_id == f"kpi-{told['results'][0]['result_id']}"
    assert said.task_id == "T-000"


def test_the_same_judgement_again_is_kept_and_not_told_again(
    gateway: TestClient, migrated: RunningPlant, lane: str
) -> None:
    number = project(gateway, lane, TESTS)
    run_id = run_of(migrated, number, lane)
    told = [validate(gateway, number, run_id=run_id, test_report=each).json() for each in (HALF, HALF, GOOD)]
    assert [each["is_observed"] for each in told] == [True, False, True]
    assert [each.quality for each in observed(migrated, lane)] == [0.5, 1.0]
    assert len(results(gateway, number, run_id=run_id)) == 3


def test_the_same_key_is_judged_once_whoever_asks_at_the_same_time(
    gateway: TestClient, migrated: RunningPlant, lane: str
) -> None:
    number, key = project(gateway, lane, TESTS), uuid4().hex
    run_id = run_of(migrated, number, lane)
    with ThreadPoolExecutor(6) as crowd:
        asked = [crowd.submit(validate, gateway, number, key, run_id=run_id, test_report=HALF) for _ in range(6)]
        answers = [each.result() for each in asked]
    assert {each.status_code for each in answers} == {200}
    assert len({each.content for each in answers}) == 1
    assert len(results(gateway, number)) == len(observed(migrated, lane)) == 1
    assert validate(gateway, number, key, run_id=run_id, test_report=GOOD).status_code == 422


def test_what_could_not_be_judged_is_kept_with_its_reason_and_teaches_nothing(
    gateway: TestClient, migrated: RunningPlant, lane: str
) -> None:
    number = project(gateway, lane, AWAY, TESTS)
    run_id = run_of(migrated, number, lane)
    told = validate(gateway, number, run_id=run_id, test_report=GOOD).json()
    assert (told["is_passed"], told["quality"], told["is_observed"]) == (None, None, False)
    assert (quality(migrated, run_id), observed(migrated, lane)) == (None, [])
    (kept,) = results(gateway, number, outcome="not_judged")
    assert (kept["is_passed"], kept["score"]) == (None, None)
    assert kept["message"] == "Could not be judged: The database 'away' cannot be reached."
    told = validate(gateway, number, run_id=run_id, test_report=HALF).json()
    assert told["is_passed"] is False, "one failure decides, whatever could not be judged"


def test_the_console_shows_what_each_validator_found_last(
    gateway: TestClient, migrated: RunningPlant, lane: str
) -> None:
    number = project(gateway, lane, TESTS, AWAY)
    assert "No result was judged yet." in gateway.get(f"/projects/{number}").text
    run_id = run_of(migrated, number, lane)
    for report in (HALF, GOOD):
        validate(gateway, number, run_id=run_id, test_report=report)
    shown = gateway.get(f"/projects/{number}").text
    assert (shown.count("2 tests ran"), shown.count("cannot be reached")) == (1, 1), "the latest of each"
    assert "2 passed, 0 failed" in shown
    assert "sha256" in shown, "its evidence"
    with migrated.rows() as rows:
        made.lane(rows, migrated.endpoints["TENANT_ID"], lane, made.history(3), "beta")
    (told,) = gateway.get(f"/lanes/{lane}/beta").text.split("Results judged")[1:]
    assert (told.count("2 passed, 0 failed"), told.count(f"/projects/{number}")) == (1, 2)


def test_results_are_counted_by_validator_and_outcome(gateway: TestClient, migrated: RunningPlant, lane: str) -> None:
    labels = [(TESTS["validator"], "failed"), ("row_count", "passed"), ("row_count", "not_judged"), UNKNOWN]
    before = [counted(*each) for each in labels]
    number, key = project(gateway, lane, TESTS, ROWS, AWAY), uuid4().hex
    with migrated.rows() as rows:
        rows.execute(
            "UPDATE task_estimates SET kpi_formula = kpi_formula || %s::jsonb WHERE project_id = %s",
            ['[{"validator": "astrology"}]', number],
        )
    for _ in range(2):
        assert validate(gateway, number, key, test_report=HALF).status_code == 200
    assert [counted(*each) for each in labels] == [each + 1 for each in before]


def test_results_are_found_by_what_they_are_about(gateway: TestClient, migrated: RunningPlant, lane: str) -> None:
    number = project(gateway, lane, TESTS, ROWS, AWAY)
    run_id = run_of(migrated, number, lane)
    validate(gateway, number, run_id=run_id, test_report=HALF)
    validate(gateway, number)
    assert len(results(gateway, number)) == 6
    assert len(results(gateway, number, run_id=run_id)) == 3
    assert {each["validator"] for each in results(gateway, number, outcome="passed")} == {"row_count"}
    assert len(results(gateway, number, outcome="failed")) == 1
    assert len(results(gateway, number, validator="test_results")) == 2
    assert len(results(gateway, number, lane_id=lane, task_id="T-000")) == 6
    assert results(gateway, number, task_id="T-001") == []


def test_pages_follow_one_another_without_a_gap(gateway: TestClient, lane: str) -> None:
    number = project(gateway, lane, ROWS, AWAY)
    for _ in range(3):
        validate(gateway, number)
    found, cursor = [], None
    while True:
        wanted = {"limit": 4} | ({"cursor": cursor} if cursor else {})
        told = gateway.get(f"{PROJECTS}/{number}/kpi-results", params=wanted).json()
        found += told["results"]
        if (cursor := told["next_cursor"]) is None:
            break
    assert len({each["result_id"] for each in found}) == len(found) == 6
    assert [each["measured_at"] for each in found] == sorted((each["measured_at"] for each in found), reverse=True)
    assert gateway.get(f"{PROJECTS}/{number}/kpi-results", params={"cursor": "x"}).status_code == 400


def test_wrong_requests_are_answered_with_a_sentence(gateway: TestClient, migrated: RunningPlant, lane: str) -> None:
    number, bare = project(gateway, lane, TESTS), project(gateway, lane)
    waiting, strange = run_of(migrated, number, lane, "waiting"), run_of(migrated, bare, lane)
    for answer, status, words in (
        (validate(gateway, 2**53), 404, f"No project {2**53} is known."),
        (validate(gateway, number, task="T-999"), 404, f"Project {number} has no task T-999."),
        (validate(gateway, number, task="a%00b"), 400, "not valid"),
        (validate(gateway, bare), 409, "names no validators"),
        (validate(gateway, number, run_id=str(uuid4())), 404, "has no run"),
        (validate(gateway, number, run_id=strange), 404, "has no run"),
        (validate(gateway, number, run_id=waiting), 409, "it is waiting"),
        (validate(gateway, number, run_id="seven"), 400, "run_id"),
        (validate(gateway, number, wish="passed"), 400, "wish"),
        (validate(gateway, number, test_report=7), 400, "test_report"),
        (gateway.get(f"{PROJECTS}/{2**53}/kpi-results"), 404, "No project"),
        (gateway.get(f"{PROJECTS}/0/kpi-results"), 400, "not valid"),
    ):
        assert answer.status_code == status, answer.text
        assert words in answer.text
        assert answer.headers["content-type"] == "application/problem+json"
    assert results(gateway, number) == []


def test_a_report_that_is_huge_is_refused_and_a_large_one_is_judged(gateway: TestClient, lane: str) -> None:
    number = project(gateway, lane, TESTS)
    case = '<testcase classname="c" name="n"/>'
    told = validate(gateway, number, test_report=f"<testsuite>{case * 100_000}</testsuite>")
    assert told.json()["results"][0]["evidence"]["found"]["passed"] == 100_000
    assert validate(gateway, number, test_report="x" * (16 * 1024 * 1024)).status_code == 413


def test_a_formula_that_makes_no_sense_is_refused_when_the_task_is_entered(gateway: TestClient, lane: str) -> None:
    (task,) = tasks(1, (lane,))
    for formula, words in (
        ([{"validator": "wishes"}], "Invalid value 'wishes'"),
        ([ROWS | {"where": "true"}], "unknown field where"),
        ([ROWS | {"least": -1}], ">= 0"),
    ):
        answer = gateway.post(PROJECTS, json={"name": "P", "tasks": [task | {"kpi_formula": formula}]})
        assert answer.status_code == 400, answer.text
        assert words in answer.json()["detail"]
        assert answer.json()["path"] == "tasks.0.kpi_formula"


def test_a_formula_that_made_sense_once_is_no_failure(gateway: TestClient, migrated: RunningPlant, lane: str) -> None:
    number = project(gateway, lane, TESTS)
    old = json.dumps([{"validator": "graph_depth", "most": 3}, 7])
    with migrated.rows() as rows:
        rows.execute("UPDATE task_estimates SET kpi_formula = %s::jsonb WHERE project_id = %s", [old, number])
    told = validate(gateway, number).json()
    assert told["is_passed"] is None
    assert [each["validator"] for each in told["results"]] == ["graph_depth", "unknown"]
    assert "cannot be asked so" in told["results"][0]["message"]
