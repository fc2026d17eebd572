"""What a page's address says of filters: an empty field is none, and the address of the same list from elsewhere."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import Query
from pydantic import BeforeValidator


def said_or_none(told: Any) -> Any:
    """A form sends its empty fields too: they say nothing."""
    return told or None


Said = BeforeValidator(said_or_none)
Words = Annotated[str | None, Query(max_length=200), Said]
Rows = Annotated[int, Query(ge=1, le=500)]
PAGE_OF_ROWS = 50


def query_of(told: Mapping[str, Any]) -> str:
    """The query of an address that says the same; what is none or false is left out."""
    return urlencode({name: str(value) for name, value in told.items() if value not in (None, False, "")})


def moment_of(told: str | None, zone: str) -> datetime | None:
    """A moment as a form says it, without a zone: on the plant's clock. None for what is no moment."""
    if not told:
        return None
    try:
        at = datetime.fromisoformat(told)
    except ValueError:
        return None
    return (at if at.tzinfo else at.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)
