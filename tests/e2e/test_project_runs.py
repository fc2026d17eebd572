"""Projects run from end to end with a PAS, while the processes in between are killed; what priors learned is exact."""

import math
from datetime import datetime
from random import Random
from typing import Any
from uuid import uuid4

import httpx2
import msgspec
import pytest
import stamina

from schemas.messages.estimates import Figure
from streams.domain.estimation.figures import DEFAULTS, FIGURES
from streams.domain.estimation.learning import NOTHING, learn, learned_of
from tests.gateways import operator
from tests.offices import PROJECTS, enter, tag, tasks
from tests.plants import RunningPlant, eventually

pytestmark = [pytest.mark.services, pytest.mark.chaos, pytest.mark.timeout(300)]

RUNS = 6
TASKS = 12
ALPHA = 0.3
LATEST = """
SELECT lane_id, provider, version, observations, learned FROM estimate_versions
WHERE is_latest AND lane_id = ANY(%s) ORDER BY lane_id, provider
"""


def persistently(client: httpx2.Client, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """Post until it is answered, with one key: what a client does whose gateway dies under it."""
    headers = {"Idempotency-Key": str(uuid4())}
    for attempt in stamina.retry_context(on=httpx2.HTTPError, attempts=None, timeout=60, wait_max=1):
        with attempt:
            return dict(client.post(path, json=body, headers=headers).raise_for_status().json())
    raise AssertionError("unreachable: the last attempt returns or raises")


def _place(observed: dict[str, Any]) -> tuple[datetime, str]:
    return datetime.fromisoformat(observed["completed_at"]), observed["observation_id"]


def calmly(observed: list[dict[str, Any]], figure: Figure) -> dict[str, float]:
    """Observations one after the other, in order: the document's smoothing by hand, the rest without any process."""
    mean, variance, known = DEFAULTS[figure].mean, DEFAULTS[figure].std ** 2, NOTHING[figure]
    for each in sorted(observed, key=_place):
        if (value := each[figure]) is not None:
            share = ALPHA * each["weight"]
            mean, variance = mean + share * (value - mean), (1 - share) * (variance + share * (value - mean) ** 2)
            known = learn(figure, known, value, each["weight"], is_outcome=each["weight"] == 1.0)
    return msgspec.structs.asdict(learned_of(known)) | {"mean": mean, "std": math.sqrt(variance)}


def _submitted(client: httpx2.Client, project_id: int, run_id: str) -> None:
    path = f"{PROJECTS}/{project_id}/runs/{run_id}"
    eventually(lambda: client.get(path).json()["status"] == "running", 60, f"run {run_id} was not submitted")


def _observed(
    client: httpx2.Client, project_id: int, run_ids: list[str]
) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """By lane and provider what the runs of a project took, as the API tells it."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for run_id in run_ids:
        run = client.get(f"{PROJECTS}/{project_id}/runs/{run_id}").json()
        assert (run["status"], run["missing_count"]) == ("completed", 0)
        for task in run["tasks"]:
            pair = task["lane_id"], task["provider"]
            seen = task | {"observation_id": f"{run_id}/{task['task_id']}", "weight": 1.0}
            found.setdefault(pair, []).append(seen)
    return found


def test_a_project_runs_end_to_end_while_agents_and_gateway_are_killed(plant: RunningPlant) -> None:
    lanes = tuple(f"{name}{tag()}-x" for name in ("code", "docs", "data"))
    with operator(plant) as client:
        project_id = enter(client, budget_usd_max=20, tasks=tasks(TASKS, lanes))["project_id"]
        run_ids = []
        for number in range(RUNS):
            matrix = {lanes[0]: "beta"} if number % 2 else {}
            body = {"run_kind": "baseline", "provider_matrix": matrix}
            run_ids.append(persistently(client, f"{PROJECTS}/{project_id}/start", body)["run_id"])
            if number == 1:
                plant.kill("gateway")
        for run_id in run_ids:
            _submitted(client, project_id, run_id)
        order = list(run_ids)
        Random(3).shuffle(order)
        for number, run_id in enumerate(order):
            if number in (1, 4):
                plant.kill("agents")
            if number == 2:
                plant.kill("gateway")
            answers = plant.systems.complete(run_id, times=2, seconds_ago=20 * (number % 3), drift={lanes[1]: 1.5})
            assert [answer["status"] for answer in answers] == [200, 200]
        judged = persistently(
            client,
            f"{PROJECTS}/{project_id}/lane-overrides",
            {"lane_id": lanes[2], "tokens": 4321, "reason": "somebody who knows it said so"},
        )
        observed = _observed(client, project_id, run_ids)
    observed[lanes[2], "alpha"].append(
        {name: judged[name] for name in (*FIGURES, "weight")}
        | {"completed_at": judged["overridden_at"], "observation_id": judged["override_id"]}
    )
    _assert_learned(plant, lanes, observed)
    acted = [card for card in plant.systems.held("pas", "runs") if card["project_id"] == project_id]
    assert sorted(card["run_id"] for card in acted) == sorted(run_ids), "each job card reached the PAS once"


def _assert_learned(
    plant: RunningPlant, lanes: tuple[str, ...], observed: dict[tuple[str, str], list[dict[str, Any]]]
) -> None:
    """Every observation counts once, and the priors are those of a calm calculation to 1e-9."""
    wanted = {pair: len(each) for pair, each in observed.items()}

    def learned() -> Any:
        with plant.rows() as rows:
            rows.execute(LATEST.encode(), [list(lanes)])
            found = {(row["lane_id"], row["provider"]): row for row in rows.fetchall()}
        return found if {pair: row["observations"] for pair, row in found.items()} == wanted else None

    found = eventually(learned, 60, f"the priors did not come to {wanted} observations")
    for pair, seen in observed.items():
        for figure in FIGURES:
            calm, ours = calmly(seen, figure), found[pair]["learned"][figure]
            for name, value in calm.items():
                assert ours[name] == pytest.approx(value, rel=1e-9, abs=1e-9), (pair, figure, name)
    with plant.rows() as rows:
        rows.execute("SELECT count(*) AS n FROM estimate_observations WHERE lane_id = ANY(%s)", [list(lanes)])
        assert rows.fetchone() == {"n": sum(wanted.values())}
