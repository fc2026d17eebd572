"""Calendars: when work centres are open; public holidays; open time as a preview."""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

import msgspec
from fastapi import APIRouter, Query, Request, Response

from connectors.database import Edit
from connectors.gateway.depends import Body, Parts, Planner, Reader, json_body
from connectors.gateway.editing import ASKED_VERSION, once, told, version_seen
from connectors.gateway.open_time import FromAt, ToAt, shown_open_time
from connectors.gateway.planned import NAME_THE_VERSION, Planned, changed_reply, read, router_of
from connectors.gateway.problems import Problem
from connectors.gateway.requests import Reply
from connectors.gateway.routes.erp import PROBLEMS
from connectors.public_holidays import NotKnown, public_holidays
from schemas.views import calendars as views
from sql.edited import planning
from sql.edited.subjects import CALENDAR
from streams.domain.calendars import Calendar, faults

Row = dict[str, Any]


def _wanted(zone: Annotated[str | None, Query(max_length=64)] = None) -> Row:
    return {"zone": zone}


def _columns(body: views.CalendarBody) -> Row:
    """The definition in its one form. Raises Problem 400 with a sentence for each fault."""
    try:
        calendar = msgspec.convert(body.definition.model_dump(mode="json"), Calendar)
    except msgspec.ValidationError as error:
        raise Problem(400, f"The definition is not valid: {error}.", path="definition") from error
    if found := faults(calendar):
        raise Problem(
            400,
            " ".join(found),
            path="definition",
            errors=[{"path": "definition", "message": each} for each in found[:20]],
        )
    definition = msgspec.json.decode(msgspec.json.encode(calendar, order="deterministic"))
    return {"calendar_code": body.calendar_code, "calendar_name": body.calendar_name, "definition": definition}


CALENDARS = Planned(
    "/api/v1/calendars",
    "calendars",
    CALENDAR,
    views.CalendarBody,
    views.CalendarView,
    views.CalendarPage,
    _wanted,
    columns=_columns,
)
router = APIRouter(tags=["planning"], responses=PROBLEMS)


@router.get(
    "/api/v1/calendars/public-holidays", response_model=views.HolidayList, summary="Public holidays of a country"
)
def holidays(
    reader: Reader,
    country: Annotated[str, Query(pattern="^[A-Z]{2}$", description="ISO 3166-1 alpha-2")],
    year: Annotated[list[Annotated[int, Query(ge=1970, lt=2200)]], Query(min_length=1, max_length=20)],
    subdivision: Annotated[str | None, Query(max_length=10, description="ISO 3166-2, without the country")] = None,
) -> Any:
    """Of a whole country, or of a part of it."""
    found = _holidays(country, subdivision, year)
    shown = [{"day": day, "name": name} for day, name in found.items()]
    return {"country": country, "subdivision": subdivision, "holidays": shown}


@router.post(
    "/api/v1/calendars/{id}/holidays",
    response_model=views.CalendarView,
    responses=NAME_THE_VERSION,
    openapi_extra=json_body(views.HolidaysBody) | ASKED_VERSION,
    summary="Fill public holidays into a calendar",
)
def fill_in(request: Request, parts: Parts, planner: Planner, id: UUID, body: Body) -> Response:  # noqa: A002
    """Those that are there already stay; the version that you saw is named in If-Match."""
    asked = told(parts, body, views.HolidaysBody)
    seen = version_seen(request, None)
    days = {day.isoformat() for day in _holidays(asked.country, asked.subdivision, asked.years)}

    def write(edit: Edit) -> Reply:
        definition = read(CALENDARS, edit.rows, str(id))["definition"]
        filled = definition | {"holidays": sorted(days.union(definition.get("holidays", ())))}
        row = planning.change(edit, CALENDAR, str(id), seen, {"definition": filled})
        return changed_reply(CALENDARS, edit, row, 200)

    return once(request, parts, planner, body, write)


@router.get("/api/v1/calendars/{id}/open-time", response_model=views.OpenTimeView, summary="When a calendar is open")
def open_time(parts: Parts, reader: Reader, id: UUID, from_at: FromAt, to_at: ToAt) -> Any:  # noqa: A002
    """As it would be for a work centre that follows it and has no maintenance of its own."""
    with parts.database.tenant(reader.tenant_id) as rows:
        found = read(CALENDARS, rows, str(id))
    return shown_open_time(msgspec.convert(found["definition"], Calendar), from_at, to_at)


def _holidays(country: str, subdivision: str | None, years: list[int]) -> dict[date, str]:
    try:
        return public_holidays(country, subdivision, years)
    except NotKnown as error:
        raise Problem(400, str(error), path="country" if subdivision is None else "subdivision") from error


router.include_router(router_of(CALENDARS))
