"""Reservations: what orders hold of which materials."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from connectors.gateway.depends import Cursor, Limit, Parts, Reader
from connectors.gateway.routes.erp import PROBLEMS
from schemas.messages.materials import ReservationStatus
from schemas.views.reservations import ReservationPage
from sql.reads import reservations

router = APIRouter(prefix="/api/v1/reservations", tags=["materials"], responses=PROBLEMS)


def wanted(
    work_order: Annotated[str | None, Query(max_length=128)] = None,
    material: Annotated[str | None, Query(max_length=128)] = None,
    status: Annotated[list[ReservationStatus] | None, Query()] = None,
) -> dict[str, Any]:
    """The filters of the list."""
    return {"work_order_id": work_order, "material_id": material, "statuses": tuple(status or ())}


WantedReservations = Annotated[dict[str, Any], Depends(wanted)]


@router.get("", response_model=ReservationPage, summary="What orders hold of which materials")
def page(parts: Parts, reader: Reader, wanted: WantedReservations, limit: Limit = 100, cursor: Cursor = None) -> Any:
    """By id. Filters narrow together; several values of status widen it."""
    with parts.database.tenant(reader.tenant_id) as rows:
        found, next_cursor = reservations.page(rows, limit, cursor, **wanted)
    return {"reservations": found, "next_cursor": next_cursor}
