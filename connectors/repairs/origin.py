"""What a kind of dead letter is: which letters came that way, and how one of them returns."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

import msgspec

from connectors.said import message_of
from schemas.codec import decode
from schemas.envelope import Message
from schemas.settings import Settings
from sql.database import Rows
from streams.driver import REPAIRS, Output, Rejected, Repair, output_of

Letter = Mapping[str, Any]
"""A row of integration_failures; `requested_at` is when somebody asked for it to be sent again."""

LONGEST_KEY: Final = 100


class Returned(NamedTuple):
    """What a letter says when it returns. `claimed`: an id of ours that it takes."""

    outputs: Sequence[Output]
    claimed: str | None = None


Return = Callable[[Rows, Settings, Letter, bytes, int], Returned]


def nothing(_rows: Rows, _settings: Settings, _letter: Letter, _data: bytes, _action_id: int) -> Returned:
    """It says nothing."""
    return Returned(())


def no_schema(_letter: Letter) -> dict[str, Any] | None:
    """Nobody can say how such a message must look."""
    return None


def no_reason(_letter: Letter) -> str | None:
    """Nothing speaks against it."""
    return None


@dataclass(frozen=True, slots=True)
class Origin:
    """A way by which letters came.

    `returns` says what sending it again would publish, and touches nothing; it raises Unreadable or Rejected.
    `carry_out` does that in the transaction that decides it, and whatever else belongs to it: claims, a delivery that
    is due again, rows. Both are given bytes that may be edited.
    `is_answered`: a fold or a delivery tells the outcome; else it has taken effect when the transaction commits.
    `why_no_retry`, `why_no_edit`: a sentence, where a letter cannot return (edited).
    """

    name: str
    holds: Callable[[Letter], bool]
    returns: Return = nothing
    carry_out: Return | None = None
    schema: Callable[[Letter], dict[str, Any] | None] = no_schema
    why_no_retry: Callable[[Letter], str | None] = no_reason
    why_no_edit: Callable[[Letter], str | None] = no_reason
    is_answered: bool = True


def asked_at_of(letter: Letter) -> datetime:
    """When somebody asked for the letter to be sent again: now, where nobody has yet."""
    moment: datetime = letter.get("requested_at") or datetime.now(UTC)
    return moment


def again(
    settings: Settings,
    letter: Letter,
    action_id: int,
    type_name: str,
    payload: Any,
    timestamp: datetime,
    source_system: str,
) -> Output:
    """The record of a message that is sent again. Raises Unreadable for a value that no message may have."""
    return sent_again(
        settings,
        letter,
        action_id,
        message_of(
            type_name,
            letter["tenant_id"],
            payload,
            message_id="again",
            timestamp=timestamp,
            correlation_id=letter["correlation_id"],
            source_system=source_system,
        ),
    )


def sent_again(settings: Settings, letter: Letter, action_id: int, message: Message[Any]) -> Output:
    """The record of a message under the number of its action: however often it is published, it counts once.

    It was received when somebody asked for it; one that is older than messages may be is late, whatever the reason.
    Raises Unreadable, and Rejected for another tenant's message.
    """
    asked_at = asked_at_of(letter)
    if message.tenant_id != letter["tenant_id"]:
        raise Rejected("WRONG_TENANT", "The message names another tenant than its dead letter.", "tenant_id")
    is_old = asked_at - message.timestamp > timedelta(seconds=settings.stale_seconds)
    again = msgspec.structs.replace(
        message,
        message_id=Repair(letter["failure_key"], action_id).message_id,
        source=REPAIRS,
        position=action_id,
        received_at=asked_at,
        late=message.late or is_old,
    )
    output = output_of(again)
    decode(output.value)
    return output
