"""What schedules are made with unless somebody says otherwise."""

from typing import Any

from fastapi import APIRouter, Request, Response

from connectors.database import Edit
from connectors.gateway.depends import Body, Limit, Parts, Planner, Reader, json_body
from connectors.gateway.editing import once, told
from connectors.gateway.requests import Reply
from connectors.gateway.routes.erp import PROBLEMS
from schemas.views.edited import ChangeList
from schemas.views.schedules import ScheduleSettingsBody, ScheduleSettingsView
from sql import schedule_settings
from sql.reads import resources

router = APIRouter(prefix="/api/v1/schedule-settings", tags=["schedules"], responses=PROBLEMS)


@router.get("", response_model=ScheduleSettingsView, summary="What schedules are made with")
def read(parts: Parts, reader: Reader) -> Any:
    """Times of routings, until somebody wants what was learned."""
    with parts.database.tenant(reader.tenant_id) as rows:
        return schedule_settings.read(rows)


@router.put(
    "",
    response_model=ScheduleSettingsView,
    openapi_extra=json_body(ScheduleSettingsBody),
    summary="Say what schedules are made with",
)
def write(request: Request, parts: Parts, planner: Planner, body: Body) -> Response:
    """Holds for schedules that are asked for from now on; those that are there stay."""
    wanted = told(parts, body, ScheduleSettingsBody)

    def keep(edit: Edit) -> Reply:
        schedule_settings.write(edit.rows, edit.tenant_id, wanted.schedule_durations, edit.actor)
        return Reply(200, ScheduleSettingsView(**schedule_settings.read(edit.rows)).model_dump(mode="json"))

    return once(request, parts, planner, body, keep)


@router.get("/audit", response_model=ChangeList, summary="Who changed what schedules are made with")
def audit(parts: Parts, reader: Reader, limit: Limit = 100) -> Any:
    """Latest first, with the value before and after."""
    with parts.database.tenant(reader.tenant_id) as rows:
        return {"changes": resources.changes(rows, schedule_settings.SUBJECT, reader.tenant_id, limit)}
