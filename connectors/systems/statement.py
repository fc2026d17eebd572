"""What every translator gives: one statement in our words, or `Unreadable`."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from schemas.codec import MAX_BYTES, Unreadable, gate
from schemas.codec import _strictly as strictly

EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Context(NamedTuple):
    """What a translator must know besides the bytes: whose plant it is and how large a message may be."""

    tenant_id: str
    max_bytes: int = MAX_BYTES


class Statement(NamedTuple):
    """One thing a foreign system said: message type, payload, when it happened (UTC), and its derived id."""

    type: str
    payload: Any
    timestamp: datetime
    message_id: str


Translator = Callable[[str, bytes, Context], Statement]


def read(decoder: Any, data: bytes, context: Context) -> Any:
    """A foreign payload through the gate and a strict decoder. Raises Unreadable."""
    gate(data, context.max_bytes)
    if not data.isascii():
        try:
            data.decode()
        except UnicodeDecodeError as error:
            raise Unreadable("NOT_UTF8", f"Byte {error.start} of the message is not UTF-8.") from error
    return strictly(decoder, data)


def in_utc(moment: datetime, path: str = "timestamp") -> datetime:
    """The moment in UTC. Raises Unreadable for what no clock of a plant can show."""
    if moment.tzinfo is UTC and moment >= EARLIEST:
        return moment
    try:
        converted = moment.astimezone(UTC)
    except OverflowError:
        converted = datetime.min.replace(tzinfo=UTC)
    if converted < EARLIEST:
        raise Unreadable("VALIDATION_ERROR", f"{moment.isoformat()} is before 1970: a clock is not set.", path)
    return converted


def milliseconds(moment: datetime) -> int:
    """Milliseconds since 1970, exact."""
    elapsed = moment - EARLIEST
    return (elapsed.days * 86_400 + elapsed.seconds) * 1000 + elapsed.microseconds // 1000
