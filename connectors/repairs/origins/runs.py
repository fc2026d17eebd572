"""Completions of the PAS's webhook that were set aside: the same run and tasks are looked for again."""

from datetime import UTC, datetime
from typing import Final

import msgspec

from connectors import run_completions
from connectors.repairs.origin import Letter, Origin, Returned
from connectors.systems import pas
from connectors.systems.statement import Context
from schemas.settings import Settings
from sql import project_runs
from sql.database import Rows
from sql.reads import projects
from streams.driver import Rejected


def _returns(rows: Rows, settings: Settings, letter: Letter, data: bytes, _action_id: int) -> Returned:
    """Whether it can be taken now; what it says goes through the outbox, with the rows."""
    told = pas.completion(data, Context(letter["tenant_id"], settings.max_message_bytes))
    run = project_runs.hold(rows, told.run_id)
    if run is not None:
        heard_at = datetime.now(UTC)
        _refuse_unknown(told, pas.report(run, projects.run_tasks(rows, run["run_id"]), told, heard_at).unknown)
        return Returned(())
    raise Rejected(run_completions.UNKNOWN_RUN, f"No run {told.run_id} is known.", "run_id")


def _carry_out(rows: Rows, settings: Settings, letter: Letter, data: bytes, action_id: int) -> Returned:
    told = pas.completion(data, Context(letter["tenant_id"], settings.max_message_bytes))
    taken = run_completions.take(rows, letter["tenant_id"], told, datetime.now(UTC), is_repair=True)
    _refuse_unknown(told, taken.unknown)
    return Returned(())


def _refuse_unknown(told: pas.Completion, unknown: list[str]) -> None:
    if unknown:
        raise run_completions.unknown_tasks(told, unknown)


COMPLETIONS: Final = Origin(
    "completion",
    lambda letter: letter["inbox"] == "prior-inbox" and letter["source_address"].startswith("POST "),
    _returns,
    _carry_out,
    lambda _: msgspec.json.schema(pas.Completion),
    is_answered=False,
)
