"""What follows when the PAS says that a run is over: its rows, and one observation for each task that was done."""

from datetime import datetime
from typing import Any, Final, NamedTuple

from connectors.said import message_of
from connectors.systems import pas
from schemas.codec import Unreadable
from schemas.ids import short
from sql import outbox, project_runs
from sql.database import Rows
from sql.reads import projects
from streams.domain.estimation.figures import BOUNDS
from streams.driver import Rejected

SYSTEM: Final = "PAS"
MOST: Final[dict[str, float]] = {figure: bounds.most for figure, bounds in BOUNDS.items()}
UNKNOWN_RUN: Final = "UNKNOWN_RUN"


class Taken(NamedTuple):
    """What a completion came to: the answer, and the tasks that its run does not have."""

    answer: dict[str, Any]
    unknown: list[str]
    is_new: bool


def take(rows: Rows, tenant_id: str, told: pas.Completion, heard_at: datetime, *, is_repair: bool = False) -> Taken:
    """Write down a completion, in the caller's transaction. Raises Rejected for an unknown run, Unreadable.

    A run that is over stays as it is, whatever is said of it again, and is answered with the same words; only a
    repaired message may still tell tasks that are missing.
    """
    run = project_runs.hold(rows, told.run_id)
    if run is None or (told.project_id is not None and told.project_id != run["project_id"]):
        raise _unknown(told, run)
    planned = projects.run_tasks(rows, run["run_id"])
    is_over = run["completed_at"] is not None
    report = pas.report(run, planned, told, heard_at)
    if not is_over or is_repair:
        _write(rows, tenant_id, run, planned, told, report, heard_at)
    return Taken(_answer(rows, run, report.unknown), report.unknown, not is_over)


def unknown_tasks(told: pas.Completion, unknown: list[str]) -> Unreadable:
    """Why a part of a completion was set aside."""
    named = ", ".join(unknown[:10]) + (f" and {len(unknown) - 10} more" if len(unknown) > 10 else "")
    return Unreadable("UNKNOWN_TASK", f"Run {told.run_id} has no task {named}.", "tasks")


def _write(
    rows: Rows,
    tenant_id: str,
    run: dict[str, Any],
    planned: list[dict[str, Any]],
    told: pas.Completion,
    report: pas.Report,
    heard_at: datetime,
) -> None:
    if not planned:
        project_runs.take_unplanned(rows, tenant_id, run["run_id"], report.done)
    new = project_runs.take_done(rows, run["run_id"], report.done, MOST)
    for observed in report.observed:
        if observed.task_id in new:
            message = message_of(
                "estimate.observed",
                tenant_id,
                observed,
                message_id=short(f"observed-{observed.observation_id}"),
                timestamp=heard_at,
                correlation_id=run["run_id"],
                source_system=SYSTEM,
                source="gateway",
            )
            outbox.say(rows, message)
    if run["completed_at"] is None:
        failure = None if told.status == "completed" else told.message or f"The PAS says that the run {told.status}."
        project_runs.end(rows, run, told.status, told.completed_at or heard_at, failure)


def _answer(rows: Rows, run: dict[str, Any], unknown: list[str]) -> dict[str, Any]:
    found = projects.one_run(rows, run["project_id"], run["run_id"])
    assert found is not None, "it is held by this transaction"
    return {
        "status": "accepted",
        "run_id": run["run_id"],
        "project_id": run["project_id"],
        "run_status": found["status"],
        "completed": found["completed_count"],
        "failed": found["failed_count"],
        "missing": found["missing_count"],
        "set_aside": unknown,
    }


def _unknown(told: pas.Completion, run: dict[str, Any] | None) -> Rejected:
    if run is None:
        return Rejected(UNKNOWN_RUN, f"No run {told.run_id} is known.", "run_id")
    sentence = f"Run {told.run_id} belongs to project {run['project_id']}, not to {told.project_id}."
    return Rejected(UNKNOWN_RUN, sentence, "project_id")
