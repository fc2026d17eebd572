"""Calendars and open time as the API takes and shows them."""

import datetime as dt
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, ConfigDict, Field

from schemas.views.edited import Code, EditedView, Moment, Title, Told
from schemas.views.values import View

MINUTES_A_DAY = 1440
Weekday = Annotated[int, Field(ge=1, le=7, description="1 is Monday (ISO 8601)")]


def _by_the_clock(told: dt.time) -> dt.time:
    if told.tzinfo is not None or told.second or told.microsecond:
        raise ValueError("must be a whole minute of the plant's clock, without a zone: 06:30")
    return told


Clock = Annotated[dt.time, AfterValidator(_by_the_clock)]


def _in_our_time(day: dt.date) -> dt.date:
    if not 1970 <= day.year < 2200:
        raise ValueError("must lie from 1970 to 2199")
    return day


Day = Annotated[dt.date, AfterValidator(_in_our_time)]

TWO_SHIFTS: dict[str, Any] = {
    "calendar_code": "TWO-SHIFTS",
    "calendar_name": "Early and late, Monday to Friday",
    "definition": {
        "zone": "Europe/Berlin",
        "shifts": [
            {
                "name": "early",
                "weekdays": [1, 2, 3, 4, 5],
                "begins": "06:00",
                "ends": "14:00",
                "breaks": [{"begins": "10:00", "minutes": 30}],
            },
            {
                "name": "late",
                "weekdays": [1, 2, 3, 4, 5],
                "begins": "14:00",
                "ends": "22:00",
                "breaks": [{"begins": "18:00", "minutes": 30}],
            },
        ],
        "holidays": ["2026-12-25", "2026-12-26"],
        "overtime": [
            {"begins_at": "2026-03-07T06:00:00+01:00", "ends_at": "2026-03-07T12:00:00+01:00", "reason": "rush order"}
        ],
        "maintenance": [],
    },
}


class BreakTold(Told):
    """A pause of a shift."""

    begins: Clock
    minutes: Annotated[int, Field(gt=0, lt=MINUTES_A_DAY)]


class ShiftTold(Told):
    """A shift of every week, by the clock on the wall; it belongs to the day on which it begins.

    One that ends before it begins, or as it begins, ends on the next day. `effective_to` is the first day without it.
    """

    name: Annotated[str, Field(min_length=1, max_length=100)]
    weekdays: Annotated[list[Weekday], Field(min_length=1, max_length=7)]
    begins: Clock
    ends: Clock
    breaks: list[BreakTold] = Field(default_factory=list, max_length=20)
    effective_from: Day | None = None
    effective_to: Day | None = None


class PeriodTold(Told):
    """A stretch of time with its reason."""

    begins_at: Moment
    ends_at: Moment
    reason: Annotated[str, Field(max_length=400)] = ""


class CalendarDefinition(Told):
    """When a work centre is open. No shift begins on a holiday; overtime opens what is closed, maintenance closes."""

    zone: Annotated[str, Field(min_length=1, max_length=64, description="time zone, as in Europe/Berlin")]
    shifts: list[ShiftTold] = Field(default_factory=list, max_length=100)
    holidays: list[Day] = Field(default_factory=list, max_length=2000)
    overtime: list[PeriodTold] = Field(default_factory=list, max_length=1000)
    maintenance: list[PeriodTold] = Field(default_factory=list, max_length=1000)


class CalendarBody(Told):
    """A calendar."""

    model_config = ConfigDict(json_schema_extra={"examples": [TWO_SHIFTS]})

    calendar_code: Code
    calendar_name: Title
    definition: CalendarDefinition


class CalendarView(EditedView):
    """A calendar, and how many work centres follow it."""

    id: str
    calendar_code: str
    calendar_name: str
    zone: str
    definition: CalendarDefinition
    work_center_count: int


class CalendarPage(View):
    """A page of calendars by code."""

    calendars: list[CalendarView]
    next_cursor: str | None


class HolidaysBody(Told):
    """Public holidays to fill in: of a country, or of a part of it."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"country": "DE", "subdivision": "BY", "years": [2026, 2027]}]}
    )

    country: Annotated[str, Field(pattern="^[A-Z]{2}$", description="ISO 3166-1 alpha-2")]
    subdivision: Annotated[str | None, Field(max_length=10, description="ISO 3166-2, without the country")] = None
    years: Annotated[list[Annotated[int, Field(ge=1970, lt=2200)]], Field(min_length=1, max_length=20)]


class HolidayView(View):
    """A public holiday."""

    day: dt.date
    name: str


class HolidayList(View):
    """Public holidays, by day."""

    country: str
    subdivision: str | None
    holidays: list[HolidayView]


class OpenWindow(View):
    """A stretch that is open without a pause."""

    begins_at: AwareDatetime
    ends_at: AwareDatetime
    minutes: int


class OpenTimeView(View):
    """When it is open from a moment up to another, in working minutes and by the clock of its zone."""

    zone: str
    from_at: AwareDatetime
    to_at: AwareDatetime
    minutes: int
    windows: list[OpenWindow]
