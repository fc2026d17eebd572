"""The ten test vectors that document 001 lists, against the running gateway and the simulated PAS."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from tests.offices import PROJECTS, enter, start, tag, tasks
from tests.plants import RunningPlant, eventually

pytestmark = [pytest.mark.services, pytest.mark.timeout(180)]

LANES = tuple(f"{name}{tag()}-x" for name in ("code", "docs"))


@pytest.fixture(scope="module")
def project(plant: RunningPlant) -> dict[str, Any]:
    """A project of ten tasks and two dollars whose first run is over, and was learned from."""
    from tests.gateways import operator

    with operator(plant) as client:
        found = enter(client, budget_usd_max=2.0, tasks=tasks(10, LANES))
        run_id = start(client, found["project_id"]).json()["run_id"]
        path = f"{PROJECTS}/{found['project_id']}/runs/{run_id}"
        eventually(lambda: client.get(path).json()["status"] == "running", 30, "the PAS has no job card")
        assert plant.systems.complete(run_id)[0]["status"] == 200
    plant.await_rows(
        "SELECT 1 FROM estimate_versions WHERE lane_id = ANY(%s) AND is_latest "
        "GROUP BY tenant_id HAVING sum(observations) = 10",
        list(LANES),
        seconds=60,
    )
    return found | {"run_id": run_id}


def path(project: dict[str, Any], what: str) -> str:
    return f"{PROJECTS}/{project['project_id']}/{what}"


def test_vectors_1_and_2_the_same_key_gets_the_first_answer(client: httpx2.Client, project: dict[str, Any]) -> None:
    key = str(uuid.uuid4())
    first, second = (start(client, project["project_id"], key) for _ in range(2))
    assert (first.status_code, first.content) == (200, second.content)
    runs = client.get(path(project, "runs")).json()["runs"]
    assert [run["run_id"] for run in runs].count(first.json()["run_id"]) == 1


def test_vector_3_metrics_without_intervals(client: httpx2.Client, project: dict[str, Any]) -> None:
    told = client.get(path(project, "metrics"), params={"run_id": project["run_id"]})
    assert told.status_code == 200
    assert "intervals" not in told.text


def test_vector_4_metrics_with_intervals_say_more(client: httpx2.Client, project: dict[str, Any]) -> None:
    bare = client.get(path(project, "metrics")).json()
    told = client.get(path(project, "metrics"), params={"with_ci": 1})
    assert told.status_code == 200
    assert told.json().keys() >= bare.keys()
    assert len(told.content) > len(str(bare))


def test_vector_5_an_override_is_learned_from(
    plant: RunningPlant, client: httpx2.Client, project: dict[str, Any]
) -> None:
    body = {"lane_id": LANES[0], "tokens": 5_500, "reason": "more to read than the plan says"}
    answer = client.post(path(project, "lane-overrides"), json=body)
    assert answer.status_code == 201
    assert answer.json() in client.get(path(project, "lane-overrides")).json()["overrides"]
    learned = plant.await_rows(
        "SELECT o.is_counted, o.weight, o.observed_by FROM estimate_observations o WHERE o.observation_id = %s",
        answer.json()["override_id"],
        seconds=30,
    )
    assert learned == [(True, 0.5, "admin")]


def test_vector_6_the_runway_is_as_the_document_s_client_reads_it(
    client: httpx2.Client, project: dict[str, Any]
) -> None:
    told = client.get(path(project, "budget-runway")).json()
    assert told["budget"]["usd_max"] == 2.0
    assert told["budget"]["usd_spent"] > 0
    assert told["status"] in ("ok", "warning", "critical")
    assert {"minutes_to_depletion", "projected_overrun_usd"} <= told["runway"].keys()


def test_vector_7_the_risk_of_each_lane_and_phase(client: httpx2.Client, project: dict[str, Any]) -> None:
    answer = client.get(path(project, "risk-heatmap"))
    assert answer.status_code == 200
    assert all(lane in answer.text for lane in LANES)


def test_vector_8_a_rehearsal_sends_nothing(
    plant: RunningPlant, client: httpx2.Client, project: dict[str, Any]
) -> None:
    before = len(client.get(path(project, "runs")).json()["runs"])
    told = client.post(path(project, "simulate"), params={"rehearsal_pct": 0.01}).json()
    assert (told["sampled_count"], told["task_count"]) == (5, 10)
    cost = told["extrapolated"]["cost_usd"]
    assert 0 < cost["p5"] < cost["p50"] < cost["p95"]
    assert len(client.get(path(project, "runs")).json()["runs"]) == before


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("start", {"run_kind": "nightly"}),
        ("start", {"run_kind": "baseline", "provider_matrix": {"unknown-lane": "alpha"}}),
        ("start", {"run_kind": "rehearsal", "rehearsal_pct": 5}),
        ("simulate?rehearsal_pct=0", None),
        ("simulate?rehearsal_pct=2", None),
        ("simulate?rehearsal_pct=-1", None),
        ("simulate?rehearsal_pct=NaN", None),
        ("lane-overrides", {"lane_id": "x"}),
    ],
)
def test_vector_9_what_is_wrong_is_400(
    client: httpx2.Client, project: dict[str, Any], what: str, body: dict[str, Any] | None
) -> None:
    answer = client.post(path(project, what), json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json"), answer.text


def test_vector_10_many_at_once_are_each_answered(plant: RunningPlant, client: httpx2.Client) -> None:
    entered = [enter(client, name=f"Batch {number}", tasks=tasks(4, LANES))["project_id"] for number in range(8)]
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda each: start(client, each, str(uuid.uuid4())), entered))
    assert {answer.status_code for answer in answers} == {200}
    run_ids = [answer.json()["run_id"] for answer in answers]
    found = [client.get(f"{PROJECTS}/{each}/runs").json()["runs"] for each in entered]
    assert [[run["run_id"] for run in runs] for runs in found] == [[run_id] for run_id in run_ids]
    ids = client.get(f"{PROJECTS}/{entered[0]}/estimation-drift")
    assert (ids.status_code, all(lane in ids.text for lane in LANES)) == (200, True)
    assert plant.systems is not None
