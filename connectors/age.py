"""Judges a message's age once, at reception, knowing when the line to its source was up (DESIGN section 7)."""

import contextlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Final, NamedTuple

from schemas.settings import Settings

WINDOWS_KEPT_FOR: Final = timedelta(hours=24)
# Life is marked every second; a longer silence of our own (asleep, stopped) is an outage like any other.
ASLEEP_AFTER_SECONDS: Final = 5.0


class Age(Enum):
    """What a message's timestamp says about it."""

    FRESH = "fresh"
    LATE = "late"
    STALE = "stale"
    FUTURE = "future"


class Outage(NamedTuple):
    """A stretch in which the line was down."""

    from_at: datetime
    to_at: datetime


class Line:
    """The line to one source: when it was last up, and the outages of the last 24 hours, kept in a small file."""

    def __init__(
        self,
        name: str,
        settings: Settings,
        *,
        asleep_after_seconds: float = ASLEEP_AFTER_SECONDS,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.name = name
        self._asleep_after = timedelta(seconds=asleep_after_seconds)
        self._path = settings.spool_dir / f"line-{name}.json"
        self._stale = timedelta(seconds=settings.stale_seconds)
        self._future = timedelta(seconds=settings.future_seconds)
        self._now = clock
        self._is_up = False
        self._last_alive, self._outages = _load(self._path)

    @property
    def is_up(self) -> bool:
        """Whether the line is up now."""
        return self._is_up

    def connected(self) -> Outage | None:
        """The line is up. Returns the outage that ends now; None if it was never up before."""
        outage = self.catching_up()
        self.alive()
        return outage

    def catching_up(self) -> Outage | None:
        """`connected`, but a process that starts now still finds the outage: until `alive` says that all is safe."""
        outage = self._remember_outage(self._now())
        self._is_up = True
        return outage

    def alive(self) -> None:
        """The line is still up: called at every sign of life."""
        now = self._now()
        if self._is_up and self._last_alive and now - self._last_alive > self._asleep_after:
            self._remember_outage(now)
        self._last_alive = now
        self._save()

    def lost(self) -> None:
        """The line is down."""
        self._is_up = False

    def judge(self, timestamp: datetime, received_at: datetime) -> Age:
        """What to do with a message of that moment."""
        age = received_at - timestamp
        if age < -self._future:
            return Age.FUTURE
        if self._outages and self._outages[-1].from_at <= timestamp <= self._outages[-1].to_at:
            return Age.LATE
        if age <= self._stale:
            return Age.FRESH
        if self._last_alive and received_at - self._last_alive > self._asleep_after:
            self._remember_outage(received_at)
        was_down = any(outage.from_at - self._stale <= timestamp <= outage.to_at for outage in self._outages)
        return Age.LATE if was_down else Age.STALE

    def _remember_outage(self, now: datetime) -> Outage | None:
        if self._last_alive is None:
            return None
        outage = Outage(min(self._last_alive, now), now)  # a clock may have been set back in between
        recent = [each for each in self._outages if each.to_at > now - WINDOWS_KEPT_FOR]
        self._outages = [*recent, outage]
        self._last_alive = now
        return outage

    def _save(self) -> None:
        """One small file, replaced whole; what a power cut takes of it costs a second of accuracy."""
        told = {
            "last_alive_at": self._last_alive.isoformat() if self._last_alive else None,
            "outages": [[each.from_at.isoformat(), each.to_at.isoformat()] for each in self._outages],
        }
        new = self._path.with_suffix(".new")
        new.write_text(json.dumps(told))
        new.replace(self._path)


def _load(path: Path) -> tuple[datetime | None, list[Outage]]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileNotFoundError, ValueError, KeyError, TypeError):
        told = json.loads(path.read_text())
        last = datetime.fromisoformat(told["last_alive_at"]) if told["last_alive_at"] else None
        pairs = [(datetime.fromisoformat(start), datetime.fromisoformat(end)) for start, end in told["outages"]]
        return last, [Outage(*pair) for pair in pairs]
    return None, []


def span(seconds: float) -> str:
    """A length of time as people say it: two digits of the unit that fits."""
    for name, length in (("years", 365.25 * 86400), ("days", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {name}"
    return f"{seconds:.0f} s"
