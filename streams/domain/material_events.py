"""What is said of a material: its new state, its reservations and transactions, and the alerts about them."""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from schemas.envelope import Message
from schemas.ids import short
from schemas.messages import materials as says
from schemas.messages.failures import AlertRaised, Severity
from schemas.messages.work_orders import ReservationDecided
from streams.domain import stock
from streams.domain.stock import Material, Reservation, Share
from streams.driver import Emit

MASTER_DATA = (
    "part_number",
    "part_name",
    "description",
    "category",
    "unit_of_measure",
    "standard_cost",
    "currency",
    "is_active",
    "safety_stock",
)
ORDERS_NAMED = 20
MOST_TEXT = 4_000


def changed(
    fresh: Material, before: Material | None, message: Message[Any], changes: Sequence[says.FieldChange] = ()
) -> list[Emit]:
    """The material as it is now, and an alert if what is available has fallen below the safety stock."""
    told = says.MaterialChanged(
        material_id=fresh.material_id,
        version=fresh.version,
        **{name: getattr(fresh, name) for name in MASTER_DATA},
        warehouse=fresh.warehouse,
        location=fresh.location,
        on_hand_quantity=stock.on_hand(fresh),
        allocated_quantity=stock.allocated(fresh),
        reserved_quantity=stock.reserved(fresh),
        available_quantity=stock.available(fresh),
        batches=stock.lots(fresh),
        stock_at=fresh.stock_at,
        changed_at=message.timestamp,
        changes=tuple(changes),
        changed_by=message.message_id if changes else None,
        change_source=short(message.source_system) if changes else None,
    )
    was_low = before is not None and stock.available(before) < before.safety_stock
    is_low = stock.available(fresh) < fresh.safety_stock
    return [Emit("material.changed", told), *([_reorder(fresh, message)] if is_low and not was_low else [])]


def difference(before: Material, after: Material) -> tuple[says.FieldChange, ...]:
    """The master data that differ, as text."""
    pairs = [(name, _text(getattr(before, name)), _text(getattr(after, name))) for name in MASTER_DATA]
    return tuple(says.FieldChange(field=name, old=old, new=new) for name, old, new in pairs if old != new)


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return f"{value.normalize():f}" if isinstance(value, Decimal) else str(value).lower()


def status_of(one: Reservation) -> says.ReservationStatus:
    """Where a reservation stands by what it holds of what was asked."""
    if one.quantity == 0:
        return "refused"
    return "reserved" if one.quantity >= one.requested else "partial"


def reservation(material: Material, one: Reservation, status: says.ReservationStatus, reason: str | None) -> Emit:
    """A reservation as it is now."""
    told = says.ReservationChanged(
        reservation_id=one.reservation_id,
        material_id=material.material_id,
        work_order_id=one.work_order_id,
        quantity_requested=one.requested,
        quantity_reserved=one.quantity,
        shortage=_missing(one) if status in ("partial", "refused") else stock.NOTHING,
        status=status,
        batches=_batches(material.batches, one.shares),
        inventory_reservation_id=one.inventory_reservation_id,
        version=material.version,
        reason=reason and reason[:MOST_TEXT],
    )
    return Emit("reservation.changed", told)


def answers(
    material: Material, one: Reservation, status: says.ReservationStatus, reason: str | None
) -> tuple[Emit, Emit]:
    """A reservation as it is now, and the answer to its order."""
    told = ReservationDecided(
        work_order_id=one.work_order_id,
        material_id=material.material_id,
        reservation_id=one.reservation_id,
        quantity_requested=one.requested,
        quantity_reserved=one.quantity,
        status=status,
        reason=reason and reason[:MOST_TEXT],
    )
    return reservation(material, one, status, reason), Emit("reservation.decided", told)


def consumed(
    material: Material,
    told: says.MaterialConsume,
    batches: Iterable[says.StockBatch],
    shares: Sequence[Share],
    message: Message[Any],
) -> Emit:
    """A transaction: material that an order used up."""
    event = says.MaterialConsumed(
        transaction_id=told.transaction_id,
        material_id=material.material_id,
        work_order_id=told.work_order_id,
        reservation_id=told.reservation_id,
        quantity=told.quantity,
        batches=_batches(batches, shares),
        unit_of_measure=material.unit_of_measure,
        part_number=material.part_number,
        occurred_at=message.timestamp,
        version=material.version,
    )
    return Emit("material.consumed", event)


def acknowledged(material: Material, told: says.ConsumptionConfirmed) -> Emit:
    """The warehouse knows of a transaction."""
    event = says.ConsumptionAcknowledged(
        transaction_id=told.transaction_id,
        material_id=material.material_id,
        confirmed_at=told.confirmed_at,
        version=material.version,
    )
    return Emit("material.consumption_acknowledged", event)


def named(material: Material) -> str:
    """A material as people call it."""
    return f"{material.part_name} ({material.material_id})"


def shortage(material: Material, losers: Sequence[tuple[Reservation, Reservation]], message: Message[Any]) -> Emit:
    """Reservations that the stock can no longer carry, by order and quantity, the latest first."""
    unit = material.unit_of_measure
    lost = [
        f"{now.work_order_id} loses {(before.quantity - now.quantity).normalize():f} of "
        f"{before.quantity.normalize():f} {unit}"
        for before, now in reversed(losers)
    ]
    more = f", and {len(lost) - ORDERS_NAMED} more orders lose some" if len(lost) > ORDERS_NAMED else ""
    sentence = (
        f"{named(material)} has {stock.on_hand(material).normalize():f} {unit} on hand, less than was reserved: "
        f"{', '.join(lost[:ORDERS_NAMED])}{more}."
    )
    key = f"shortage-{material.material_id}-{material.version}"
    return _alert("material.shortage", "critical", material, key, sentence, message)


def overconsumed(material: Material, told: says.MaterialConsume, too_much: Decimal, message: Message[Any]) -> Emit:
    """More was used up than was on hand: a count of the shelf is due."""
    sentence = (
        f"{told.work_order_id} consumed {told.quantity.normalize():f} {material.unit_of_measure} of {named(material)}, "
        f"{too_much.normalize():f} more than were on hand."
    )
    key = f"overconsumed-{material.material_id}-{material.version}"
    return _alert("material.overconsumed", "warning", material, key, sentence, message)


def _reorder(material: Material, message: Message[Any]) -> Emit:
    sentence = (
        f"{named(material)} has {stock.available(material).normalize():f} "
        f"{material.unit_of_measure} available, below its safety stock of {material.safety_stock.normalize():f}."
    )
    key = f"reorder-{material.material_id}-{material.version}"
    return _alert("material.reorder", "warning", material, key, sentence, message)


def _alert(kind: str, severity: Severity, material: Material, key: str, sentence: str, message: Message[Any]) -> Emit:
    alert = AlertRaised(
        alert_id=short(key),
        alert_key=short(key),
        kind=kind,
        severity=severity,
        entity_type="material",
        entity_id=material.material_id,
        message=sentence[:MOST_TEXT],
        raised_at=message.timestamp,
    )
    return Emit("alert.raised", alert)


def _missing(one: Reservation) -> Decimal:
    return max(stock.NOTHING, one.requested - one.quantity)


def _batches(lots: Iterable[says.StockBatch], shares: Sequence[Share]) -> tuple[says.ReservedBatch, ...]:
    """Shares with the expiration of their lots, as far as it is known."""
    if not shares:
        return ()
    expires: dict[str, date | None] = {lot.batch_number: lot.expiration_date for lot in lots}
    return tuple(
        says.ReservedBatch(
            batch_number=share.batch_number,
            quantity=share.quantity,
            expiration_date=expires.get(share.batch_number),
            location=share.location,
        )
        for share in shares
    )
