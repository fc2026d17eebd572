"""Messages that a fold refused: the record of an inbox goes to its inbox again."""

import re
from typing import Any, Final

from connectors.repairs.origin import Letter, Origin, Returned, sent_again
from schemas.codec import Unreadable, decode, parse
from schemas.publish import message_schema
from schemas.settings import Settings
from schemas.topics import MESSAGES, TOPICS
from sql.database import Rows
from streams.driver import Rejected

_PLACE: Final = re.compile(r"([a-z-]+)/\d+/\d+")


def _holds(letter: Letter) -> bool:
    found = _PLACE.fullmatch(letter["source_address"])
    return found is not None and found.group(1) == letter["inbox"] and TOPICS[found.group(1)].kind == "inbox"


def _returns(_rows: Rows, settings: Settings, letter: Letter, data: bytes, action_id: int) -> Returned:
    try:
        message = decode(data)
    except Unreadable:
        if (told := _type_in(data)) is not None:
            _check_type(letter, told)
        raise
    _check_type(letter, message.type)
    return Returned([sent_again(settings, letter, action_id, message)])


def _check_type(letter: Letter, told: str) -> None:
    """An edit makes no other kind of message of it; where nobody knows what it was, it stays in its inbox."""
    was = _type_in(bytes(letter["original_bytes"]))
    if was is not None and told != was:
        raise Rejected("WRONG_TYPE", f"The message was of the type {was} and cannot become {told}.", "type")
    if was is None and MESSAGES[told].topic != letter["inbox"]:
        raise Rejected("WRONG_TYPE", f"{told} does not belong to {letter['inbox']}.", "type")
    if TOPICS[MESSAGES[told].topic].kind != "inbox":
        raise Rejected("WRONG_TYPE", f"{told} is nothing that is said to anybody.", "type")


def _type_in(data: bytes) -> str | None:
    """The type that a message names, where it can be read and the type is known."""
    try:
        document: Any = parse(data)
    except Unreadable:
        return None
    told = document.get("type") if isinstance(document, dict) else None
    return told if isinstance(told, str) and told in MESSAGES else None


def _schema(letter: Letter) -> dict[str, Any] | None:
    told = _type_in(bytes(letter["original_bytes"]))
    return None if told is None else message_schema(told)


FOLDS: Final = Origin("fold", _holds, _returns, schema=_schema)
