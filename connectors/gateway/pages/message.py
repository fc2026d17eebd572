"""One record of the log for a person to read: without what is personal or secret, and only their tenant's."""

from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from connectors.audit import redacted
from connectors.gateway.passports.evidence import message_of
from connectors.gateway.problems import Problem
from connectors.gateway.records import Place, Record, cause_of
from connectors.gateway.state import State
from schemas.codec import encode
from schemas.envelope import Message
from schemas.ids import tenant_of

PERSONAL: Final = frozenset({"operator-inbox", "hr-updates"})
BYTES_SHOWN: Final = 8 * 1024
IN_A_LINE: Final = 16


def opened(parts: State, tenant_id: str, place: Place) -> dict[str, Any]:
    """What a page tells of a record. Raises Problem 404, 410 and 503."""
    found = parts.records.read([place])
    record = found.records.get(place)
    if record is None:
        sentence = found.missing[place]
        raise Problem(410 if "retention" in sentence else 404, sentence)
    message = message_of(record)
    owner = message.tenant_id if message else tenant_of(record.key, parts.settings.tenant_id)
    if owner != tenant_id:
        raise Problem(404, f"{place} is not one of your plant's messages.")
    is_personal = _is_personal(place, message)
    readable, is_whole = _readable(record, is_personal)
    cause = cause_of(message.message_id) if message else None
    return {
        "stands": place,
        "key": record.key.decode(errors="replace"),
        "stood_at": datetime.fromtimestamp(max(record.timestamp_ms, 0) / 1000, UTC),
        "size": len(record.value),
        "message": message,
        "cause": cause,
        "readable": readable,
        "is_personal": is_personal,
        "bytes": dump(record.value[:BYTES_SHOWN]) if is_whole else None,
        "is_cut": len(record.value) > BYTES_SHOWN,
    }


def _is_personal(place: Place, message: Message[Any] | None) -> bool:
    """Whether it tells of people, itself or as a dead letter."""
    return place.topic in PERSONAL or getattr(message and message.payload, "inbox", None) in PERSONAL


def _readable(record: Record, is_personal: bool) -> tuple[str | None, bool]:
    """The record as JSON, and whether that is all of it: then nothing has to be hidden in its bytes either."""
    try:
        value = msgspec.json.decode(record.value)
    except msgspec.DecodeError:
        return None, not is_personal
    shown = redacted(value, is_personal=is_personal)
    is_whole = shown == value and not is_personal
    if is_personal and isinstance(shown, dict) and isinstance(shown.get("payload"), dict):
        shown["payload"].pop("original_bytes_base64", None)
    return msgspec.json.format(encode(shown), indent=2).decode(), is_whole


def dump(data: bytes) -> list[tuple[str, str, str]]:
    """Bytes in lines of sixteen: where, in hexadecimal, and as text where they are printable."""
    lines = []
    for first in range(0, len(data), IN_A_LINE):
        part = data[first : first + IN_A_LINE]
        text = "".join(chr(byte) if 32 <= byte < 127 else "·" for byte in part)
        lines.append((f"{first:06x}", part.hex(" "), text))
    return lines
