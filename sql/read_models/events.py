"""An event with the place in the log it was read from."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any, Final, NamedTuple

from schemas.envelope import Message

NO_VERSION: Final = -1
"""Older than any version: a reservation of a material that nobody knows has version 0."""


class Event(NamedTuple):
    """A message of an event topic and where it stands."""

    message: Message[Any]
    topic: str
    partition: int
    offset: int
    timestamp_ms: int = 0

    @property
    def place(self) -> tuple[str, int, int, str]:
        """What a row keeps so that its figures can be explained."""
        return self.topic, self.partition, self.offset, self.message.message_id

    @property
    def known_at(self) -> datetime:
        """When it stood in the log, by Kafka's clock; in a log that does not say so, when its cause was received.

        What a spool held back was received long before anybody knew it: only the log's own order tells what was known.
        """
        if self.timestamp_ms <= 0:
            return self.message.received_at
        return datetime.fromtimestamp(self.timestamp_ms / 1000, UTC)


def newest(events: Iterable[Event], *key: str, known: Mapping[Any, int] | None = None) -> list[Event]:
    """The event with the highest version of each that these fields name, if newer than what is known."""
    identity_of, versions, found = attrgetter(*key), dict(known or {}), dict[Any, Event]()
    for event in events:
        payload = event.message.payload
        identity = identity_of(payload)
        if payload.version > versions.get(identity, NO_VERSION):
            versions[identity], found[identity] = payload.version, event
    return list(found.values())


PLACE = ("event_topic", "event_partition", "event_offset", "caused_by")
