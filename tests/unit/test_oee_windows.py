"""Days and shifts as windows: nights belong to the day they begin on, and clocks that change make them longer."""

from datetime import UTC, date, datetime, time, timedelta

from streams.domain.calendars import Break, Calendar, Shift
from streams.domain.oee_windows import Window, windows

WEEKDAYS = frozenset(range(1, 6))
EVERY_DAY = frozenset(range(1, 8))
BERLIN = "Europe/Berlin"
EARLY = Shift(name="Early", weekdays=WEEKDAYS, begins=time(6), ends=time(14), breaks=(Break(time(10), 30),))
NIGHT = Shift(name="Night", weekdays=EVERY_DAY, begins=time(22), ends=time(6))
PLANT = Calendar(zone=BERLIN, shifts=(EARLY, NIGHT), holidays=frozenset({date(2026, 11, 25)}))
HOUR = timedelta(hours=1)


def at(day: int, hour: int, month: int = 11) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=UTC)


def shifts(from_at: datetime, to_at: datetime) -> list[Window]:
    return [each for each in windows(PLANT, BERLIN, from_at, to_at) if each.bucket == "shift"]


def test_a_night_shift_belongs_to_the_day_on_which_it_begins() -> None:
    found = shifts(at(24, 4), at(24, 5))
    assert found == [Window("shift", "Night", date(2026, 11, 23), at(23, 21), at(24, 5))]


def test_a_shift_has_its_breaks_in_it_and_begins_where_another_ends() -> None:
    found = [(each.shift, each.from_at, each.to_at) for each in shifts(at(24, 5), at(24, 22))]
    assert found == [("Early", at(24, 5), at(24, 13)), ("Night", at(24, 21), at(25, 5))]


def test_no_shift_begins_on_a_holiday_and_the_night_before_it_ends_there() -> None:
    assert [each.day.day for each in shifts(at(25, 0), at(26, 0))] == [24]


def test_days_are_the_plants_days() -> None:
    found = windows(None, BERLIN, at(24, 0), at(25, 0))
    assert [(each.day.day, each.from_at, each.to_at) for each in found] == [
        (24, at(23, 23), at(24, 23)),
        (25, at(24, 23), at(25, 23)),
    ]


def test_when_clocks_change_the_day_and_its_night_are_longer_or_shorter() -> None:
    """Clocks go back on 25 October 2026, and go forward on 28 March 2027."""

    def hours(from_at: datetime, to_at: datetime) -> dict[tuple[str, date], float]:
        return {
            (each.shift, each.day): (each.to_at - each.from_at) / HOUR
            for each in windows(PLANT, BERLIN, from_at, to_at)
        }

    autumn = hours(at(24, 12, 10), at(25, 12, 10))
    assert autumn["Night", date(2026, 10, 24)] == 9
    assert autumn["", date(2026, 10, 25)] == 25
    spring = hours(datetime(2027, 3, 27, 12, tzinfo=UTC), datetime(2027, 3, 28, 12, tzinfo=UTC))
    assert spring["Night", date(2027, 3, 27)] == 7
    assert spring["", date(2027, 3, 28)] == 23


def test_a_window_that_only_touches_the_time_asked_for_is_not_in_it() -> None:
    assert shifts(at(24, 13), at(24, 21)) == []
