"""Projects, their tasks and runs (document 001): entered, started, rehearsed on paper."""

from collections.abc import Callable
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response

from connectors.database import Rows
from connectors.gateway import project_runs as runs
from connectors.gateway import project_samples
from connectors.gateway.auth import Principal
from connectors.gateway.depends import Body, Cursor, Limit, Parts, Planner, Reader, Text, json_body
from connectors.gateway.editing import told
from connectors.gateway.problems import Problem
from connectors.gateway.requests import Once, Reply
from connectors.gateway.routes.erp import PROBLEMS
from connectors.gateway.state import State
from connectors.kpi.registry import formula_of
from schemas.views.projects import (
    ProjectBody,
    ProjectDetail,
    ProjectPage,
    ProjectStatus,
    RunDetail,
    RunList,
    Simulated,
    StartBody,
    Started,
    TasksAdded,
    TasksBody,
)
from sql import projects as kept
from sql.reads import projects as reads

router = APIRouter(prefix="/api/projects", tags=["projects"], responses=PROBLEMS)
RUNS_SHOWN = 20
ProjectId = Annotated[int, Path(ge=1, le=2**53)]
Share = Annotated[
    float, Query(gt=0, le=1, allow_inf_nan=False, description="share of the tasks: 0.01 is one per cent, 1 is all")
]


def once(
    request: Request,
    parts: State,
    person: Principal,
    body: bytes,
    write: Callable[[Rows], Reply],
) -> Response:
    """Change something in one transaction, once for an Idempotency-Key."""
    key = Once.of(request, person, body)
    with parts.database.tenant(person.tenant_id) as rows:
        response = key.answered(rows, person.tenant_id, lambda: write(rows))
    parts.hub.project_changed(person.tenant_id)
    return response


def project_of(rows: Rows, project_id: int) -> dict[str, Any]:
    """A project. Raises Problem 404."""
    found = reads.head(rows, project_id)
    if found is None:
        raise Problem(404, f"No project {project_id} is known.")
    return found


def _detail(rows: Rows, project_id: int) -> dict[str, Any]:
    found = reads.one(rows, project_id)
    if found is None:
        raise Problem(404, f"No project {project_id} is known.")
    return found | {"tasks": reads.tasks(rows, project_id), "runs": reads.runs(rows, project_id, RUNS_SHOWN)}


@router.get("", response_model=ProjectPage, summary="Projects, the newest first")
def page(
    parts: Parts,
    reader: Reader,
    status: Annotated[list[ProjectStatus] | None, Query()] = None,
    q: Text = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Any:
    """Filters narrow together; several statuses widen."""
    with parts.database.tenant(reader.tenant_id) as rows:
        found, next_cursor = reads.page(rows, reads.Wanted(tuple(status or ()), q), limit, cursor)
    return {"projects": found, "next_cursor": next_cursor}


@router.post(
    "",
    response_model=ProjectDetail,
    status_code=201,
    openapi_extra=json_body(ProjectBody),
    summary="Enter a project, with its tasks or without",
)
def create(request: Request, parts: Parts, planner: Planner, body: Body) -> Response:
    """A run may be started at once; one without tasks leaves the plan to the PAS."""
    asked = told(parts, body, ProjectBody)

    def write(rows: Rows) -> Reply:
        fields = asked.model_dump(exclude={"tasks"})
        project_id = kept.create(rows, planner.tenant_id, fields, planner.name)
        _add(rows, planner.tenant_id, project_id, asked.tasks)
        return Reply(201, _detail(rows, project_id))

    return once(request, parts, planner, body, write)


@router.get("/{project_id}", response_model=ProjectDetail, summary="One project with its tasks and latest runs")
def one(parts: Parts, reader: Reader, project_id: ProjectId) -> Any:
    """404 where nobody entered it."""
    with parts.database.tenant(reader.tenant_id) as rows:
        return _detail(rows, project_id)


@router.post(
    "/{project_id}/tasks",
    response_model=TasksAdded,
    status_code=201,
    openapi_extra=json_body(TasksBody),
    summary="Add tasks to a project",
)
def add_tasks(request: Request, parts: Parts, planner: Planner, project_id: ProjectId, body: Body) -> Response:
    """All of them or none: 409 names those that it has already. Runs that have begun stay as they are."""
    asked = told(parts, body, TasksBody)

    def write(rows: Rows) -> Reply:
        project_of(rows, project_id)
        _add(rows, planner.tenant_id, project_id, asked.tasks)
        found = reads.tasks(rows, project_id)
        return Reply(201, {"project_id": project_id, "added": len(asked.tasks), "tasks": found})

    return once(request, parts, planner, body, write)


def _add(rows: Rows, tenant_id: str, project_id: int, tasks: list[Any]) -> None:
    for number, task in enumerate(tasks):
        try:
            formula_of(task.kpi_formula)
        except ValueError as error:
            raise Problem(400, f"{task.task_id}: {error}", path=f"tasks.{number}.kpi_formula") from error
    there = kept.add_tasks(rows, tenant_id, project_id, [task.model_dump() for task in tasks])
    if there:
        raise Problem(409, f"The project has such a task already: {', '.join(there[:20])}.", task_ids=there[:100])


@router.post(
    "/{project_id}/start",
    response_model=Started,
    openapi_extra=json_body(StartBody, required=False),
    summary="Start a run of a project",
)
def start(request: Request, parts: Parts, planner: Planner, project_id: ProjectId, body: Body) -> Response:
    """The run, what is promised for each of its tasks, and the job card for the PAS: all of it or nothing.

    With an Idempotency-Key the same request gets the same answer and starts nothing again; with another key it is
    another run, whatever runs already. A project without tasks leaves the plan to the PAS.
    """
    asked = told(parts, body or b"{}", StartBody)

    def write(rows: Rows) -> Reply:
        project = project_of(rows, project_id)
        known = parts.priors.load(rows, planner.tenant_id)
        return Reply(200, runs.begin(rows, planner.tenant_id, planner.name, project, asked, parts.settings, known))

    return once(request, parts, planner, body, write)


@router.post("/{project_id}/simulate", response_model=Simulated, summary="Rehearse a project on paper")
def simulate(
    parts: Parts,
    planner: Planner,
    project_id: ProjectId,
    rehearsal_pct: Share = runs.REHEARSAL,
    seed: Annotated[int | None, Query(ge=0, lt=2**32, description="follows from project and share if absent")] = None,
) -> Any:
    """A sample stratified by complexity, at least one task of each, and the whole project extrapolated from it.

    Nothing begins, nothing is sent. 409 where there are no tasks to sample.
    """
    with parts.database.tenant(planner.tenant_id) as rows:
        return project_samples.simulated(
            rows, parts.priors.of(rows, planner.tenant_id), project_of(rows, project_id), rehearsal_pct, seed
        )


@router.get("/{project_id}/runs", response_model=RunList, summary="Runs of a project, the latest first")
def run_list(parts: Parts, reader: Reader, project_id: ProjectId, limit: Limit = 100) -> Any:
    """With what each took so far."""
    with parts.database.tenant(reader.tenant_id) as rows:
        project_of(rows, project_id)
        return {"runs": reads.runs(rows, project_id, limit)}


@router.get("/{project_id}/runs/{run_id}", response_model=RunDetail, summary="One run with its tasks")
def one_run(parts: Parts, reader: Reader, project_id: ProjectId, run_id: UUID) -> Any:
    """What was promised for each task, and what it took."""
    with parts.database.tenant(reader.tenant_id) as rows:
        project_of(rows, project_id)
        found = reads.one_run(rows, project_id, str(run_id))
    if found is None:
        raise Problem(404, f"Project {project_id} has no run {run_id}.")
    return found
