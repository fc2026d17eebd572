"""Decides when a line stops: most of the latest messages that it delivered failed, and with one cause. Pure.

A line is what messages come by: an inbox, a foreign topic, an address pattern of a source. A cause is the code of a
refusal, its field and its reason with ids and numbers left out.
"""

import re
from collections import Counter, deque
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from schemas.causes import normalised
from schemas.settings import Settings
from streams.driver import Record, Refused

INDEX: Final = re.compile(r"\d+")
NEVER: Final = datetime.min.replace(tzinfo=UTC)


class Cause(NamedTuple):
    """Why messages fail; the same for all that fail alike."""

    code: str
    path: str | None
    reason: str


class Trip(NamedTuple):
    """What made a line stop: so many of its latest messages failed with this cause; when the last of them had come."""

    cause: Cause
    failures: int
    messages: int
    came_at: datetime


class Window:
    """The latest messages of one line. Messages that do not fail cost an addition.

    What had come before somebody resumed the line is let through to the dead letters as far as it fails with the cause
    that they knew of; what comes later counts anew.
    """

    def __init__(self, size: int, share: float) -> None:
        self._size, self._limit = size, size * share
        self._seen = 0
        self._failures: deque[tuple[int, Cause]] = deque()
        self._counts: Counter[Cause] = Counter()
        self._let_through: dict[Cause, datetime] = {}

    @classmethod
    def of(cls, settings: Settings) -> "Window":
        """As the settings say."""
        return cls(settings.line_stop_window, settings.line_stop_share)

    def passed(self, messages: int = 1) -> None:
        """So many messages did not fail."""
        self._seen += messages

    def failed(self, cause: Cause, came_at: datetime) -> Trip | None:
        """One message failed; what makes the line stop now."""
        self._seen += 1
        if self._size == 0 or came_at <= self._let_through.get(cause, NEVER):
            return None
        self._forget_up_to(self._seen - self._size)
        self._failures.append((self._seen, cause))
        self._counts[cause] += 1
        if self._counts[cause] <= self._limit:
            return None
        return Trip(cause, self._counts[cause], min(self._seen, self._size), came_at)

    def _forget_up_to(self, place: int) -> None:
        while self._failures and self._failures[0][0] <= place:
            _, cause = self._failures.popleft()
            self._counts[cause] -= 1
            if not self._counts[cause]:
                del self._counts[cause]

    def let_through(self, cause: Cause, until: datetime) -> None:
        """Somebody resumed the line then, and knew this cause."""
        self._let_through[cause] = max(until, self._let_through.get(cause, NEVER))

    def resume(self) -> None:
        """Begin anew."""
        self._failures.clear()
        self._counts.clear()
        self._seen = 0


def cause_of(code: str, path: str | None, reason: str) -> Cause:
    """The cause of a refusal."""
    return Cause(code, path and INDEX.sub("*", path), normalised(reason))


def first_to_stop(window: Window, records: Sequence[Record], refused: Sequence[Refused]) -> tuple[int, Trip] | None:
    """How many records of a batch the line still lets by before it stops, and why; None: all of them."""
    if not refused:
        window.passed(len(records))
        return None
    reasons = {each.offset: each for each in refused}
    for index, record in enumerate(records):
        told = reasons.get(record.offset)
        if told is None:
            window.passed()
            continue
        came_at = datetime.fromtimestamp(record.timestamp_ms / 1000, UTC)
        if trip := window.failed(cause_of(told.code, told.path, told.reason), came_at):
            return index + 1, trip
    return None
