"""Projects through the running gateway: entered, started once, refused with a sentence (document 001)."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import psycopg
import pytest

from tests.offices import PROJECTS, enter, start, tag, tasks
from tests.plants import RunningPlant, eventually

pytestmark = [pytest.mark.services, pytest.mark.timeout(180)]

OF_RUNS = "SELECT count(*) FROM project_runs WHERE project_id = %s"


@pytest.fixture
def lanes() -> tuple[str, ...]:
    """Lanes that no other test knows."""
    return tuple(f"{name}{tag()}-x" for name in ("code", "docs", "data"))


@pytest.fixture
def project(client: httpx2.Client, lanes: tuple[str, ...]) -> dict[str, Any]:
    """A project of twelve tasks and two dollars."""
    return enter(client, budget_usd_max=2.0, tasks=tasks(12, lanes))


def _of(plant: RunningPlant, query: str, *values: Any) -> Any:
    with plant.rows() as rows:
        rows.execute(query.encode(), values)
        found = rows.fetchone()
    return found and next(iter(found.values()))


def _running(client: httpx2.Client, project_id: int, run_id: str) -> dict[str, Any]:
    """The run as soon as the PAS has its job card."""

    def look() -> Any:
        run = client.get(f"{PROJECTS}/{project_id}/runs/{run_id}").json()
        return run if run["status"] != "submitted" else None

    return dict(eventually(look, 30, f"run {run_id} was not submitted"))


# -- entered -----------------------------------------------------------------------------------------------------------


def test_a_project_is_told_with_its_tasks(client: httpx2.Client, project: dict[str, Any]) -> None:
    found = client.get(f"{PROJECTS}/{project['project_id']}").json()
    assert (found["name"], found["budget_usd_max"], found["status"]) == ("Test Project", 2.0, "pending")
    assert (found["task_count"], len(found["tasks"]), found["runs"]) == (12, 12, [])
    listed = client.get(PROJECTS, params={"q": "Test", "limit": 500}).json()["projects"]
    assert project["project_id"] in {each["project_id"] for each in listed}


def test_a_project_entered_by_sql_is_one_and_can_be_started(plant: RunningPlant, client: httpx2.Client) -> None:
    with psycopg.connect(plant.owner_url) as owner:
        owner.execute("SELECT set_config('app.current_tenant_id', %s, true)", [plant.endpoints["TENANT_ID"]])
        row = owner.execute(
            "INSERT INTO projects (name, prd_path, budget_usd_max, status) "
            "VALUES ('By SQL', 'docs/test_prd.md', 2.00, 'pending') RETURNING project_id"
        ).fetchone()
    assert row is not None
    answer = start(client, row[0], str(uuid.uuid4()))
    assert (answer.status_code, answer.json()["task_count"], answer.json()["promised"]) == (200, 0, {})
    assert _of(plant, OF_RUNS, row[0]) == 1


def test_tasks_are_added_all_or_none(client: httpx2.Client, project: dict[str, Any], lanes: tuple[str, ...]) -> None:
    path = f"{PROJECTS}/{project['project_id']}/tasks"
    more = [{"task_id": "T-100", "lane_id": lanes[0]}, {"task_id": "T-001", "lane_id": lanes[0]}]
    refused = client.post(path, json={"tasks": more})
    assert (refused.status_code, refused.json()["task_ids"]) == (409, ["T-001"])
    added = client.post(path, json={"tasks": more[:1]})
    assert (added.status_code, len(added.json()["tasks"])) == (201, 13)


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"name": ""}, "name"),
        ({"budget_usd_max": -0.01}, "budget_usd_max"),
        ({"budget_usd_max": "much"}, "budget_usd_max"),
        ({"tasks": [{"task_id": "T", "lane_id": "a/b"}]}, "tasks.0.lane_id"),
        ({"tasks": [{"task_id": "T", "lane_id": "a", "complexity": "easy"}]}, "tasks.0.complexity"),
        ({"tasks": [{"task_id": "T", "lane_id": "a", "tokens": -1}]}, "tasks.0.tokens"),
        ({"unknown": 1}, "unknown"),
    ],
)
def test_a_wrong_project_is_refused_with_its_field(client: httpx2.Client, fields: dict[str, Any], path: str) -> None:
    answer = client.post(PROJECTS, json={"name": "Wrong"} | fields)
    assert (answer.status_code, answer.json()["path"]) == (400, path)


def test_a_budget_of_zero_is_one(client: httpx2.Client) -> None:
    assert enter(client, budget_usd_max=0)["budget_usd_max"] == 0


# -- started -----------------------------------------------------------------------------------------------------------


def test_a_start_is_promised_and_reaches_the_pas(
    plant: RunningPlant, client: httpx2.Client, project: dict[str, Any], lanes: tuple[str, ...]
) -> None:
    answer = start(client, project["project_id"], provider_matrix={lanes[0]: "beta"})
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told["provider_matrix"] == {lanes[0]: "beta", lanes[1]: "alpha", lanes[2]: "alpha"}
    assert (
        told["promised"]["cost_usd"]["p5"] < told["promised"]["cost_usd"]["p50"] < told["promised"]["cost_usd"]["p95"]
    )
    run = _running(client, project["project_id"], told["run_id"])
    assert run["status"] == "running"
    (card,) = [each for each in plant.systems.held("pas", "runs") if each["run_id"] == told["run_id"]]
    assert (card["pas_run_id"], len(card["tasks"])) == (run["pas_run_id"], 12)
    assert {task["provider"] for task in card["tasks"] if task["lane_id"] == lanes[0]} == {"beta"}
    assert client.get(f"{PROJECTS}/{project['project_id']}").json()["status"] == "running"
    assert all(task["promised"]["tokens"]["p5"] > 0 and task["prior_version"] == 0 for task in run["tasks"])


def test_the_same_key_starts_once_and_answers_the_same(
    plant: RunningPlant, client: httpx2.Client, project: dict[str, Any]
) -> None:
    key = str(uuid.uuid4())
    with ThreadPoolExecutor(10) as threads:
        answers = list(threads.map(lambda _: start(client, project["project_id"], key), range(10)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert _of(plant, OF_RUNS, project["project_id"]) == 1
    assert start(client, project["project_id"], key, run_kind="hotfix").status_code == 422


def test_other_keys_start_other_runs(plant: RunningPlant, client: httpx2.Client, project: dict[str, Any]) -> None:
    keys = [str(uuid.uuid4()) for _ in range(5)]
    with ThreadPoolExecutor(5) as threads:
        answers = list(threads.map(lambda key: start(client, project["project_id"], key), keys))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["run_id"] for answer in answers}) == 5
    assert _of(plant, OF_RUNS, project["project_id"]) == 5


def test_a_rehearsal_carries_out_one_task_of_each_complexity(client: httpx2.Client, project: dict[str, Any]) -> None:
    answer = start(client, project["project_id"], run_kind="rehearsal", rehearsal_pct=0.01).json()
    assert (answer["task_count"], answer["rehearsal_pct"]) == (5, 0.01)
    run = client.get(f"{PROJECTS}/{project['project_id']}/runs/{answer['run_id']}").json()
    assert sorted(task["complexity"] for task in run["tasks"]) == sorted(
        ["trivial", "simple", "moderate", "complex", "extreme"]
    )


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"run_kind": "nightly"}, "run_kind"),
        ({"provider_matrix": {"no-such-lane": "alpha"}}, "provider_matrix.no-such-lane"),
        ({"provider_matrix": {"code": "a/b"}}, "provider_matrix.code"),
        ({"provider_matrix": {"code": ""}}, "provider_matrix.code"),
        ({"provider_matrix": {"code": 7}}, "provider_matrix.code"),
        ({"provider_matrix": ["alpha"]}, "provider_matrix"),
        ({"rehearsal_pct": 0.5}, "rehearsal_pct"),
        ({"run_kind": "rehearsal", "rehearsal_pct": 0}, "rehearsal_pct"),
        ({"run_kind": "rehearsal", "rehearsal_pct": 2}, "rehearsal_pct"),
    ],
)
def test_a_wrong_start_is_refused_with_its_field(
    plant: RunningPlant, client: httpx2.Client, project: dict[str, Any], body: dict[str, Any], path: str
) -> None:
    answer = start(client, project["project_id"], **body)
    assert (answer.status_code, answer.json()["path"]) == (400, path), answer.text
    assert _of(plant, OF_RUNS, project["project_id"]) == 0


def test_an_unknown_project_is_404_everywhere(client: httpx2.Client) -> None:
    path = f"{PROJECTS}/{2**50}"
    answers = [
        client.get(path),
        client.post(f"{path}/start", json={}),
        client.post(f"{path}/simulate"),
        client.get(f"{path}/runs"),
        client.get(f"{path}/runs/{uuid.uuid4()}"),
        client.get(f"{path}/lane-overrides"),
        client.post(f"{path}/lane-overrides", json={"lane_id": "a", "tokens": 1, "reason": "why"}),
        client.post(f"{path}/tasks", json={"tasks": [{"task_id": "T", "lane_id": "a"}]}),
    ]
    assert {answer.status_code for answer in answers} == {404}
    assert {answer.json()["detail"] for answer in answers} == {f"No project {2**50} is known."}


# -- rehearsed on paper ------------------------------------------------------------------------------------------------


def test_a_simulation_is_repeatable_and_sends_nothing(
    plant: RunningPlant, client: httpx2.Client, project: dict[str, Any]
) -> None:
    path = f"{PROJECTS}/{project['project_id']}/simulate"
    first, second = (client.post(path, params={"rehearsal_pct": 0.01}) for _ in range(2))
    assert (first.status_code, first.content) == (200, second.content)
    told = first.json()
    assert (told["task_count"], told["sampled_count"], told["is_submitted"]) == (12, 5, False)
    assert all(each["sampled"] == 1 for each in told["strata"])
    whole = client.post(path, params={"rehearsal_pct": 1}).json()
    assert (whole["sampled_count"], whole["extrapolated"]["tokens"]["sampling_std"]) == (12, 0)
    assert client.post(path, params={"rehearsal_pct": 0.2, "seed": 7}).json()["seed"] == 7
    assert _of(plant, OF_RUNS, project["project_id"]) == 0


@pytest.mark.parametrize("share", ["0", "2", "-1", "NaN", "inf", "1e400", "some", ""])
def test_a_share_that_is_none_is_refused(client: httpx2.Client, project: dict[str, Any], share: str) -> None:
    answer = client.post(f"{PROJECTS}/{project['project_id']}/simulate?rehearsal_pct={share}")
    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (400, "query.rehearsal_pct")


def test_a_project_without_tasks_has_nothing_to_sample(client: httpx2.Client) -> None:
    answer = client.post(f"{PROJECTS}/{enter(client)['project_id']}/simulate")
    assert (answer.status_code, "no tasks to sample" in answer.json()["detail"]) == (409, True)


# -- judged by people --------------------------------------------------------------------------------------------------


def test_an_override_is_listed_and_said_once(
    plant: RunningPlant, client: httpx2.Client, project: dict[str, Any], lanes: tuple[str, ...]
) -> None:
    path = f"{PROJECTS}/{project['project_id']}/lane-overrides"
    body = {"lane_id": lanes[0], "tokens": 5200, "cost_usd": 0.4, "reason": "the interface is larger than it looks"}
    key = {"Idempotency-Key": str(uuid.uuid4())}
    first, second = (client.post(path, json=body, headers=key) for _ in range(2))
    assert (first.status_code, first.content) == (201, second.content), first.text
    told = first.json()
    assert (told["provider"], told["weight"], told["overridden_by"]) == ("alpha", 0.5, "admin")
    assert told["estimated"]["tokens"]["mean"] == 3000
    assert client.get(path).json()["overrides"] == [told]
    assert client.get(path, params={"lane_id": lanes[1]}).json()["overrides"] == []


@pytest.mark.parametrize(
    ("changes", "status", "path"),
    [
        ({"lane_id": "nobody-knows"}, 404, "lane_id"),
        ({"provider": "nobody-knows"}, 404, "provider"),
        ({"task_id": "T-999"}, 404, "task_id"),
        ({"provider": "a/b"}, 400, "provider"),
        ({"tokens": -1}, 400, "tokens"),
        ({"tokens": None}, 400, "tokens"),
        ({"duration_minutes": 0}, 400, "duration_minutes"),
        ({"cost_usd": 1e8}, 400, "cost_usd"),
        ({"weight": 0}, 400, "weight"),
        ({"weight": 1.5}, 400, "weight"),
        ({"reason": ""}, 400, "reason"),
    ],
)
def test_a_wrong_override_is_refused_with_its_field(
    client: httpx2.Client,
    project: dict[str, Any],
    lanes: tuple[str, ...],
    changes: dict[str, Any],
    status: int,
    path: str,
) -> None:
    body = {"lane_id": lanes[0], "tokens": 5200, "reason": "why"} | changes
    answer = client.post(f"{PROJECTS}/{project['project_id']}/lane-overrides", json=body)
    assert (answer.status_code, answer.json()["path"]) == (status, path), answer.text


def test_who_may_only_read_starts_nothing(plant: RunningPlant, project: dict[str, Any]) -> None:
    from tests.gateways import erp

    with erp(plant) as reader:
        assert reader.get(f"{PROJECTS}/{project['project_id']}").status_code == 200
        assert start(reader, project["project_id"]).status_code == 403
