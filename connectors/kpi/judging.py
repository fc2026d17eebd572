"""A task's result judged by all validators of its formula, and what becomes of that: rows, and an observation."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from prometheus_client import Counter

from connectors.kpi.registry import NAMES, judged, name_of
from connectors.kpi.verdict import Looking, Verdict
from connectors.said import message_of
from schemas.messages.estimates import Observed
from sql import kpi_results, outbox
from sql.database import Rows
from streams.domain.estimation.lanes import prior_id

Row = dict[str, Any]
OBSERVED: Final = "estimate.observed"
HAS_RESULT: Final = ("completed", "failed")
RESULTS: Final = Counter("kpi_results", "results that were kept, by validator and outcome", ["validator", "outcome"])


class Task(NamedTuple):
    """A task whose result is judged: of a project, and of one of its runs where one is named."""

    project_id: int
    task_id: str
    lane_id: str
    formula: Sequence[Any]
    run: Row | None


class Judgement(NamedTuple):
    """What each validator found, in the order of the formula."""

    verdicts: tuple[tuple[str, Verdict], ...]

    @property
    def is_passed(self) -> bool | None:
        """Whether all that was asked holds; one failure decides, else one that could not be judged."""
        found = {verdict.is_passed for _, verdict in self.verdicts}
        return False if False in found else None if None in found else True

    @property
    def quality(self) -> float | None:
        """The mean score. None unless every validator could judge: a lane must not learn from half a judgement."""
        scores = [verdict.score for _, verdict in self.verdicts if verdict.score is not None]
        return sum(scores) / len(scores) if len(scores) == len(self.verdicts) else None


def judge(task: Task, looking: Looking) -> Judgement:
    """Ask every validator of the task's formula."""
    return Judgement(tuple((name_of(entry), judged(entry, looking)) for entry in task.formula))


def keep(rows: Rows, task: Task, judgement: Judgement, looking: Looking, who: str) -> Row:
    """Keep the results; a run's task gets its quality, and where that is new its lane's prior is told of it."""
    about = {
        "tenant_id": looking.tenant_id,
        "project_id": task.project_id,
        "run_id": task.run and task.run["run_id"],
        "task_id": task.task_id,
        "lane_id": task.run["lane_id"] if task.run else task.lane_id,
    }
    found = [
        about | verdict._asdict() | {"validator": name, "measured_at": looking.at, "measured_by": who}
        for name, verdict in judgement.verdicts
    ]
    kept, quality = kpi_results.keep(rows, found), judgement.quality
    is_observed = (
        task.run is not None
        and quality is not None
        and kpi_results.judge(rows, task.run["run_id"], task.task_id, quality)
    )
    if is_observed and task.run is not None and quality is not None:
        _observe(rows, task, task.run, quality, kept[0]["result_id"], looking)
    del about["tenant_id"]
    told = {"is_passed": judgement.is_passed, "quality": quality, "is_observed": is_observed, "results": kept}
    return about | told


def count(judgement: Judgement) -> None:
    """Count results that are kept. A validator that nobody knows has no label of its own: formulas may say anything."""
    for name, verdict in judgement.verdicts:
        RESULTS.labels(name if name in NAMES else "unknown", verdict.outcome).inc()


def _observe(rows: Rows, task: Task, run: Row, quality: float, result_id: str, looking: Looking) -> None:
    """Say the quality to the lane's prior, when this transaction has committed."""
    observed = Observed(
        prior_id=prior_id(run["lane_id"], run["provider"]),
        lane_id=run["lane_id"],
        provider=run["provider"],
        source="run",
        observation_id=f"kpi-{result_id}",
        completed_at=looking.at,
        project_id=task.project_id,
        run_id=run["run_id"],
        task_id=task.task_id,
        quality=quality,
    )
    identity = f"observed-kpi-{result_id}"
    told = message_of(OBSERVED, looking.tenant_id, observed, message_id=identity, timestamp=looking.at, source="kpi")
    outbox.say(rows, told)
