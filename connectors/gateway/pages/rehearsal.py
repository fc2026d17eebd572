"""A fault rehearsal of this plant while it runs: what is done to it, and how it recovers.

`make rehearse` writes the document that is shown (REHEARSAL_FILE); a plant that nobody rehearses has no such page.
"""

from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel, ValidationError

from connectors.gateway.depends import Parts
from connectors.gateway.pages.rendering import Visitor, render
from connectors.gateway.problems import Problem

router = APIRouter(include_in_schema=False)


class Fault(BaseModel):
    """What is done: to whom, for so many seconds, so many seconds after the begin; None: not recovered."""

    fault: str
    target: str
    seconds: float
    began_at_seconds: float
    is_over: bool
    recovery_seconds: float | None = None


class Rehearsal(BaseModel):
    """How far a rehearsal has come. `duration` and `seconds` since its begin are seconds, `rate` messages a second."""

    phase: str
    seed: int
    rate: int
    workers: int
    duration: float
    seconds: float
    sent: int
    faults: list[Fault]

    @property
    def slowest(self) -> float | None:
        """The longest recovery so far, in seconds."""
        return max((each.recovery_seconds for each in self.faults if each.recovery_seconds is not None), default=None)


def rehearsal_of(path: Path | None) -> Rehearsal | None:
    """The rehearsal that writes this file; None where there is none (yet). Raises Problem 503 for a broken file."""
    if path is None or not path.exists():
        return None
    try:
        return Rehearsal.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise Problem(503, f"{path.name} is not what a rehearsal writes: {error.errors()[0]['msg']}.") from error


@router.get("/rehearsal")
def rehearsal_page(request: Request, parts: Parts, visitor: Visitor) -> Response:
    """The latest fault first. Raises Problem 404 where nobody rehearses this plant."""
    told = rehearsal_of(parts.settings.rehearsal_file)
    if told is None:
        raise Problem(404, "Nobody rehearses this plant; `make rehearse` starts a plant of its own.")
    return render(request, parts, visitor, "rehearsal.html", here="rehearsal", it=told)
