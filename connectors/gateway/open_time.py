"""Open time as the API shows it: windows by the clock of the calendar's zone."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from fastapi import Query

from connectors.gateway.problems import Problem
from schemas.views.edited import Moment
from streams.domain import calendars
from streams.domain.calendars import Calendar

LONGEST: Final = timedelta(days=400)
FromAt = Annotated[Moment, Query(description="from this moment, 1970 or later")]
ToAt = Annotated[Moment, Query(description=f"up to this one; at most {LONGEST.days} days later")]


def refuse_long(from_at: datetime, to_at: datetime) -> None:
    """Raise Problem 400 unless the second moment is after the first, and not by too much."""
    if not timedelta(0) < to_at - from_at <= LONGEST:
        raise Problem(400, f"to_at must be after from_at, by {LONGEST.days} days at most.", path="to_at")


def shown_open_time(calendar: Calendar, from_at: datetime, to_at: datetime) -> dict[str, Any]:
    """Windows and minutes between two moments. Raises Problem 400."""
    refuse_long(from_at, to_at)
    zone = ZoneInfo(calendar.zone)
    found = calendars.open_time(calendar, from_at, to_at)
    windows = [
        {
            "begins_at": begin.astimezone(zone),
            "ends_at": end.astimezone(zone),
            "minutes": (end - begin) // calendars.MINUTE,
        }
        for begin, end in found.windows
    ]
    return {
        "zone": calendar.zone,
        "from_at": from_at.astimezone(zone),
        "to_at": to_at.astimezone(zone),
        "minutes": found.minutes,
        "windows": windows,
    }
