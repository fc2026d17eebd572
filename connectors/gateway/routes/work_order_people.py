"""What people write to an order: notes, and tasks with who is to do them."""

import uuid
from collections.abc import Callable
from typing import TypeVar

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ValidationError

from connectors.database import Rows
from connectors.gateway.auth import Principal
from connectors.gateway.commands import refuse_unknown
from connectors.gateway.depends import Body, Identity, Operator, Parts, json_body
from connectors.gateway.problems import Problem
from connectors.gateway.requests import Once, Reply
from connectors.gateway.routes.erp import PROBLEMS
from connectors.gateway.state import State
from schemas.codec import parse
from schemas.views.work_orders import NoteBody, NoteView, TaskBody, TaskChange, TaskView
from sql import work_order_people as people

router = APIRouter(prefix="/api/v1/work-orders", tags=["work orders"], responses=PROBLEMS)
Told = TypeVar("Told", bound=BaseModel)


@router.post(
    "/{work_order_id}/notes",
    response_model=NoteView,
    status_code=201,
    openapi_extra=json_body(NoteBody),
    summary="Write a note to an order",
)
def add_note(request: Request, parts: Parts, operator: Operator, work_order_id: Identity, body: Body) -> Response:
    """An order may be open or closed; notes are not changed afterwards."""
    told = _told(body, NoteBody)

    def write(rows: Rows) -> Reply:
        note_id = f"NOTE-{uuid.uuid4().hex[:12]}"
        return Reply(201, people.add_note(rows, operator.tenant_id, note_id, work_order_id, told.body, operator.name))

    return _once(request, parts, operator, work_order_id, body, write)


@router.post(
    "/{work_order_id}/tasks",
    response_model=TaskView,
    status_code=201,
    openapi_extra=json_body(TaskBody),
    summary="Give somebody a task for an order",
)
def add_task(request: Request, parts: Parts, operator: Operator, work_order_id: Identity, body: Body) -> Response:
    """It is open until somebody says that it is done."""
    told = _told(body, TaskBody)

    def write(rows: Rows) -> Reply:
        task_id = f"TASK-{uuid.uuid4().hex[:12]}"
        task = people.Task(
            task_id,
            work_order_id,
            told.title,
            told.assigned_to,
            told.due_at,
            operator.name,
            told.estimated_hours,
            told.notes,
        )
        return Reply(201, people.add_task(rows, operator.tenant_id, task))

    return _once(request, parts, operator, work_order_id, body, write)


@router.patch(
    "/{work_order_id}/tasks/{task_id}",
    response_model=TaskView,
    openapi_extra=json_body(TaskChange),
    summary="Change a task, or say that it is done",
)
def change_task(
    request: Request, parts: Parts, operator: Operator, work_order_id: Identity, task_id: Identity, body: Body
) -> Response:
    """What is not named stays as it is. Who said first that it is done stays named."""
    told = _told(body, TaskChange)
    changes = told.model_dump(include=told.model_fields_set)
    if not changes:
        raise Problem(400, "Nothing is to change: name title, assigned_to, due_at, hours, notes or status.")

    def write(rows: Rows) -> Reply:
        changed = people.change_task(rows, work_order_id, task_id, changes, operator.name)
        if changed is None:
            raise Problem(404, f"{work_order_id} has no task {task_id}.")
        return Reply(200, changed)

    return _once(request, parts, operator, work_order_id, body, write)


def _told(body: bytes, model: type[Told]) -> Told:
    """The body. Raises Unreadable, Problem 400 with the field."""
    try:
        return model.model_validate(parse(body))
    except ValidationError as error:
        first = error.errors()[0]
        path = ".".join(map(str, first["loc"]))
        raise Problem(400, f"The body is not valid: {path or 'it'}: {first['msg']}.", path=path) from error


def _once(
    request: Request, parts: State, operator: Principal, work_order_id: str, body: bytes, write: Callable[[Rows], Reply]
) -> Response:
    """Write to an order that is known, once for an Idempotency-Key."""
    once = Once.of(request, operator, body)
    with parts.database.tenant(operator.tenant_id) as rows:

        def write_to_known() -> Reply:
            refuse_unknown(rows, work_order_id)
            return write(rows)

        return once.answered(rows, operator.tenant_id, write_to_known)
