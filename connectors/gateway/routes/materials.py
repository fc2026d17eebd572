"""Materials: the list, and one with its lots, reservations and changes."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from connectors.gateway.depends import Cursor, Identity, Limit, Parts, Reader, Text
from connectors.gateway.problems import Problem
from connectors.gateway.routes.erp import PROBLEMS
from schemas.views.materials import MaterialDetail, MaterialPage, StockHistory
from sql.reads import materials

router = APIRouter(prefix="/api/v1/materials", tags=["materials"], responses=PROBLEMS)
Hours = Annotated[int, Query(ge=1, le=24 * 92, description="how far back")]
MOST_MOMENTS = 400


def wanted(
    q: Text = None,
    short: Annotated[bool, Query(description="below safety stock, or an order misses some")] = False,
) -> dict[str, Any]:
    """The filters of the list."""
    return {"text": q, "is_short": short}


WantedMaterials = Annotated[dict[str, Any], Depends(wanted)]


@router.get("", response_model=MaterialPage, summary="Materials with their stock")
def page(parts: Parts, reader: Reader, wanted: WantedMaterials, limit: Limit = 100, cursor: Cursor = None) -> Any:
    """By id."""
    with parts.database.tenant(reader.tenant_id) as rows:
        found, next_cursor = materials.page(rows, limit=limit, after=cursor, **wanted)
    return {"materials": found, "next_cursor": next_cursor}


@router.get("/{material_id}", response_model=MaterialDetail, summary="One material with its lots and reservations")
def one(parts: Parts, reader: Reader, material_id: Identity) -> Any:
    """Lots are sorted first expired first."""
    with parts.database.tenant(reader.tenant_id) as rows:
        found = materials.one(rows, material_id)
    if found is None:
        raise Problem(404, f"No material {material_id} is known.")
    return found


@router.get("/{material_id}/stock", response_model=StockHistory, summary="A material's stock over time")
def stock(parts: Parts, reader: Reader, material_id: Identity, hours: Hours = 24) -> Any:
    """At most some hundred moments: of each stretch of time the last."""
    now = datetime.now(UTC)
    with parts.database.tenant(reader.tenant_id) as rows:
        return {"states": materials.stock(rows, material_id, now - timedelta(hours=hours), now, MOST_MOMENTS)}
