"""What an order needs of each material, and how far it is reserved: what it asks, hears and uses up."""

from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Literal

import msgspec

from schemas.ids import short
from schemas.messages.materials import SMALLEST_QUANTITY, MaterialConsume, MaterialRelease, MaterialReserve
from schemas.messages.values import LARGEST_QUANTITY
from schemas.messages.work_orders import BomLine, MaterialsStatus, ReservationDecided
from streams.driver import Emit

EXACT = Context(prec=80, rounding=ROUND_HALF_EVEN)
"""Digits enough for any product of a quantity and a count."""
MOST = LARGEST_QUANTITY - SMALLEST_QUANTITY

Answer = Literal["unasked", "awaited", "answered"]


class Need(msgspec.Struct, frozen=True, array_like=True):
    """A material of the bill, all its lines together, for the order's whole quantity."""

    material_id: str
    required: Decimal
    reserved: Decimal = Decimal(0)
    answer: Answer = "unasked"


def of_bill(bill: Iterable[BomLine]) -> tuple[Need, ...]:
    """The needs of a bill of materials; a material on several lines is needed for all of them."""
    required: dict[str, Decimal] = {}
    for line in bill:
        required[line.material_id] = required.get(line.material_id, Decimal(0)) + line.quantity_required
    return tuple(Need(material_id, min(MOST, quantity)) for material_id, quantity in required.items() if quantity > 0)


def unasked(needs: Iterable[Need]) -> tuple[Need, ...]:
    """The needs of an order that holds nothing any more."""
    return tuple(Need(need.material_id, need.required) for need in needs)


def status(needs: Sequence[Need]) -> MaterialsStatus:
    """How far an open order's materials are reserved."""
    if not needs:
        return "none"
    if any(need.answer != "answered" for need in needs):
        return "pending"
    return "reserved" if all(need.reserved >= need.required for need in needs) else "partial"


def asked(needs: Sequence[Need], work_order_id: str) -> tuple[tuple[Need, ...], list[Emit]]:
    """Ask for whatever is not reserved in full and not being asked for now."""
    missing = [need for need in needs if need.answer != "awaited" and need.reserved < need.required]
    names = {need.material_id for need in missing}
    fresh = tuple(_awaited(need) if need.material_id in names else need for need in needs)
    return fresh, [_reserve(need, work_order_id) for need in missing]


def rebilled(needs: Sequence[Need], bill: Iterable[BomLine], work_order_id: str) -> tuple[tuple[Need, ...], list[Emit]]:
    """The needs of a new bill. What is asked for already follows it: what is gone is released, the rest asked anew."""
    known = {need.material_id: need for need in needs}
    is_asking = any(need.answer != "unasked" for need in needs)
    fresh: list[Need] = []
    emits: list[Emit] = []
    for need in of_bill(bill):
        before = known.pop(need.material_id, None)
        if before is not None:
            need = msgspec.structs.replace(before, required=need.required)
        if is_asking and need != before:
            need = _awaited(need)
            emits.append(_reserve(need, work_order_id))
        fresh.append(need)
    reason = f"{work_order_id} does not need it any more."
    return tuple(fresh), [*emits, *released(known.values(), work_order_id, reason)]


def answered(needs: Sequence[Need], told: ReservationDecided) -> tuple[Need, ...]:
    """The needs after an answer; one about a material that is not needed any more changes nothing."""
    return tuple(
        msgspec.structs.replace(need, reserved=told.quantity_reserved, answer="answered")
        if need.material_id == told.material_id and need.answer != "unasked"
        else need
        for need in needs
    )


def released(needs: Iterable[Need], work_order_id: str, reason: str) -> list[Emit]:
    """Give back what is reserved, or may be by an answer that is on its way."""
    return [
        Emit(
            "material.release",
            MaterialRelease(
                material_id=need.material_id,
                reservation_id=reservation_id(work_order_id, need.material_id),
                work_order_id=work_order_id,
                reason=reason,
            ),
        )
        for need in needs
        if need.reserved > 0 or need.answer == "awaited"
    ]


def consumed(
    needs: Sequence[Need], work_order_id: str, version: int, made: tuple[int, int], ordered: Decimal
) -> list[Emit]:
    """What units beyond the first number up to the second used up; an order that made nothing gives back its share.

    Totals are rounded, not parts, so that parts add up to what the whole uses.
    """
    before, after = made
    emits: list[Emit] = []
    for need in needs:
        quantity = _used(need, after, ordered) - _used(need, before, ordered)
        if quantity >= SMALLEST_QUANTITY:
            use = MaterialConsume(
                material_id=need.material_id,
                transaction_id=short(f"TXN-{_number(work_order_id)}-{version}-{need.material_id}"),
                work_order_id=work_order_id,
                reservation_id=None if need.answer == "unasked" else reservation_id(work_order_id, need.material_id),
                quantity=min(MOST, quantity),
            )
            emits.append(Emit("material.consume", use))
        else:
            emits += released([need], work_order_id, f"{work_order_id} is completed and did not need it.")
    return emits


def _used(need: Need, made: int, ordered: Decimal) -> Decimal:
    exact = EXACT.divide(EXACT.multiply(need.required, Decimal(made)), ordered)
    return exact.quantize(SMALLEST_QUANTITY, context=EXACT)


def reservation_id(work_order_id: str, material_id: str) -> str:
    """The id of an order's reservation of a material: one for each, whenever it is asked for."""
    return short(f"RES-{_number(work_order_id)}-{material_id}")


def _number(work_order_id: str) -> str:
    return work_order_id.removeprefix("WO-")


def _awaited(need: Need) -> Need:
    return msgspec.structs.replace(need, answer="awaited")


def _reserve(need: Need, work_order_id: str) -> Emit:
    told = MaterialReserve(
        material_id=need.material_id,
        reservation_id=reservation_id(work_order_id, need.material_id),
        work_order_id=work_order_id,
        quantity=need.required,
    )
    return Emit("material.reserve", told)
