"""The schedule: a chart that the page draws from the API, with proposals, scenarios side by side and a table."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from connectors.gateway.depends import Parts
from connectors.gateway.pages.rendering import Visitor, render
from connectors.gateway.roles import PLAN

router = APIRouter(include_in_schema=False)


@router.get("/schedule")
def schedule_page(request: Request, parts: Parts, visitor: Visitor) -> Response:
    """The schedule in force, or the one that the address names (`?schedule=`). Who may plan can move operations."""
    return render(request, parts, visitor, "schedule.html", here="schedule", may_plan=PLAN in visitor.scopes)
