"""What people may do about a dead letter, and the moment in which one of them does it: the others hear who it was."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from connectors.repairs.edits import BadEdit, edited
from connectors.repairs.origin import Letter
from connectors.repairs.returning import origin_of, outputs_of
from schemas.codec import Unreadable, encode
from schemas.settings import Settings
from sql import repairs
from sql.database import Rows
from sql.repairs import Action, Asked
from streams.driver import Output, Rejected, Repair

NOT_YET: Final = 2**53
"""Stands for the number of an action that nobody asked for: larger than any that was."""


class Conflict(Exception):
    """It cannot be done to this letter: somebody else was quicker, or it has no way back; a sentence."""


class Refused(Exception):
    """The edited message would not be understood: code, sentence and field."""

    def __init__(self, code: str, reason: str, path: str | None) -> None:
        super().__init__(reason)
        self.code, self.reason, self.path = code, reason, path


class Edit(NamedTuple):
    """What to send instead of the original: a JSON value, a text, bytes, or edits of the original."""

    message: Any = None
    text: str | None = None
    bytes_base64: str | None = None
    edits: Sequence[Mapping[str, Any]] | None = None

    def of(self, original: bytes) -> bytes:
        """The edited message. Raises Refused."""
        try:
            if self.edits is not None:
                return edited(original, self.edits)
            if self.bytes_base64 is not None:
                return base64.b64decode(self.bytes_base64, validate=True)
            if self.text is not None:
                return self.text.encode()
            return encode(self.message)
        except BadEdit as error:
            raise Refused("BAD_EDIT", error.reason, error.path) from error
        except binascii.Error as error:
            raise Refused("BAD_EDIT", "bytes_base64 is no base64.", "bytes_base64") from error
        except UnicodeEncodeError as error:
            raise Refused("BAD_EDIT", "The text has characters that no UTF-8 can hold.", "text") from error


class Acted(NamedTuple):
    """An action that was noted."""

    failure_id: str
    repair: Repair


def why_not(letter: Letter, action: Action | None = None) -> str | None:
    """Why nothing can be done to a letter any more, or not this; None: it can."""
    if (sentence := _stands(letter)) is not None or action in (None, "resolve", "discard"):
        return sentence
    origin = origin_of(letter)
    return origin.why_no_retry(letter) if action == "retry" else origin.why_no_edit(letter)


def _stands(letter: Letter) -> str | None:
    status, who = letter["status"], letter.get("latest_actor")
    if status == "pending_manual_review":
        return None
    by = f" by {who} at {_clock(letter['latest_at'])}" if who else ""
    if status == "retried":
        return f"It was sent again{by}, and what becomes of it is not known yet."
    if status == "discarded":
        return f"It was discarded{by}."
    if letter.get("latest_action") == "resolve":
        return f"It was marked as resolved{by}."
    return f"It has taken effect: it was sent again{by}." if by else "It has taken effect."


def _clock(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def data_of(rows: Rows, settings: Settings, letter: Letter, edit: Edit | None) -> bytes | None:
    """The edited bytes of a letter, tried without touching anything; None: as it came. Raises Refused."""
    if edit is None:
        return None
    data = edit.of(bytes(letter["original_bytes"]))
    if len(data) > settings.max_message_bytes:
        limit = settings.max_message_bytes
        raise Refused("MESSAGE_TOO_LARGE", f"The message has {len(data)} bytes; at most {limit} are accepted.", None)
    tried(rows, settings, letter, data)
    return data


def tried(rows: Rows, settings: Settings, letter: Letter, data: bytes, action_id: int = NOT_YET) -> list[Output]:
    """What sending this would say. Raises Refused."""
    try:
        return outputs_of(rows, settings, letter, data, action_id)
    except (Unreadable, Rejected) as refusal:
        raise Refused(refusal.code, refusal.reason, refusal.path) from refusal


def check(letter: Letter, action: Action, expected_version: int | None) -> None:
    """Raises Conflict."""
    if (sentence := why_not(letter, action)) is not None:
        raise Conflict(sentence)
    if expected_version is not None and expected_version != letter["version"]:
        by = f" by {letter['latest_actor']} at {_clock(letter['latest_at'])}" if letter["latest_actor"] else ""
        raise Conflict(f"Something was done about it{by} since you looked at it; look again.")


def act(
    rows: Rows, settings: Settings, failure_key: str, asked: Asked, edit: Edit | None, expected_version: int | None
) -> Acted | None:
    """Do it, in the caller's transaction; None: there is no such letter. Raises Conflict, Refused."""
    for letter in repairs.hold(rows, [failure_key]):
        check(letter, asked.action, expected_version)
        data = data_of(rows, settings, letter, edit)
        added = repairs.add(rows, letter["tenant_id"], asked, [(failure_key, data)])
        return Acted(letter["failure_id"], Repair(failure_key, added[failure_key]))
    return None
