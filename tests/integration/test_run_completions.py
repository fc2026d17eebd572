"""The PAS says that runs are over: once, ten times, late, in part, wrongly, by strangers (document 001)."""

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from compose.simulators.systems.webhooks import signed
from tests.gateways import anybody
from tests.letters import detail, letters, original, repaired
from tests.offices import PROJECTS, enter, start, tag, tasks
from tests.plants import RunningPlant, eventually

pytestmark = [pytest.mark.services, pytest.mark.timeout(180)]

PATH = "/webhooks/pas/completion"


@pytest.fixture
def lanes() -> tuple[str, ...]:
    """Lanes that no other test knows."""
    return tuple(f"{name}{tag()}-x" for name in ("code", "docs"))


@pytest.fixture
def run(client: httpx2.Client, lanes: tuple[str, ...]) -> dict[str, Any]:
    """A run of six tasks that the PAS has."""
    project = enter(client, tasks=tasks(6, lanes))
    started = start(client, project["project_id"]).json()

    def submitted() -> Any:
        found = client.get(f"{PROJECTS}/{project['project_id']}/runs/{started['run_id']}").json()
        return found if found["status"] == "running" else None

    return dict(eventually(submitted, 30, "the PAS did not get the job card"))


def now(client: httpx2.Client, run: dict[str, Any]) -> dict[str, Any]:
    """The run as it stands."""
    return dict(client.get(f"{PROJECTS}/{run['project_id']}/runs/{run['run_id']}").json())


def body(run: dict[str, Any], count: int = 6, **changes: Any) -> dict[str, Any]:
    """A completion of the first tasks of a run."""
    done = [
        {"task_id": task["task_id"], "tokens": 3000 + place, "duration_seconds": 240, "cost_usd": 0.2, "quality": 1.0}
        for place, task in enumerate(run["tasks"][:count])
    ]
    return {
        "project_id": run["project_id"],
        "run_id": run["run_id"],
        "status": "completed",
        "completed_at": datetime.now(UTC).isoformat(),
        "tasks": done,
    } | changes


def post(
    plant: RunningPlant, data: bytes, at: datetime | None = None, headers: dict[str, str] | None = None
) -> httpx2.Response:
    """A webhook as the PAS signs it, unless a header says otherwise."""
    secret = plant.endpoints["PAS_WEBHOOK_SECRET"]
    told = signed(secret, f"msg_{uuid.uuid4().hex}", data, at or datetime.now(UTC)) | (headers or {})
    with anybody(plant) as stranger:
        return stranger.post(PATH, content=data, headers=told)


def tell(plant: RunningPlant, told: dict[str, Any]) -> httpx2.Response:
    """A signed completion."""
    return post(plant, json.dumps(told).encode())


def test_a_completion_ends_the_run_with_what_its_tasks_took(
    plant: RunningPlant, client: httpx2.Client, run: dict[str, Any]
) -> None:
    answer = tell(plant, body(run))
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["run_status"], told["completed"], told["missing"], told["set_aside"]) == ("completed", 6, 0, [])
    ended = now(client, run)
    assert (ended["status"], ended["tokens"], ended["usd_spent"]) == ("completed", 18015, pytest.approx(1.2))
    assert {task["duration_minutes"] for task in ended["tasks"]} == {4}
    project = client.get(f"{PROJECTS}/{run['project_id']}").json()
    assert (project["status"], project["usd_spent"]) == ("completed", pytest.approx(1.2))


def test_the_same_webhook_ten_times_changes_nothing(
    plant: RunningPlant, client: httpx2.Client, run: dict[str, Any]
) -> None:
    data = json.dumps(body(run)).encode()
    with ThreadPoolExecutor(5) as threads:
        answers = list(threads.map(lambda _: post(plant, data), range(10)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    ended = now(client, run)
    again = tell(plant, body(run, completed_at="2026-01-01T00:00:00Z", tasks=[]) | {"status": "failed"})
    assert (again.status_code, again.json()["run_status"]) == (200, "completed")
    assert now(client, run) == ended


def test_the_pas_may_name_its_own_id(plant: RunningPlant, client: httpx2.Client, run: dict[str, Any]) -> None:
    (answer,) = plant.systems.complete(run["pas_run_id"], by_own_id=True)
    assert (answer["status"], answer["answer"]["run_id"]) == (200, run["run_id"])
    assert now(client, run)["completed_count"] == 6


def test_tasks_that_nobody_reports_are_missing(plant: RunningPlant, client: httpx2.Client, run: dict[str, Any]) -> None:
    answer = tell(plant, body(run, count=3)).json()
    assert (answer["run_status"], answer["completed"], answer["missing"]) == ("completed", 3, 3)
    assert [task["status"] for task in now(client, run)["tasks"]] == ["completed"] * 3 + ["missing"] * 3
    assert client.get(f"{PROJECTS}/{run['project_id']}").json()["status"] == "running"


def test_absurd_figures_are_not_spent_and_are_shown_aside(
    plant: RunningPlant, client: httpx2.Client, run: dict[str, Any]
) -> None:
    told = body(run, count=2)
    told["tasks"][0] |= {"tokens": -5, "cost_usd": 1e12}
    assert tell(plant, told).status_code == 200
    first, second = now(client, run)["tasks"][:2]
    assert (first["tokens"], first["cost_usd"], second["tokens"]) == (None, None, 3001)


def test_an_unknown_run_is_404_and_kept(plant: RunningPlant, client: httpx2.Client) -> None:
    name = f"PAS-{tag()}"
    told = {"run_id": name, "status": "completed", "tasks": []}
    answer = tell(plant, told)
    assert (answer.status_code, answer.json()["detail"]) == (404, f"No run {name} is known.")
    (letter,) = (detail(client, each) for each in letters(plant, name))
    assert (letter["integration_type"], letter["origin"]) == ("pas_completion_inbound", "completion")
    assert tell(plant, told).status_code == 404
    assert len(letters(plant, name)) == 1


def test_another_project_s_run_is_404(plant: RunningPlant, client: httpx2.Client, run: dict[str, Any]) -> None:
    answer = tell(plant, body(run, project_id=run["project_id"] + 10_000))
    assert (answer.status_code, "belongs to project" in answer.json()["detail"]) == (404, True)
    assert now(client, run)["status"] == "running"


def test_tasks_that_the_run_does_not_have_are_set_aside_and_the_others_count(
    plant: RunningPlant, client: httpx2.Client, run: dict[str, Any]
) -> None:
    told = body(run)
    told["tasks"].append({"task_id": "T-unknown", "tokens": 1})
    answer = tell(plant, told).json()
    assert (answer["completed"], answer["set_aside"]) == (6, ["T-unknown"])
    kept = json.loads(original(detail(client, letters(plant, run["run_id"])[0])))
    assert [task["task_id"] for task in kept["tasks"]] == ["T-unknown"]


def test_a_letter_of_a_run_that_is_known_by_now_returns(
    plant: RunningPlant, client: httpx2.Client, run: dict[str, Any]
) -> None:
    told = body(run, run_id=f"PAS-{tag()}")
    assert tell(plant, told).status_code == 404
    (letter,) = letters(plant, told["run_id"])
    edits = [{"op": "replace", "path": "/run_id", "value": run["run_id"]}]
    repaired(client, letter, "edit-retry", edits=edits, reason="the PAS named another id")
    assert (now(client, run)["status"], now(client, run)["completed_count"]) == ("completed", 6)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"{", "TRUNCATED_JSON"),
        (b"no json", "INVALID_JSON"),
        (b"", "EMPTY_MESSAGE"),
        (b"{}", "VALIDATION_ERROR"),
        (b'{"run_id": 7}', "VALIDATION_ERROR"),
        (b'{"run_id": "R", "tasks": [{"task_id": "T", "tokens": NaN}]}', "INVALID_JSON"),
        (b'{"run_id": "R", "tasks": [{"task_id": "T", "tokens": 1e999}]}', None),
        (b'{"run_id": "R", "tasks": [{"task_id": "T"}, {"task_id": "T"}]}', "VALIDATION_ERROR"),
        (b'{"run_id": "R", "completed_at": "yesterday"}', "VALIDATION_ERROR"),
    ],
)
def test_a_signed_body_that_is_no_completion_is_400(plant: RunningPlant, data: bytes, code: str | None) -> None:
    answer = post(plant, data)
    assert answer.status_code == 400, answer.text
    assert code in (None, answer.json()["reason"])


@pytest.mark.parametrize(
    "headers",
    [
        {"webhook-signature": "v1,AAAA"},
        {"webhook-signature": "nonsense"},
        {"webhook-signature": "v1,%%%"},
        {"webhook-signature": ""},
        {"webhook-id": "another"},
        {"webhook-timestamp": "soon"},
        {"webhook-timestamp": "nan"},
    ],
)
def test_a_stranger_is_401(
    plant: RunningPlant, client: httpx2.Client, run: dict[str, Any], headers: dict[str, str]
) -> None:
    assert post(plant, json.dumps(body(run)).encode(), headers=headers).status_code == 401
    assert now(client, run)["status"] == "running"


@pytest.mark.parametrize("away", [timedelta(minutes=-6), timedelta(minutes=6)])
def test_a_signature_of_another_time_is_401(plant: RunningPlant, run: dict[str, Any], away: timedelta) -> None:
    answer = post(plant, json.dumps(body(run)).encode(), at=datetime.now(UTC) + away)
    assert (answer.status_code, "timestamp too" in answer.json()["detail"]) == (401, True)


def test_a_project_without_tasks_takes_what_the_pas_planned(plant: RunningPlant, client: httpx2.Client) -> None:
    project = enter(client)
    started = start(client, project["project_id"]).json()
    lane = f"code{tag()}"
    task = {"task_id": "P-1", "lane_id": lane, "provider": "alpha", "tokens": 10, "cost_usd": 0.1}
    incomplete = {"run_id": started["run_id"], "tasks": [{"task_id": "P-1", "lane_id": lane}]}
    assert tell(plant, incomplete).status_code == 400
    answer = tell(plant, incomplete | {"tasks": [task]}).json()
    assert (answer["run_status"], answer["completed"]) == ("completed", 1)
    (found,) = now(client, {"project_id": project["project_id"], "run_id": started["run_id"]})["tasks"]
    assert (found["lane_id"], found["tokens"], found["promised"]) == (lane, 10, {})


def test_a_failed_run_says_so(plant: RunningPlant, client: httpx2.Client, run: dict[str, Any]) -> None:
    told = body(run, count=1) | {"status": "failed", "message": "The provider was away."}
    told["tasks"][0]["status"] = "failed"
    answer = tell(plant, told).json()
    assert (answer["run_status"], answer["failed"], answer["missing"]) == ("failed", 1, 5)
    ended = now(client, run)
    assert (ended["failure"], ended["usd_spent"]) == ("The provider was away.", pytest.approx(0.2))


def test_a_pas_that_refuses_leaves_the_run_failed_and_a_letter(plant: RunningPlant, client: httpx2.Client) -> None:
    project = enter(client, tasks=tasks(2, (f"code{tag()}",)))
    plant.systems.fault("pas", "status:422", path="submit")
    started = start(client, project["project_id"]).json()

    def failed() -> Any:
        found = now(client, {"project_id": project["project_id"], "run_id": started["run_id"]})
        return found if found["status"] == "failed" else None

    found = eventually(failed, 30, "the run did not fail")
    plant.systems.heal()
    assert "422" in found["failure"]
    letters = plant.await_rows(
        "SELECT failure_id FROM integration_failures WHERE integration_type = 'pas_job_card_outbound' "
        "AND original_message->'body'->>'run_id' = %s",
        started["run_id"],
    )
    assert client.post(f"/api/v1/failures/{letters[0][0]}/retry", json={"reason": "it is well again"}).is_success
    eventually(
        lambda: now(client, {"project_id": project["project_id"], "run_id": started["run_id"]})["status"] == "running",
        30,
        "the job card was not delivered again",
    )
