"""Lines that stand because most of what they deliver fails with one cause, and how they go on."""

from typing import Annotated, Any

from fastapi import APIRouter, Body

from connectors.gateway.depends import Identity, Parts, Reader, Repairer
from connectors.gateway.problems import Problem
from connectors.gateway.routes.erp import PROBLEMS
from connectors.lines import LINES, overview, shown_line
from schemas.views.lines import LineList, LineView, Resume
from sql import line_stops

router = APIRouter(prefix="/api/v1", tags=["dead letters and alerts"], responses=PROBLEMS)


@router.get("/lines", response_model=LineList, summary="Every line that may stop, those that stand first")
def lines(parts: Parts, reader: Reader) -> Any:
    """A line is an inbox, a foreign topic, or what comes by an address pattern of a source."""
    with parts.database.tenant(reader.tenant_id) as rows:
        return {"lines": overview(rows)}


@router.post("/lines/{line}/resume", response_model=LineView, summary="Let a line that stands go on")
def resume(parts: Parts, repairer: Repairer, line: Identity, told: Annotated[Resume | None, Body()] = None) -> Any:
    """What had come before and fails with the same cause goes to the dead letters; what comes later counts anew.

    409 if it runs, with who resumed it last.
    """
    if line not in LINES:
        raise Problem(404, f"No line is called {line}.")
    with parts.database.tenant(repairer.tenant_id) as rows:
        stop = line_stops.resume(rows, line, repairer.name, told.reason if told else None)
        if stop is None:
            raise Problem(409, running_sentence(line, line_stops.latest(rows).get(line)))
        return shown_line(line, stop)


def running_sentence(line: str, last: line_stops.Row | None) -> str:
    """Why a line cannot be resumed."""
    if last is None:
        return f"{line} runs; it has never stopped."
    return f"{line} runs: {last['resumed_by']} resumed it at {last['resumed_at']:%Y-%m-%d %H:%M:%S} UTC."
