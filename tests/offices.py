"""Projects for the suites: entered through the gateway, with tasks in lanes of their own."""

from typing import Any, Final
from uuid import uuid4

import httpx2

PROJECTS: Final = "/api/projects"
COMPLEXITIES: Final = ("trivial", "simple", "moderate", "moderate", "complex", "extreme")
PHASES: Final = ("design", "build", "verify")


def tag() -> str:
    """What tells the lanes of a test from those of another."""
    return uuid4().hex[:8]


def tasks(count: int, lanes: tuple[str, ...], provider: str | None = "alpha") -> list[dict[str, Any]]:
    """Tasks over lanes, phases and complexities."""
    return [
        {
            "task_id": f"T-{number:03}",
            "title": f"Task {number}",
            "phase": PHASES[number % len(PHASES)],
            "lane_id": lanes[number % len(lanes)],
            "provider": provider,
            "complexity": COMPLEXITIES[number % len(COMPLEXITIES)],
        }
        for number in range(count)
    ]


def enter(client: httpx2.Client, **fields: Any) -> dict[str, Any]:
    """A project; it has its number, tasks and no runs."""
    answer = client.post(PROJECTS, json={"name": "Test Project", "prd_path": "docs/test_prd.md"} | fields)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def start(client: httpx2.Client, project_id: int, key: str | None = None, **body: Any) -> httpx2.Response:
    """Start a run."""
    headers = {"Idempotency-Key": key} if key else {}
    return client.post(f"{PROJECTS}/{project_id}/start", json={"run_kind": "baseline"} | body, headers=headers)
