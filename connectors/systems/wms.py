"""What the warehouse says (002 section 6.2.1), checked and translated: stock on hand with its lots."""

from datetime import date
from decimal import Decimal
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from schemas.messages.materials import StockBatch, StockReported

Id = Annotated[str, Field(min_length=1, max_length=128)]
Quantity = Annotated[Decimal, Field(ge=0, lt=10**12, max_digits=18, decimal_places=6)]


class WmsBatch(BaseModel):
    """A lot in one place."""

    batch_number: Id
    quantity: Quantity
    expiration_date: date | None = None


class WmsStock(BaseModel):
    """Stock of one material."""

    model_config = ConfigDict(extra="ignore")

    material_id: Id
    warehouse: Id | None = None
    location: Annotated[str, Field(max_length=4000)] | None = None
    on_hand_quantity: Quantity
    allocated_quantity: Quantity = Decimal(0)
    unit_of_measure: Id = "EA"
    batch_details: list[WmsBatch] = Field(default_factory=list, max_length=5000)
    last_updated: AwareDatetime | None = None


class WmsStockLevels(BaseModel):
    """The body of `POST /api/v1/integrations/inventory/stock-levels`."""

    materials: list[WmsStock]


def stock(told: WmsStock) -> StockReported:
    """Stock as a total; the same lot in several places counts together."""
    lots: dict[str, WmsBatch] = {}
    for lot in told.batch_details:
        known = lots.get(lot.batch_number)
        quantity = lot.quantity + (known.quantity if known else 0)
        expires = min(filter(None, (lot.expiration_date, known.expiration_date if known else None)), default=None)
        lots[lot.batch_number] = WmsBatch(batch_number=lot.batch_number, quantity=quantity, expiration_date=expires)
    return StockReported(
        material_id=told.material_id,
        warehouse=told.warehouse,
        location=told.location,
        on_hand_quantity=told.on_hand_quantity,
        allocated_quantity=told.allocated_quantity,
        unit_of_measure=told.unit_of_measure,
        batch_details=tuple(StockBatch(**lot.model_dump()) for lot in lots.values()),
    )
