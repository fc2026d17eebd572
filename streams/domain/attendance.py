"""Makes shifts of plans and clock events, whatever the order in which these come and however often.

Every clock event belongs to one shift of its operator: the one it names, else the planned one it lies nearest to, else
an unplanned one of its day. What really happened in a shift follows from all its events together; so a late event
corrects what was concluded without it, and a repeated one changes nothing.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

import msgspec

from schemas.ids import short
from schemas.messages.operators import ClockEvent, Presence, ShiftStatus

EARLY = timedelta(hours=4)
LONGEST_PRESENCE = timedelta(hours=16)
UNSCHEDULED = "Unscheduled"
_SHIFT_ID = re.compile(r"SH-(\d{8})-(.+)")
_ORDER: dict[ClockEvent, int] = {"clock_in": 0, "break_start": 1, "break_end": 2, "clock_out": 3}
_PRESENCE: dict[ClockEvent, Presence] = {
    "clock_in": "available",
    "break_end": "available",
    "break_start": "on_break",
    "clock_out": "off_duty",
}

Key = tuple[date, str]
"""The day and the name of a shift."""


class Plan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A shift as it is planned; `told_at` is when the HR system said so."""

    shift_date: date
    shift_name: str
    start: datetime
    end: datetime
    break_start: datetime | None = None
    break_end: datetime | None = None
    is_overtime: bool = False
    is_cancelled: bool = False
    told_at: datetime

    @property
    def key(self) -> Key:
        """Its day and name."""
        return self.shift_date, self.shift_name


class Clock(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A clock event."""

    at: datetime
    event: ClockEvent
    work_date: date
    shift_id: str | None = None

    @property
    def place(self) -> tuple[datetime, int]:
        """Where it stands in the order of time; of two at the same moment, coming is before going."""
        return self.at, _ORDER[self.event]


class Shift(msgspec.Struct, frozen=True, kw_only=True):
    """A shift: its plan, if there is one, and what really happened."""

    shift_id: str
    shift_date: date
    shift_name: str
    status: ShiftStatus
    plan: Plan | None = None
    clock_in: datetime | None = None
    clock_out: datetime | None = None
    away_seconds: float = 0.0
    begins_at: datetime

    @property
    def key(self) -> Key:
        """Its day and name."""
        return self.shift_date, self.shift_name


class _Happened(NamedTuple):
    clock_in: datetime | None
    clock_out: datetime | None
    away_seconds: float


def shift_id(day: date, name: str) -> str:
    """The id under which attendance names a shift: `SH-20251118-A` is "Shift A" of that day."""
    return short(f"SH-{day:%Y%m%d}-{_short(name)}")


def _short(name: str) -> str:
    """The name without the word "shift", with no spaces."""
    words = [word for word in name.split() if word.lower() != "shift"]
    return "-".join(words or name.split() or [name])


def presence(clocks: Sequence[Clock]) -> tuple[Presence, datetime | None]:
    """What the latest clock event says of an operator, and since when."""
    latest = max(clocks, key=lambda clock: clock.place, default=None)
    return (_PRESENCE[latest.event], latest.at) if latest else ("off_duty", None)


def concluded(plans: Iterable[Plan], clocks: Iterable[Clock]) -> dict[Key, Shift]:
    """The shifts that follow from plans and clock events; the order in which these are given does not matter."""
    by_key = {plan.key: plan for plan in plans}
    planned = [plan for plan in by_key.values() if not plan.is_cancelled]
    clocked: dict[Key, list[Clock]] = {}
    latest_in: tuple[datetime, Key] | None = None
    for clock in sorted(clocks, key=lambda each: each.place):
        key = _home(clock, planned, latest_in)
        clocked.setdefault(key, []).append(clock)
        if clock.event == "clock_in":
            latest_in = clock.at, key
    keys = {*by_key, *clocked}
    return {key: _shift(key, by_key.get(key), clocked.get(key, ())) for key in sorted(keys)}


def withdrawn(shift: Shift) -> Shift:
    """The shift as one that did not happen: what was clocked belongs to another one."""
    return Shift(
        shift_id=shift.shift_id,
        shift_date=shift.shift_date,
        shift_name=shift.shift_name,
        status="withdrawn",
        begins_at=shift.begins_at,
    )


def _home(clock: Clock, planned: Sequence[Plan], latest_in: tuple[datetime, Key] | None) -> Key:
    """The shift that a clock event belongs to."""
    if named := _named(clock, planned):
        return named
    if clock.event != "clock_in" and latest_in and clock.at - latest_in[0] <= LONGEST_PRESENCE:
        return latest_in[1]
    return _nearest(clock, planned) or (clock.work_date, UNSCHEDULED)


def _named(clock: Clock, planned: Sequence[Plan]) -> Key | None:
    """The shift that the event names: a planned one, or one of which only the name is known yet."""
    found = _SHIFT_ID.fullmatch(clock.shift_id or "")
    if found is None:
        return None
    try:
        day = date(int(found[1][:4]), int(found[1][4:6]), int(found[1][6:]))
    except ValueError:
        return None
    wanted = found[2].lower()
    names = [plan.shift_name for plan in planned if plan.shift_date == day]
    exact = [name for name in names if _short(name).lower() == wanted]
    initial = [name for name in names if _short(name)[:1].lower() == wanted]
    known = exact or initial
    return day, min(known) if known else f"Shift {found[2]}"


def _nearest(clock: Clock, planned: Sequence[Plan]) -> Key | None:
    """The planned shift whose start (for going: whose end) is nearest, if the event lies in its time."""
    if clock.event == "clock_out":
        fitting = [(abs(clock.at - plan.end), plan) for plan in planned if plan.start < clock.at <= plan.end + EARLY]
    else:
        fitting = [(abs(clock.at - plan.start), plan) for plan in planned if plan.start - EARLY <= clock.at < plan.end]
    return min(fitting, key=lambda each: (each[0], each[1].key))[1].key if fitting else None


def _shift(key: Key, plan: Plan | None, clocks: Sequence[Clock]) -> Shift:
    happened = _happened(clocks)
    begins_at = plan.start if plan else clocks[0].at
    return Shift(
        shift_id=shift_id(*key),
        shift_date=key[0],
        shift_name=key[1],
        status=_status(plan, happened),
        # When a plan was told makes no other shift of it.
        plan=msgspec.structs.replace(plan, told_at=plan.start) if plan else None,
        clock_in=happened.clock_in,
        clock_out=happened.clock_out,
        away_seconds=happened.away_seconds,
        begins_at=begins_at,
    )


def _status(plan: Plan | None, happened: _Happened) -> ShiftStatus:
    if happened.clock_out is not None:
        return "ended"
    if happened.clock_in is not None:
        return "working"
    return "withdrawn" if plan is None or plan.is_cancelled else "scheduled"


def _happened(clocks: Sequence[Clock]) -> _Happened:
    """First coming, the going after the last coming, and the time away between.

    Going before the first coming does not count, nor does going twice. Who took a break and never came back from it
    was away until they clocked out.
    """
    comings = [clock.at for clock in clocks if clock.event == "clock_in"]
    if not comings:
        return _Happened(None, min((clock.at for clock in clocks if clock.event == "clock_out"), default=None), 0.0)
    left_at, away_since, away = None, None, timedelta()
    for clock in clocks:
        if clock.at < comings[0]:
            continue
        if clock.event in ("clock_in", "break_end"):
            away += clock.at - away_since if away_since else timedelta()
            left_at = away_since = None
        elif clock.event == "break_start":
            away_since = away_since or clock.at
        elif left_at is None:
            away += clock.at - away_since if away_since else timedelta()
            left_at = away_since = clock.at
    return _Happened(comings[0], left_at, away.total_seconds())
