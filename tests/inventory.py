"""What is said to a material, in one line each, and what the warehouse publishes of it."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from schemas.messages.materials import (
    AllocatedBatch,
    ConsumptionConfirmed,
    MaterialConsume,
    MaterialRelease,
    MaterialReserve,
    MaterialUpserted,
    ReservationConfirmed,
    StockBatch,
    StockCorrected,
    StockReported,
)
from tests.messages import at, message

YESTERDAY, TODAY, TOMORROW = date(2026, 11, 20), date(2026, 11, 21), date(2026, 11, 22)
ID: dict[str, Any] = {"material_id": "MAT-1"}


def stock_updated(material_id: str, field: str, value: float, **fields: Any) -> dict[str, Any]:
    """A change of now, as the warehouse publishes it (002 section 6.3)."""
    complete = {
        "event_type": "material.stock_updated",
        "timestamp": datetime.now(UTC).isoformat(),
        "material_id": material_id,
        "field_changed": field,
        "new_value": value,
    }
    return complete | fields


def known(seconds: float = -100, **fields: Any):
    told = MaterialUpserted(**ID, part_number="A-1", part_name="Door Panel", **fields)
    return message("erp.material_upserted", told, seconds)


def reported(on_hand: int, seconds: float = 0, allocated: int = 0, lots: tuple[tuple[str, int, date | None], ...] = ()):
    batches = tuple(StockBatch(batch_number=lot, quantity=Decimal(q), expiration_date=day) for lot, q, day in lots)
    told = StockReported(
        **ID, on_hand_quantity=Decimal(on_hand), allocated_quantity=Decimal(allocated), batch_details=batches
    )
    return message("inventory.stock_reported", told, seconds)


def in_lots(*lots: tuple[str, int, date | None], seconds: float = 0):
    return reported(sum(quantity for _, quantity, _ in lots), seconds, lots=lots)


def corrected(field: Any, value: int, seconds: float, **fields: Any):
    told = StockCorrected(**ID, field_changed=field, new_value=Decimal(value), **fields)
    return message("inventory.stock_corrected", told, seconds)


def reserve(order: str, quantity: int, seconds: float = 10, *, allow_partial: bool = True):
    told = MaterialReserve(
        **ID,
        reservation_id=f"RES-{order}",
        work_order_id=order,
        quantity=Decimal(quantity),
        allow_partial=allow_partial,
    )
    return message("material.reserve", told, seconds)


def release(order: str, seconds: float = 20):
    told = MaterialRelease(**ID, reservation_id=f"RES-{order}", work_order_id=order, reason="cancelled")
    return message("material.release", told, seconds)


def consume(order: str, quantity: int, seconds: float = 30, number: int = 1):
    told = MaterialConsume(
        **ID,
        transaction_id=f"TXN-{order}-{number}",
        work_order_id=order,
        reservation_id=f"RES-{order}",
        quantity=Decimal(quantity),
    )
    return message("material.consume", told, seconds)


def confirmed(order: str, seconds: float, *lots: tuple[str, int], moment: float | None = None):
    told = ReservationConfirmed(
        **ID,
        reservation_id=f"RES-{order}",
        inventory_reservation_id=f"INV-{order}",
        batches=tuple(AllocatedBatch(batch_number=lot, quantity=Decimal(q), location="Bin 3A") for lot, q in lots),
        confirmed_at=at(seconds if moment is None else moment),
    )
    return message("inventory.reservation_confirmed", told, seconds)


def acknowledged(order: str, moment: float, seconds: float | None = None):
    told = ConsumptionConfirmed(**ID, transaction_id=f"TXN-{order}-1", confirmed_at=at(moment))
    return message("inventory.consumption_confirmed", told, moment if seconds is None else seconds)
