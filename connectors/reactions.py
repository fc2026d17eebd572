"""What we do when something has happened: event -> deliveries and messages. Everything on one page.

A reaction sees an event only after the projector has written its rows, and may see it again after a crash: what it
makes carries ids that follow from the event.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from connectors.deliveries.kind import New, Rows
from schemas.envelope import Message
from schemas.settings import Settings
from streams.driver import Output


class Reacted(NamedTuple):
    """What follows from an event."""

    deliveries: Sequence[New] = ()
    outputs: Sequence[Output] = ()


Reaction = Callable[[Rows, Message[Any], Settings], Reacted]

REACTIONS: Final[dict[str, tuple[Reaction, ...]]] = {}
