"""What people judge of lanes (document 001, active learning): an override is an observation, with who and why."""

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import uuid4

import msgspec
from fastapi import APIRouter, Query, Request, Response

from connectors.database import Rows
from connectors.estimates import Priors
from connectors.gateway.depends import Body, Limit, Parts, Planner, Reader, json_body
from connectors.gateway.editing import told
from connectors.gateway.problems import Problem
from connectors.gateway.project_runs import Row, assigned
from connectors.gateway.requests import Reply
from connectors.gateway.routes.erp import PROBLEMS
from connectors.gateway.routes.projects import ProjectId, once, project_of
from connectors.said import message_of
from schemas.messages.estimates import Observed
from schemas.views.projects import OverrideBody, OverrideList, OverrideView
from sql import outbox
from sql import projects as kept
from sql.reads import projects as reads
from streams.domain.estimation.figures import BOUNDS, FIGURES
from streams.domain.estimation.lanes import prior_id

router = APIRouter(prefix="/api/projects", tags=["projects"], responses=PROBLEMS)


@router.get("/{project_id}/lane-overrides", response_model=OverrideList, summary="What people judged of its lanes")
def overrides(
    parts: Parts,
    reader: Reader,
    project_id: ProjectId,
    lane_id: Annotated[str | None, Query(min_length=1, max_length=63)] = None,
    limit: Limit = 100,
) -> Any:
    """The latest first, each with what we estimated then."""
    with parts.database.tenant(reader.tenant_id) as rows:
        project_of(rows, project_id)
        return {"project_id": project_id, "overrides": reads.overrides(rows, project_id, lane_id, limit)}


@router.post(
    "/{project_id}/lane-overrides",
    response_model=OverrideView,
    status_code=201,
    openapi_extra=json_body(OverrideBody),
    summary="Judge what a task of a lane takes",
)
def override(request: Request, parts: Parts, planner: Planner, project_id: ProjectId, body: Body) -> Response:
    """The lane's prior learns from it as from an observation that counts `weight`, 0.5 where nobody says otherwise."""
    asked = told(parts, body, OverrideBody)
    _refuse_nothing_or_absurd(asked)

    def write(rows: Rows) -> Reply:
        project_of(rows, project_id)
        priors = parts.priors.of(rows, planner.tenant_id)
        provider = _provider(rows, priors, project_id, asked)
        at, promised = datetime.now(UTC), priors.promised(asked.lane_id, provider)
        row = asked.model_dump() | {
            "override_id": str(uuid4()),
            "project_id": project_id,
            "provider": provider,
            "estimated": msgspec.to_builtins(promised),
            "overridden_by": planner.name,
            "overridden_at": at,
        }
        kept.override(rows, planner.tenant_id, row)
        _say(rows, planner.tenant_id, row)
        return Reply(201, row)

    return once(request, parts, planner, body, write)


def _refuse_nothing_or_absurd(asked: OverrideBody) -> None:
    """Raises Problem 400."""
    named = {figure: value for figure in FIGURES if (value := getattr(asked, figure)) is not None}
    if not named:
        raise Problem(400, f"Name at least one figure: {', '.join(FIGURES)}.", path="tokens")
    for figure, value in named.items():
        bounds = BOUNDS[figure]
        if value > bounds.most or (value == 0 and not bounds.may_be_zero):
            least = "from 0" if bounds.may_be_zero else "above 0"
            raise Problem(400, f"{figure} lies {least} up to {bounds.most:g} {bounds.unit}.", path=figure)


def _provider(rows: Rows, priors: Priors, project_id: int, asked: OverrideBody) -> str:
    """Who does it. Raises Problem 404 for a lane, task or provider that nobody knows."""
    tasks = [each for each in reads.tasks(rows, project_id) if each["lane_id"] == asked.lane_id]
    if not tasks:
        raise Problem(404, f"Project {project_id} has no lane {asked.lane_id}.", path="lane_id")
    if asked.task_id is not None:
        tasks = [each for each in tasks if each["task_id"] == asked.task_id]
        if not tasks:
            raise Problem(404, f"Lane {asked.lane_id} has no task {asked.task_id}.", path="task_id")
    if asked.provider is None:
        return str(assigned(priors, tasks[:1], {})[0]["provider"])
    if not reads.is_known_provider(rows, asked.provider):
        raise Problem(404, f"No task, run or prior names the provider {asked.provider}.", path="provider")
    return asked.provider


def _say(rows: Rows, tenant_id: str, row: Row) -> None:
    """One observation, published once this is committed."""
    observed = Observed(
        prior_id=prior_id(row["lane_id"], row["provider"]),
        lane_id=row["lane_id"],
        provider=row["provider"],
        source="override",
        observation_id=row["override_id"],
        completed_at=row["overridden_at"],
        project_id=row["project_id"],
        task_id=row["task_id"],
        weight=row["weight"],
        observed_by=row["overridden_by"],
        reason=row["reason"],
        **{figure: row[figure] for figure in FIGURES},
    )
    message = message_of(
        "estimate.observed",
        tenant_id,
        observed,
        message_id=f"observed-{row['override_id']}",
        timestamp=row["overridden_at"],
        source="gateway",
    )
    outbox.say(rows, message)
