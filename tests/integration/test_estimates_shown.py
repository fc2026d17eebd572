"""Estimates over HTTP: metrics, runway, risk, drift, lanes with their explanation, and how often promises held."""

import asyncio
import json
import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
from starlette.testclient import TestClient

from compose.simulators.systems.webhooks import signed
from connectors.gateway.auth import Principal
from connectors.gateway.routes.estimates import follow
from connectors.gateway.state import State
from tests import estimate_rows as made
from tests.estimate_rows import BEGIN, PROVIDER, Taken, history
from tests.gateways import own_gateway
from tests.integration.events import NEIGHBOUR
from tests.integration.planners import admin
from tests.plants import RunningPlant

pytestmark = [pytest.mark.services, pytest.mark.timeout(240)]

PLAN = [("T-1", "code-api", "build"), ("T-2", "code-ui", "build"), ("T-3", "code-api", "test"), ("T-4", "docs", "test")]


class Office(NamedTuple):
    """A gateway, and a project with one run under way of which two of four tasks are done, after one that is over."""

    client: TestClient
    parts: State
    plant: RunningPlant
    project: int
    before: str
    run: str

    def ask(self, path: str, **parameters: Any) -> Any:
        answer = self.client.get(f"/api/projects/{self.project}/{path}", params=parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def rows(self) -> Any:
        return self.plant.rows()


@pytest.fixture(scope="module")
def office(migrated: RunningPlant) -> Iterator[Office]:
    tenant = migrated.endpoints["TENANT_ID"]
    with migrated.rows() as rows:
        made.clear(rows)
        made.lane(rows, tenant, "code-api", history(40))
        made.lane(rows, tenant, "code-ui", history(12, Taken(9_000, 20, 0.9), seed=8))
        made.lane(rows, tenant, "docs", [*history(30, seed=9), *history(30, Taken(30_000, 50, 1.8), seed=10)])
        project = made.project(rows, tenant, budget=10.0)
        made.tasks(rows, tenant, project, PLAN)
        before = made.run(rows, tenant, project)
        for task, usd in (("T-1", 0.5), ("T-2", 1.0), ("T-3", 0.25)):
            made.done(rows, before, task, Taken(3_000, 5, usd))
        made.ended(rows, before)
        run = made.run(rows, tenant, project, "hotfix", BEGIN + timedelta(days=1))
        made.done(rows, run, "T-1", Taken(2_000, 4, 0.25))
        made.done(rows, run, "T-2", Taken(8_000, None, 0.75))
    with own_gateway(migrated) as (client, parts):
        client.headers.update(admin(migrated))
        yield Office(client, parts, migrated, project, before, run)


def test_metrics_tell_what_was_promised_and_taken(office: Office) -> None:
    found = office.ask("metrics")
    assert (found["run_id"], len(found["runs"])) == (office.run, 2)
    assert (found["total"]["tasks"], found["total"]["completed_tasks"], found["total"]["tasks_ahead"]) == (4, 2, 2)
    cost = found["total"]["figures"]["cost_usd"]
    assert cost["actual"] == 1.0
    assert cost["projected"] > cost["actual"]
    assert "ci_90" not in cost
    assert cost["estimated"] == pytest.approx(sum(each["figures"]["cost_usd"]["estimated"] for each in found["tasks"]))
    lanes = {each["lane_id"]: each for each in found["lanes"]}
    assert lanes["code-ui"]["figures"]["cost_usd"]["projected"] == 0.75, "all of it is done"
    assert {each["task_id"]: each["status"] for each in found["tasks"]}["T-4"] == "waiting"


def test_credible_intervals_are_asked_for_and_lie_within_one_another(office: Office) -> None:
    for told in ("1", "true"):
        found = office.ask("metrics", with_ci=told)
        for figure in found["total"]["figures"].values():
            half, most = figure["ci_50"], figure["ci_90"]
            assert most["low"] < half["low"] < figure["projected"] < half["high"] < most["high"]
    tasks = {each["task_id"]: each["figures"] for each in found["tasks"]}
    assert "ci_90" in tasks["T-3"]["cost_usd"]
    assert "ci_90" not in tasks["T-1"]["cost_usd"], "it is done"
    assert "ci_90" in tasks["T-2"]["duration_minutes"], "it is done, and nobody measured how long it took"


def test_chance_is_the_same_whenever_one_asks(office: Office) -> None:
    first, again = (office.ask("metrics", with_ci=1)["total"] for _ in range(2))
    assert first == again


def test_a_run_is_asked_for_by_its_id(office: Office) -> None:
    found = office.ask("metrics", run_id=office.before, with_ci=1)
    assert found["run_id"] == office.before
    cost = found["total"]["figures"]["cost_usd"]
    assert cost["actual"] == cost["projected"] == cost["ci_90"]["low"] == cost["ci_90"]["high"] == 1.75


def test_the_runway_counts_all_runs_against_the_budget(office: Office) -> None:
    found = office.ask("budget-runway")
    assert (found["status"], found["run_id"]) == ("ok", office.run)
    assert found["budget"] == {"usd_max": 10.0, "usd_spent": 2.75, "usd_remaining": 7.25, "spent_share": 0.275}
    ahead = found["runway"]
    assert ahead["projected_total_p10"] < ahead["projected_total_usd"] < ahead["projected_total_p90"]
    assert ahead["minutes_to_depletion"] == pytest.approx(7.25 / ahead["burn_usd_per_minute"], rel=1e-4)
    assert ahead["projected_overrun_usd"] == 0
    assert office.ask("budget-runway", run_id=office.before)["budget"]["usd_spent"] == 1.75


@pytest.mark.parametrize(
    ("budget", "status", "is_over"), [(None, "ok", False), (0.0, "critical", True), (2.0, "critical", True)]
)
def test_budgets_of_every_kind(office: Office, budget: float | None, status: str, is_over: bool) -> None:
    with office.rows() as rows:
        rows.execute("UPDATE projects SET budget_usd_max = %s WHERE project_id = %s", [budget, office.project])
    try:
        found = office.ask("budget-runway")
    finally:
        with office.rows() as rows:
            rows.execute("UPDATE projects SET budget_usd_max = 10 WHERE project_id = %s", [office.project])
    assert found["status"] == status
    assert (found["runway"]["projected_overrun_usd"] > 0) == is_over
    assert (found["runway"]["minutes_to_depletion"] is None) == (budget is None)


def test_a_project_without_runs_is_planned_as_a_whole(office: Office) -> None:
    with office.rows() as rows:
        tenant = office.plant.endpoints["TENANT_ID"]
        project = made.project(rows, tenant, "Fresh", budget=0.1)
        made.tasks(rows, tenant, project, PLAN)
        empty = made.project(rows, tenant, "Nothing yet", budget=None)
    runway = office.client.get(f"/api/projects/{project}/budget-runway").json()
    assert (runway["status"], runway["run_id"], runway["runway"]["minutes_to_depletion"]) == ("critical", None, None)
    metrics = office.client.get(f"/api/projects/{project}/metrics", params={"with_ci": 1}).json()
    assert {each["status"] for each in metrics["tasks"]} == {"planned"}
    nothing = office.client.get(f"/api/projects/{empty}/budget-runway").json()
    assert (nothing["status"], nothing["runway"]["projected_total_usd"]) == ("ok", 0)
    for path in ("metrics", "risk-heatmap", "estimation-drift"):
        assert office.client.get(f"/api/projects/{empty}/{path}").status_code == 200


def test_risk_is_told_for_lanes_by_phases(office: Office) -> None:
    found = office.ask("risk-heatmap")
    assert (found["lanes"], set(found["phases"])) == (["code-api", "code-ui", "docs"], {"build", "test"})
    cells = {(each["lane_id"], each["phase"]): each for each in found["cells"]}
    assert set(cells) == {("code-api", "build"), ("code-api", "test"), ("code-ui", "build"), ("docs", "test")}
    assert sum(each["allowance"] for each in cells.values()) == pytest.approx(10)
    assert cells["code-ui", "build"]["relative_width"] == 0, "it is done"
    assert all(0 <= each["score"] < 1 for each in cells.values())
    minutes = office.ask("risk-heatmap", figure="duration_minutes")
    assert (minutes["figure"], minutes["budget"]) == ("duration_minutes", None)


def test_drift_is_told_with_its_test(office: Office) -> None:
    lanes = {(each["lane_id"], each["figure"]): each for each in office.ask("estimation-drift")["lanes"]}
    docs = lanes["docs", "cost_usd"]
    assert len(docs["points"]) == 40
    times = [each["completed_at"] for each in docs["points"]]
    assert times == sorted(times)
    assert docs["test"]["method"]
    point = docs["points"][-1]
    assert point["log_error"] == pytest.approx(math.log(point["actual"] / point["predicted"]), abs=1e-5)
    assert docs["mean_log_error"] > lanes["code-api", "cost_usd"]["mean_log_error"]


def test_runs_stand_side_by_side(office: Office) -> None:
    found = office.ask("runs/compare", runs=f"{office.before},{office.run}")
    assert [each["run_id"] for each in found["runs"]] == [office.before, office.run]
    assert [each["actual"]["cost_usd"] for each in found["runs"]] == [1.75, 1.0]
    tasks = {each["task_id"]: each["in_run"] for each in found["tasks"]}
    assert [each["status"] for each in tasks["T-4"]] == ["missing", "waiting"]
    assert [each["figures"]["cost_usd"]["actual"] for each in tasks["T-2"]] == [1.0, 0.75]


@pytest.mark.parametrize(
    ("path", "status", "complaint"),
    [
        ("999999999/metrics", 404, "No project 999999999 is known."),
        ("999999999/live", 404, "No project 999999999 is known."),
        ("0/metrics", 400, "project_id"),
        ("x/budget-runway", 400, "project_id"),
        ("{project}/metrics?with_ci=perhaps", 400, "with_ci"),
        ("{project}/metrics?run_id=7", 400, "run_id"),
        ("{project}/metrics?run_id=00000000-0000-4000-8000-00000000dead", 404, "has no run"),
        ("{project}/risk-heatmap?figure=joy", 400, "figure"),
        ("{project}/runs/compare?runs={run}", 400, "Name two to 8 runs"),
        ("{project}/runs/compare?runs={run},{run}", 400, "with itself"),
        ("{project}/runs/compare?runs={run},x", 400, "are not ids of runs"),
        ("{project}/runs/compare?runs={run},00000000-0000-4000-8000-00000000dead", 404, "has no run"),
        ("{project}/runs/compare", 400, "runs"),
    ],
)
def test_what_is_not_there_is_a_problem_with_a_sentence(office: Office, path: str, status: int, complaint: str) -> None:
    answer = office.client.get(f"/api/projects/{path.format(project=office.project, run=office.run)}")
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert complaint in answer.text


def test_a_neighbour_sees_none_of_it(office: Office) -> None:
    with office.rows() as rows:
        rows.execute("SELECT set_config('app.current_tenant_id', %s, true)", [NEIGHBOUR])
        rows.execute("SELECT count(*) AS found FROM projects WHERE project_id = %s", [office.project])
        assert rows.fetchone() == {"found": 0}


def test_lanes_are_listed_page_by_page(office: Office) -> None:
    names, cursor = list[str](), None
    while True:
        page = office.client.get("/api/v1/lanes", params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        names += [each["lane_id"] for each in page["lanes"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert names == ["code-api", "code-ui", "docs"]
    (one,) = office.client.get("/api/v1/lanes", params={"q": "I-_"}).json()["lanes"] or [None]
    assert one is None


def test_a_lane_tells_its_versions_observations_and_curves(office: Office) -> None:
    with office.rows() as rows:
        made.lane(rows, office.plant.endpoints["TENANT_ID"], "absurd", [*history(6), Taken(-1, None, None)])
    try:
        found = office.client.get(f"/api/v1/lanes/absurd/{PROVIDER}").json()
        assert (found["version"], found["observations"], found["family"]) == (6, 6, "absurd")
        assert [each["version"] for each in found["versions"]] == [6, 5, 4, 3, 2, 1]
        (aside,) = found["set_aside"]
        assert (aside["set_aside_code"], aside["is_counted"]) == ("NEGATIVE", False)
        assert "nothing takes less than nothing" in aside["set_aside_reason"]
        curve = found["distributions"]["duration_minutes"]
        area = sum(
            (right["value"] - left["value"]) * (right["density"] + left["density"]) / 2
            for left, right in pairwise(curve)
        )
        assert 0.94 < area < 0.99, "0.5 % to 97.5 % of it"
        quantiles = found["figures"]["duration_minutes"]
        assert quantiles["p5"] < quantiles["p25"] < quantiles["p50"] < quantiles["p75"] < quantiles["p95"]
    finally:
        with office.rows() as rows:
            for table in ("estimate_versions", "estimate_observations"):
                rows.execute(f"DELETE FROM {table} WHERE lane_id = 'absurd'".encode())


@pytest.mark.parametrize("figure", ["tokens", "duration_minutes", "cost_usd"])
def test_an_estimate_is_explained_and_computed_again_to_the_same(office: Office, figure: str) -> None:
    found = office.client.get(f"/api/v1/lanes/code-api/{PROVIDER}/explanation", params={"figure": figure}).json()
    assert (found["is_equal"], found["differences"]) == (True, [])
    assert sum(each["share"] for each in found["sources"]) == pytest.approx(1)
    assert [each["source"] for each in found["sources"]] == ["observations", "family", "provider", "all", "default"]
    steps = {each["formula"].split(" = ")[0]: each["value"] for each in found["steps"]}
    for name in ("P5", "P50", "P95"):
        assert steps[name] == pytest.approx(found["estimate"][name.lower()], rel=1e-9)
    assert found["observations_total"] == 40
    assert sum(each["counts_for"] for each in found["observations"]) == pytest.approx(found["kept"]["weight"])
    assert found["smoothing"]["value"] == pytest.approx(found["estimate"]["mean"])


def test_a_row_that_does_not_follow_from_its_observations_is_said_to_differ(office: Office) -> None:
    with office.rows() as rows:
        rows.execute("SELECT learned FROM estimate_versions WHERE is_latest AND lane_id = 'code-ui'")
        kept = rows.fetchone()["learned"]
        wrong = kept | {"tokens": kept["tokens"] | {"mean_log": kept["tokens"]["mean_log"] + 1e-6}}
        rows.execute(
            "UPDATE estimate_versions SET learned = %s WHERE is_latest AND lane_id = 'code-ui'", [json.dumps(wrong)]
        )
    try:
        found = office.client.get(f"/api/v1/lanes/code-ui/{PROVIDER}/explanation").json()
        assert found["is_equal"] is False
        assert "mean_log" in found["differences"][0]
    finally:
        with office.rows() as rows:
            rows.execute(
                "UPDATE estimate_versions SET learned = %s WHERE is_latest AND lane_id = 'code-ui'", [json.dumps(kept)]
            )


def test_the_hit_rate_is_published(office: Office) -> None:
    found = office.client.get("/api/v1/estimates/coverage").json()
    assert found["overall"]["promised"] == 3 * (40 + 12 + 60)
    assert found["overall"]["promised"] == sum(each["promised"] for each in found["figures"].values())
    lanes = {(each["lane_id"], each["figure"]): each["coverage"] for each in found["lanes"]}
    assert "too few" in lanes["code-ui", "tokens"]["sentence"]
    assert lanes["code-api", "tokens"]["rate_90"]["observed"] > 0.7
    assert "widened" in lanes["docs", "tokens"]["sentence"], "its work became ten times as long"


async def test_whoever_follows_a_project_is_told_its_runway_at_once_and_at_each_change(office: Office) -> None:
    told = follow(office.parts, Principal("Robin", office.plant.endpoints["TENANT_ID"], frozenset()), office.project)
    first = json.loads((await anext(told))["data"])
    assert (first["status"], first["budget"]["usd_max"]) == ("ok", 10.0)
    waiting = asyncio.ensure_future(anext(told))
    with office.rows() as rows:
        rows.execute("UPDATE projects SET budget_usd_max = 1 WHERE project_id = %s", [office.project])
    try:
        second = await asyncio.wait_for(waiting, 30)
    finally:
        with office.rows() as rows:
            rows.execute("UPDATE projects SET budget_usd_max = 10 WHERE project_id = %s", [office.project])
    await told.aclose()
    assert (second["event"], json.loads(second["data"])["status"]) == ("runway", "critical")


def test_what_the_gateway_writes_of_projects_wakes_their_streams(office: Office) -> None:
    hub, tenant = office.parts.hub, office.plant.endpoints["TENANT_ID"]
    before = hub.project_changes(tenant)
    assert office.client.post("/api/projects", json={"name": ""}).status_code == 400
    assert hub.project_changes(tenant) == before, "nothing was written"
    assert office.client.post("/api/projects", json={"name": "Another one"}).status_code == 201
    assert hub.project_changes(tenant) == before + 1
    body = {"project_id": office.project, "run_id": office.before, "status": "completed", "tasks": []}
    data = json.dumps(body | {"completed_at": BEGIN.isoformat()}).encode()
    headers = signed(office.plant.endpoints["PAS_WEBHOOK_SECRET"], f"msg_{uuid4().hex}", data, datetime.now(UTC))
    answer = office.client.post("/webhooks/pas/completion", content=data, headers=headers)
    assert answer.status_code == 200, answer.text
    assert hub.project_changes(tenant) == before + 2


@pytest.mark.parametrize("path", ["lanes/nobody/none", "lanes/nobody/none/explanation"])
def test_an_unknown_lane_is_a_problem(office: Office, path: str) -> None:
    answer = office.client.get(f"/api/v1/{path}")
    assert (answer.status_code, answer.json()["detail"]) == (
        404,
        "Nothing was ever observed of lane nobody done by none.",
    )


def test_whoever_is_not_signed_in_is_told_nothing(office: Office) -> None:
    for path in (f"/api/projects/{office.project}/metrics", "/api/v1/lanes", f"/api/projects/{uuid4().int % 99}/live"):
        assert office.client.get(path, headers={"Authorization": ""}).status_code == 401
