"""The fold of materials: master data, stock on hand, and who may have it."""

from collections.abc import Callable, Sequence
from datetime import UTC, date
from typing import Any

import msgspec

from schemas.envelope import Message
from schemas.messages import materials as says
from streams.domain import stock
from streams.domain.material_events import (
    acknowledged,
    answers,
    changed,
    consumed,
    difference,
    named,
    overconsumed,
    reservation,
    shortage,
    status_of,
)
from streams.domain.stock import Closed, Consumption, Material, Reservation, Share
from streams.driver import Emit, Rejected, Step

MOST_RESERVATIONS = 4_000
"""Open reservations of one material. Its state must fit one record of the changelog (1 MiB)."""
MOST_UNKNOWN_CONSUMPTIONS = 1_000
"""Consumptions that wait for the warehouse's word; beyond that the oldest count as known to its next count."""
MOST_CLOSED = 64
"""Ids of what is over, so that what is told again is known as such; numbered messages never come this far twice."""


def fold(state: Material | None, message: Message[Any]) -> Step:
    """What a message does to a material. Stock of a material that has no master data is refused."""
    told = message.payload
    if isinstance(told, says.MaterialUpserted):
        return _upsert(state, message, told)
    if state is not None:
        return _HANDLERS[message.type](state, message, told)
    if isinstance(told, says.MaterialReserve):
        return _refuse_unknown(told)
    if isinstance(told, says.MaterialRelease):
        return Step(None)
    raise Rejected("UNKNOWN_MATERIAL", f"No material {told.material_id} is known.", "material_id")


def _upsert(state: Material | None, message: Message[Any], told: says.MaterialUpserted) -> Step:
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
    if fresh == state:
        return Step(state)
    fresh = _next(fresh)
    return Step(fresh, changed(fresh, state, message, difference(state, fresh) if state else ()))


def _report(state: Material, message: Message[Any], told: says.StockReported) -> Step:
    """Stock is a total at a moment: what is older than the last report changes nothing."""
    at, fresh = message.timestamp, state
    if state.stock_at is None or at >= state.stock_at:
        fresh = msgspec.structs.replace(
            fresh,
            warehouse=told.warehouse,
            location=told.location,
            on_hand_quantity=told.on_hand_quantity,
            batches=tuple(sorted(told.batch_details, key=stock.first_expired_first_out)),
            consumptions=tuple(each for each in state.consumptions if not stock.knows(at, each)),
            closed=_closed(state, [each for each in state.consumptions if stock.knows(at, each)]),
            stock_at=at,
        )
    if state.allocated_at is None or at >= state.allocated_at:
        fresh = msgspec.structs.replace(fresh, allocated_quantity=told.allocated_quantity, allocated_at=at)
    if fresh is state or _says_nothing_new(fresh, state):
        return Step(fresh)
    return _settle(fresh, state, message)


def _says_nothing_new(fresh: Material, before: Material) -> bool:
    """Whether only the moment of the count is new: the warehouse is asked every few minutes for what rarely changes."""
    at_its_moment = msgspec.structs.replace(fresh, stock_at=before.stock_at, allocated_at=before.allocated_at)
    is_counted_before = before.stock_at is not None and before.allocated_at is not None
    return is_counted_before and at_its_moment == before and stock.elsewhere(fresh) == stock.elsewhere(before)


def _correct(state: Material, message: Message[Any], told: says.StockCorrected) -> Step:
    at = message.timestamp
    if told.field_changed == "safety_stock":
        fresh = _next(msgspec.structs.replace(state, safety_stock=told.new_value))
        changes = difference(state, fresh)
        return Step(fresh, changed(fresh, state, message, changes)) if changes else Step(state)
    last = state.stock_at if told.field_changed == "on_hand_quantity" else state.allocated_at
    if last is not None and at < last:
        return Step(state)
    if told.field_changed == "allocated_quantity":
        fresh = msgspec.structs.replace(state, allocated_quantity=told.new_value, allocated_at=at)
        return _settle(fresh, state, message)
    fresh = stock.counted(state, told.new_value, at, told.transaction_id)
    gone = [each for each in state.consumptions if each not in fresh.consumptions]
    return _settle(msgspec.structs.replace(fresh, closed=_closed(state, gone)), state, message)


def _settle(fresh: Material, before: Material, message: Message[Any], trusted: str | None = None) -> Step:
    """Let the reservations fit the stock again, and tell the material and whose reservation changed."""
    settled = stock.settled(fresh, _day(message), trusted)
    after = _next(settled.material)
    return Step(after, [*changed(after, before, message), *_told_of(settled.changed, after, message)])


def _told_of(pairs: Sequence[tuple[Reservation, Reservation]], after: Material, message: Message[Any]) -> list[Emit]:
    """What is said of reservations that the stock changed: the row, the order if it lost something, one alert."""
    emits: list[Emit] = []
    for before, now in pairs:
        lost = before.quantity - now.quantity
        reason = (
            f"{lost.normalize():f} {after.unit_of_measure} of {named(after)} are not there any more." if lost else None
        )
        told = answers(after, now, status_of(now), reason)
        emits += told if lost else told[:1]
    losers = [pair for pair in pairs if pair[1].quantity < pair[0].quantity]
    return [*emits, shortage(after, losers, message)] if losers else emits


def _reserve(state: Material, message: Message[Any], told: says.MaterialReserve) -> Step:
    """The quantity asked for last counts: what is missing is added as far as it goes, what is too much given back."""
    known = _open(state, told.reservation_id)
    if known is not None and known.work_order_id != told.work_order_id:
        raise Rejected("RESERVATION_OF_ANOTHER_ORDER", f"{told.reservation_id} belongs to {known.work_order_id}.")
    before = known or Reservation(told.reservation_id, told.work_order_id, told.quantity, stock.NOTHING)
    if known is None and _status_of_closed(state, told.reservation_id) == "consumed":
        fresh = _next(state)
        return Step(fresh, answers(fresh, before, "consumed", f"{told.reservation_id} is consumed already."))
    now, reason = _granted(state, before, told, _day(message))
    fresh = _next(msgspec.structs.replace(state, reservations=_with(state, known, now)))
    emits = changed(fresh, state, message) if stock.reserved(fresh) != stock.reserved(state) else []
    return Step(fresh, [*emits, *answers(fresh, now, status_of(now), reason)])


def _granted(
    state: Material, before: Reservation, told: says.MaterialReserve, today: date
) -> tuple[Reservation, str | None]:
    """The reservation as it is then, and why it is not all that was asked for."""
    asked = msgspec.structs.replace(before, requested=told.quantity)
    missing = told.quantity - before.quantity
    if missing <= 0:
        return stock.shrunk(asked, told.quantity), None
    if not state.is_active:
        return asked, f"{named(state)} is inactive; nothing more of it is reserved."
    if before.quantity == 0 and len(state.reservations) >= MOST_RESERVATIONS:
        return asked, f"{MOST_RESERVATIONS} orders have reserved {named(state)} already; no more fit."
    possible = min(missing, stock.promisable(state, today))
    if possible == missing:
        return stock.grown(state, asked, missing, today), None
    unit, wanted = state.unit_of_measure, told.quantity.normalize()
    most = (before.quantity + possible).normalize()
    if possible == 0 and before.quantity == 0:
        return asked, f"Nothing of {named(state)} is available; {wanted:f} {unit} were asked for."
    reason = f"Only {most:f} of {wanted:f} {unit} of {named(state)} are available."
    return (stock.grown(state, asked, possible, today) if told.allow_partial else asked), reason


def _with(state: Material, known: Reservation | None, now: Reservation) -> tuple[Reservation, ...]:
    """The open reservations with this one in its place, or at the end where it is new; one of nothing is not open."""
    if now.quantity == 0:
        return tuple(each for each in state.reservations if each is not known)
    if known is None:
        return (*state.reservations, now)
    return tuple(now if each is known else each for each in state.reservations)


def _refuse_unknown(told: says.MaterialReserve) -> Step:
    """Nobody knows the material: the order gets its answer, and nothing is remembered."""
    reason = f"No material {told.material_id} is known."
    asked = Reservation(told.reservation_id, told.work_order_id, told.quantity, stock.NOTHING)
    unknown = Material(material_id=told.material_id, part_number=told.material_id, part_name=told.material_id)
    return Step(None, answers(unknown, asked, "refused", reason))


def _release(state: Material, message: Message[Any], told: says.MaterialRelease) -> Step:
    """What is not reserved needs no release: said again it is silent."""
    known = _open(state, told.reservation_id)
    if known is None:
        return Step(state)
    fresh = _next(_without(state, known, "released"))
    return Step(fresh, [*changed(fresh, state, message), reservation(fresh, _empty(known), "released", told.reason)])


def _consume(state: Material, message: Message[Any], told: says.MaterialConsume) -> Step:
    """A fact: it counts even where there was not so much. What the reservation held beyond it is free again."""
    if any(each.transaction_id == told.transaction_id for each in state.consumptions) or _status_of_closed(
        state, told.transaction_id
    ):
        return Step(state)
    known = _open(state, told.reservation_id)
    shares = stock.used(state, known, told.quantity)
    use = Consumption(told.transaction_id, told.quantity, shares)
    if known is not None:
        use = msgspec.structs.replace(use, was_reserved=known.confirmed_quantity, was_reserved_at=known.confirmed_at)
    rest = _without(state, known, "consumed") if known else state
    fresh = msgspec.structs.replace(rest, consumptions=(*state.consumptions, use))
    settled = stock.settled(stock.absorbed(fresh, MOST_UNKNOWN_CONSUMPTIONS), _day(message))
    after = _next(settled.material)
    emits = [*changed(after, state, message), consumed(after, told, state.batches, shares, message)]
    if known is not None:
        emits.append(reservation(after, _empty(known), "consumed", None))
    too_much = told.quantity - stock.on_hand(state)
    if too_much > 0:
        emits.append(overconsumed(after, told, too_much, message))
    return Step(after, [*emits, *_told_of(settled.changed, after, message)])


def _confirm_reservation(state: Material, message: Message[Any], told: says.ReservationConfirmed) -> Step:
    """The warehouse's own lots replace ours. Of what was added since it was asked it names none: that stays in ours."""
    known = _open(state, told.reservation_id)
    if known is None:
        status = _status_of_closed(state, told.reservation_id) or "not open"
        sentence = f"{told.reservation_id} of {named(state)} is {status}; the warehouse holds it for nobody."
        raise Rejected("RESERVATION_NOT_OPEN", sentence, "reservation_id")
    total = sum((each.quantity for each in told.batches), stock.NOTHING)
    if total > known.quantity:
        sentence = (
            f"The warehouse allocated {total.normalize():f} to {told.reservation_id}, "
            f"which reserves {known.quantity.normalize():f} {state.unit_of_measure}."
        )
        raise Rejected("ALLOCATION_ABOVE_RESERVATION", sentence, "batches")
    if known.confirmed_at is not None and told.confirmed_at <= known.confirmed_at:
        return Step(state)
    now = msgspec.structs.replace(
        known,
        shares=tuple(Share(each.batch_number, each.quantity, each.location) for each in told.batches) or known.shares,
        inventory_reservation_id=told.inventory_reservation_id,
        confirmed_at=told.confirmed_at,
        confirmed_quantity=total if told.batches else known.quantity,
    )
    fresh = msgspec.structs.replace(state, reservations=_with(state, known, now))
    settled = stock.settled(fresh, _day(message), now.reservation_id)
    others = [pair for pair in settled.changed if pair[1].reservation_id != now.reservation_id]
    after = _next(settled.material)
    now = _open(after, now.reservation_id) or _empty(now)
    emits = [*changed(after, state, message), reservation(after, now, status_of(now), None)]
    return Step(after, [*emits, *_told_of(others, after, message)])


def _confirm_consumption(state: Material, message: Message[Any], told: says.ConsumptionConfirmed) -> Step:
    """From that moment on the warehouse's counts contain the consumption; a count that was later did so already."""
    known = next((each for each in state.consumptions if each.transaction_id == told.transaction_id), None)
    if known is None and _status_of_closed(state, told.transaction_id) is None:
        sentence = f"No consumption {told.transaction_id} of {named(state)} waits for the warehouse."
        raise Rejected("UNKNOWN_TRANSACTION", sentence, "transaction_id")
    if known is None or known.confirmed_at is not None:
        return Step(state)
    now = msgspec.structs.replace(known, confirmed_at=told.confirmed_at)
    is_in_count = state.stock_at is not None and stock.knows(state.stock_at, now)
    rest = tuple(now if each is known else each for each in state.consumptions if each is not known or not is_in_count)
    closed = _closed(state, [now] if is_in_count else [])
    fresh = _next(msgspec.structs.replace(state, consumptions=rest, closed=closed))
    emits = changed(fresh, state, message) if is_in_count else []
    return Step(fresh, [*emits, acknowledged(fresh, told)])


def _open(state: Material, reservation_id: str | None) -> Reservation | None:
    return next((each for each in state.reservations if each.reservation_id == reservation_id), None)


def _status_of_closed(state: Material, identity: str) -> str | None:
    return next((each.status for each in state.closed if each.identity == identity), None)


def _without(state: Material, known: Reservation, status: str) -> Material:
    closed = [each for each in state.closed if each.identity != known.reservation_id]
    return msgspec.structs.replace(
        state,
        reservations=tuple(each for each in state.reservations if each is not known),
        closed=tuple([*closed, Closed(known.reservation_id, status)][-MOST_CLOSED:]),
    )


def _closed(state: Material, over: Sequence[Consumption]) -> tuple[Closed, ...]:
    """What is remembered of things that are over, with these consumptions among them."""
    return (*state.closed, *(Closed(each.transaction_id, "confirmed") for each in over))[-MOST_CLOSED:]


def _empty(known: Reservation) -> Reservation:
    return msgspec.structs.replace(known, quantity=stock.NOTHING, shares=())


def _next(state: Material) -> Material:
    return msgspec.structs.replace(state, version=state.version + 1)


def _day(message: Message[Any]) -> date:
    """The day on which lots must not have expired: that of the message, in UTC."""
    return message.timestamp.astimezone(UTC).date()


_HANDLERS: dict[str, Callable[[Material, Message[Any], Any], Step]] = {
    "inventory.stock_reported": _report,
    "inventory.stock_corrected": _correct,
    "inventory.reservation_confirmed": _confirm_reservation,
    "inventory.consumption_confirmed": _confirm_consumption,
    "material.reserve": _reserve,
    "material.release": _release,
    "material.consume": _consume,
}
