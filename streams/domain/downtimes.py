"""Makes downtimes of their starts and ends, whatever the order in which these come.

A downtime lasts from its start to the first end after it, or to the next start if that comes first. Both are looked for
among the latest starts and ends that were heard, so late ones correct what was concluded without them.
"""

from datetime import datetime
from typing import NamedTuple

import msgspec

STARTS_KEPT = 16
ENDS_KEPT = 32


class Downtime(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A downtime; `ended_at` is there once an end, or a later start, was heard."""

    downtime_id: str
    reason_code: str
    description: str
    severity: str
    started_at: datetime
    estimated_repair_time_minutes: float | None
    work_order_affected: str | None
    ended_at: datetime | None = None


class Downtimes(msgspec.Struct, frozen=True, omit_defaults=True):
    """The latest downtimes by their start, and the latest ends."""

    recent: tuple[Downtime, ...] = ()
    ends: tuple[datetime, ...] = ()

    @property
    def open(self) -> Downtime | None:
        """The downtime that lasts."""
        latest = self.recent[-1] if self.recent else None
        return latest if latest and latest.ended_at is None else None


class Change(NamedTuple):
    """The downtimes afterwards, and those whose end is another than before."""

    downtimes: Downtimes
    ended: tuple[Downtime, ...] = ()


def start(known: Downtimes, downtime: Downtime) -> Change:
    """A downtime began. The same one again changes nothing."""
    if any(each.downtime_id == downtime.downtime_id for each in known.recent):
        return Change(known)
    recent = sorted((*known.recent, downtime), key=lambda each: each.started_at)[-STARTS_KEPT:]
    return _concluded(tuple(recent), known.ends)


def end(known: Downtimes, at: datetime) -> Change:
    """The machine was available at a moment."""
    if at in known.ends:
        return Change(known)
    return _concluded(known.recent, tuple(sorted((*known.ends, at)))[-ENDS_KEPT:])


def _concluded(recent: tuple[Downtime, ...], ends: tuple[datetime, ...]) -> Change:
    concluded = []
    ended = []
    for index, downtime in enumerate(recent):
        next_start = recent[index + 1].started_at if index + 1 < len(recent) else None
        moments = [at for at in (*ends, next_start, downtime.ended_at) if at and at >= downtime.started_at]
        ended_at = min(moments, default=None)
        if ended_at != downtime.ended_at:
            downtime = msgspec.structs.replace(downtime, ended_at=ended_at)
            ended.append(downtime)
        concluded.append(downtime)
    return Change(Downtimes(tuple(concluded), ends), tuple(ended))
