"""Suggestions for routings: what their operations took, and what a person accepts of it."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response

from connectors.database import Edit
from connectors.gateway import suggesting
from connectors.gateway.depends import Body, Parts, Planner, Reader, json_body
from connectors.gateway.editing import ASKED_VERSION, once, told, version_seen
from connectors.gateway.planned import changed_reply, wrongs
from connectors.gateway.requests import Reply
from connectors.gateway.routes.erp import PROBLEMS
from connectors.gateway.routes.routings import ROUTINGS
from schemas.views.routings import RoutingView
from schemas.views.suggestions import AcceptSuggestionsBody, RoutingSuggestions
from sql.edited import routings as edited

router = APIRouter(prefix="/api/v1/routings/{id}/suggestions", tags=["planning"], responses=PROBLEMS)


@router.get("", response_model=RoutingSuggestions, summary="What a routing's operations took, beside its plan")
def suggestions(parts: Parts, reader: Reader, id: UUID) -> Any:  # noqa: A002 -- the path's name
    """Nothing changes by itself: a person accepts what they find right."""
    with parts.database.tenant(reader.tenant_id) as rows:
        return suggesting.shown(str(id), suggesting.learned(rows, str(id)))


@router.post(
    "/accept",
    response_model=RoutingView,
    openapi_extra=json_body(AcceptSuggestionsBody) | ASKED_VERSION,
    summary="Plan with what was learned",
)
def accept(request: Request, parts: Parts, planner: Planner, id: UUID, body: Body) -> Response:  # noqa: A002
    """An edit of the routing like any other, with its reason in the audit. 409 if it was changed since it was seen,
    and for what is not learned.
    """
    asked = told(parts, body, AcceptSuggestionsBody)
    seen = version_seen(request, asked.version)

    def write(edit: Edit) -> Reply:
        times = suggesting.accepted(suggesting.learned(edit.rows, str(id)), asked.operations)
        row = wrongs(lambda: edited.retime(edit, str(id), seen, times, asked.reason))
        return changed_reply(ROUTINGS, edit, row, 200)

    return once(request, parts, planner, body, write)
