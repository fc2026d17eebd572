"""What the PAS is told: the job card of each run (001 section 2)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from connectors.deliveries.kind import Call, Due, Kind, New, NotNeeded, NotYet, Refused, Rows
from connectors.systems import pas
from schemas.settings import Settings
from sql import project_runs
from sql.reads import projects
from streams.driver import Output

PATH: Final = "/pas/architect/submit"
SUBMIT: Final = "pas.submit"
LONGEST_ID: Final = 128


def submission(tenant_id: str, run_id: str) -> New:
    """The job card of a run, to be delivered once."""
    return New(SUBMIT, tenant_id, run_id, run_id)


def _request(rows: Rows, due: Due, _settings: Settings) -> Call:
    run = projects.run(rows, due.subject)
    if run is None:
        raise NotYet(f"Run {due.subject} is not there yet.")
    if run["completed_at"] is not None:
        raise NotNeeded(f"Run {due.subject} is {run['status']} already.")
    return Call("POST", PATH, pas.job_card(run, projects.run_tasks(rows, due.subject)))


def _accepted(rows: Rows, due: Due, answers: Sequence[Any], _at: datetime, _settings: Settings) -> Sequence[Output]:
    """The PAS carries it out, under an id of its own."""
    answer = answers[-1] if isinstance(answers[-1], dict) else {}
    theirs = answer.get("run_id")
    if not isinstance(theirs, str | int) or not 0 < len(str(theirs)) <= LONGEST_ID:
        raise Refused("The PAS took the job card and named no run_id.")
    project_runs.submitted(rows, due.subject, str(theirs))
    return ()


def _failed(rows: Rows, due: Due, sentence: str, _at: datetime) -> None:
    project_runs.not_submitted(rows, due.subject, f"The job card did not reach the PAS: {sentence}")


KINDS: Final = (
    Kind(
        SUBMIT,
        "PAS",
        "pas_job_card_outbound",
        "submits the job card of a run",
        _request,
        _accepted,
        failed=_failed,
    ),
)
