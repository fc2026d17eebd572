"""Open time of a work centre, counted by hand and minute by minute."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.domain.calendars import (
    Break,
    Calendar,
    OpenTime,
    OutsideHorizon,
    Period,
    Shift,
    ceil,
    faults,
    floor,
    moment,
    open_time,
    working_days,
)

WEEKDAYS = frozenset(range(1, 6))
EVERY_DAY = frozenset(range(1, 8))
EARLY = Shift(name="Early", weekdays=WEEKDAYS, begins=time(6), ends=time(14), breaks=(Break(time(10), 30),))
LATE = Shift(name="Late", weekdays=WEEKDAYS, begins=time(14), ends=time(22), breaks=(Break(time(18), 30),))
NIGHT = Shift(name="Night", weekdays=EVERY_DAY, begins=time(22), ends=time(6), breaks=(Break(time(2, 30), 30),))
PLANT = Calendar(zone="Europe/Berlin", shifts=(EARLY, LATE))
MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
HOUR = timedelta(hours=1)


def at(hours: float, *, day: int = 0) -> datetime:
    """A moment by UTC, so many days after the Monday."""
    return MONDAY + timedelta(days=day, hours=hours)


def hours_of(opened: OpenTime) -> list[tuple[float, float]]:
    return [((begin - MONDAY) / HOUR, (end - MONDAY) / HOUR) for begin, end in opened.windows]


def day_of(calendar: Calendar) -> list[tuple[float, float]]:
    return hours_of(open_time(calendar, at(0), at(24)))


def night_of(day: date) -> OpenTime:
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    return open_time(Calendar(zone="Europe/Berlin", shifts=(NIGHT,)), noon, noon + timedelta(days=1))


def test_shifts_that_follow_one_another_are_one_window_without_their_breaks() -> None:
    """Germany is an hour ahead in November: 06:00 there is 05:00."""
    assert day_of(PLANT) == [(5, 9), (9.5, 17), (17.5, 21)]


def test_a_week_of_two_shifts_has_seventy_five_hours() -> None:
    opened = open_time(PLANT, at(0), at(0, day=7))
    assert opened.minutes == 5 * 2 * (480 - 30)
    assert opened.windows[-1][1] == at(21, day=4), "nobody works on the weekend"


def test_a_night_shift_belongs_to_the_day_on_which_it_begins() -> None:
    calendar = Calendar(
        zone="UTC",
        shifts=(msgspec.structs.replace(NIGHT, weekdays=frozenset({7})),),
        holidays=frozenset({date(2026, 11, 23)}),
    )
    assert day_of(calendar) == [(0, 2.5), (3, 6)], "the Sunday's shift ends on the Monday, holiday or not"


def test_the_night_in_which_the_clock_is_put_forward_is_an_hour_short() -> None:
    assert night_of(date(2026, 3, 28)).minutes == 7 * 60 - 30


def test_the_night_in_which_the_clock_is_put_back_is_an_hour_long() -> None:
    assert night_of(date(2026, 10, 24)).minutes == 9 * 60 - 30
    assert night_of(date(2026, 10, 23)).minutes == 8 * 60 - 30


def test_a_break_at_a_time_that_the_clock_skips_begins_when_it_skips_it() -> None:
    """At 01:00 UTC the clocks of Germany go from 02:00 to 03:00; 02:30 is not shown that night."""
    (_, rest), (resumed, _) = night_of(date(2026, 3, 28)).windows
    assert (rest, resumed) == (datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 3, 29, 1, 30, tzinfo=UTC))


def test_a_break_at_a_time_that_is_shown_twice_is_held_the_first_time_only() -> None:
    (_, rest), (resumed, _) = night_of(date(2026, 10, 24)).windows
    assert (rest, resumed) == (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 0, tzinfo=UTC))


def test_a_shift_that_ends_as_it_begins_lasts_a_day() -> None:
    always = Shift(name="Always", weekdays=frozenset({1}), begins=time(6), ends=time(6))
    assert hours_of(open_time(Calendar(zone="UTC", shifts=(always,)), at(0), at(0, day=7))) == [(6, 30)]


def test_no_shift_begins_on_a_holiday_and_overtime_opens_it() -> None:
    calendar = msgspec.structs.replace(
        PLANT, holidays=frozenset({date(2026, 11, 23)}), overtime=(Period(at(7), at(9), "rush order"),)
    )
    assert day_of(calendar) == [(7, 9)]


def test_overtime_goes_on_through_a_break() -> None:
    overtime = (Period(at(9), at(9.25)), Period(at(21), at(23)))
    assert day_of(msgspec.structs.replace(PLANT, overtime=overtime)) == [(5, 9.25), (9.5, 17), (17.5, 23)]


def test_maintenance_closes_what_is_open_overtime_too() -> None:
    calendar = msgspec.structs.replace(
        PLANT, overtime=(Period(at(21), at(23)),), maintenance=(Period(at(20), at(22)), Period(at(8.5), at(10)))
    )
    assert day_of(calendar) == [(5, 8.5), (10, 17), (17.5, 20), (22, 23)]


def test_a_break_of_one_shift_does_not_close_one_that_overlaps_it() -> None:
    relief = Shift(name="Relief", weekdays=WEEKDAYS, begins=time(9, 45), ends=time(10, 15))
    calendar = msgspec.structs.replace(PLANT, shifts=(EARLY, relief))
    assert day_of(calendar) == [(5, 9.25), (9.5, 13)]
    at_once = msgspec.structs.replace(EARLY, breaks=(Break(time(6), 15),))
    assert day_of(msgspec.structs.replace(PLANT, shifts=(at_once,))) == [(5.25, 13)]


def test_a_shift_is_worked_from_the_day_it_is_effective_up_to_the_first_without_it() -> None:
    shift = msgspec.structs.replace(EARLY, effective_from=date(2026, 11, 24), effective_to=date(2026, 11, 26))
    assert hours_of(open_time(Calendar(zone="UTC", shifts=(shift,)), at(0), at(0, day=7)))[::2] == [(30, 34), (54, 58)]


def test_a_horizon_cuts_the_windows() -> None:
    assert hours_of(open_time(PLANT, at(6), at(18))) == [(6, 9), (9.5, 17), (17.5, 18)]


def test_seconds_make_open_time_smaller_and_never_larger() -> None:
    second = timedelta(seconds=1)
    calendar = Calendar(
        zone="UTC",
        overtime=(Period(at(1) - second, at(9) + second),),
        maintenance=(Period(at(3) + second, at(4) - second),),
    )
    assert day_of(calendar) == [(1, 3), (4, 9)]


# -- working minutes: open 05-09, 09:30-17, 17:30-21 on workdays (UTC)


@pytest.fixture
def week() -> OpenTime:
    return open_time(PLANT, at(0), at(0, day=7))


def test_minutes_of_work_between_two_moments(week: OpenTime) -> None:
    assert week.minutes_between(at(8), at(10)) == 60 + 30
    assert week.minutes_between(at(20), at(6, day=1)) == 60 + 60, "closed over night"
    assert week.minutes_between(at(21), at(29)) == 0
    assert week.minutes_between(at(10), at(8)) == 0


def test_work_goes_on_after_breaks_and_nights(week: OpenTime) -> None:
    assert week.advance(at(8), 60) == at(9), "done when the break begins, not when it ends"
    assert week.advance(at(8), 61) == at(9.5) + timedelta(minutes=1)
    assert week.advance(at(20), 120) == at(6, day=1)


def test_work_begins_so_late_that_it_is_just_done(week: OpenTime) -> None:
    assert week.retreat(at(10), 30) == at(9.5), "after the break, not when it begins"
    assert week.retreat(at(10), 31) == at(9) - timedelta(minutes=1)
    assert week.retreat(at(6, day=1), 120) == at(20)


def test_no_work_takes_no_time_open_or_closed(week: OpenTime) -> None:
    for moment_ in (at(3), at(6), at(9.25)):
        assert week.advance(moment_, 0) == week.retreat(moment_, 0) == moment_


def test_work_can_begin_when_the_work_centre_is_open(week: OpenTime) -> None:
    assert [week.next_open(each) for each in (at(2), at(6), at(9), at(21))] == [at(5), at(6), at(9.5), at(5, day=1)]
    assert week.next_open(at(22, day=4)) == at(0, day=7), "nothing opens until the end of the horizon"
    assert [week.is_open(each) for each in (at(4.99), at(5), at(9), at(9.5), at(21))] == [
        False,
        True,
        False,
        True,
        False,
    ]


def test_what_does_not_fit_into_the_horizon_is_told(week: OpenTime) -> None:
    with pytest.raises(OutsideHorizon, match="Only 4500 of 4501 working minutes are open until 2026-11-30 00:00 UTC"):
        week.advance(at(0), 4501)
    with pytest.raises(OutsideHorizon, match="1 working minutes are missing after 2026-11-23 00:00 UTC"):
        week.retreat(at(6), 61)
    with pytest.raises(OutsideHorizon, match="2026-11-22 23:00 UTC lies outside the horizon"):
        week.minutes_between(at(-1), at(5))


def test_a_calendar_that_is_never_open_is_closed() -> None:
    closed = open_time(Calendar(zone="UTC"), at(0), at(24))
    assert (closed.minutes, closed.windows, closed.is_open(at(5))) == (0, [], False)
    assert closed.minutes_between(at(0), at(24)) == 0
    with pytest.raises(OutsideHorizon):
        closed.advance(at(0), 1)


# -- the manufacturing calendar: Monday 23 to Friday 27, without the Wednesday, and Monday 30

DAYS = working_days(
    msgspec.structs.replace(PLANT, holidays=frozenset({date(2026, 11, 25)})), date(2026, 11, 23), date(2026, 11, 30)
)


@pytest.mark.parametrize(
    ("due", "days", "expected"),
    [
        (27, 0, 27),
        (27, 1, 26),
        (27, 2, 24),
        (29, 0, 27),
        (29, 1, 26),
        (30, 1, 27),
        (25, 0, 24),
        (25, -1, 27),
        (24, -1, 26),
    ],
)
def test_a_lead_time_is_offset_in_working_days(due: int, days: int, expected: int) -> None:
    assert DAYS.offset(date(2026, 11, due), days) == date(2026, 11, expected)


def test_overtime_makes_a_working_day_and_maintenance_leaves_it_one() -> None:
    calendar = msgspec.structs.replace(
        PLANT, overtime=(Period(at(23.5, day=4), at(26, day=4)),), maintenance=(Period(at(0), at(24)),)
    )
    days = working_days(calendar, date(2026, 11, 23), date(2026, 11, 29)).days
    assert [day.day for day in days] == [23, 24, 25, 26, 27, 28], "23:30 on Friday is Saturday in Germany"


def test_a_lead_time_longer_than_the_calendar_is_told() -> None:
    with pytest.raises(OutsideHorizon, match="does not have 2 working days before 2026-11-24"):
        DAYS.offset(date(2026, 11, 24), 2)
    with pytest.raises(OutsideHorizon, match="does not have 1 working days after 2026-11-30"):
        DAYS.offset(date(2026, 11, 30), -1)


# -- faults


def test_a_calendar_without_faults_has_none() -> None:
    assert faults(msgspec.structs.replace(PLANT, shifts=(EARLY, LATE, NIGHT))) == []


def test_faults_are_sentences() -> None:
    calendar = Calendar(
        zone="Europe/Mainz",
        shifts=(
            Shift(name="Never", weekdays=frozenset(), begins=time(6), ends=time(14)),
            Shift(name="Odd", weekdays=WEEKDAYS, begins=time(6, 0, 30), ends=time(14)),
            msgspec.structs.replace(NIGHT, breaks=(Break(time(5, 45), 30),)),
            msgspec.structs.replace(EARLY, effective_from=date(2026, 1, 2), effective_to=date(2026, 1, 2)),
            msgspec.structs.replace(LATE, breaks=(Break(time(18, 0, 1), 30),)),
        ),
        maintenance=(Period(at(2), at(2)),),
    )
    assert faults(calendar) == [
        "There is no time zone 'Europe/Mainz'.",
        "The shift Never has no weekday.",
        "The shift Odd has times that are not whole minutes of the plant's clock.",
        "The break at 05:45 lies outside the shift Night, 22:00 to 06:00.",
        "The shift Early is never effective: 2026-01-02 is not after 2026-01-02.",
        "A break of the shift Late begins at 18:00:01, not at a minute of the plant's clock.",
        "Maintenance from 2026-11-23T02:00:00+00:00 to 2026-11-23T02:00:00+00:00 does not end after it begins.",
    ]


@pytest.mark.parametrize("zone", ["", "../Berlin", "/etc/passwd", "Europe", "x" * 300])
def test_whatever_stands_for_a_zone_is_answered(zone: str) -> None:
    assert faults(Calendar(zone=zone)) == [f"There is no time zone {zone!r}."]


def test_a_calendar_is_kept_as_json_in_a_strict_form() -> None:
    told = msgspec.json.encode(PLANT)
    assert msgspec.json.decode(told, type=Calendar) == PLANT
    for wrong in (b'{"zone":"UTC","shift":[]}', told.replace(b'"weekdays":[1', b'"weekdays":[0'), b'{"shifts":[]}'):
        with pytest.raises(msgspec.ValidationError):
            msgspec.json.decode(wrong, type=Calendar)


# -- laws

CLOCKS = st.times().map(lambda told: told.replace(second=0, microsecond=0))
MOMENTS = st.integers(-60, 4 * 1440).map(lambda minutes: MONDAY + timedelta(minutes=minutes))
SHIFTS = st.builds(
    Shift,
    name=st.just("Any"),
    weekdays=st.frozensets(st.integers(1, 7), max_size=4),
    begins=CLOCKS,
    ends=CLOCKS,
    breaks=st.lists(st.builds(Break, CLOCKS, st.integers(1, 90)), max_size=2).map(tuple),
)
PERIODS = st.lists(st.builds(Period, MOMENTS, MOMENTS), max_size=2).map(tuple)
CALENDARS = st.builds(
    Calendar,
    zone=st.just("UTC"),
    shifts=st.lists(SHIFTS, max_size=3).map(tuple),
    holidays=st.frozensets(st.dates(date(2026, 11, 22), date(2026, 11, 26)), max_size=2),
    overtime=PERIODS,
    maintenance=PERIODS,
)
FROM, TO = MONDAY, MONDAY + timedelta(days=3)


def open_minutes(calendar: Calendar) -> list[int]:
    """Every open minute of three days, one by one: the same said in another way."""

    def clock(told: time) -> int:
        return told.hour * 60 + told.minute

    opened: set[int] = set()
    for day in range(-1, 3):
        today, midnight = MONDAY + timedelta(days=day), floor(MONDAY) + day * 1440
        for shift in calendar.shifts:
            if today.isoweekday() in shift.weekdays and today.date() not in calendar.holidays:
                begin, end = clock(shift.begins), clock(shift.ends)
                worked = set(range(begin, end if end > begin else end + 1440))
                for rest in shift.breaks:
                    pause = clock(rest.begins) + (1440 if clock(rest.begins) < begin else 0)
                    worked -= set(range(pause, pause + rest.minutes))
                opened |= {midnight + minute for minute in worked}
    for each in calendar.overtime:
        opened |= set(range(floor(each.begins_at), floor(each.ends_at)))
    for each in calendar.maintenance:
        opened -= set(range(floor(each.begins_at), floor(each.ends_at)))
    return sorted(minute for minute in opened if floor(FROM) <= minute < floor(TO))


@settings(deadline=None)
@given(CALENDARS)
def test_windows_are_the_open_minutes_in_order_and_do_not_touch(calendar: Calendar) -> None:
    opened = open_time(calendar, FROM, TO)
    spans = list(zip(opened.begins, opened.ends, strict=True))
    assert [minute for begin, end in spans for minute in range(begin, end)] == open_minutes(calendar)
    assert all(one[1] < after[0] for one, after in pairwise(spans))


@settings(deadline=None)
@given(CALENDARS, st.integers(0, 3 * 86_400), st.integers(1, 2000))
def test_work_takes_its_minutes_in_both_directions(calendar: Calendar, second: int, minutes: int) -> None:
    opened, asked = open_time(calendar, FROM, TO), FROM + timedelta(seconds=second)
    known = open_minutes(calendar)
    later = [minute for minute in known if minute >= ceil(asked)]
    sooner = [minute for minute in known if minute < floor(asked)]
    if minutes <= len(later):
        assert opened.advance(asked, minutes) == moment(later[minutes - 1] + 1)
    else:
        with pytest.raises(OutsideHorizon):
            opened.advance(asked, minutes)
    if minutes <= len(sooner):
        assert opened.retreat(asked, minutes) == moment(sooner[-minutes])
    else:
        with pytest.raises(OutsideHorizon):
            opened.retreat(asked, minutes)


@settings(deadline=None)
@given(CALENDARS, st.lists(st.integers(0, 3 * 86_400), min_size=3, max_size=3).map(sorted))
def test_minutes_between_are_the_open_ones(calendar: Calendar, seconds: list[int]) -> None:
    opened = open_time(calendar, FROM, TO)
    first, second, third = (FROM + timedelta(seconds=each) for each in seconds)
    known = open_minutes(calendar)
    assert opened.minutes_between(first, third) == sum(ceil(first) <= minute < floor(third) for minute in known)
    parts = opened.minutes_between(first, second) + opened.minutes_between(second, third)
    assert 0 <= opened.minutes_between(first, third) - parts <= 1, "a minute that is cut is no minute of work"


ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Asia/Kathmandu", "UTC"]


@given(st.sampled_from(ZONES), CLOCKS, CLOCKS, CLOCKS, st.integers(0, 365))
def test_shifts_around_the_clock_leave_no_hole_wherever_the_clock_is_put_forward_or_back(
    zone: str, one: time, two: time, three: time, day: int
) -> None:
    edges = sorted({one, two, three})
    shifts = tuple(
        Shift(name=str(begin), weekdays=EVERY_DAY, begins=begin, ends=end)
        for begin, end in zip(edges, [*edges[1:], edges[0]], strict=True)
    )
    begin = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day)
    opened = open_time(Calendar(zone=zone, shifts=shifts), begin, begin + timedelta(days=3))
    assert opened.windows == [(begin, begin + timedelta(days=3))]


@given(st.sampled_from(ZONES), CLOCKS, CLOCKS, st.integers(0, 365), st.integers(1, 4000))
def test_a_horizon_in_two_parts_is_the_whole(zone: str, begins: time, ends: time, day: int, middle: int) -> None:
    shift = Shift(name="Any", weekdays=EVERY_DAY, begins=begins, ends=ends, breaks=(Break(begins, 17),))
    calendar = Calendar(zone=zone, shifts=(shift,))
    begin = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day)
    cut, end = begin + timedelta(minutes=middle), begin + timedelta(days=3)
    parts = open_time(calendar, begin, cut).minutes + open_time(calendar, cut, end).minutes
    assert parts == open_time(calendar, begin, end).minutes
