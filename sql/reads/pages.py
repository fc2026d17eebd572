"""Pages by key: a cursor names the last row seen, so a page costs the same however far one has turned."""

import base64
import binascii
from collections.abc import Sequence
from typing import Any

import msgspec

LARGEST_PAGE = 500


class BadCursor(ValueError):
    """The text is no cursor of ours."""


def cursor_of(values: Sequence[Any]) -> str:
    """A cursor that names a row by its sort values."""
    return base64.urlsafe_b64encode(msgspec.json.encode(list(values))).decode().rstrip("=")


def values_of(cursor: str, count: int) -> list[str]:
    """The sort values in a cursor. Raises BadCursor."""
    try:
        values = msgspec.json.decode(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)), type=list[str])
    except (binascii.Error, msgspec.DecodeError, ValueError) as error:
        raise BadCursor("The cursor is not one that this list gave.") from error
    if len(values) != count:
        raise BadCursor("The cursor belongs to another list.")
    return values


def pattern_of(text: str) -> str:
    """A LIKE pattern that finds the text anywhere, taken literally."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"
