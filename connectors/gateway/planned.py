"""The routes that all of what planners edit has: list, create, read, replace, change, delete, restore, audit."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Annotated, Any, NamedTuple
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ValidationError

from connectors.database import Edit, Rows
from connectors.gateway.auth import Principal, may
from connectors.gateway.depends import Body, Cursor, Limit, Parts, Reader, Text, json_body
from connectors.gateway.editing import ASKED_VERSION, once, tagged, version_if_seen, version_seen
from connectors.gateway.problems import Problem
from connectors.gateway.requests import Reply
from connectors.gateway.routes.erp import PROBLEMS
from connectors.gateway.state import State
from schemas.codec import parse
from schemas.views.edited import ChangeList, Deleted
from schemas.views.values import ProblemDocument
from sql.edited import planning
from sql.edited.base import Versioned
from sql.edited.subjects import Subject
from sql.reads import resources

Row = dict[str, Any]
Wanted = Callable[..., Row]
NAME_THE_VERSION: dict[int | str, dict[str, Any]] = {
    428: {"model": ProblemDocument, "description": "Name the version."}
}
ASKED_KEY = {
    "parameters": [
        {
            "name": "Idempotency-Key",
            "in": "header",
            "required": False,
            "schema": {"type": "string", "minLength": 1, "maxLength": 255},
            "description": "the same key gets the same answer, and makes nothing a second time",
        }
    ]
}
VERSION_SCHEMA = {"type": "integer", "minimum": 1, "description": "version that you saw; or in If-Match"}


def _as_said(values: BaseModel) -> Row:
    return values.model_dump()


def _nothing_more(_: Rows, row: Row) -> Row:
    return row


class Planned(NamedTuple):
    """A subject over HTTP: where, with which bodies and views, and where it does more than the others.

    `columns` makes a body the columns of its row, and may raise Problem; `completed` adds to what is read of one;
    `as_body` makes that what a person would have told.
    """

    path: str
    plural: str
    subject: Subject
    body: type[BaseModel]
    view: type[BaseModel]
    page: type[BaseModel]
    wanted: Wanted
    scope: str = "plant.plan"
    tag: str = "planning"
    columns: Callable[[Any], Row] = _as_said
    completed: Callable[[Rows, Row], Row] = _nothing_more
    as_body: Callable[[Rows, Row], Row] = _nothing_more
    create: Callable[[Edit, Row], Versioned] | None = None
    change: Callable[[Edit, str, int | None, Row], Versioned] | None = None
    restore: Callable[[Edit, str], Versioned] | None = None

    @property
    def words(self) -> str:
        """What it is called."""
        return self.subject.words


def router_of(planned: Planned) -> APIRouter:
    """The routes of a subject; those it has of its own may be added before or after."""
    router = APIRouter(prefix=planned.path, tags=[planned.tag], responses=PROBLEMS)
    _add_reads(router, planned)
    _add_changes(router, planned)
    _add_restore(router, planned)
    return router


def _add_reads(router: APIRouter, planned: Planned) -> None:
    @router.get("", response_model=planned.page, summary=f"{planned.plural.replace('_', ' ').capitalize()}")
    def page(
        parts: Parts,
        reader: Reader,
        wanted: Annotated[Row, Depends(planned.wanted)],
        limit: Limit = 100,
        cursor: Cursor = None,
        q: Text = None,
    ) -> Any:
        """In a fixed order, page by page; filters narrow together."""
        with parts.database.tenant(reader.tenant_id) as rows:
            found, next_cursor = resources.page(rows, planned.subject.name, wanted, q, limit, cursor)
        return {planned.plural: found, "next_cursor": next_cursor}

    @router.get("/{id}", response_model=planned.view, summary=f"One {planned.words}")
    def one(parts: Parts, reader: Reader, id: UUID) -> Response:  # noqa: A002 -- the path's name
        """`ETag` is its version."""
        with parts.database.tenant(reader.tenant_id) as rows:
            return _shown(planned, rows, str(id), 200)

    @router.get("/{id}/audit", response_model=ChangeList, summary=f"Who changed a {planned.words}")
    def audit(parts: Parts, reader: Reader, id: UUID, limit: Limit = 100) -> Any:  # noqa: A002
        """Latest first, with each field before and after; of one that was deleted too."""
        with parts.database.tenant(reader.tenant_id) as rows:
            found = resources.changes(rows, planned.subject.name, str(id), limit)
            if not found and resources.one(rows, planned.subject.name, str(id)) is None:
                raise Problem(404, f"No {planned.words} {id} is known.")
        return {"changes": found}


def _add_changes(router: APIRouter, planned: Planned) -> None:
    person = Annotated[Principal, Depends(may(planned.scope))]
    change_of = planned.change or (lambda edit, *told: planning.change(edit, planned.subject, *told))
    create_of = planned.create or (lambda edit, values: planning.create(edit, planned.subject, values))

    @router.post(
        "",
        response_model=planned.view,
        status_code=201,
        openapi_extra=json_body(planned.body) | ASKED_KEY,
        summary=f"Make a {planned.words}",
    )
    def create(request: Request, parts: Parts, planner: person, body: Body) -> Response:
        """With an Idempotency-Key it is made once; 409 where there is one already."""
        values = columns_of(planned, said(parts, body))

        def write(edit: Edit) -> Reply:
            return changed_reply(planned, edit, wrongs(create_of, edit, values), 201)

        return once(request, parts, planner, body, write)

    def changed(
        request: Request, parts: State, planner: Principal, identity: str, body: bytes, whole: bool
    ) -> Response:
        told = said(parts, body)
        seen = version_seen(request, _named(told))

        def write(edit: Edit) -> Reply:
            values = columns_of(planned, told if whole else overlaid(planned, edit.rows, identity, told))
            return changed_reply(planned, edit, wrongs(change_of, edit, identity, seen, values), 200)

        return once(request, parts, planner, body, write)

    @router.put(
        "/{id}",
        response_model=planned.view,
        responses=NAME_THE_VERSION,
        openapi_extra=with_version(json_body(planned.body)) | ASKED_VERSION,
        summary=f"Put a whole {planned.words} in the place of what it was",
    )
    def replace(
        request: Request,
        parts: Parts,
        planner: person,
        id: UUID,  # noqa: A002
        body: Body,
    ) -> Response:
        """409 with who was quicker where somebody changed it since you looked."""
        return changed(request, parts, planner, str(id), body, whole=True)

    @router.patch(
        "/{id}",
        response_model=planned.view,
        responses=NAME_THE_VERSION,
        openapi_extra=with_version(json_body(planned.body), is_part=True) | ASKED_VERSION,
        summary=f"Change a {planned.words}",
    )
    def change(
        request: Request,
        parts: Parts,
        planner: person,
        id: UUID,  # noqa: A002
        body: Body,
    ) -> Response:
        """What is not named stays as it is. 409 with who was quicker where somebody changed it since you looked."""
        return changed(request, parts, planner, str(id), body, whole=False)

    @router.delete("/{id}", response_model=Deleted, openapi_extra=ASKED_VERSION, summary=f"Delete a {planned.words}")
    def remove(
        request: Request,
        parts: Parts,
        planner: person,
        id: UUID,  # noqa: A002
        version: Annotated[int | None, Query(ge=1, description="version that you saw")] = None,
    ) -> Any:
        """It is not shown any more, and stays for what was made with it. 409 while something in use names it."""
        seen = version_if_seen(request, version)
        with parts.database.editing(planner.tenant_id, planner.name) as edit:
            row = planning.remove(edit, planned.subject, str(id), seen)
            return {"id": row.id, "version": row.version, "deleted_by": planner.name}


def _add_restore(router: APIRouter, planned: Planned) -> None:
    person = Annotated[Principal, Depends(may(planned.scope))]
    restored = planned.restore or (lambda edit, identity: planning.restore(edit, planned.subject, identity))

    @router.post("/{id}/restore", response_model=planned.view, summary=f"Have a deleted {planned.words} back")
    def restore(
        parts: Parts,
        planner: person,
        id: UUID,  # noqa: A002
    ) -> Response:
        """409 where it is not deleted, or where what it names is not there any more."""
        with parts.database.editing(planner.tenant_id, planner.name) as edit:
            return changed_reply(planned, edit, restored(edit, str(id)), 200).response()


def said(parts: State, body: bytes) -> Row:
    """The body as an object. Raises Unreadable, Problem 400."""
    told = parse(body, parts.settings.max_message_bytes)
    if not isinstance(told, dict):
        raise Problem(400, "The body must be an object.")
    return told


def columns_of(planned: Planned, told: Row) -> Row:
    """A body as columns of its row. Raises Problem 400 that names each wrong field."""
    try:
        return planned.columns(planned.body.model_validate(told))
    except ValidationError as error:
        found = [{"path": ".".join(map(str, each["loc"])), "message": each["msg"]} for each in error.errors()]
        first = found[0]
        sentence = f"The body is not valid: {first['path'] or 'it'}: {first['message']}."
        raise Problem(400, sentence, path=first["path"] or None, errors=found[:20]) from error


def overlaid(planned: Planned, rows: Rows, identity: str, told: Row) -> Row:
    """What is kept, as a body, with what is told in its place. Raises Problem 404."""
    kept = planned.as_body(rows, read(planned, rows, identity))
    return {name: kept[name] for name in planned.body.model_fields} | told


def wrongs(write: Callable[..., Versioned], *told: Any) -> Versioned:
    """Write. Raises Problem 400 with the field for a value that cannot be kept."""
    try:
        return write(*told)
    except planning.Wrong as wrong:
        raise Problem(400, str(wrong), path=wrong.path) from wrong


def read(planned: Planned, rows: Rows, identity: str) -> Row:
    """One as it is shown. Raises Problem 404."""
    found = resources.one(rows, planned.subject.name, identity)
    if found is None:
        raise Problem(404, f"No {planned.words} {identity} is known.")
    return planned.completed(rows, found)


def with_version(described: Row, *, is_part: bool = False) -> Row:
    """The description of a body with the version that was seen; `is_part`: of one in which nothing must be named."""
    told = deepcopy(described)
    schema = told["requestBody"]["content"]["application/json"]["schema"]
    schema["properties"]["version"] = VERSION_SCHEMA
    schema["examples"] = [each | {"version": 1} for each in schema.get("examples", ())]
    if is_part:
        schema.pop("required", None)
    return told


def _named(told: Row) -> int | None:
    """The version in a body, which is taken out of it. Raises Problem 400."""
    version = told.pop("version", None)
    if version is not None and (isinstance(version, bool) or not isinstance(version, int) or version < 1):
        raise Problem(400, f"version must be a whole number above 0, not {version!r}.", path="version")
    return version


def changed_reply(planned: Planned, edit: Edit, row: Versioned, status: int) -> Reply:
    edit.session.flush()
    return Reply(status, _document(planned, read(planned, edit.rows, row.id)))


def _document(planned: Planned, row: Mapping[str, Any]) -> Row:
    document: Row = planned.view.model_validate(row).model_dump(mode="json")
    return document


def _shown(planned: Planned, rows: Rows, identity: str, status: int) -> Response:
    row = read(planned, rows, identity)
    return tagged(Reply(status, _document(planned, row)).response(), row)
