"""The warehouse (002 section 6.2.2): what an order reserves, gives back and consumes is told there, once."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from connectors.deliveries.kind import Call, Due, Kind, New, NotNeeded, NotYet, Reacted, Rows, refusing
from connectors.said import said
from connectors.systems import wms_calls
from connectors.systems.wms_calls import Allocation, Issue, Need, Place
from schemas.codec import Unreadable
from schemas.envelope import Message
from schemas.ids import short
from schemas.messages.materials import (
    AllocatedBatch,
    ConsumptionAcknowledged,
    ConsumptionConfirmed,
    MaterialConsumed,
    ReservationChanged,
    ReservationConfirmed,
)
from schemas.settings import Settings
from sql.reads import inventory
from streams.driver import Output

SYSTEM: Final = "WMS"
RESERVATION, RELEASE, CONSUMPTION = "wms.reservation", "wms.release", "wms.consumption"
RESERVATIONS: Final = "/api/v1/reservations"
TRANSACTIONS: Final = "/api/v1/transactions/consumption"
PATIENCE_SECONDS: Final = 60.0
"""So long a request waits for the order's other materials; what is known by then is told, the rest separately."""


def reservation_changed(rows: Rows, message: Message[ReservationChanged], settings: Settings) -> Reacted:
    """An order holds more of a material than the warehouse knows: ask it. It holds nothing any more: give it back."""
    told = message.payload
    if settings.wms_url is None:
        return Reacted()
    if told.status in ("reserved", "partial") and told.quantity_reserved > 0:
        return _reserve(rows, message)
    if told.status != "released" or inventory.held(rows, told.work_order_id):
        return Reacted()
    return Reacted(_releases(rows, message.tenant_id, told.work_order_id, message.correlation_id, told.reason))


def _reserve(rows: Rows, message: Message[ReservationChanged]) -> Reacted:
    """One request for all materials of a command; a material that comes after its request was made has another."""
    told = message.payload
    earlier = inventory.requests(rows, RESERVATION, told.work_order_id)
    if told.quantity_reserved <= _asked(earlier).get(told.material_id, Decimal(0)):
        return Reacted()
    cause = f"{told.work_order_id}/{message.correlation_id}"
    if any(each["cause"] == cause and each["body"] is not None for each in earlier):
        cause += f"/{told.material_id}/{told.version}"
    new = New(RESERVATION, message.tenant_id, told.work_order_id, cause, correlation_id=message.correlation_id)
    return Reacted((new,))


def _asked(requests: Iterable[Mapping[str, Any]]) -> dict[str, Decimal]:
    """How much of each material the warehouse was asked for."""
    asked: dict[str, Decimal] = {}
    for line in (line for each in requests if each["body"] for line in each["body"]["materials"]):
        asked[line["material_id"]] = asked.get(line["material_id"], Decimal(0)) + Decimal(str(line["quantity"]))
    return asked


def _reservation(rows: Rows, due: Due, settings: Settings) -> Call:
    """All that the order holds and the warehouse was not asked for. Raises NotYet while answers are outstanding."""
    order = _order(rows, due)
    if order["status"] in ("completed", "cancelled"):
        raise NotNeeded(f"{due.subject} is {order['status']}.")
    earlier = [each for each in inventory.requests(rows, RESERVATION, due.subject) if _is_earlier(each, due)]
    if any(each["status"] == "pending" for each in earlier):
        raise NotYet(f"An earlier request of {due.subject} is under way.")
    is_decided = not order["undecided"] and order["materials_status"] in ("reserved", "partial")
    if not is_decided and not order["is_overdue"]:
        raise NotYet(f"Not all materials of {due.subject} are decided.")
    asked = _asked(earlier)
    needs = [
        Need(row["material_id"], row["part_number"], more, row["unit_of_measure"])
        for row in inventory.held(rows, due.subject)
        if (more := row["quantity"] - asked.get(row["material_id"], Decimal(0))) > 0
    ]
    if not needs:
        raise NotNeeded(f"{due.subject} holds nothing that the warehouse was not asked for.")
    identity = wms_calls.request_id(due.subject, len(earlier) + 1)
    body = wms_calls.reservation(identity, due.subject, due.created_at, order["due_date"], needs)
    return Call("POST", RESERVATIONS, body)


def _order(rows: Rows, due: Due) -> dict[str, Any]:
    order = inventory.order(rows, due.subject, due.created_at, PATIENCE_SECONDS)
    if order is None:
        raise NotYet(f"{due.subject} is not known yet.")
    return order


def _is_earlier(other: Mapping[str, Any], due: Due) -> bool:
    """Whether another delivery of the same order comes before this one: it has its request, or was made before."""
    if other["delivery_id"] == due.delivery_id:
        return False
    return other["body"] is not None or (other["created_at"], other["delivery_id"]) < (due.created_at, due.delivery_id)


def _reserved(rows: Rows, due: Due, answers: Sequence[Any], at: datetime, _settings: Settings) -> Sequence[Output]:
    """The warehouse's lots, with those of earlier requests of the order, replace ours."""
    with refusing():
        told = wms_calls.allocation(inventory.body_of(rows, due.delivery_id), answers[-1])
    earlier = _allocations(rows, due)
    return [
        _answer(due, "inventory.reservation_confirmed", payload, row["material_id"], at)
        for row in inventory.held(rows, due.subject)
        if row["material_id"] in told.materials
        for payload in [_confirmation(row, told, earlier, at)]
    ]


def _allocations(rows: Rows, due: Due) -> list[Allocation]:
    """What other requests of the order came to. A kept answer that was shortened names no lots any more."""
    found = []
    for each in inventory.requests(rows, RESERVATION, due.subject):
        if each["delivery_id"] != due.delivery_id and each["status"] == "succeeded":
            with suppress(Unreadable):
                found.append(wms_calls.allocation(each["body"], each["last_answer"]))
    return found


def _confirmation(
    row: Mapping[str, Any], told: Allocation, earlier: Sequence[Allocation], at: datetime
) -> ReservationConfirmed:
    places = [place for each in (*earlier, told) for place in each.materials.get(row["material_id"], ())]
    return ReservationConfirmed(
        material_id=row["material_id"],
        reservation_id=row["reservation_id"],
        inventory_reservation_id=told.inventory_reservation_id,
        batches=tuple(
            AllocatedBatch(batch_number=lot.batch_number, quantity=lot.quantity, location=lot.location)
            for lot in _first(places, row["quantity"])
        ),
        confirmed_at=at,
    )


def _first(places: Iterable[Place], quantity: Decimal) -> list[Place]:
    """So much of these lots: the order may hold less by now than the warehouse set aside for it."""
    found = []
    for place in places:
        part = min(place.quantity, quantity)
        if part > 0:
            found.append(place._replace(quantity=part))
            quantity -= part
    return found


def _releases(
    rows: Rows, tenant_id: str, work_order_id: str, correlation_id: str, reason: str | None
) -> tuple[New, ...]:
    """One for each request that the warehouse may have acted on."""
    words = reason or f"{work_order_id} does not need it any more."
    return tuple(
        New(
            RELEASE,
            tenant_id,
            work_order_id,
            each["delivery_id"],
            {"reservation_delivery": each["delivery_id"], "reason": words},
            correlation_id,
        )
        for each in inventory.requests(rows, RESERVATION, work_order_id)
    )


def _release(rows: Rows, due: Due, settings: Settings) -> Call:
    """The whole request is given back. Raises NotYet while it is under way, NotNeeded where nothing was reserved."""
    named = due.told["reservation_delivery"]
    requests = inventory.requests(rows, RESERVATION, due.subject)
    found = next((each for each in requests if each["delivery_id"] == named), None)
    if found is None or (found["body"] is None and found["status"] != "pending"):
        raise NotNeeded(f"The warehouse was not asked for anything that {due.subject} could give back.")
    if found["status"] == "pending":
        raise NotYet(f"The request of {due.subject} is still under way.")
    if inventory.held(rows, due.subject):
        raise NotNeeded(f"{due.subject} holds material again.")
    identity = found["body"]["reservation_id"]
    body = wms_calls.release(identity, due.subject, due.created_at, due.told["reason"])
    return Call("POST", f"{RESERVATIONS}/{identity}/release", body)


def _done(_rows: Rows, _due: Due, answers: Sequence[Any], _at: datetime, _settings: Settings) -> Sequence[Output]:
    """Nothing follows, unless the answer says that it was not done."""
    with refusing():
        wms_calls.refuse_failure(answers[-1])
    return ()


def material_consumed(rows: Rows, message: Message[MaterialConsumed], settings: Settings) -> Reacted:
    """An order used material up: the warehouse takes it off its stock, all of the order's materials at once."""
    told = message.payload
    if settings.wms_url is None:
        return Reacted(outputs=(_taken_by_nobody(message),))
    cause = f"{told.work_order_id}/{message.correlation_id}"
    earlier = inventory.requests(rows, CONSUMPTION, told.work_order_id)
    if any(each["cause"] == cause and each["body"] is not None for each in earlier):
        cause += f"/{told.transaction_id}"
    new = New(CONSUMPTION, message.tenant_id, told.work_order_id, cause, correlation_id=message.correlation_id)
    return Reacted((new,))


def _taken_by_nobody(message: Message[MaterialConsumed]) -> Output:
    """Where no warehouse is told, the consumption counts at once."""
    told = message.payload
    payload = ConsumptionConfirmed(
        material_id=told.material_id, transaction_id=told.transaction_id, confirmed_at=message.received_at
    )
    return said(
        "inventory.consumption_confirmed",
        message.tenant_id,
        payload,
        message_id=short(f"confirmed-{told.transaction_id}"),
        timestamp=message.timestamp,
        received_at=message.received_at,
        correlation_id=message.correlation_id,
    )


def _consumption(rows: Rows, due: Due, settings: Settings) -> Call:
    """All that the order used up and that no other delivery tells. Raises NotYet while some of it is outstanding."""
    order = _order(rows, due)
    if not order["is_overdue"] and (order["status"] != "completed" or order["unconsumed"]):
        raise NotYet(f"Not all that {due.subject} used up is known yet.")
    earlier = [each for each in inventory.requests(rows, CONSUMPTION, due.subject) if _is_earlier(each, due)]
    if not inventory.tell_of_order(rows, due.delivery_id, due.subject):
        raise NotNeeded(f"The warehouse is told of all that {due.subject} used up.")
    found = inventory.issues(rows, due.delivery_id)
    body = wms_calls.consumption(
        wms_calls.transaction_id(due.subject, len([each for each in earlier if each["body"] is not None]) + 1),
        due.subject,
        max(row["occurred_at"] for row in found),
        [issue for row in found for issue in _issues(row)],
        wms_calls.cost_center(settings.cost_center, order["line"]),
    )
    return Call("POST", TRANSACTIONS, body)


def _issues(row: Mapping[str, Any]) -> list[Issue]:
    """A line for each lot, and one for what came from no known lot."""
    lots = [(lot["batch_number"], Decimal(str(lot["quantity"]))) for lot in row["batches"] or ()]
    rest = row["quantity"] - sum((quantity for _, quantity in lots), Decimal(0))
    named = [Issue(row["material_id"], quantity, number) for number, quantity in lots if quantity > 0]
    return [*named, Issue(row["material_id"], rest, None)] if rest > 0 else named


def _consumed(rows: Rows, due: Due, answers: Sequence[Any], at: datetime, _settings: Settings) -> Sequence[Output]:
    """The warehouse's counts contain it from now on."""
    with refusing():
        wms_calls.refuse_failure(answers[-1])
    return [
        _answer(
            due,
            "inventory.consumption_confirmed",
            ConsumptionConfirmed(material_id=row["material_id"], transaction_id=row["transaction_id"], confirmed_at=at),
            row["transaction_id"],
            at,
        )
        for row in inventory.synchronized(rows, due.delivery_id, at)
    ]


def consumption_acknowledged(rows: Rows, message: Message[ConsumptionAcknowledged], settings: Settings) -> Reacted:
    """An order that used less than was set aside for it gives the rest back."""
    if settings.wms_url is None:
        return Reacted()
    order = inventory.order_of(rows, message.payload.transaction_id)
    if order is None or inventory.held(rows, order):
        return Reacted()
    used = inventory.used(rows, order)
    asked = _asked(inventory.requests(rows, RESERVATION, order))
    if all(used.get(material, Decimal(0)) >= quantity for material, quantity in asked.items()):
        return Reacted()
    reason = f"{order} used less than was reserved for it."
    return Reacted(_releases(rows, message.tenant_id, order, message.correlation_id, reason))


def _answer(due: Due, type_name: str, payload: Any, natural: str, at: datetime) -> Output:
    """A message that follows from an answer; its id follows from the delivery."""
    return said(
        type_name,
        due.tenant_id,
        payload,
        message_id=short(f"{due.delivery_id}-{natural}"),
        timestamp=at,
        correlation_id=due.correlation_id,
        source_system=SYSTEM,
    )


KINDS: Final = (
    Kind(
        name=RESERVATION,
        system=SYSTEM,
        integration_type="inventory_reservation_outbound",
        description="reserves the materials of an assigned order, first expired first out (002 section 6.2.2)",
        request=_reservation,
        accepted=_reserved,
    ),
    Kind(
        name=RELEASE,
        system=SYSTEM,
        integration_type="inventory_release_outbound",
        description="gives back what an order reserved and does not need",
        request=_release,
        accepted=_done,
    ),
    Kind(
        name=CONSUMPTION,
        system=SYSTEM,
        integration_type="inventory_consumption_outbound",
        description="tells what an order used up, lot by lot (002 section 6.2.2)",
        request=_consumption,
        accepted=_consumed,
    ),
)
