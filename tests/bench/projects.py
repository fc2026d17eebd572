"""A hundred people who start a project each, at the same moment, while the plant's machines speak (document 001)."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from tests.bench.figures import Figure, Measure, whole
from tests.bench.seam import machines_say
from tests.e2e.load import create_orders
from tests.gateways import operator
from tests.offices import enter, tasks
from tests.plants import RunningPlant, eventually

PEOPLE: Final = 100
TASKS: Final = 20
WANTED_SECONDS: Final = 0.3
MACHINES_PER_SECOND: Final = 100
MACHINES_SECONDS: Final = 40.0
ROUNDS: Final = 3
LANES: Final = ("code-api", "code-ui", "test-unit", "docs-guide")
RUNS: Final = "SELECT run_id::text, project_id FROM project_runs WHERE project_id = ANY(%s)"


def _round(plant: RunningPlant, folder: Path) -> list[float]:
    """Seconds until each start was answered. Raises AssertionError unless each project has one run, and the PAS too."""
    with operator(plant) as client:
        projects = [
            enter(client, name=f"Bench {uuid4().hex[:8]}", tasks=tasks(TASKS, LANES))["project_id"]
            for _ in range(PEOPLE)
        ]
    answers = _locust(plant, projects, folder / f"{projects[0]}.json")
    assert [each["status"] for each in answers] == [200] * PEOPLE
    rows = plant.await_rows(RUNS, projects)
    assert sorted(project for _, project in rows) == sorted(projects), "each project has one run"
    assert {run for run, _ in rows} == {each["run_id"] for each in answers}

    def submitted() -> list[str]:
        held = [card["run_id"] for card in plant.systems.held("pas", "runs") if card["project_id"] in set(projects)]
        return held if len(held) >= PEOPLE else []

    held = eventually(submitted, 120, "not every job card reached the PAS")
    assert sorted(held) == sorted(run for run, _ in rows), "each job card reached the PAS once"
    return sorted(each["seconds"] for each in answers)


def _locust(plant: RunningPlant, projects: list[int], path: Path) -> list[dict[str, Any]]:
    environment = os.environ | plant.endpoints
    environment |= {"PROJECT_IDS": ",".join(map(str, projects)), "STARTS_FILE": str(path)}
    command = [sys.executable, "-m", "locust", "-f", str(Path(__file__).parent / "clients" / "starts.py"), "--headless"]
    command += ["--users", str(PEOPLE), "--spawn-rate", str(PEOPLE), "--host", plant.endpoints["GATEWAY_URL"]]
    command += ["--run-time", "60s", "--only-summary"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert path.exists(), f"not every start was answered: {done.stderr[-2000:]}"
    answers: list[dict[str, Any]] = json.loads(path.read_text())
    return answers


def starts(plant: RunningPlant) -> Figure:
    """p95 over a hundred starts at once, the median of three rounds; none lost, none doubled."""
    orders = create_orders(plant.endpoints, [f"BESIDE-{uuid4().hex[:12]}" for _ in range(8)])
    machines = machines_say(plant, orders, MACHINES_PER_SECOND, MACHINES_SECONDS)
    with tempfile.TemporaryDirectory(prefix="bench-starts-") as folder:
        rounds = [_round(plant, Path(folder)) for _ in range(ROUNDS)]
    machines.communicate()
    for seconds in rounds:
        p50, p95, last = (seconds[int(share * PEOPLE)] for share in (0.5, 0.95, 0.99))
        print(f"  100 starts at once: p50 {1000 * p50:.0f} ms  p95 {1000 * p95:.0f} ms  last {1000 * last:.0f} ms")
    p95 = sorted(seconds[int(0.95 * PEOPLE)] for seconds in rounds)[ROUNDS // 2]
    name, against = "start_100_p95_seconds", "what is asked for"
    return Figure(name, round(p95, 4), "s", against, WANTED_SECONDS, round(p95 / WANTED_SECONDS, 2), "1x", "0.5x")


MEASURES: dict[str, Measure] = {"start_100_p95_seconds": whole(starts)}
