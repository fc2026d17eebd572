"""Results of a project's tasks, judged by the validators that their formulas name (document 001, section 6)."""

import time
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from connectors.gateway.depends import LARGE_BODY, Cursor, Identity, LargeBody, Limit, Parts, Planner, Reader, json_body
from connectors.gateway.editing import told
from connectors.gateway.problems import Problem
from connectors.gateway.reading import WAIT_SECONDS
from connectors.gateway.requests import Once, Reply
from connectors.gateway.routes.erp import PROBLEMS
from connectors.gateway.routes.projects import ProjectId, project_of
from connectors.gateway.state import State
from connectors.kpi import judging
from connectors.kpi.judging import HAS_RESULT, Judgement, Task
from connectors.kpi.registry import MOST
from connectors.kpi.verdict import Looking
from schemas.views.kpi import KpiResultPage, Outcome, TaskJudged, ValidateBody
from sql import kpi_results as results
from sql.database import Rows
from sql.reads import kpi_results

router = APIRouter(prefix="/api/projects", tags=["projects"], responses=PROBLEMS)
Word = Annotated[str | None, Query(max_length=128)]


@router.post(
    "/{project_id}/tasks/{task_id}/validate",
    response_model=TaskJudged,
    openapi_extra=json_body(ValidateBody, required=False),
    summary="Judge a task's result by its validators",
)
def validate(
    request: Request, parts: Parts, planner: Planner, project_id: ProjectId, task_id: Identity, body: LargeBody
) -> Response:
    """Each validator of the task's `kpi_formula` looks now; what it finds is kept with its evidence.

    A validator that cannot look says why, which is no failure. With `run_id` the run's task gets its quality, and the
    lane learns from it, once for each change. With an Idempotency-Key the same request gets the same answer.
    """
    key = Once.of(request, planner, body)
    asked = told(parts, body, ValidateBody, LARGE_BODY) if body.strip() else ValidateBody()
    with parts.database.tenant(planner.tenant_id) as rows:
        if (earlier := key.earlier(rows)) is not None:
            return earlier
        task = _task(rows, project_id, task_id, asked.run_id)
    looking, judgement = _judged(parts, planner.tenant_id, task, asked.test_report)
    with parts.database.tenant(planner.tenant_id) as rows:
        if (earlier := key.earlier(rows)) is not None:
            return earlier
        kept = judging.keep(rows, task, judgement, looking, planner.name)
        response = Reply(200, kept).response()
        key.keep(rows, planner.tenant_id, response)
    judging.count(judgement)
    return response


@router.get("/{project_id}/kpi-results", response_model=KpiResultPage, summary="What validators found")
def page(
    parts: Parts,
    reader: Reader,
    project_id: ProjectId,
    task_id: Word = None,
    run_id: UUID | None = None,
    lane_id: Word = None,
    validator: Word = None,
    outcome: Outcome | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Any:
    """Latest first, each with its evidence: what was asked, what was found, when, by which query or file."""
    wanted = {"task_id": task_id, "run_id": run_id, "lane_id": lane_id, "validator": validator, "outcome": outcome}
    with parts.database.tenant(reader.tenant_id) as rows:
        project_of(rows, project_id)
        found, further = kpi_results.page(rows, project_id, wanted, limit, cursor)
    return {"results": found, "next_cursor": further}


def _task(rows: Rows, project_id: int, task_id: str, run_id: str | None) -> Task:
    """The task, with its run's. Raises Problem 404, 409."""
    project_of(rows, project_id)
    found = results.task(rows, project_id, task_id)
    if found is None:
        raise Problem(404, f"Project {project_id} has no task {task_id}.")
    formula = found["kpi_formula"]
    if not isinstance(formula, list) or not 1 <= len(formula) <= MOST:
        raise Problem(
            409, f"Nothing says how {task_id} is judged: its kpi_formula names no validators, or over {MOST}."
        )
    run = None
    if run_id is not None and (run := results.run_task(rows, project_id, run_id, task_id)) is None:
        raise Problem(404, f"Project {project_id} has no run {run_id} with a task {task_id}.")
    if run is not None and run["status"] not in HAS_RESULT:
        raise Problem(409, f"{task_id} of run {run_id} has no result to judge: it is {run['status']}.")
    return Task(project_id, task_id, found["lane_id"], formula, run)


def _judged(parts: State, tenant_id: str, task: Task, report: str | None) -> tuple[Looking, Judgement]:
    """What the validators find, outside of any transaction of ours. Raises Problem 503 where there is no turn."""
    if not parts.long_reads.acquire(timeout=WAIT_SECONDS):
        raise Problem(503, "Others are reading a lot just now. Try again.", {"Retry-After": "10"})
    try:
        until = time.monotonic() + parts.settings.kpi_seconds
        data = None if report is None else report.encode()
        looking = Looking(parts.settings, tenant_id, datetime.now(UTC), lambda: until - time.monotonic(), data)
        return looking, judging.judge(task, looking)
    finally:
        parts.long_reads.release()
