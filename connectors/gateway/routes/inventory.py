"""What the warehouse sends (002 section 6): stock levels."""

from datetime import UTC, datetime

from fastapi import APIRouter, BackgroundTasks, Request, Response

from connectors.gateway import batches
from connectors.gateway.depends import LargeBody, Parts, StockWriter, json_body
from connectors.gateway.publishing import said
from connectors.gateway.requests import audited
from connectors.gateway.routes.erp import PROBLEMS
from connectors.systems import wms
from schemas.views.materials import BatchAnswer
from sql.reads import materials

router = APIRouter(prefix="/api/v1/integrations/inventory", tags=["inventory"])
SYSTEM = "WMS"


@router.post(
    "/stock-levels",
    response_model=BatchAnswer,
    responses=PROBLEMS,
    openapi_extra=json_body(wms.WmsStockLevels),
    summary="Stock on hand, with lots",
)
def stock_levels(
    request: Request, tasks: BackgroundTasks, parts: Parts, client: StockWriter, body: LargeBody
) -> Response:
    """Totals, never differences; an older report than the last changes nothing."""
    parts.rates.check("inventory", client.identity, parts.settings.rate_limit_per_minute)
    media = request.headers.get("content-type", "")

    def handle() -> Response:
        told = batches.read(body, media, "materials", wms.WmsStock)
        now = datetime.now(UTC)
        with parts.database.tenant(client.tenant_id) as rows:
            unknown = materials.unknown(rows, [row.material_id for row in told.rows])
        told.refuse(unknown, "No such material; its master data come from the ERP.")
        parts.publisher.publish(
            [
                said(
                    "inventory.stock_reported",
                    client.tenant_id,
                    wms.stock(row),
                    timestamp=row.last_updated or now,
                    source_system=SYSTEM,
                )
                for row in told.rows
            ]
        )
        reply = told.reply()
        batches.await_rows(
            parts,
            client.tenant_id,
            [
                {
                    "material_id": row.material_id,
                    "stock_at": (row.last_updated or now).isoformat(),
                    "on_hand": str(row.on_hand_quantity),
                }
                for row in told.rows
            ],
        )
        return reply.response()

    return audited(parts.database, tasks, client, "inventory_stock_levels", SYSTEM, body, handle)
