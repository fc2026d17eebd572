"""What plans stand on, to look at: work centres with their calendars, routings, and the changeover matrix."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from connectors.database import Rows
from connectors.gateway.depends import Cursor, Parts
from connectors.gateway.pages.filters import PAGE_OF_ROWS, Said, Words, query_of
from connectors.gateway.pages.rendering import Visitor, render
from connectors.gateway.problems import Problem
from sql.reads import resources, routings
from sql.reads.changeovers import changeover_rules
from sql.reads.work_centers import WorkCenter, maintenance
from streams.domain.calendars import open_time
from streams.domain.changeover_rules import ChangeoverRule, effective
from streams.open_times import OpenWorkCenter, work_center_calendars
from streams.routings import errors_of

router = APIRouter(include_in_schema=False)
AHEAD: Final = timedelta(days=7)
MOST_FAMILIES: Final = 30
Row = dict[str, Any]
Chosen = Annotated[UUID | None, Query(), Said]


@router.get("/planning")
def planning_page(
    request: Request,
    parts: Parts,
    visitor: Visitor,
    q: Words = None,
    work_center: Chosen = None,
    cursor: Cursor = None,
) -> Response:
    """Work centres with the hours of the next seven days, routings by code, and the matrix of one work centre."""
    now = datetime.now(UTC)
    with parts.database.tenant(visitor.tenant_id) as rows:
        centers = work_center_calendars(rows, now)
        closed = maintenance(rows, now)
        found, following = resources.page(rows, "routing", {}, q, PAGE_OF_ROWS, cursor)
        matrix = _matrix(rows, centers, str(work_center) if work_center else None)
    filters = {"q": q, "work_center": work_center}
    told = {
        "centers": [_center(each, now) for each in centers.values()],
        "maintenance": [
            each._asdict() | {"code": centers[each.work_center_id].work_center.code}
            for each in closed
            if each.work_center_id in centers
        ],
        "routings": found,
        "matrix": matrix,
        "filters": filters,
        "more": following and f"/planning?{query_of(filters | {'cursor': following})}",
    }
    return render(request, parts, visitor, "planning.html", here="planning", **told)


@router.get("/planning/routings/{routing_id}")
def routing_page(request: Request, parts: Parts, visitor: Visitor, routing_id: UUID) -> Response:
    """One version of a routing: its operations in sequence, where they are done, and what is wrong with it."""
    identity = str(routing_id)
    with parts.database.tenant(visitor.tenant_id) as rows:
        found = resources.one(rows, "routing", identity)
        if found is None:
            raise Problem(404, f"No routing {identity} is known.")
        operations = routings.operations(rows, [identity])
        codes = {each.id: each.code for each in _centers(rows)}
        versions, _ = resources.page(rows, "routing", {"routing_code": found["routing_code"]}, None, 50, None)
        changes = resources.changes(rows, "routing", identity, 20)
    told = {
        "routing": found,
        "operations": [each | _places(each, codes) for each in operations],
        "errors": errors_of([routings.held(each) for each in operations]),
        "versions": versions,
        "changes": changes,
    }
    return render(request, parts, visitor, "routing.html", here="planning", **told)


def _centers(rows: Rows) -> list[WorkCenter]:
    return [each.work_center for each in work_center_calendars(rows).values()]


def _places(operation: Row, codes: dict[str, str]) -> Row:
    """Where an operation is done, by the codes of work centres; those that are deleted by their ids."""
    place = operation["effective_work_center_id"]
    others = operation["alternative_work_center_ids"]
    return {
        "work_center": codes.get(place, place) if place else None,
        "alternatives": [codes.get(each, each) for each in others],
    }


def _center(found: OpenWorkCenter, now: datetime) -> Row:
    """A work centre with its hours of the next days, and whether it is open now."""
    ahead = open_time(found.calendar, now, now + AHEAD)
    begins = ahead.next_open(now)
    return found.work_center._asdict() | {
        "open_hours": ahead.minutes / 60,
        "is_open": ahead.is_open(now),
        "opens_at": begins if ahead.minutes and not ahead.is_open(now) else None,
        "zone": found.calendar.zone,
        "shifts": [each.name for each in found.calendar.shifts],
    }


def _matrix(rows: Rows, centers: dict[str, OpenWorkCenter], chosen: str | None) -> Row:
    """The minutes between all families at a work centre: the one that is chosen, or the first that rules speak of."""
    rules = [ChangeoverRule(*each) for each in changeover_rules(rows)]
    spoken = {each.work_center_id for each in rules if each.work_center_id is not None}
    options = [each for each in centers if each in spoken] or list(centers)[:1]
    center = chosen if chosen in centers else next(iter(options), None)
    if center is None:
        return {"rules": len(rules), "center": None, "families": [], "rows": [], "left_out": 0}
    heard = [each for each in rules if each.work_center_id in (None, center)]
    families = sorted({name for each in heard for name in (each.from_family, each.to_family) if name is not None})
    shown = families[:MOST_FAMILIES]
    return {
        "rules": len(rules),
        "center": center,
        "families": shown,
        "rows": [(before, [effective(heard, center, before, after) for after in shown]) for before in shown],
        "left_out": len(families) - len(shown),
    }
