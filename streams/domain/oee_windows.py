"""The windows that OEE is told of: the plant's days, and the shifts of a calendar as they really were."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

from streams.domain.calendars import Calendar, shifts_of_days

Bucket = Literal["shift", "day"]
DAY: Final = timedelta(days=1)


class Window(NamedTuple):
    """A shift or a day. `day` is the one on which it begins by the plant's clock; `shift` is empty for a whole day."""

    bucket: Bucket
    shift: str
    day: date
    from_at: datetime
    to_at: datetime


def windows(calendar: Calendar | None, zone: str, from_at: datetime, to_at: datetime) -> list[Window]:
    """The days of a zone and the shifts of a calendar that have time between two moments, in order of their beginning.

    A night shift belongs to the day on which it begins. On days when clocks change a day has 23 or 25 hours, and so
    does a night shift lose or win one. Without a calendar there are days alone.
    """
    found = [*_days(zone, from_at, to_at), *(_shifts(calendar, from_at, to_at) if calendar else ())]
    return sorted(found, key=lambda each: (each.from_at, each.bucket, each.shift))


def _days(zone: str, from_at: datetime, to_at: datetime) -> Iterator[Window]:
    here = ZoneInfo(zone)
    day = from_at.astimezone(here).date()
    while (begin := _midnight(day, here)) < to_at:
        yield Window("day", "", day, begin, _midnight(day + DAY, here))
        day += DAY


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _shifts(calendar: Calendar, from_at: datetime, to_at: datetime) -> Iterator[Window]:
    here = ZoneInfo(calendar.zone)
    first, last = from_at.astimezone(here).date() - DAY, to_at.astimezone(here).date()
    for shift, day, begin, end in shifts_of_days(calendar, first, last):
        if begin < to_at and end > from_at:
            yield Window("shift", shift.name, day, begin, end)
