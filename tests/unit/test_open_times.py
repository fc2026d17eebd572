"""Work centres are open as their calendar says, and closed while they are maintained."""

from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest

from sql.reads.work_centers import Maintenance, WorkCenter
from streams.domain.calendars import Calendar, open_time
from streams.open_times import calendar_of, calendars_of

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
DAYS = '{"zone":"UTC","shifts":[{"name":"day","weekdays":[1,2,3,4,5],"begins":"06:00:00","ends":"14:00:00"}]}'


def center(identity: str, calendar: str | None = None) -> WorkCenter:
    return WorkCenter(identity, identity, identity, None, None, None, None, True, 1, None, None, calendar)


def open_minutes(calendar: Calendar, days: int = 1) -> int:
    return open_time(calendar, MONDAY, MONDAY + timedelta(days=days)).minutes


def test_a_work_centre_without_a_calendar_is_always_open() -> None:
    found = calendars_of([center("press")], [])
    assert open_minutes(found["press"].calendar, days=7) == 7 * 1440


def test_a_work_centre_follows_its_calendar() -> None:
    found = calendars_of([center("press", DAYS)], [])
    assert open_minutes(found["press"].calendar, days=7) == 5 * 480


def test_maintenance_closes_its_work_centre_and_no_other() -> None:
    repair = Maintenance("press", MONDAY + timedelta(hours=7), MONDAY + timedelta(hours=9), "new bearing")
    found = calendars_of([center("press", DAYS), center("saw", DAYS), center("oven")], [repair])
    assert [open_minutes(each.calendar) for each in found.values()] == [360, 480, 1440]
    assert found["press"].calendar.maintenance[0].reason == "new bearing"


def test_work_centres_with_one_calendar_share_it() -> None:
    found = calendars_of([center("press", DAYS), center("saw", DAYS)], [])
    assert found["press"].calendar is found["saw"].calendar


def test_calendars_that_are_equal_are_found_as_keys() -> None:
    """Open time is laid out once for each."""
    holidays = frozenset({date(2026, 1, 1), date(2026, 12, 25)})
    told = msgspec.structs.replace(calendar_of(DAYS), holidays=holidays)
    assert {told: 1}[msgspec.structs.replace(calendar_of(DAYS), holidays=frozenset(holidays))] == 1


def test_an_unknown_field_of_a_calendar_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="lunch"):
        calendar_of('{"zone":"UTC","lunch":"noon"}')
