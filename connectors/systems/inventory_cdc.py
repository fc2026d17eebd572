"""What the warehouse's change data capture says (002 section 6.3): a field of a material's stock has a new total."""

from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Literal

import msgspec

from connectors.systems.statement import Context, Statement, in_utc, milliseconds, read
from schemas.codec import Unreadable
from schemas.envelope import Moment
from schemas.ids import short
from schemas.messages.materials import StockCorrected
from schemas.messages.values import Name, Text, check_quantity

FIELDS: Final = ("on_hand_quantity", "allocated_quantity", "safety_stock")


class StockUpdated(msgspec.Struct, frozen=True, kw_only=True):
    """A CDC event. Values are JSON numbers, and totals; `old_value` may be absent or null."""

    event_type: Literal["material.stock_updated"]
    timestamp: Moment
    material_id: Name
    field_changed: Name
    old_value: int | float | None = None
    new_value: int | float
    change_reason: Text | None = None
    transaction_id: Name | None = None


_event = msgspec.json.Decoder(StockUpdated)


def stock_updated(_address: str, data: bytes, context: Context) -> Statement:
    """A change as a correction of our replica. Raises Unreadable."""
    told: StockUpdated = read(_event, data, context)
    if told.field_changed not in FIELDS:
        sentence = f"{told.field_changed} is no field of a material's stock; known are {', '.join(FIELDS)}."
        raise Unreadable("UNKNOWN_FIELD", sentence, "field_changed")
    payload = StockCorrected(
        material_id=told.material_id,
        field_changed=_field(told.field_changed),
        new_value=_quantity("new_value", told.new_value),
        old_value=None if told.old_value is None else _quantity("old_value", told.old_value),
        change_reason=told.change_reason,
        transaction_id=told.transaction_id,
    )
    moment = in_utc(told.timestamp)
    return Statement("inventory.stock_corrected", payload, moment, _message_id(told, moment))


def _field(name: str) -> Any:
    return name


def _quantity(path: str, value: int | float) -> Decimal:
    """A quantity that our tables can keep. Raises Unreadable."""
    quantity = Decimal(str(value))
    try:
        check_quantity(path, quantity)
    except ValueError as error:
        raise Unreadable("VALIDATION_ERROR", f"{error}.", path) from error
    return quantity


def _message_id(told: StockUpdated, moment: datetime) -> str:
    """The same change has the same id: its transaction, material and field, or what stands in for a transaction."""
    cause = told.transaction_id or f"{milliseconds(moment)}-{told.new_value}"
    return short(f"cdc-{cause}-{told.material_id}-{told.field_changed}")
