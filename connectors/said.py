"""What our processes say: a message, its record ready to publish, and the record of an alert."""

from datetime import datetime
from typing import Any, Final, TypedDict, Unpack

from schemas.envelope import Message
from schemas.messages.failures import AlertRaised, Severity
from streams.driver import Output, output_of

MOST_LETTERS_IN_AN_ALERT: Final = 4000


class Origin(TypedDict, total=False):
    """Where a message comes from, as far as it is not what `message_of` takes for granted."""

    received_at: datetime
    correlation_id: str
    source_system: str
    source: str
    late: bool


def message_of(
    type_name: str,
    tenant_id: str,
    payload: Any,
    *,
    message_id: str,
    timestamp: datetime,
    received_at: datetime | None = None,
    correlation_id: str | None = None,
    source_system: str = "MRAOS",
    source: str = "jobs",
    late: bool = False,
) -> Message[Any]:
    """A message of a source that does not number what it says.

    What is not named otherwise was received when it happened, and is correlated by its own id.
    """
    return Message(
        message_id=message_id,
        type=type_name,
        tenant_id=tenant_id,
        timestamp=timestamp,
        source_system=source_system,
        correlation_id=message_id if correlation_id is None else correlation_id,
        source=source,
        position=0,
        received_at=timestamp if received_at is None else received_at,
        late=late,
        payload=payload,
    )


def said(
    type_name: str, tenant_id: str, payload: Any, *, message_id: str, timestamp: datetime, **origin: Unpack[Origin]
) -> Output:
    """The record of a message, ready to publish."""
    return output_of(message_of(type_name, tenant_id, payload, message_id=message_id, timestamp=timestamp, **origin))


def alert(
    tenant_id: str,
    kind: str,
    severity: Severity,
    about: tuple[str, str],
    sentence: str,
    raised_at: datetime,
    *,
    key: str,
    alert_id: str | None = None,
    message_id: str | None = None,
    timestamp: datetime | None = None,
    **origin: Unpack[Origin],
) -> Output:
    """The record of an alert about an entity (its type, its id).

    The key says which cause, so that it is one alert however often it is said; where no other ids are named it is the
    alert's and the message's id, too.
    """
    identity = alert_id or key
    payload = AlertRaised(
        alert_id=identity,
        alert_key=key,
        kind=kind,
        severity=severity,
        entity_type=about[0],
        entity_id=about[1],
        message=sentence[:MOST_LETTERS_IN_AN_ALERT],
        raised_at=raised_at,
    )
    return said(
        "alert.raised",
        tenant_id,
        payload,
        message_id=message_id or identity,
        timestamp=raised_at if timestamp is None else timestamp,
        **origin,
    )
