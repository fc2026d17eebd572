"""The time machine, and passports of figures: their formula, and the exact messages they were computed from."""

import time
from collections.abc import Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from connectors.gateway.asof import as_of
from connectors.gateway.depends import Cursor, Identity, Limit, Parts, Reader
from connectors.gateway.machine_work import window
from connectors.gateway.passports import machines, materials, orders
from connectors.gateway.passports.evidence import Made, document
from connectors.gateway.routes.erp import PROBLEMS
from schemas.views.history import MachineAsOf, MaterialAsOf, Passport, WorkOrderAsOf

router = APIRouter(prefix="/api/v1", tags=["time machine and passports"], responses=PROBLEMS)
At = Annotated[AwareDatetime, Query(description="a moment that has passed, with its time zone")]
From = Annotated[AwareDatetime | None, Query(alias="from", description="beginning; eight hours before `to` if absent")]
To = Annotated[AwareDatetime | None, Query(alias="to", description="end; now if absent or later than now")]
OrderFigure = Literal["progress_percentage", "quantity_produced", "quantity_scrapped", "quantity_good"]
MachineFigure = Literal["oee_percentage", "availability_percentage", "performance_percentage", "quality_percentage"]
MaterialFigure = Literal["available_quantity", "on_hand_quantity", "allocated_quantity", "reserved_quantity"]


@router.get("/work-orders/{work_order_id}/as-of", response_model=WorkOrderAsOf, summary="A work order as it was")
def order_as_of(parts: Parts, reader: Reader, work_order_id: Identity, at: At) -> Any:
    """As the system knew it at that moment: head, progress, bill of materials, reservations, notes."""
    return as_of(parts, reader.tenant_id, "order", work_order_id, at)


@router.get("/machines/{machine_id}/as-of", response_model=MachineAsOf, summary="A machine as it was")
def machine_as_of(parts: Parts, reader: Reader, machine_id: Identity, at: At) -> Any:
    """As the system knew it at that moment: status, order, units counted, last sign of life."""
    return as_of(parts, reader.tenant_id, "machine", machine_id, at)


@router.get("/materials/{material_id}/as-of", response_model=MaterialAsOf, summary="A material as it was")
def material_as_of(parts: Parts, reader: Reader, material_id: Identity, at: At) -> Any:
    """As the system knew it at that moment: stock, lots, and who held or waited for it."""
    return as_of(parts, reader.tenant_id, "material", material_id, at)


def _timed(make: Callable[[], Made], figure: str, limit: int, cursor: str | None) -> dict[str, Any]:
    """A page of the passport of a figure, and how long it took to make."""
    began = time.perf_counter()
    return document(make(), figure, limit, cursor) | {"took_seconds": time.perf_counter() - began}


@router.get(
    "/work-orders/{work_order_id}/passport", response_model=Passport, summary="How an order's figure came about"
)
def order_passport(
    parts: Parts,
    reader: Reader,
    work_order_id: Identity,
    figure: OrderFigure = orders.MAIN,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Any:
    """Computed again now from the messages as they are read from the log."""
    return _timed(lambda: orders.make(parts, reader.tenant_id, work_order_id), figure, limit, cursor)


@router.get("/machines/{machine_id}/passport", response_model=Passport, summary="How a machine's OEE came about")
def machine_passport(
    parts: Parts,
    reader: Reader,
    machine_id: Identity,
    figure: MachineFigure = machines.MAIN,
    from_: From = None,
    to: To = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Any:
    """Computed again now from the messages as they are read from the log; at most 31 days."""
    return _timed(lambda: machines.make(parts, reader.tenant_id, machine_id, *window(from_, to)), figure, limit, cursor)


@router.get("/materials/{material_id}/passport", response_model=Passport, summary="How a material's figure came about")
def material_passport(
    parts: Parts,
    reader: Reader,
    material_id: Identity,
    figure: MaterialFigure = materials.MAIN,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Any:
    """From the warehouse's latest words and what came after; computed again now from these messages."""
    return _timed(lambda: materials.make(parts, reader.tenant_id, material_id), figure, limit, cursor)
