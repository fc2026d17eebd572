"""The project office: enters two projects, starts runs of them, and has the PAS say what they took."""

import json
import random
import threading
from collections import deque
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import httpx2
import structlog

from compose.simulators.client import Away, GatewayClient, Header
from schemas.settings import Settings

log = structlog.get_logger()

PROJECTS: Final = "/api/projects"
TICK_SECONDS: Final = 0.5
START_EVERY_SECONDS: Final = 9.0
CARRIED_OUT_SECONDS: Final = (4.0, 12.0)
OVERRIDE_EVERY: Final = 7
DRIFTING: Final = "test-integration"
DRIFT_A_RUN: Final = 1.03
MOST_DRIFT: Final = 2.0
# Lanes of one family share the word before the hyphen.
LANES: Final = ("code-api", "code-ui", "test-unit", "test-integration", "docs-guide", "data-migration")
PROVIDERS: Final = ("alpha-large", "alpha-small", "bravo")
COMPLEXITIES: Final = ("trivial", "simple", "moderate", "moderate", "complex", "extreme")
PHASES: Final = ("design", "build", "verify")
KINDS: Final = ("baseline", "baseline", "replay", "hotfix", "rehearsal")
OFFICE: Final = (("Line 2 dashboards", 24, 9.0), ("Supplier portal", 18, 4.0))
"""Projects: name, tasks, budget in dollars for each run that it may have."""


class Begun(NamedTuple):
    """A run that the PAS carries out, and when it will be done."""

    run_id: str
    due_at: float


def run(settings: Settings, *, seed: int, stop: threading.Event) -> int:
    """Work until somebody asks to stop."""
    office = ProjectOffice(settings, random.Random(seed), stop)
    try:
        office.enter()
        while not stop.wait(TICK_SECONDS):
            office.look(datetime.now(UTC).timestamp())
    except (Away, httpx2.HTTPError) as error:
        log.warning("the project office ends with something unanswered", error=str(error))
        return 1
    finally:
        office.close()
    return 0


class ProjectOffice:
    """Who plans projects, and the world in which the PAS works. A second day finds the projects as they were."""

    def __init__(self, settings: Settings, chance: random.Random, stop: threading.Event) -> None:
        self._client = GatewayClient(settings, stop, Header("Authorization", f"Bearer {settings.admin_token}"))
        base = (settings.pas_url or "").removesuffix("/pas")
        self._pas = httpx2.Client(base_url=f"{base}/_control", timeout=90)
        self._chance = chance
        self._projects: list[int] = []
        self._started_at = 0.0
        self._runs = 0
        self._drift = 1.0
        self._begun: deque[Begun] = deque()

    def enter(self) -> None:
        """The projects; what is there already stays as it is."""
        for place, (name, count, budget) in enumerate(OFFICE):
            body = {
                "name": name,
                "prd_path": f"docs/PRDs/{name.lower().replace(' ', '_')}.md",
                "budget_usd_max": budget,
                "tasks": [_task(number, place) for number in range(count)],
            }
            answer = self._client.post(PROJECTS, json.dumps(body).encode(), f"office-project-{place}")
            self._projects.append(answer.raise_for_status().json()["project_id"])

    def look(self, now: float) -> None:
        """Start a run when it is time, judge a lane now and then, and have the PAS tell what is done."""
        if now - self._started_at >= START_EVERY_SECONDS:
            self._started_at = now
            self._start(now)
        if self._begun and self._begun[0].due_at <= now:
            self._complete(self._begun.popleft(), now)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
        self._pas.close()

    def _start(self, now: float) -> None:
        project = self._projects[self._runs % len(self._projects)]
        kind = KINDS[self._runs % len(KINDS)]
        self._runs += 1
        body: dict[str, Any] = {"run_kind": kind}
        if kind == "rehearsal":
            body["rehearsal_pct"] = 0.1
        if kind == "hotfix":
            body["provider_matrix"] = {"code-api": self._chance.choice(PROVIDERS)}
        answer = self._client.post(f"{PROJECTS}/{project}/start", json.dumps(body).encode(), None).raise_for_status()
        due_at = now + self._chance.uniform(*CARRIED_OUT_SECONDS)
        self._begun.append(Begun(answer.json()["run_id"], due_at))
        if self._runs % OVERRIDE_EVERY == 0:
            self._judge(project)

    def _judge(self, project: int) -> None:
        body = {
            "lane_id": DRIFTING,
            "duration_minutes": round(7 * self._drift, 2),
            "reason": "the test environment has become slower",
        }
        self._client.post(f"{PROJECTS}/{project}/lane-overrides", json.dumps(body).encode(), None).raise_for_status()

    def _complete(self, begun: Begun, now: float) -> None:
        """One in five is told late, one in five twice; a job card that is still on its way is asked for later."""
        self._drift = min(MOST_DRIFT, self._drift * DRIFT_A_RUN)
        order = {
            "run_ids": [begun.run_id],
            "drift": {DRIFTING: self._drift},
            "seconds_ago": self._chance.choice((0, 0, 0, 0, 30)),
            "times": self._chance.choice((1, 1, 1, 1, 2)),
            "leave_out": self._chance.choice((0, 0, 0, 0, 0, 0, 0, 1)),
        }
        answer = self._pas.post("/pas/completions", json=order)
        if answer.status_code == 404:
            self._begun.append(begun._replace(due_at=now + 1))
            return
        log.debug("completed", run=begun.run_id, answers=answer.raise_for_status().json())


def _task(number: int, place: int) -> dict[str, Any]:
    lane = LANES[number % len(LANES)]
    return {
        "task_id": f"T-{number + 1:03}",
        "title": f"{lane.replace('-', ' ')}, part {number // len(LANES) + 1}",
        "phase": PHASES[number * len(PHASES) // 24 % len(PHASES)],
        "lane_id": lane,
        "provider": PROVIDERS[(LANES.index(lane) + place) % len(PROVIDERS)],
        "complexity": COMPLEXITIES[(number * 5 + place) % len(COMPLEXITIES)],
    }
