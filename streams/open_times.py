"""When each work centre of a tenant is open: the calendar it follows, less the maintenance noted for it."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, time
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
from psycopg import Cursor

from sql.reads.work_centers import Maintenance, WorkCenter, maintenance, work_centers
from streams.domain.calendars import Calendar, OpenTime, Period, Shift, open_time

ALWAYS = Calendar(
    zone="UTC",
    shifts=(Shift(name="always", weekdays=frozenset(range(1, 8)), begins=time(0), ends=time(0)),),
)


class OpenWorkCenter(NamedTuple):
    """A work centre with the calendar that holds for it: one of its own, or always open, closed by its maintenance."""

    work_center: WorkCenter
    calendar: Calendar


def work_center_calendars(rows: Cursor[dict[str, Any]], since: datetime | None = None) -> dict[str, OpenWorkCenter]:
    """All work centres by id, in order of their codes. Maintenance that ended by `since` is left out."""
    return calendars_of(work_centers(rows), maintenance(rows, since))


def open_times(rows: Cursor[dict[str, Any]], from_at: datetime, to_at: datetime) -> dict[str, OpenTime]:
    """The open time of every work centre from a moment up to another, by id.

    Work centres with one calendar and no maintenance share one OpenTime: it is laid out once.
    """
    laid_out: dict[Calendar, OpenTime] = {}
    found: dict[str, OpenTime] = {}
    for identity, (_, calendar) in work_center_calendars(rows, from_at).items():
        if calendar not in laid_out:
            laid_out[calendar] = open_time(calendar, from_at, to_at)
        found[identity] = laid_out[calendar]
    return found


def calendars_of(centers: Sequence[WorkCenter], repairs: Sequence[Maintenance]) -> dict[str, OpenWorkCenter]:
    """The same of rows that were read before."""
    closed: defaultdict[str, list[Period]] = defaultdict(list)
    for each in repairs:
        closed[each.work_center_id].append(Period(each.begins_at, each.ends_at, each.reason))
    return {center.id: OpenWorkCenter(center, _closed(_calendar(center), closed[center.id])) for center in centers}


def _calendar(center: WorkCenter) -> Calendar:
    return ALWAYS if center.calendar is None else calendar_of(center.calendar)


def _closed(calendar: Calendar, periods: Sequence[Period]) -> Calendar:
    return msgspec.structs.replace(calendar, maintenance=(*calendar.maintenance, *periods)) if periods else calendar


@lru_cache(maxsize=256)
def calendar_of(definition: str) -> Calendar:
    """A calendar of its JSON. Raises msgspec.ValidationError for what is not in its form."""
    return msgspec.json.decode(definition, type=Calendar)
