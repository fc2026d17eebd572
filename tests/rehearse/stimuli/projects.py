"""The project office and the PAS: runs are started, and their ends told by signed webhooks, more than once."""

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from compose.simulators.systems.pas import completion
from compose.simulators.systems.webhooks import signed
from tests.offices import PROJECTS, tasks
from tests.rehearse.ledger import Saying
from tests.rehearse.stimuli.web import Request, Voice

WEBHOOK: Final = "/webhooks/pas/completion"
LANES: Final = ("code-api", "code-ui", "test-unit")
TASKS: Final = 6
CHANNEL: Final = "completions"


class Projects:
    """A turn: a run is started, or one that was started is over; the latter is told one to three times."""

    def __init__(self, person: Voice, pas: Voice, secret: str, seed: int) -> None:
        self._person, self._pas, self._secret, self._seed = person, pas, secret, seed
        self._chance = random.Random(f"{seed}/projects")
        self._tasks = tasks(TASKS, LANES)
        self._project: int | None = None
        self._number = 0
        self._begun: list[str] = []

    def turn(self) -> None:
        """Enter the project, then start and complete runs in turn."""
        if self._project is None:
            self._enter()
        elif self._begun and self._chance.random() < 0.6:
            self._complete(self._begun.pop(0))
        else:
            self._start()

    def _enter(self) -> None:
        body = {"name": f"Rehearsal {self._seed}", "prd_path": "docs/rehearsal.md", "tasks": self._tasks}
        name = f"project-RH-{self._seed}"
        reply = self._person.ask(Request(_saying(name, "project", name, body), PROJECTS, name))
        if reply.is_ok:
            self._project = int(reply.document["project_id"])

    def _start(self) -> None:
        self._number += 1
        name = f"run-RH-{self._seed}-{self._number}"
        path = f"{PROJECTS}/{self._project}/start"
        reply = self._person.ask(Request(_saying(name, "run", name, {"run_kind": "baseline"}), path, name))
        if reply.is_ok:
            self._begun.append(str(reply.document["run_id"]))

    def _complete(self, run_id: str) -> None:
        now = datetime.now(UTC)
        card = {"project_id": self._project, "run_id": run_id, "tasks": self._tasks}
        over_at = now - timedelta(seconds=self._chance.choice((0, 0, 30)))
        body = completion(card, random.Random(f"{self._seed}/{self._number}"), over_at, {})
        saying = _saying(f"completion-{run_id}", "completion", run_id, body)
        names = [f"observation-{run_id}-{each['task_id']}" for each in body["tasks"]]
        parts = tuple(saying._replace(id=name, kind="observation") for name in names)
        for _ in range(self._chance.choice((1, 2, 3))):
            headers = signed(self._secret, f"msg_{run_id}", saying.data, datetime.now(UTC))
            self._pas.ask(Request(saying, WEBHOOK, headers=headers, parts=parts))


def _saying(name: str, kind: str, key: str, body: dict[str, Any]) -> Saying:
    return Saying(name, CHANNEL, kind, key, json.dumps(body).encode(), {})
