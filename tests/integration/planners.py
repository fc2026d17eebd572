"""The planner as a process beside `jobs`, which publishes its requests and events, and a gateway to ask it through."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from schemas.codec import decode
from tests.integration.kept import Kept
from tests.integration.workers import read
from tests.plants import RunningPlant, eventually

WAITING = ("queued", "running")


def kept_planner(plant: RunningPlant, folder: Path, **env: str) -> Kept:
    """One planner."""
    return Kept(folder / "planner.log", ["streams", "planner"], plant.endpoints | env)


def admin(plant: RunningPlant) -> dict[str, str]:
    """The headers of somebody who may plan."""
    return {"Authorization": f"Bearer {plant.endpoints['ADMIN_TOKEN']}"}


def ended(client: TestClient, url: str, waiting: Sequence[str] = WAITING, seconds: float = 40) -> dict[str, Any]:
    """What a plan is once it waits no longer."""

    def ask() -> dict[str, Any] | None:
        told = client.get(url)
        assert told.status_code == 200, told.text
        found: dict[str, Any] = told.json()
        return None if found["status"] in waiting else found

    return eventually(ask, seconds, f"{url} is not computed") or {}


def scheduled(client: TestClient, **wanted: Any) -> dict[str, Any]:
    """A schedule that the planner computed."""
    told = client.post("/api/v1/schedules", json={"seconds": 0.5, **wanted})
    assert told.status_code == 202, told.text
    return ended(client, told.json()["status_url"])


def said(plant: RunningPlant, plan_id: str) -> list[str]:
    """The types of the events about a plan."""
    messages = [decode(record.value()) for record in read(plant.settings(), "plans")]
    return [each.type for each in messages if getattr(each.payload, "plan_id", None) == plan_id]


def accepted(client: TestClient, **wanted: Any) -> dict[str, Any]:
    """A schedule that holds."""
    found = scheduled(client, **wanted)
    told = client.post(f"/api/v1/schedules/{found['schedule_id']}/accept")
    assert told.status_code == 200, told.text
    return found
