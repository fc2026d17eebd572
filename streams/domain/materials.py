"""The fold of materials: master data and stock on hand."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import msgspec

from schemas.envelope import Message
from schemas.messages.failures import AlertRaised
from schemas.messages.materials import MaterialChanged, MaterialUpserted, StockBatch, StockReported
from streams.driver import Emit, Rejected, Step


class Material(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is remembered of a material."""

    material_id: str
    part_number: str
    part_name: str
    description: str | None = None
    category: str | None = None
    unit_of_measure: str = "EA"
    standard_cost: Decimal | None = None
    currency: str | None = None
    is_active: bool = True
    warehouse: str | None = None
    location: str | None = None
    on_hand_quantity: Decimal = Decimal(0)
    allocated_quantity: Decimal = Decimal(0)
    safety_stock: Decimal = Decimal(0)
    batches: tuple[StockBatch, ...] = ()
    stock_at: datetime | None = None
    version: int = 0


def fold(state: Material | None, message: Message[Any]) -> Step:
    """What a message does to a material. Refuses stock of a material that has no master data."""
    if isinstance(message.payload, MaterialUpserted):
        return _upsert(state, message, message.payload)
    if state is None:
        material_id = message.payload.material_id
        raise Rejected("UNKNOWN_MATERIAL", f"No material {material_id} is known.", "material_id")
    return _stock(state, message, message.payload)


def _upsert(state: Material | None, message: Message[Any], told: MaterialUpserted) -> Step:
    known = state or Material(material_id=told.material_id, part_number=told.part_number, part_name=told.part_name)
    fresh = msgspec.structs.replace(
        known,
        part_number=told.part_number,
        part_name=told.part_name,
        description=told.description,
        category=told.category,
        unit_of_measure=told.unit_of_measure,
        standard_cost=told.standard_cost,
        currency=told.currency,
        is_active=told.is_active,
        safety_stock=known.safety_stock if told.safety_stock is None else told.safety_stock,
    )
    return Step(state) if fresh == state else _publish(fresh, state, message)


def _stock(state: Material, message: Message[Any], told: StockReported) -> Step:
    """Stock is a total at a moment: an older report than the last changes nothing."""
    if state.stock_at and message.timestamp < state.stock_at:
        return Step(state)
    fresh = msgspec.structs.replace(
        state,
        warehouse=told.warehouse,
        location=told.location,
        on_hand_quantity=told.on_hand_quantity,
        allocated_quantity=told.allocated_quantity,
        batches=tuple(sorted(told.batch_details, key=_first_expired_first_out)),
        stock_at=message.timestamp,
    )
    return _publish(fresh, state, message)


def _first_expired_first_out(batch: StockBatch) -> tuple[date, str]:
    return (batch.expiration_date or date.max, batch.batch_number)


def available(material: Material) -> Decimal:
    """What can still be promised: on hand less allocated, never below 0."""
    return max(Decimal(0), material.on_hand_quantity - material.allocated_quantity)


def _publish(fresh: Material, before: Material | None, message: Message[Any]) -> Step:
    fresh = msgspec.structs.replace(fresh, version=fresh.version + 1)
    changed = MaterialChanged(
        available_quantity=available(fresh),
        changed_at=message.timestamp,
        **{
            name: value
            for name, value in ((name, getattr(fresh, name)) for name in fresh.__struct_fields__)
            if name != "stock_at"
        },
    )
    emits = [Emit("material.changed", changed)]
    if available(fresh) < fresh.safety_stock and not (before and available(before) < before.safety_stock):
        emits.append(_reorder(fresh, message))
    return Step(fresh, emits)


def _reorder(material: Material, message: Message[Any]) -> Emit:
    key = f"reorder-{material.material_id}-{material.version}"
    sentence = (
        f"{material.part_name} ({material.material_id}) has {available(material).normalize():f} "
        f"{material.unit_of_measure} available, below its safety stock of {material.safety_stock.normalize():f}."
    )
    alert = AlertRaised(
        alert_id=key,
        alert_key=key,
        kind="material.reorder",
        severity="warning",
        entity_type="material",
        entity_id=material.material_id,
        message=sentence,
        raised_at=message.timestamp,
    )
    return Emit("alert.raised", alert)
