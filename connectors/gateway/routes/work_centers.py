"""Work centres and their open time; kinds of operations; maintenance; assets."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from connectors.gateway.depends import Parts, Reader
from connectors.gateway.open_time import FromAt, ToAt, shown_open_time
from connectors.gateway.planned import Planned, router_of
from connectors.gateway.problems import Problem
from connectors.gateway.roles import OPERATE
from schemas.views import resources as views
from schemas.views.calendars import OpenTimeView
from sql.edited import assets
from sql.edited.subjects import ASSET, MAINTENANCE, OPERATION, WORK_CENTER
from streams.open_times import work_center_calendars

Row = dict[str, Any]
Word = Annotated[str | None, Query(max_length=128)]


def _work_centers(
    work_center_type: Word = None,
    line: Word = None,
    machine_id: Word = None,
    calendar_id: UUID | None = None,
    is_active: bool | None = None,
) -> Row:
    return {
        "work_center_type": work_center_type,
        "line": line,
        "machine_id": machine_id,
        "calendar_id": calendar_id,
        "is_active": is_active,
    }


def _operations(
    operation_type: Word = None,
    work_center_id: UUID | None = None,
    is_active: bool | None = None,
    is_shared: Annotated[bool | None, Query(description="in everybody's catalogue")] = None,
) -> Row:
    return {
        "operation_type": operation_type,
        "work_center_id": work_center_id,
        "is_active": is_active,
        "is_shared": is_shared,
    }


def _maintenance(
    work_center_id: UUID | None = None,
    maintenance_type: views.MaintenanceType | None = None,
    status: views.MaintenanceStatus | None = None,
    from_at: Annotated[AwareDatetime | None, Query(description="ends after it")] = None,
    to_at: Annotated[AwareDatetime | None, Query(description="begins before it")] = None,
) -> Row:
    return {
        "work_center_id": work_center_id,
        "maintenance_type": maintenance_type,
        "status": status,
        "from_at": from_at,
        "to_at": to_at,
    }


def _assets(
    asset_type: views.AssetType | None = None,
    parent_asset_id: UUID | None = None,
    work_center_id: UUID | None = None,
) -> Row:
    return {"asset_type": asset_type, "parent_asset_id": parent_asset_id, "work_center_id": work_center_id}


WORK_CENTERS = Planned(
    "/api/v1/work-centers",
    "work_centers",
    WORK_CENTER,
    views.WorkCenterBody,
    views.WorkCenterView,
    views.WorkCenterPage,
    _work_centers,
)
OPERATIONS = Planned(
    "/api/v1/operations",
    "operations",
    OPERATION,
    views.OperationBody,
    views.OperationView,
    views.OperationPage,
    _operations,
)
MAINTENANCES = Planned(
    "/api/v1/maintenance",
    "maintenance",
    MAINTENANCE,
    views.MaintenanceBody,
    views.MaintenanceView,
    views.MaintenancePage,
    _maintenance,
    scope=OPERATE,
)
ASSETS = Planned(
    "/api/v1/assets",
    "assets",
    ASSET,
    views.AssetBody,
    views.AssetView,
    views.AssetPage,
    _assets,
    create=assets.create,
    change=assets.change,
)

router = APIRouter()
work_centers = router_of(WORK_CENTERS)


@work_centers.get("/{id}/open-time", response_model=OpenTimeView, summary="When a work centre is open")
def open_time(parts: Parts, reader: Reader, id: UUID, from_at: FromAt, to_at: ToAt) -> Any:  # noqa: A002
    """By its calendar, overtime included, less its maintenance."""
    with parts.database.tenant(reader.tenant_id) as rows:
        found = work_center_calendars(rows, from_at).get(str(id))
    if found is None:
        raise Problem(404, f"No work centre {id} is known.")
    return shown_open_time(found.calendar, from_at, to_at)


for each in (work_centers, router_of(OPERATIONS), router_of(MAINTENANCES), router_of(ASSETS)):
    router.include_router(each)
