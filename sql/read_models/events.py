"""An event with the place in the log it was read from."""

from typing import Any, NamedTuple

from schemas.envelope import Message


class Event(NamedTuple):
    """A message of an event topic and where it stands."""

    message: Message[Any]
    topic: str
    partition: int
    offset: int

    @property
    def place(self) -> tuple[str, int, int, str]:
        """What a row keeps so that its figures can be explained."""
        return self.topic, self.partition, self.offset, self.message.message_id


PLACE = ("event_topic", "event_partition", "event_offset", "caused_by")
