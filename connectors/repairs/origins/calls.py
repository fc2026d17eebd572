"""Deliveries that nobody could make: they are due again, with the key they had, so that they act once."""

from typing import Any, Final

from connectors.deliveries.requests import TYPES, read
from connectors.repairs.origin import Letter, Origin, Returned
from schemas.codec import Unreadable, parse
from schemas.settings import Settings
from sql import deliveries
from sql.database import Rows
from streams.driver import Rejected

INBOX: Final = "deliveries"
FIXED: Final = ("type", "method", "path", "name", "to")
"""Where a request goes is not for an edit to say."""


def _request(letter: Letter) -> dict[str, Any] | None:
    """The request as it was sent, where one was made."""
    try:
        document = parse(bytes(letter["original_bytes"]))
    except Unreadable:
        return None
    return document if isinstance(document, dict) and document.get("type") in TYPES else None


def _checked(letter: Letter, data: bytes) -> dict[str, Any] | None:
    """The edited request; None where nothing was edited. Raises Unreadable, Rejected."""
    original = _request(letter)
    if data == bytes(letter["original_bytes"]):
        return None
    document = parse(data)
    if original is None or not isinstance(document, dict):
        raise Rejected("NOT_A_REQUEST", "The edited message is no request.")
    for name in FIXED:
        if document.get(name) != original.get(name):
            raise Rejected("FIXED_FIELD", f"{name} of a request cannot be edited; its contents can.", name)
    unknown = document.keys() - original.keys()
    if unknown or original.keys() - document.keys():
        named = ", ".join(sorted(unknown or original.keys() - document.keys()))
        raise Rejected("VALIDATION_ERROR", f"A request has the fields it had, no others: {named}.", named)
    read(document)
    return document


def _returns(_rows: Rows, _settings: Settings, letter: Letter, data: bytes, _action_id: int) -> Returned:
    _checked(letter, data)
    return Returned(())


def _carry_out(rows: Rows, _settings: Settings, letter: Letter, data: bytes, _action_id: int) -> Returned:
    delivery_id = letter["source_address"].removeprefix(f"{INBOX}/")
    request = _checked(letter, data)
    if request is not None:
        deliveries.freeze(rows, delivery_id, request)
    if not deliveries.retry(rows, delivery_id):
        raise Rejected("NOTHING_TO_DELIVER", f"{delivery_id} has succeeded already, or is not kept any more.")
    return Returned(())


def _why_no_edit(letter: Letter) -> str | None:
    if _request(letter) is not None:
        return None
    return "No request could be made of it, so there is none to edit; a retry makes it anew."


CALLS: Final = Origin(
    "delivery", lambda letter: letter["inbox"] == INBOX, _returns, _carry_out, why_no_edit=_why_no_edit
)
