"""The simulated PAS refuses what is wrong, takes a job card once, and signs what it says of a run."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from statistics import median
from typing import Any

import httpx2
import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from compose.simulators.projects import KINDS, LANES, OFFICE, PROVIDERS, _task
from compose.simulators.systems.pas import completion
from compose.simulators.systems.webhooks import signed
from schemas.views.projects import ProjectBody
from tests.calls import post, token
from tests.receivers import Hook, hook
from tests.systems import SimulatedSystems, simulated_systems

SUBMIT = "/pas/pas/architect/submit"
SECRET = "whsec_c2VjcmV0IG9mIHRoZSBwbGFudCBhbmQgdGhlIFBBUw=="


@pytest.fixture(scope="module")
def systems() -> Iterator[SimulatedSystems]:
    with simulated_systems() as systems:
        yield systems


@pytest.fixture
def client(systems: SimulatedSystems) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=systems.url, timeout=30) as client:
        client.headers["Authorization"] = f"Bearer {token(client)['access_token']}"
        yield client


@pytest.fixture
def plant(systems: SimulatedSystems) -> Iterator[Hook]:
    with hook() as heard:
        systems.serve("pas", "webhook", {"url": f"{heard.url}/webhooks/pas/completion", "secret": SECRET})
        yield heard


def card(run_id: str, count: int = 3, **changes: Any) -> dict[str, Any]:
    tasks = [
        {"task_id": f"T-{number}", "lane_id": "code-api", "provider": "alpha", "complexity": "moderate"}
        for number in range(count)
    ]
    told = {"project_id": 1, "run_id": run_id, "run_kind": "baseline", "provider_matrix": {}, "tasks": tasks}
    return told | changes


def test_a_job_card_is_taken_once(systems: SimulatedSystems, client: httpx2.Client) -> None:
    first, second = (post(client, SUBMIT, card("R-once"), "once") for _ in range(2))
    assert (first.status_code, first.content) == (200, second.content)
    assert systems.acted("pas")["once"] == 1
    assert post(client, SUBMIT, card("R-once"), "another").status_code == 409
    assert len([each for each in systems.held("pas", "runs") if each["run_id"] == "R-once"]) == 1


@pytest.mark.parametrize(
    "changes",
    [{"run_kind": "nightly"}, {"run_id": ""}, {"project_id": 0}, {"tasks": [{"task_id": "T"}]}, {"tasks": None}],
)
def test_a_wrong_job_card_is_refused(client: httpx2.Client, changes: dict[str, Any]) -> None:
    assert post(client, SUBMIT, card("R-wrong") | changes, json.dumps(changes)).status_code == 400


def test_who_has_no_right_is_refused(client: httpx2.Client) -> None:
    given = token(client, scope="erp.write")
    headers = {"Authorization": f"Bearer {given['access_token']}", "Idempotency-Key": "no-right"}
    assert client.post(SUBMIT, json=card("R-right"), headers=headers).status_code == 403


def test_a_completion_is_signed_and_told_as_often_as_asked(
    systems: SimulatedSystems, client: httpx2.Client, plant: Hook
) -> None:
    post(client, SUBMIT, card("R-told"), "told")
    answers = systems.complete("R-told", times=3, leave_out=1)
    assert [answer["status"] for answer in answers] == [202] * 3
    (_, headers, body), *others = plant.told
    assert [each[2] for each in others] == [body] * 2
    assert [task["task_id"] for task in body["tasks"]] == ["T-0", "T-1"]
    assert Webhook(SECRET).verify(json.dumps(body), headers) == body
    with pytest.raises(WebhookVerificationError, match="No matching signature"):
        Webhook(SECRET).verify(json.dumps(body | {"status": "failed"}), headers)


def test_runs_are_told_in_the_order_that_is_asked_for(
    systems: SimulatedSystems, client: httpx2.Client, plant: Hook
) -> None:
    for name in ("R-1", "R-2", "R-3"):
        post(client, SUBMIT, card(name), name)
    systems.complete("R-3", "R-1", "R-2")
    assert [body["run_id"] for _, _, body in plant.told] == ["R-3", "R-1", "R-2"]
    systems.complete("R-3", by_own_id=True)
    assert plant.told[-1][2]["run_id"].startswith("PAS-")


def test_a_run_that_nobody_submitted_cannot_be_completed(systems: SimulatedSystems) -> None:
    answer = systems.control.post("/_control/pas/completions", json={"run_ids": ["R-nobody"]})
    assert answer.status_code == 404


def test_an_old_signature_is_told_from_a_fresh_one() -> None:
    data = b"{}"
    headers = signed(SECRET, "msg_1", data, datetime.now(UTC) - timedelta(minutes=6))
    with pytest.raises(WebhookVerificationError, match="too old"):
        Webhook(SECRET).verify(data, headers)


def test_what_tasks_take_follows_from_the_seed_and_drifts_as_told() -> None:
    told = card("R", 400) | {"pas_run_id": "PAS-1"}
    at = datetime(2026, 3, 1, tzinfo=UTC)
    first, again, drifted = (completion(told, Random(5), at, drift) for drift in ({}, {}, {"code-api": 2.0}))
    assert first == again
    minutes = [task["duration_minutes"] for task in first["tasks"]]
    assert min(minutes) > 0
    assert median(task["duration_minutes"] for task in drifted["tasks"]) == pytest.approx(2 * median(minutes), rel=1e-3)


def test_the_office_has_two_projects_of_about_forty_tasks_in_six_lanes_with_three_providers() -> None:
    bodies = [
        ProjectBody(name=name, budget_usd_max=budget, tasks=[_task(number, place) for number in range(count)])
        for place, (name, count, budget) in enumerate(OFFICE)
    ]
    tasks = [task for body in bodies for task in body.tasks]
    assert (len(bodies), len(tasks)) == (2, 42)
    assert {task.lane_id for task in tasks} == set(LANES)
    assert {task.provider for task in tasks} == set(PROVIDERS)
    assert {task.complexity for task in tasks} == {"trivial", "simple", "moderate", "complex", "extreme"}
    assert set(KINDS) == {"baseline", "replay", "hotfix", "rehearsal"}
