"""What locust runs: every user has a project of its own and starts it once, all of them at the same moment.

Run by `projects.py`: `PROJECT_IDS` are the projects, `STARTS_FILE` is where answers and times go, one line each.
"""

import json
import os
import time
from itertools import count
from pathlib import Path
from typing import Any

import gevent.event
from locust import FastHttpUser, task

PROJECTS = [int(each) for each in os.environ.get("PROJECT_IDS", "").split(",") if each]
numbers = count()
ready: list[int] = []
everybody_is_here = gevent.event.Event()
answers: list[dict[str, Any]] = []


class Starter(FastHttpUser):  # type: ignore[misc]  # locust has no types
    """Somebody with a project."""

    def on_start(self) -> None:
        """Take a project, connect, and wait for the others."""
        self.project = PROJECTS[next(numbers) % len(PROJECTS)]
        self.token = {"Authorization": f"Bearer {os.environ['ADMIN_TOKEN']}"}
        self.client.get(f"/api/projects/{self.project}", headers=self.token, name="look")
        ready.append(self.project)
        if len(ready) == len(PROJECTS):
            everybody_is_here.set()
        everybody_is_here.wait()

    @task
    def start_project(self) -> None:
        """Start it, once."""
        headers = self.token | {"Idempotency-Key": f"bench-{self.project}"}
        began = time.perf_counter()
        answer = self.client.post(
            f"/api/projects/{self.project}/start", json={"run_kind": "baseline"}, headers=headers, name="start"
        )
        seconds = time.perf_counter() - began
        told = answer.json() if answer.status_code == 200 else {}
        answers.append({"seconds": seconds, "status": answer.status_code, "run_id": told.get("run_id")})
        if len(answers) == len(PROJECTS):
            Path(os.environ["STARTS_FILE"]).write_text(json.dumps(answers))
            self.environment.runner.quit()
        self.stop()
