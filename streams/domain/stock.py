"""What lies on a material's shelf, who holds how much of it, and what can still be promised: figures, no messages."""

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

import msgspec

from schemas.messages.materials import StockBatch

NOTHING = Decimal(0)


class Share(msgspec.Struct, frozen=True, array_like=True):
    """So much of a lot, and where the warehouse keeps it."""

    batch_number: str
    quantity: Decimal
    location: str | None = None


class Reservation(msgspec.Struct, frozen=True, array_like=True):
    """What an order holds of the `requested` quantity. `confirmed_quantity` is what the warehouse holds for it too."""

    reservation_id: str
    work_order_id: str
    requested: Decimal
    quantity: Decimal
    shares: tuple[Share, ...] = ()
    inventory_reservation_id: str | None = None
    confirmed_at: datetime | None = None
    confirmed_quantity: Decimal = NOTHING


class Consumption(msgspec.Struct, frozen=True, array_like=True):
    """Material that is used up, though the warehouse's latest count still holds it, with its reservation there."""

    transaction_id: str
    quantity: Decimal
    shares: tuple[Share, ...] = ()
    was_reserved: Decimal = NOTHING
    was_reserved_at: datetime | None = None
    confirmed_at: datetime | None = None


class Closed(msgspec.Struct, frozen=True, array_like=True):
    """A reservation or a transaction that is over."""

    identity: str
    status: str


class Material(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is remembered of a material. Stock is kept as the warehouse told it, and what it cannot know beside it."""

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
    on_hand_quantity: Decimal = NOTHING
    allocated_quantity: Decimal = NOTHING
    safety_stock: Decimal = NOTHING
    batches: tuple[StockBatch, ...] = ()
    stock_at: datetime | None = None
    allocated_at: datetime | None = None
    reservations: tuple[Reservation, ...] = ()
    consumptions: tuple[Consumption, ...] = ()
    closed: tuple[Closed, ...] = ()
    version: int = 0


class Settled(NamedTuple):
    """A material whose reservations fit its stock again, and those that changed: before and after."""

    material: Material
    changed: tuple[tuple[Reservation, Reservation], ...]


def on_hand(material: Material) -> Decimal:
    """What is there: the latest count less what was used up unknown to it, never below 0."""
    return max(NOTHING, material.on_hand_quantity - _sum(each.quantity for each in material.consumptions))


def reserved(material: Material) -> Decimal:
    """What our orders hold."""
    return _sum(each.quantity for each in material.reservations)


def elsewhere(material: Material) -> Decimal:
    """What others hold: allocated as the warehouse told it, less what it held for us by then."""
    at = material.allocated_at
    ours = [(each.confirmed_at, each.confirmed_quantity) for each in material.reservations]
    ours += [(each.was_reserved_at, each.was_reserved) for each in material.consumptions]
    known = _sum(quantity for moment, quantity in ours if moment and at and moment < at)
    return max(NOTHING, material.allocated_quantity - known)


def allocated(material: Material) -> Decimal:
    """What is promised, to others and to our orders."""
    return elsewhere(material) + reserved(material)


def available(material: Material) -> Decimal:
    """What can still be promised: on hand less allocated, never below 0."""
    return max(NOTHING, on_hand(material) - allocated(material))


def lots(material: Material) -> tuple[StockBatch, ...]:
    """What is left of each lot, first expired first out."""
    return _less(material.batches, [share for each in material.consumptions for share in each.shares])


def promisable(material: Material, today: date) -> Decimal:
    """What a new reservation can have: of a material that is kept in lots only what lies in lots of use today."""
    most = available(material)
    return min(most, _sum(lot.quantity for lot in _free(material, today))) if material.batches else most


def grown(material: Material, reservation: Reservation, more: Decimal, today: date) -> Reservation:
    """A reservation with so much more, taken first expired first out. No more than is promisable may be asked."""
    if not material.batches:
        return msgspec.structs.replace(reservation, quantity=reservation.quantity + more)
    shares = _joined([*reservation.shares, *taken(_free(material, today), more)])
    return msgspec.structs.replace(reservation, quantity=reservation.quantity + more, shares=shares)


def shrunk(reservation: Reservation, quantity: Decimal) -> Reservation:
    """A reservation of that quantity at most; what expires last is given back first."""
    if reservation.quantity <= quantity:
        return reservation
    shares = taken(reservation.shares, quantity)
    return msgspec.structs.replace(reservation, quantity=quantity, shares=shares)


def used(material: Material, reservation: Reservation | None, quantity: Decimal) -> tuple[Share, ...]:
    """The lots a quantity was taken from: its own, then those nobody holds, then any, first expired first out."""
    shares = taken(reservation.shares if reservation else (), quantity)
    others = [share for each in material.reservations if each is not reservation for share in each.shares]
    left = _less(lots(material), shares)
    shares += taken(_less(left, others), quantity - _sum(each.quantity for each in shares))
    left = _less(lots(material), shares)
    shares += taken(left, quantity - _sum(each.quantity for each in shares))
    return _joined(shares)


def taken(sources: Iterable[StockBatch | Share], quantity: Decimal) -> tuple[Share, ...]:
    """Shares of that quantity together, or of all there is, in the order of the sources."""
    shares = []
    for source in sources:
        if quantity <= 0:
            break
        part = min(source.quantity, quantity)
        shares.append(Share(source.batch_number, part, getattr(source, "location", None)))
        quantity -= part
    return tuple(shares)


def counted(material: Material, told: Decimal, at: datetime, transaction_id: str | None) -> Material:
    """A material whose total was counted without its lots: they fall with it, first expired first out."""
    is_known = [knows(at, each) or each.transaction_id == transaction_id for each in material.consumptions]
    known = [each for each, is_in in zip(material.consumptions, is_known, strict=True) if is_in]
    left = _reduced(material.batches, [share for each in known for share in each.shares])
    gone = _sum(lot.quantity for lot in left) - told
    return msgspec.structs.replace(
        material,
        on_hand_quantity=told,
        batches=_reduced(left, taken(left, gone)),
        consumptions=tuple(each for each, is_in in zip(material.consumptions, is_known, strict=True) if not is_in),
        stock_at=at,
    )


def absorbed(material: Material, most: int) -> Material:
    """A material that waits for the warehouse's word of so many consumptions at most; older ones are off its count."""
    old = material.consumptions[:-most]
    if not old:
        return material
    return msgspec.structs.replace(
        material,
        on_hand_quantity=max(NOTHING, material.on_hand_quantity - _sum(each.quantity for each in old)),
        batches=_reduced(material.batches, [share for each in old for share in each.shares]),
        consumptions=material.consumptions[-most:],
    )


def knows(at: datetime, consumption: Consumption) -> bool:
    """Whether what the warehouse says of that moment contains a consumption."""
    return consumption.confirmed_at is not None and consumption.confirmed_at < at


def settled(material: Material, today: date, trusted: str | None = None) -> Settled:
    """The reservations as the stock can carry them: the latest lose first, and lots that shrank are replaced.

    `trusted` names a reservation whose lots are the warehouse's own word of this moment: they stay.
    """
    left, fitting = on_hand(material), list[Reservation]()
    for each in material.reservations:
        fitting.append(shrunk(each, min(each.quantity, left)))
        left -= fitting[-1].quantity
    fitting = _relotted(material, fitting, today, trusted) if material.batches else [_lotless(one) for one in fitting]
    changed = tuple(pair for pair in zip(material.reservations, fitting, strict=True) if pair[0] != pair[1])
    kept = tuple(each for each in fitting if each.quantity > 0)
    return Settled(msgspec.structs.replace(material, reservations=kept), changed)


def _lotless(reservation: Reservation) -> Reservation:
    """Where no lots are told, only the warehouse itself can name some."""
    if reservation.confirmed_at or not reservation.shares:
        return reservation
    return msgspec.structs.replace(reservation, shares=())


def _relotted(
    material: Material, reservations: list[Reservation], today: date, trusted: str | None
) -> list[Reservation]:
    """Each reservation with lots that are there: its own as far as they go, those of the warehouse first."""
    shelf = {lot.batch_number: lot.quantity for lot in lots(material)}
    kept: dict[str, list[Share]] = {}
    for each in sorted(reservations, key=lambda one: (one.reservation_id != trusted, one.confirmed_at is None)):
        kept[each.reservation_id] = []
        for share in each.shares:
            there = shelf.get(share.batch_number, NOTHING)
            part = share.quantity if each.reservation_id == trusted else min(share.quantity, there)
            shelf[share.batch_number] = max(NOTHING, there - part)
            if part > 0:
                kept[each.reservation_id].append(Share(share.batch_number, part, share.location))
    usable = [lot for lot in lots(material) if is_usable(lot, today)]
    return [_filled(each, kept[each.reservation_id], usable, shelf) for each in reservations]


def _filled(
    reservation: Reservation, own: list[Share], usable: list[StockBatch], shelf: dict[str, Decimal]
) -> Reservation:
    """A reservation with its own lots and, for what is missing, more from the shelf, which has that less then."""
    missing = reservation.quantity - _sum(share.quantity for share in own)
    for lot in usable if missing > 0 else ():
        for share in taken([msgspec.structs.replace(lot, quantity=shelf[lot.batch_number])], missing):
            shelf[lot.batch_number] -= share.quantity
            missing -= share.quantity
            own.append(share)
    shares = _joined(share for share in own if share.quantity > 0)
    return msgspec.structs.replace(reservation, quantity=reservation.quantity - max(missing, NOTHING), shares=shares)


def is_usable(lot: StockBatch, today: date) -> bool:
    """The date of expiration is the last day of use."""
    return lot.expiration_date is None or lot.expiration_date >= today


def first_expired_first_out(lot: StockBatch) -> tuple[date, str]:
    """By expiration, those that never expire last."""
    return (lot.expiration_date or date.max, lot.batch_number)


def _free(material: Material, today: date) -> tuple[StockBatch, ...]:
    """Lots of use that nobody holds, first expired first out."""
    held = [share for each in material.reservations for share in each.shares]
    return tuple(lot for lot in _less(lots(material), held) if is_usable(lot, today))


def _less(batches: Iterable[StockBatch], shares: Iterable[Share]) -> tuple[StockBatch, ...]:
    """Lots less the shares in them; empty ones are left out."""
    return tuple(lot for lot in _reduced(batches, shares) if lot.quantity > 0)


def _reduced(batches: Iterable[StockBatch], shares: Iterable[Share]) -> tuple[StockBatch, ...]:
    """Lots less the shares in them; empty ones stay, for they say that the material is kept in lots."""
    gone: dict[str, Decimal] = {}
    for share in shares:
        gone[share.batch_number] = gone.get(share.batch_number, NOTHING) + share.quantity
    left = ((lot, lot.quantity - gone.get(lot.batch_number, NOTHING)) for lot in batches)
    return tuple(msgspec.structs.replace(lot, quantity=max(NOTHING, quantity)) for lot, quantity in left)


def _joined(shares: Iterable[Share]) -> tuple[Share, ...]:
    """Shares of the same lot and place together, in their first order."""
    sums: dict[tuple[str, str | None], Decimal] = {}
    for share in shares:
        place = (share.batch_number, share.location)
        sums[place] = sums.get(place, NOTHING) + share.quantity
    return tuple(Share(batch_number, quantity, location) for (batch_number, location), quantity in sums.items())


def _sum(quantities: Iterable[Decimal]) -> Decimal:
    return sum(quantities, NOTHING)
