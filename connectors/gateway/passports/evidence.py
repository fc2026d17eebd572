"""What a passport is made of: claims of rows, the messages they name, and what does not fit."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Literal, NamedTuple

from connectors.gateway.records import Place, Record, Records, cause_of
from schemas.codec import Unreadable, decode_event
from schemas.envelope import Message
from sql.reads.pages import BadCursor, cursor_of, values_of
from streams.domain.passports import LEAVES, OF_ENTITY, Figure, Value, Values, amounts, leaves, words

Entity = Literal["order", "machine", "material"]
MOST_MESSAGES: Final = 100_000
MOST_DIFFERENCES: Final = 20
NOWHERE: Final = -1


class Claim(NamedTuple):
    """A row says that this message counts, and for how much, as far as the row keeps that."""

    place: Place
    kept: Mapping[str, Value]


class Messages(NamedTuple):
    """The messages that were read, and a sentence for each that could not be."""

    told: dict[Place, Message[Any]]
    unread: list[str]


class Made(NamedTuple):
    """All figures of an entity: as they are shown, and computed again (None: that was not possible)."""

    entity: Entity
    identity: str
    figures: Mapping[str, Figure]
    unit: str
    shown: Values
    again: Values | None
    claims: Sequence[Claim]
    messages: Messages
    differences: Sequence[str]
    from_at: datetime | None = None
    to_at: datetime | None = None


def place_of(message_id: str) -> Place:
    """The inbox record that led to a message of ours; for a row that names none, nowhere, which its passport says."""
    return cause_of(message_id) or Place(message_id, NOWHERE, NOWHERE)


def event_of(row: Mapping[str, Any]) -> Place:
    """The event that a row came from."""
    return Place(row["event_topic"], row["event_partition"], row["event_offset"])


def read(records: Records, tenant_id: str, places: Iterable[Place]) -> Messages:
    """Read these messages from the log; what is not there, or is not the tenant's, is told. Raises Problem 503."""
    wanted = list(places)
    found = records.read(place for place in wanted if place.offset != NOWHERE)
    told: dict[Place, Message[Any]] = {}
    unread = [f"A row names {place.topic!r} as what led to it." for place in wanted if place.offset == NOWHERE]
    unread += found.missing.values()
    for place, record in found.records.items():
        message = message_of(record)
        if message is None or message.tenant_id != tenant_id:
            unread.append(f"{place} holds another message than the row says.")
        else:
            told[place] = message
    return Messages(told, unread)


def message_of(record: Record) -> Message[Any] | None:
    """A record as a message; None where it is none."""
    try:
        return decode_event(record.place.topic, record.value)
    except Unreadable:
        return None


def contradictions(claims: Iterable[Claim], messages: Messages) -> list[str]:
    """Where a row keeps another amount than its message tells."""
    found = []
    for claim in claims:
        message = messages.told.get(claim.place)
        if message is None:
            continue
        told = amounts(message.payload)
        for name, kept in claim.kept.items():
            if kept is not None and told.get(name, kept) != kept:
                found.append(f"{claim.place} says {told[name]} {_title(name)}; the row made of it says {kept}.")
    return found


def document(made: Made, figure: str, limit: int, cursor: str | None) -> dict[str, Any]:
    """The passport of one figure, with a page of its messages. Raises BadCursor."""
    its, needed = made.figures[figure], leaves(made.figures, figure)
    claims = [claim for claim in made.claims if needed & claim.kept.keys()]
    first = _first(cursor)
    differences = [*made.messages.unread, *made.differences]
    again = made.again[figure] if made.again is not None and not made.messages.unread else None
    value = made.shown[figure]
    if again is not None and again != value:
        differences.append(f"{its.title} is shown as {value}; its messages give {again}.")
    more = len(differences) - MOST_DIFFERENCES
    return {
        "entity": made.entity,
        "entity_id": made.identity,
        "figure": figure,
        "title": its.title,
        "value": _number(value),
        "unit": _unit(its.unit, made.unit),
        "formula": its.symbols,
        "explanation": its.words,
        "inputs": [_input(made, name) for name in its.inputs],
        "recomputed": _number(again),
        "is_equal": _is_equal(value, again, differences),
        "differences": [*differences[:MOST_DIFFERENCES], *([f"And {more} more."] if more > 0 else [])],
        "messages": [_shown(claim, made.messages, needed) for claim in claims[first : first + limit]],
        "messages_total": len(claims),
        "next_cursor": cursor_of([str(first + limit)]) if first + limit < len(claims) else None,
        "figures": list(made.figures),
        "from_at": made.from_at,
        "to_at": made.to_at,
    }


def _first(cursor: str | None) -> int:
    if cursor is None:
        return 0
    (text,) = values_of(cursor, 1)
    if not text.isdecimal() or len(text) > 9:
        raise BadCursor("The cursor is not one that this list gave.")
    return int(text)


def _is_equal(value: Value, again: Value, differences: Sequence[str]) -> bool | None:
    """None where it could not be computed again, and nothing was wrong: what is not defined has nothing to compare."""
    if again is None:
        return None if value is not None or differences else True
    return value == again and not differences


def _input(made: Made, name: str) -> dict[str, Any]:
    figure = made.figures.get(name)
    title, unit = (figure.title, figure.unit) if figure else LEAVES[name]
    value = made.shown[name] if name in made.shown else (made.again or {}).get(name)
    is_figure = figure is not None
    return {
        "name": name,
        "title": title,
        "value": _number(value),
        "unit": _unit(unit, made.unit),
        "figure": name if is_figure else None,
    }


def _shown(claim: Claim, messages: Messages, needed: frozenset[str]) -> dict[str, Any]:
    message = messages.told.get(claim.place)
    told = amounts(message.payload) if message else {}
    amount = {name: told.get(name, kept) for name, kept in claim.kept.items() if name in needed}
    origin = cause_of(message.message_id) if message else None
    return {
        **claim.place._asdict(),
        "message_id": message.message_id if message else None,
        "type": message.type if message else None,
        "happened_at": message.timestamp if message else None,
        "contributions": {name: _number(value) for name, value in amount.items() if value is not None},
        "contributed": words(message.payload) if message else "It could not be read.",
        "came_from": origin._asdict() if origin else None,
    }


def _unit(unit: str, of_entity: str) -> str:
    return of_entity if unit == OF_ENTITY else unit


def _title(name: str) -> str:
    return LEAVES[name][0].lower()


def _number(value: Value) -> Decimal | None:
    return Decimal(str(value)) if value is not None else None
