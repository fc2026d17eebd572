"""How a run begins: its tasks with their providers and promises, its rows, and its job card, in one transaction."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from random import Random
from typing import Any, Final
from uuid import uuid4

import msgspec

from connectors.database import Rows
from connectors.deliveries.kinds import pas
from connectors.deliveries.making import make
from connectors.estimates import Priors
from connectors.gateway.known_priors import Promises
from connectors.gateway.problems import Problem
from schemas.settings import Settings
from schemas.views.projects import StartBody
from sql import project_runs
from sql.reads import projects
from streams.domain.estimation.figures import FIGURES
from streams.domain.estimation.sampling import Stratum, sample
from streams.domain.estimation.together import Work, together

Row = dict[str, Any]
REHEARSAL: Final = 0.01
"""Share of the tasks that a rehearsal carries out, where none is named (001: one per cent)."""
SUBMITTED: Final = "The run has begun; the PAS is told with retries."
NOBODY_TO_TELL: Final = "The run has begun. PAS_URL is not set, so no job card is sent and the run stays submitted."


def begin(
    rows: Rows, tenant_id: str, actor: str, project: Row, asked: StartBody, settings: Settings, known: Promises
) -> Row:
    """Begin a run of a project; what is answered. Raises Problem 400, 409."""
    matrix = asked.provider_matrix or {}
    share = share_of(asked)
    tasks = projects.tasks(rows, project["project_id"])
    _refuse_unknown_lanes(matrix, tasks)
    if project["status"] == "cancelled":
        raise Problem(409, f"Project {project['project_id']} is cancelled.")
    run_id, at = str(uuid4()), datetime.now(UTC)
    if share is not None:
        strata = strata_of(tasks, share, seed_of(run_id, share))
        drawn = {place for stratum in strata for place in stratum.drawn}
        tasks = [task for place, task in enumerate(tasks) if place in drawn]
    planned = assigned(known.priors, tasks, matrix)
    chosen = dict(sorted({**{task["lane_id"]: task["provider"] for task in planned}, **matrix}.items()))
    run = {
        "tenant_id": tenant_id,
        "run_id": run_id,
        "project_id": project["project_id"],
        "run_kind": asked.run_kind,
        "rehearsal_pct": share,
        "provider_matrix": chosen,
        "actor": actor,
        "at": at,
    }
    project_runs.begin(rows, run, [_with_promise(task, known) for task in planned])
    if settings.pas_url is not None:
        make(rows, [pas.submission(tenant_id, run_id)])
    return {
        **{name: run[name] for name in ("run_id", "project_id", "run_kind", "rehearsal_pct", "provider_matrix")},
        "status": "submitted",
        "task_count": len(planned),
        "promised": totals(planned, known),
        "message": NOBODY_TO_TELL if settings.pas_url is None else SUBMITTED,
    }


def assigned(priors: Priors, tasks: Sequence[Row], matrix: Mapping[str, str]) -> list[Row]:
    """Tasks with who does each: as the run says, else the task, else who has done most of its lane."""
    return [
        task | {"provider": matrix.get(lane) or task["provider"] or priors.usual_provider(lane)}
        for task in tasks
        for lane in (task["lane_id"],)
    ]


def strata_of(tasks: Sequence[Row], share: float, seed: int) -> list[Stratum]:
    """A share of the tasks, at least one of each complexity; the same seed draws the same."""
    chance = Random(seed)
    return sample([task["complexity"] for task in tasks], share, [chance.random() for _ in tasks])


def seed_of(subject: object, share: float) -> int:
    """The seed of a sample, where nobody names one."""
    return int.from_bytes(sha256(f"{subject}/{share!r}".encode()).digest()[:4])


def totals(planned: Sequence[Row], known: Promises) -> Row:
    """Per figure what all tasks take together; nothing of a run without tasks."""
    counts = Counter((task["lane_id"], task["provider"]) for task in planned)
    if not counts:
        return {}
    return {
        figure: together(
            Work(count, known.of(pair)[figure], known.priors.posterior(*pair, figure).shared)
            for pair, count in counts.items()
        )._asdict()
        for figure in FIGURES
    }


def share_of(asked: StartBody) -> float | None:
    """The share of the tasks that a run carries out; None: all of them. Raises Problem 400."""
    if asked.run_kind == "rehearsal":
        return asked.rehearsal_pct or REHEARSAL
    if asked.rehearsal_pct is not None:
        raise Problem(400, f"A {asked.run_kind} has no share of the tasks; a rehearsal has.", path="rehearsal_pct")
    return None


def _refuse_unknown_lanes(matrix: Mapping[str, str], tasks: Sequence[Row]) -> None:
    lanes = {task["lane_id"] for task in tasks}
    if unknown := sorted(matrix.keys() - lanes):
        known = ", ".join(sorted(lanes)) or "none: it has no tasks"
        raise Problem(
            400,
            f"The project has no lane {', '.join(unknown)}. Its lanes are {known}.",
            path=f"provider_matrix.{unknown[0]}",
            unknown_lanes=unknown,
        )


def _with_promise(task: Row, known: Promises) -> Row:
    pair = task["lane_id"], task["provider"]
    return {name: task[name] for name in ("task_id", "lane_id", "provider", "phase", "complexity")} | {
        "promised": msgspec.to_builtins(known.of(pair)),
        "prior_version": known.priors.version(*pair),
    }
