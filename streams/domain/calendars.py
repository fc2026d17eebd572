"""When a work centre is open: weekly shifts with breaks, holidays, overtime and maintenance as working minutes.

A calendar is what people edit; `open_time` makes of it sorted windows over a horizon, on which both directions between
the clock on the wall and working minutes are a bisection.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import accumulate
from typing import Annotated, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import Meta

from streams.domain.spans import merged

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
MINUTES_A_DAY = 1440

Moment = Annotated[datetime, Meta(tz=True)]
Weekday = Annotated[int, Meta(ge=1, le=7)]
"""1 is Monday (ISO 8601)."""
Span = tuple[int, int]
"""Minutes since 1970 (UTC): the first that is in it, the first that is not."""


class Break(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A pause of a shift, by the clock on the wall; it lasts its minutes whatever the clock does meanwhile."""

    begins: time
    minutes: Annotated[int, Meta(gt=0, lt=MINUTES_A_DAY)]


class Shift(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A shift of every week, by the clock on the wall. It belongs to the day on which it begins.

    One that ends before it begins, or as it begins, ends on the next day. `effective_to` is the first day without it.
    """

    name: str
    weekdays: frozenset[Weekday]
    begins: time
    ends: time
    breaks: tuple[Break, ...] = ()
    effective_from: date | None = None
    effective_to: date | None = None


class Period(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A stretch of time with its reason."""

    begins_at: Moment
    ends_at: Moment
    reason: str = ""


class Calendar(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a work centre is open, as it is kept: a strict form for JSON.

    On a holiday no shift begins. Overtime opens whatever is closed, holidays too; maintenance closes whatever is open,
    overtime too. Where shifts overlap, a break of one does not close the other.
    """

    zone: str
    shifts: tuple[Shift, ...] = ()
    holidays: frozenset[date] = frozenset()
    overtime: tuple[Period, ...] = ()
    maintenance: tuple[Period, ...] = ()


class OutsideHorizon(ValueError):
    """Asked for time that the calendar was not laid out for, or that is not open before its end; a sentence."""


class OpenTime(NamedTuple):
    """The open windows of a horizon, in minutes since 1970: sorted, none touches the next.

    `worked` has the working minutes before each window, and at its end all of them: positions on a clock that runs only
    while the work centre is open. Moments between two minutes count for the smaller open time: work begins at the next
    whole minute and is done by the last one.
    """

    begins: tuple[int, ...]
    ends: tuple[int, ...]
    worked: tuple[int, ...]
    from_minute: int
    to_minute: int

    @property
    def minutes(self) -> int:
        """All working minutes of the horizon."""
        return self.worked[-1]

    @property
    def windows(self) -> list[tuple[datetime, datetime]]:
        return [(moment(begin), moment(end)) for begin, end in zip(self.begins, self.ends, strict=True)]

    def position(self, minute: int) -> int:
        """Working minutes from the beginning of the horizon until a minute of the clock."""
        place = bisect_right(self.begins, minute) - 1
        return self.worked[place] + min(minute, self.ends[place]) - self.begins[place] if place >= 0 else 0

    def position_at(self, at: datetime) -> int:
        """Working minutes from the beginning of the horizon until a moment of it."""
        return self.position(self._within(floor(at)))

    def finish(self, position: int) -> int:
        """The first minute by which so much is worked: where work up to a position ends."""
        place = bisect_left(self.worked, position) - 1
        if position > self.minutes:
            raise OutsideHorizon(
                f"Only {self.minutes} of {position} working minutes are open until {_said(self.to_minute)}."
            )
        return self.begins[place] + position - self.worked[place] if place >= 0 else self.from_minute

    def start(self, position: int) -> int:
        """The last minute before which no more is worked: where work from a position begins."""
        if position < 0:
            raise OutsideHorizon(f"{-position} working minutes are missing after {_said(self.from_minute)}.")
        place = bisect_right(self.worked, position) - 1
        return self.begins[place] + position - self.worked[place] if place < len(self.begins) else self.to_minute

    def is_open(self, at: datetime) -> bool:
        place = bisect_right(self.begins, floor(at)) - 1
        return place >= 0 and floor(at) < self.ends[place]

    def minutes_between(self, from_at: datetime, to_at: datetime) -> int:
        """Working minutes between two moments of the horizon; 0 where the second is not after the first."""
        return max(0, self.position(self._within(floor(to_at))) - self.position(self._within(ceil(from_at))))

    def next_open(self, at: datetime) -> datetime:
        """When work can begin that is ready at a moment; the end of the horizon if nothing is open any more."""
        return max(at, moment(self.start(self.position(self._within(ceil(at))))))

    def advance(self, start_at: datetime, minutes: int) -> datetime:
        """When so many working minutes are done that may begin at a moment. No minutes end when they begin."""
        return max(start_at, moment(self.finish(self.position(self._within(ceil(start_at))) + minutes)))

    def retreat(self, end_at: datetime, minutes: int) -> datetime:
        """The last moment at which so many working minutes must begin to be done by a moment."""
        return min(end_at, moment(self.start(self.position(self._within(floor(end_at))) - minutes)))

    def _within(self, minute: int) -> int:
        if not self.from_minute <= minute <= self.to_minute:
            horizon = f"{_said(self.from_minute)} to {_said(self.to_minute)}"
            raise OutsideHorizon(f"{_said(minute)} lies outside the horizon, {horizon}.")
        return minute


class WorkingDays(NamedTuple):
    """The days on which work begins, in order (APICS: the manufacturing calendar)."""

    days: tuple[date, ...]

    def offset(self, due: date, days: int) -> date:
        """So many working days before a day; from a day without work, counted from the last one with. < 0: after it."""
        place = bisect_right(self.days, due) - 1 - days if days >= 0 else bisect_left(self.days, due) - days
        if not 0 <= place < len(self.days):
            side = "before" if days >= 0 else "after"
            raise OutsideHorizon(f"The calendar does not have {abs(days)} working days {side} {due}.")
        return self.days[place]


def open_time(calendar: Calendar, from_at: datetime, to_at: datetime) -> OpenTime:
    """The open windows of a calendar from a moment up to another; the horizon is cut to whole minutes."""
    horizon = ceil(from_at), floor(to_at)
    zone = ZoneInfo(calendar.zone)
    first, last = from_at.astimezone(zone).date() - DAY, to_at.astimezone(zone).date()
    shifts = (_worked(shift, day, zone) for day in _days(first, last) for shift in _begin(calendar, day))
    overtime = ((ceil(each.begins_at), floor(each.ends_at)) for each in calendar.overtime)
    maintenance = ((floor(each.begins_at), ceil(each.ends_at)) for each in calendar.maintenance)
    opened = merged([*(span for spans in shifts for span in spans), *overtime])
    return of_spans(_without(opened, merged(maintenance)), *horizon)


def of_spans(spans: Iterable[Span], from_minute: int, to_minute: int) -> OpenTime:
    """Open time of any spans, cut to a horizon."""
    cut = merged((max(begin, from_minute), min(end, to_minute)) for begin, end in spans)
    worked = accumulate((end - begin for begin, end in cut), initial=0)
    return OpenTime(tuple(s[0] for s in cut), tuple(s[1] for s in cut), tuple(worked), from_minute, to_minute)


def faults(calendar: Calendar) -> list[str]:
    """What is wrong with a calendar, as sentences. One with faults may be laid out wrongly, or not at all."""
    found: list[str] = []
    try:
        ZoneInfo(calendar.zone)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        found.append(f"There is no time zone {calendar.zone!r}.")
    for shift in calendar.shifts:
        found += _faults_of(shift)
    for kind, periods in (("Overtime", calendar.overtime), ("Maintenance", calendar.maintenance)):
        for each in periods:
            if each.ends_at <= each.begins_at:
                told = f"{kind} from {each.begins_at.isoformat()} to {each.ends_at.isoformat()}"
                found.append(f"{told} does not end after it begins.")
    return found


def _faults_of(shift: Shift) -> Iterator[str]:
    if not shift.weekdays:
        yield f"The shift {shift.name} has no weekday."
    if shift.effective_from and shift.effective_to and shift.effective_to <= shift.effective_from:
        yield f"The shift {shift.name} is never effective: {shift.effective_to} is not after {shift.effective_from}."
    if any(clock.second or clock.microsecond or clock.tzinfo for clock in (shift.begins, shift.ends)):
        yield f"The shift {shift.name} has times that are not whole minutes of the plant's clock."
    length = _after(shift.begins, shift.ends) or MINUTES_A_DAY
    for rest in shift.breaks:
        if rest.begins.second or rest.begins.microsecond or rest.begins.tzinfo:
            yield f"A break of the shift {shift.name} begins at {rest.begins}, not at a minute of the plant's clock."
        elif _after(shift.begins, rest.begins) + rest.minutes > length:
            hours = f"{shift.begins:%H:%M} to {shift.ends:%H:%M}"
            yield f"The break at {rest.begins:%H:%M} lies outside the shift {shift.name}, {hours}."


def _after(begins: time, clock: time) -> int:
    """Minutes on the clock from one time to the next other one."""
    return (clock.hour * 60 + clock.minute - begins.hour * 60 - begins.minute) % MINUTES_A_DAY


def working_days(calendar: Calendar, from_day: date, to_day: date) -> WorkingDays:
    """The days from one to another, both included, on which a shift or overtime begins, whatever is maintained."""
    zone = ZoneInfo(calendar.zone)
    extra = {each.begins_at.astimezone(zone).date() for each in calendar.overtime}
    return WorkingDays(tuple(day for day in _days(from_day, to_day) if day in extra or any(_begin(calendar, day))))


def shifts_of_days(calendar: Calendar, first: date, last: date) -> Iterator[tuple[Shift, date, datetime, datetime]]:
    """The shifts that begin on days from one to another, both included: the day, the begin and the end."""
    zone = ZoneInfo(calendar.zone)
    for day in _days(first, last):
        for shift in _begin(calendar, day):
            begin, end = _whole(shift, day, zone)
            yield shift, day, moment(begin), moment(end)


def moment(minute: int) -> datetime:
    return EPOCH + minute * MINUTE


def floor(at: datetime) -> int:
    """The minute of a moment, since 1970 (UTC)."""
    return (at - EPOCH) // MINUTE


def ceil(at: datetime) -> int:
    """The first minute that is not before a moment."""
    return -((EPOCH - at) // MINUTE)


def _without(opened: Iterable[Span], closed: list[Span]) -> Iterator[Span]:
    """What is open and not closed; `closed` is merged."""
    for begin, end in opened:
        for shut, reopened in closed[bisect_right(closed, begin, key=lambda span: span[1]) :]:
            if shut >= end:
                break
            if begin < shut:
                yield begin, shut
            begin = reopened
        if begin < end:
            yield begin, end


def _days(first: date, last: date) -> Iterator[date]:
    return (first + place * DAY for place in range((last - first).days + 1))


def _begin(calendar: Calendar, day: date) -> Iterator[Shift]:
    """The shifts that begin on a day."""
    if day not in calendar.holidays:
        for shift in calendar.shifts:
            is_effective = (shift.effective_from or day) <= day and (not shift.effective_to or day < shift.effective_to)
            if is_effective and day.isoweekday() in shift.weekdays:
                yield shift


def _worked(shift: Shift, day: date, zone: ZoneInfo) -> Iterator[Span]:
    """A shift of a day without its breaks."""
    begin, end = _whole(shift, day, zone)
    pauses: list[Span] = []
    for rest in shift.breaks:
        at = _minute(day + DAY if rest.begins < shift.begins else day, rest.begins, zone)
        pauses.append((at, at + rest.minutes))
    return _without([(begin, end)], merged(pauses))


def _whole(shift: Shift, day: date, zone: ZoneInfo) -> Span:
    """A shift of a day with its breaks."""
    ends_on = day + DAY if shift.ends <= shift.begins else day
    return _minute(day, shift.begins, zone), _minute(ends_on, shift.ends, zone)


def _minute(day: date, clock: time, zone: ZoneInfo) -> int:
    """When the clock on the wall shows a time: of two such moments the first; of none, the one at which it skips it."""
    shown = datetime.combine(day, clock, zone)
    first, second = floor(shown), floor(shown.replace(fold=1))
    if first <= second:
        return first
    skipped, summer = range(second, first + 1), shown.replace(fold=1).utcoffset()
    return skipped[bisect_left(skipped, True, key=lambda each: moment(each).astimezone(zone).utcoffset() == summer)]


def _said(minute: int) -> str:
    return f"{moment(minute):%Y-%m-%d %H:%M} UTC"
