"""The PAS, which carries out projects (001): the job card it is given, and what it says when a run is over."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Literal, NamedTuple

import msgspec
from msgspec import Meta

from connectors.systems.statement import Context, in_utc, read
from schemas.codec import Unreadable
from schemas.envelope import Moment
from schemas.ids import short
from schemas.messages.estimates import Figure, LaneName, Observed, Promised
from schemas.messages.values import Count, Name, Text

Row = Mapping[str, Any]
Ended = Literal["completed", "failed", "cancelled"]
FIGURES: Final = ("tokens", "duration_minutes", "cost_usd")
MOST_TASKS: Final = 5_000


class DoneTask(msgspec.Struct, frozen=True, kw_only=True):
    """What the PAS says of one task. A figure it did not measure is absent; a duration is in minutes or in seconds."""

    task_id: Name
    lane_id: LaneName | None = None
    provider: LaneName | None = None
    status: Literal["completed", "failed"] = "completed"
    completed_at: Moment | None = None
    tokens: float | None = None
    duration_minutes: float | None = None
    duration_seconds: float | None = None
    cost_usd: float | None = None
    quality: float | None = None

    @property
    def minutes(self) -> float | None:
        """How long it took."""
        if self.duration_minutes is None and self.duration_seconds is not None:
            return self.duration_seconds / 60
        return self.duration_minutes


class Completion(msgspec.Struct, frozen=True, kw_only=True):
    """A run is over: `run_id` is ours or the PAS's own. Without a moment it was over when we heard of it."""

    run_id: Name
    project_id: Count | None = None
    status: Ended = "completed"
    completed_at: Moment | None = None
    message: Text | None = None
    tasks: Annotated[tuple[DoneTask, ...], Meta(max_length=MOST_TASKS)] = ()


class Report(NamedTuple):
    """A completion held against the tasks that its run has.

    `done` are rows for `run_tasks`, `observed` what priors may learn from it, `unknown` the ids of tasks that the run
    does not have.
    """

    done: list[dict[str, Any]]
    observed: list[Observed]
    unknown: list[str]


_completion = msgspec.json.Decoder(Completion)


def completion(data: bytes, context: Context) -> Completion:
    """What the PAS says. Raises Unreadable, where it names a task twice as well."""
    told: Completion = read(_completion, data, context)
    seen: set[str] = set()
    for place, task in enumerate(told.tasks):
        if task.task_id in seen:
            raise Unreadable("VALIDATION_ERROR", f"Task {task.task_id} is named twice.", f"tasks[{place}].task_id")
        seen.add(task.task_id)
    for moment in (told.completed_at, *(task.completed_at for task in told.tasks)):
        if moment is not None:
            in_utc(moment, "completed_at")
    return told


def report(run: Row, planned: Sequence[Row], told: Completion, heard_at: datetime) -> Report:
    """What a completion means for its run. Raises Unreadable.

    A task that failed is written down with what it took; no prior learns from it, for it was not done. Where the job
    card named no tasks the PAS made its own plan: they are taken as they come, and nothing had been promised for them.
    """
    tasks = {row["task_id"]: row for row in planned}
    over_at = in_utc(told.completed_at or heard_at)
    done, observed, unknown = list[dict[str, Any]](), list[Observed](), list[str]()
    for place, task in enumerate(told.tasks):
        plan = tasks.get(task.task_id) if tasks else _unplanned(task, place)
        if plan is None:
            unknown.append(task.task_id)
            continue
        at = in_utc(task.completed_at) if task.completed_at else over_at
        done.append(_done(task, plan, at))
        if task.status == "completed":
            observed.append(_observed(run, task, plan, at))
    return Report(done, observed, unknown)


def observation_id(run_id: str, task_id: str) -> str:
    """The same for the same work, whoever says it again."""
    return short(f"{run_id}/{task_id}")


def _unplanned(task: DoneTask, place: int) -> Row:
    if task.lane_id is None or task.provider is None:
        missing = "lane_id" if task.lane_id is None else "provider"
        sentence = f"Task {task.task_id} was not on the job card and names no {missing}."
        raise Unreadable("VALIDATION_ERROR", sentence, f"tasks[{place}].{missing}")
    return {"lane_id": task.lane_id, "provider": task.provider, "promised": {}}


def _done(task: DoneTask, plan: Row, at: datetime) -> dict[str, Any]:
    return {
        "task_id": task.task_id,
        "lane_id": plan["lane_id"],
        "provider": task.provider or plan["provider"],
        "status": task.status,
        "completed_at": at.isoformat(),
        "tokens": task.tokens,
        "duration_minutes": task.minutes,
        "cost_usd": task.cost_usd,
        "quality": task.quality,
    }


def _observed(run: Row, task: DoneTask, plan: Row, at: datetime) -> Observed:
    """The lane is the plan's; whoever did it instead of the one that was planned had been promised nothing."""
    provider = task.provider or plan["provider"]
    return Observed(
        prior_id=f"{plan['lane_id']}/{provider}",
        lane_id=plan["lane_id"],
        provider=provider,
        source="run",
        observation_id=observation_id(run["run_id"], task.task_id),
        completed_at=at,
        project_id=run["project_id"],
        run_id=run["run_id"],
        task_id=task.task_id,
        tokens=task.tokens,
        duration_minutes=task.minutes,
        cost_usd=task.cost_usd,
        quality=task.quality,
        promised=msgspec.convert(plan["promised"], dict[Figure, Promised]) if provider == plan["provider"] else {},
    )


def job_card(run: Row, tasks: Sequence[Row]) -> dict[str, Any]:
    """What the PAS is asked to do (001 section 2)."""
    head = ("project_id", "run_id", "run_kind", "rehearsal_pct", "provider_matrix", "name", "prd_path")
    fields = ("task_id", "title", "phase", "lane_id", "provider", "complexity")
    return {name: run[name] for name in head} | {
        "budget_usd_max": run["budget_usd_max"],
        "tasks": [{name: task[name] for name in fields} for task in tasks],
    }
