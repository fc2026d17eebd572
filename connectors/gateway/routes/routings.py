"""Routings: versions with their operations, judged and expanded."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from connectors.database import Edit, Rows
from connectors.gateway.depends import Body, Operator, Parts, Planner, Reader, json_body
from connectors.gateway.editing import ASKED_VERSION, once, told, version_if_seen
from connectors.gateway.planned import Planned, changed_reply, read, router_of, wrongs
from connectors.gateway.problems import Problem
from connectors.gateway.requests import Reply
from connectors.gateway.routes.erp import PROBLEMS
from schemas.views import routings as views
from sql.edited import routings as edited
from sql.edited.base import Versioned
from sql.edited.subjects import ROUTING
from sql.reads import resources, routings
from streams.routings import errors_of, runs_of

Row = dict[str, Any]
Word = Annotated[str | None, Query(max_length=128)]
OPERATIONS = "operations"


def _wanted(
    routing_code: Word = None,
    product_id: Word = None,
    product_category: Word = None,
    is_active: bool | None = None,
    work_center_id: Annotated[UUID | None, Query(description="has an operation there, or could have")] = None,
) -> Row:
    return {
        "routing_code": routing_code,
        "product_id": product_id,
        "product_category": product_category,
        "is_active": is_active,
        "work_center_id": work_center_id,
    }


def _with_operations(rows: Rows, row: Row) -> Row:
    """A routing with its operations, each by the fields of its view."""
    shown = views.RoutingOperationView.model_fields
    found = routings.operations(rows, [row["id"]])
    return row | {OPERATIONS: [{name: each[name] for name in shown} for each in found]}


def _as_bodies(rows: Rows, row: Row) -> Row:
    """The same with operations as they are told, for a change that names none."""
    fields = views.RoutingOperationBody.model_fields
    return row | {OPERATIONS: [{name: each[name] for name in fields} for each in row[OPERATIONS]]}


def _create(edit: Edit, values: Row) -> Versioned:
    operations = values.pop(OPERATIONS)
    return edited.create(edit, values, operations)


def _change(edit: Edit, identity: str, version: int | None, values: Row) -> Versioned:
    operations = values.pop(OPERATIONS)
    return edited.change(edit, identity, version, values, operations)


ROUTINGS = Planned(
    "/api/v1/routings",
    "routings",
    ROUTING,
    views.RoutingBody,
    views.RoutingView,
    views.RoutingPage,
    _wanted,
    completed=_with_operations,
    as_body=_as_bodies,
    create=_create,
    change=_change,
    restore=edited.restore,
)
router = APIRouter(tags=["planning"], responses=PROBLEMS)


@router.get(
    "/api/v1/routings/for-product", response_model=views.RoutingView, summary="The routing that a product is made by"
)
def for_product(
    parts: Parts,
    reader: Reader,
    product_id: Word = None,
    product_category: Annotated[str | None, Query(max_length=100)] = None,
) -> Any:
    """An active one: the product's own before that of its category, the newest version first."""
    if product_id is None and product_category is None:
        raise Problem(400, "Name product_id, product_category or both.")
    with parts.database.tenant(reader.tenant_id) as rows:
        identity = routings.for_product(rows, product_id, product_category)
        if identity is None:
            named = " or ".join(each for each in (product_id, product_category) if each is not None)
            raise Problem(404, f"No active routing is for {named}.")
        return read(ROUTINGS, rows, identity)


@router.post(
    "/api/v1/routings/{id}/versions",
    response_model=views.RoutingView,
    status_code=201,
    openapi_extra=json_body(views.VersionBody) | ASKED_VERSION,
    summary="Make a new version of a routing",
)
def new_version(request: Request, parts: Parts, planner: Planner, id: UUID, body: Body) -> Response:  # noqa: A002
    """A copy with all operations. Active unless told otherwise; then the other versions are not any more."""
    asked = told(parts, body, views.VersionBody)
    seen = version_if_seen(request, asked.version)
    values = asked.model_dump(exclude={"keep_others_active", "version"}, exclude_none=True)

    def write(edit: Edit) -> Reply:
        row = wrongs(
            lambda: edited.new_version(edit, str(id), seen, values, keep_others_active=asked.keep_others_active)
        )
        return changed_reply(ROUTINGS, edit, row, 201)

    return once(request, parts, planner, body, write)


@router.post(
    "/api/v1/routings/{id}/validate", response_model=views.Judgement, summary="Whether a routing can be expanded"
)
def validate(parts: Parts, operator: Operator, id: UUID) -> Any:  # noqa: A002
    """Duplicate sequence numbers, unknown predecessors, operations that wait for each other, places and shares."""
    with parts.database.tenant(operator.tenant_id) as rows:
        found = _operations(rows, str(id))
    errors = errors_of(found)
    return {"isValid": not errors, "errors": errors}


@router.post(
    "/api/v1/routings/{id}/expand",
    response_model=views.Expansion,
    openapi_extra=json_body(views.ExpandBody),
    summary="What a quantity takes of each operation",
)
def expand(parts: Parts, operator: Operator, id: UUID, body: Body) -> Any:  # noqa: A002
    """Losses reckoned backwards from what shall come out; nothing is kept. 422 with the reasons if it is not valid."""
    target = told(parts, body, views.ExpandBody).target_quantity
    with parts.database.tenant(operator.tenant_id) as rows:
        found = _operations(rows, str(id))
    if errors := errors_of(found):
        raise Problem(422, " ".join(errors), errors=[{"path": OPERATIONS, "message": each} for each in errors])
    kept = {each.sequence_number: each for each in found}
    runs = [
        {
            "sequence_number": run.sequence_number,
            "operation_id": run.operation_id,
            "operation_code": kept[run.sequence_number].operation_code,
            "work_center_id": run.work_center_id,
            "alternative_work_center_ids": list(kept[run.sequence_number].alternative_work_center_ids),
            "quantity": run.quantity,
            "exact_quantity": float(run.exact),
            "setup_minutes": run.setup_minutes,
            "run_minutes": run.run_minutes,
            "predecessors": list(run.predecessors),
            "is_concurrent": run.is_concurrent,
            "transfer_quantity": kept[run.sequence_number].transfer_quantity,
            "instructions": run.instructions,
        }
        for run in runs_of(found, target)
    ]
    return {"routing_id": str(id), "target_quantity": target, "runs": runs}


def _operations(rows: Rows, identity: str) -> list[routings.RoutingOperation]:
    if resources.one(rows, ROUTING.name, identity) is None:
        raise Problem(404, f"No routing {identity} is known.")
    return routings.as_they_hold(rows, [identity])[identity]


router.include_router(router_of(ROUTINGS))
