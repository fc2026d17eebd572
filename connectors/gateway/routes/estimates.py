"""What is expected of a project's work, how long its budget lasts, and how good the estimates are."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Path, Query
from sse_starlette import EventSourceResponse
from starlette.concurrency import run_in_threadpool

from connectors.gateway import project_documents as documents
from connectors.gateway.auth import Principal
from connectors.gateway.depends import Parts, Reader
from connectors.gateway.live import Hub
from connectors.gateway.problems import Problem
from connectors.gateway.project_shown import Work, known, work_of
from connectors.gateway.routes.erp import PROBLEMS
from connectors.gateway.routes.live import STREAM, is_good
from connectors.gateway.state import State
from schemas.codec import encode
from schemas.views.estimates import BudgetRunway, EstimationDrift, FigureName, Metrics, RiskHeatmap, RunsCompared
from sql.reads import project_work

router = APIRouter(prefix="/api/projects", tags=["estimates"], responses=PROBLEMS)
MOST_COMPARED: Final = 8
PACE_SECONDS: Final = 1.0
PATIENCE: Final = 5
"""So many times the pace a stream waits where nothing was heard, and looks again: not all that changes is told."""
LOOKS: Final = 2
"""What was heard is looked for so often: the projector may be a moment behind."""
ProjectId = Annotated[int, Path(ge=1, le=2**63 - 1, description="number of the project")]
RunId = Annotated[UUID | None, Query(description="a run of the project; the latest if absent")]
WithCi = Annotated[bool, Query(description="with credible intervals: 1 or true")]
RunIds = Annotated[str, Query(max_length=400, description="ids of runs, parted by commas")]


@router.get(
    "/{project_id}/metrics",
    response_model=Metrics,
    response_model_exclude_unset=True,
    summary="What a project's tasks were to take and took",
)
def metrics(
    parts: Parts, reader: Reader, project_id: ProjectId, with_ci: WithCi = False, run_id: RunId = None
) -> dict[str, Any]:
    """By task, by lane and together; `with_ci=1` adds the 50 % and 90 % credible intervals of what lies ahead."""
    return documents.metrics(_work(parts, reader.tenant_id, project_id, run_id), with_ci)


@router.get("/{project_id}/budget-runway", response_model=BudgetRunway, summary="How long the budget lasts")
def budget_runway(parts: Parts, reader: Reader, project_id: ProjectId, run_id: RunId = None) -> dict[str, Any]:
    """All runs of a project count against its budget; with `run_id` only that one."""
    return documents.runway_document(_work(parts, reader.tenant_id, project_id, run_id))


@router.get("/{project_id}/risk-heatmap", response_model=RiskHeatmap, summary="Where a project may overrun")
def risk_heatmap(
    parts: Parts, reader: Reader, project_id: ProjectId, figure: FigureName = "cost_usd", run_id: RunId = None
) -> dict[str, Any]:
    """Lanes by phases; what each number means is told in `definition`."""
    return documents.heatmap(_work(parts, reader.tenant_id, project_id, run_id), figure)


@router.get("/{project_id}/estimation-drift", response_model=EstimationDrift, summary="Promised and actual figures")
def estimation_drift(parts: Parts, reader: Reader, project_id: ProjectId, run_id: RunId = None) -> dict[str, Any]:
    """The latest work of the project's lanes, in order of completion, with signed errors and the drift test."""
    with parts.database.tenant(reader.tenant_id) as rows:
        work = work_of(rows, parts.priors.of(rows, reader.tenant_id), project_id, _text(run_id))
        return documents.drift(rows, work)


@router.get("/{project_id}/runs/compare", response_model=RunsCompared, response_model_exclude_unset=True)
def compare(parts: Parts, reader: Reader, project_id: ProjectId, runs: RunIds) -> dict[str, Any]:
    """Two to eight runs side by side: the whole, lane by lane, task by task."""
    asked = runs_of(runs)
    with parts.database.tenant(reader.tenant_id) as rows:
        known(rows, project_id)
        return documents.comparison(rows, project_id, asked)


@router.get(
    "/{project_id}/live",
    summary="The runway of a project, as it changes",
    response_class=EventSourceResponse,
    responses=STREAM,
)
async def live(parts: Parts, reader: Reader, project_id: ProjectId) -> EventSourceResponse:
    """`runway`: the budget runway at once, and again whenever a run, a task or a prior of its lanes changed."""
    # Asked for before the stream begins, so that an unknown project is a problem and no empty stream.
    await run_in_threadpool(_standing, parts, reader.tenant_id, project_id)
    told = follow(parts, reader, project_id)
    return EventSourceResponse(told, ping=15, headers={"Cache-Control": "no-store"})


async def follow(parts: State, reader: Principal, project_id: int) -> AsyncGenerator[dict[str, Any]]:
    """The runway at once, and again whenever a row changed that it follows from, while the reader's token is good."""
    told, tenant_id = None, reader.tenant_id
    looks = Looks(parts.hub, tenant_id)
    while await is_good(parts, reader):
        standing = await run_in_threadpool(_standing, parts, tenant_id, project_id)
        if told != standing:
            told = standing
            work = await run_in_threadpool(_work, parts, tenant_id, project_id, None)
            document = await run_in_threadpool(documents.runway_document, work)
            yield {"event": "runway", "data": encode(document).decode()}
        await looks.next()


class Looks:
    """When to look at a project again: soon after something happened to one, and now and then in any case."""

    def __init__(self, hub: Hub, tenant_id: str, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._hub, self._tenant_id, self._sleep = hub, tenant_id, sleep
        self._heard, self._owed = hub.project_changes(tenant_id), 0

    async def next(self) -> None:
        """Return when it is time."""
        for _ in range(PATIENCE):
            await self._sleep(PACE_SECONDS)
            if (heard := self._hub.project_changes(self._tenant_id)) != self._heard:
                self._heard, self._owed = heard, LOOKS
            if self._owed:
                self._owed -= 1
                return


def _standing(parts: State, tenant_id: str, project_id: int) -> dict[str, Any]:
    with parts.database.tenant(tenant_id) as rows:
        found = project_work.standing(rows, project_id)
    if found is None:
        raise Problem(404, f"No project {project_id} is known.")
    return found


def _work(parts: State, tenant_id: str, project_id: int, run_id: UUID | None) -> Work:
    with parts.database.tenant(tenant_id) as rows:
        return work_of(rows, parts.priors.of(rows, tenant_id), project_id, _text(run_id))


def _text(run_id: UUID | None) -> str | None:
    return str(run_id) if run_id else None


def runs_of(told: str) -> list[str]:
    """The ids of runs that are to be compared. Raises Problem 400."""
    names = [each.strip() for each in told.split(",") if each.strip()]
    if not 2 <= len(names) <= MOST_COMPARED:
        raise Problem(400, f"Name two to {MOST_COMPARED} runs to compare, parted by commas; these are {len(names)}.")
    try:
        found = [str(UUID(each)) for each in names]
    except ValueError as error:
        raise Problem(400, f"{told!r} are not ids of runs.") from error
    if len(set(found)) < len(found):
        raise Problem(400, "A run cannot be compared with itself.")
    return found
