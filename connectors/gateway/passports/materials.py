"""The passport of a material: the warehouse's latest words, and what was used and reserved since."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

from connectors.gateway.passports.evidence import Claim, Made, Messages, contradictions, place_of, read
from connectors.gateway.problems import Problem
from connectors.gateway.records import Place
from connectors.gateway.state import State
from schemas.messages.materials import ReservationConfirmed, StockCorrected
from sql.reads.evidence import Evidence
from streams.domain.materials import MOST_UNKNOWN_CONSUMPTIONS
from streams.domain.passports import MATERIAL, NOTHING, Hold, Stock, Use, amounts, material_values, ours_in

MAIN: Final = "available_quantity"
PAGE, PAGES = 200, 25
COUNTED, ALLOCATED = "counted_quantity", "warehouse_allocated_quantity"
Row = dict[str, Any]


class Statement(NamedTuple):
    """A word of the warehouse: the version that it led to, where it stands, when it was true, and what it says."""

    version: int
    place: Place
    at: datetime
    payload: Any


class Words(NamedTuple):
    """The latest words about the count and about what is allocated, and all corrections that came since a version."""

    counted: Statement | None
    allocated: Statement | None
    corrections: list[Statement]
    messages: Messages
    is_complete: bool


class Confirmed(NamedTuple):
    """What the warehouse confirmed of a reservation: by which message, how much, since when."""

    place: Place
    quantity: Decimal
    at: datetime


def make(parts: State, tenant_id: str, material_id: str) -> Made:
    """All figures of a material, computed again from its messages. Raises Problem 404 and 503."""
    with parts.database.tenant(tenant_id) as rows:
        reads = Evidence(rows, material_id)
        material = reads.material()
        if material is None:
            raise Problem(404, f"No material {material_id} is known.")
        wanted = {each["reservation_id"] for each in (*material["uses"], *material["holds"])} - {None}
        held = reads.held(sorted(wanted), material["version"])
    told = _words(parts, tenant_id, material)
    uses = _unknown_to_the_count(material["uses"], told)
    holds = material["holds"]
    own = read(
        parts.records,
        tenant_id,
        [
            *(place_of(row["caused_by"]) for row in (*held, *uses)),
            *(_event(each) for each in holds),
        ],
    )
    messages = Messages(told.messages.told | own.told, [*told.messages.unread, *own.unread])
    confirmations = _Confirmations(held, own)
    stock, claims = _stock(told, uses, holds, confirmations, messages)
    differences = contradictions(claims, messages)
    again = material_values(stock) if told.is_complete else None
    if not told.is_complete:
        differences.append(
            f"Its latest count lies more than {PAGE * PAGES} changes back, or more than {MOST_UNKNOWN_CONSUMPTIONS} "
            "consumptions wait for the warehouse's word; it is not computed again."
        )
    return Made(
        "material", material_id, MATERIAL, material["unit_of_measure"], material, again, claims, messages, differences
    )


def _event(hold: Row) -> Place:
    return Place(hold["topic"], hold["partition"], hold["offset"])


def _words(parts: State, tenant_id: str, material: Row) -> Words:
    """Walk back through what was told of the material to the warehouse's latest words.

    Corrections that name a transaction are collected back to the oldest consumption that may be unknown to the count.
    """
    oldest = min((each["version"] for each in material["uses"]), default=material["version"] + 1)
    found = Words(None, None, [], Messages({}, []), False)
    before = material["version"] + 1
    for _ in range(PAGES):
        with parts.database.tenant(tenant_id) as rows:
            states = Evidence(rows, material["material_id"]).states(before, PAGE)
        places = [place_of(row["caused_by"]) for row in states]
        found = _with(found, states, read(parts.records, tenant_id, places))
        before = states[-1]["version"] if states else 0
        is_there = found.counted is not None and found.allocated is not None and before <= oldest
        if is_there or len(states) < PAGE:
            return found._replace(is_complete=len(material["uses"]) < MOST_UNKNOWN_CONSUMPTIONS)
    return found


def _with(found: Words, states: Sequence[Row], messages: Messages) -> Words:
    """What these older rows add. A count counts if the row has its moment: an older one told late changed nothing."""
    counted, allocated, corrections = found.counted, found.allocated, list(found.corrections)
    for row in states:
        place = place_of(row["caused_by"])
        message = messages.told.get(place)
        if message is None:
            continue
        statement = Statement(row["version"], place, message.timestamp, message.payload)
        told = amounts(message.payload)
        if counted is None and COUNTED in told and message.timestamp == row["stock_at"]:
            counted = statement
        if ALLOCATED in told and (allocated is None or statement.at > allocated.at):
            allocated = statement
        if isinstance(message.payload, StockCorrected) and message.payload.transaction_id:
            corrections.append(statement)
    # A row that is only on the way to the latest word is no evidence: what could not be read of it does not matter.
    return Words(counted, allocated, corrections, Messages(found.messages.told | messages.told, []), False)


def _unknown_to_the_count(uses: Iterable[Row], told: Words) -> list[Row]:
    """Consumptions that no correction since has named; confirmed ones are left out already."""
    named = {(each.payload.transaction_id, each.version) for each in told.corrections}
    return [
        each
        for each in uses
        if not any(name == each["transaction_id"] and version > each["version"] for name, version in named)
    ]


def _is_confirmation(told: Any, reservation_id: str) -> bool:
    return isinstance(told, ReservationConfirmed) and told.reservation_id == reservation_id


class _Confirmations:
    """What the warehouse had confirmed of each reservation, at each version of the material."""

    def __init__(self, held: Iterable[Row], messages: Messages) -> None:
        self._steps: dict[str, list[tuple[int, Confirmed | None]]] = {}
        quantities: dict[str, Decimal] = {}
        for row in held:
            identity, place = row["reservation_id"], place_of(row["caused_by"])
            steps = self._steps.setdefault(identity, [])
            message = messages.told.get(place)
            if row["quantity"] == 0:
                steps.append((row["version"], None))
            elif message and _is_confirmation(message.payload, identity):
                told = amounts(message.payload).get("ours_in_it_quantity", quantities.get(identity, NOTHING))
                confirmed = Confirmed(place, Decimal(str(told)), message.payload.confirmed_at)
                steps.append((row["version"], confirmed))
            quantities[identity] = row["quantity"]

    def before(self, reservation_id: str | None, version: int) -> Confirmed | None:
        """What was confirmed of a reservation before a version."""
        known = [each for at, each in self._steps.get(reservation_id or "", ()) if at < version]
        return known[-1] if known else None


def _stock(
    told: Words, uses: Sequence[Row], holds: Sequence[Row], confirmations: _Confirmations, messages: Messages
) -> tuple[Stock, list[Claim]]:
    """The figures' inputs as the messages tell them, and the claims that they are made of, in the order of versions."""
    claims = [
        (statement.version, Claim(statement.place, {name: amounts(statement.payload)[name]}))
        for statement, name in ((told.counted, COUNTED), (told.allocated, ALLOCATED))
        if statement is not None
    ]
    used, held = list[Use](), list[Hold]()
    at = told.allocated.at if told.allocated else None
    for row in uses:
        place, ours = place_of(row["caused_by"]), confirmations.before(row["reservation_id"], row["version"])
        used.append(Use(_told(messages, place, "used_quantity"), *((ours.quantity, ours.at) if ours else ())))
        claims.append((row["version"], Claim(place, {"used_quantity": Decimal(row["quantity"])})))
        claims += _ours(at, ours, row["version"])
    for row in holds:
        place, ours = _event(row), confirmations.before(row["reservation_id"], row["version"] + 1)
        held.append(Hold(_told(messages, place, "held_quantity"), *((ours.quantity, ours.at) if ours else ())))
        claims.append((row["version"], Claim(place, {"held_quantity": Decimal(row["quantity"])})))
        claims += _ours(at, ours, row["version"])
    stock = Stock(_said(told.counted, COUNTED), _said(told.allocated, ALLOCATED), at, used, held)
    return stock, _together(claim for _, claim in sorted(claims, key=lambda each: each[0]))


def _said(statement: Statement | None, name: str) -> Decimal:
    """What the warehouse said; of what it never said anything there is nothing."""
    return Decimal(str(amounts(statement.payload)[name])) if statement else NOTHING


def _told(messages: Messages, place: Place, name: str) -> Decimal:
    message = messages.told.get(place)
    return Decimal(str(amounts(message.payload).get(name, 0))) if message else NOTHING


def _ours(allocated_at: datetime | None, ours: Confirmed | None, version: int) -> list[tuple[int, Claim]]:
    """The claim of a confirmation that is in the warehouse's word already."""
    quantity = ours_in(allocated_at, ours.quantity, ours.at) if ours else NOTHING
    return [(version, Claim(ours.place, {"ours_in_it_quantity": quantity}))] if ours and quantity else []


def _together(claims: Iterable[Claim]) -> list[Claim]:
    """One claim a message, for all that it counts for."""
    by_place: dict[Place, Mapping[str, Any]] = {}
    for claim in claims:
        by_place[claim.place] = {**by_place.get(claim.place, {}), **claim.kept}
    return [Claim(place, kept) for place, kept in by_place.items()]
