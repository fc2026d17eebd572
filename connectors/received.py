"""Bytes as they came in by a line, before anybody understood them."""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple


class Received(NamedTuple):
    """Bytes as they came in, with what to call when they are safe.

    `is_repeatable`: the source says the same again and again (a retained message, a sampled node); one dead letter
    of it is enough.
    """

    address: str
    data: bytes
    received_at: datetime
    acknowledge: Callable[[], None] | None = None
    is_retained: bool = False
    is_repeatable: bool = False
