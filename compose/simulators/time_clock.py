"""The time clock at the gate: who comes to the shift that runs now, one after another (002 section 5.2.1)."""

import json
from collections.abc import Collection, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from compose.simulators.ledger import Entry
from compose.simulators.systems.people import employees, shift
from connectors.systems.statement import milliseconds

ENTRANCES: Final = ("A", "B")
# The clock repeats every so manieth message, as if its answer had got lost.
REPEATS: Final = 7


class Arrival(NamedTuple):
    """Somebody comes: what the ledger says of it, and the webhook."""

    entry: Entry
    body: bytes
    key: str


class TimeClock:
    """Lets everybody in who works now and has not come yet. Time arrives from outside."""

    def __init__(self, zone: ZoneInfo, earlier: Collection[Entry] = ()) -> None:
        self._zone = zone
        self._came = {entry.id.rpartition("-")[0] for entry in earlier}
        self._count = len(earlier)

    def next(self, now: datetime, known: Collection[str]) -> list[Arrival]:
        """Who comes now, of those whom the plant knows; now and then the clock says it twice."""
        for employee_id, day, name in _working(now.astimezone(self._zone)):
            mark = f"clk_in-{employee_id}-{day:%Y%m%d}"
            if employee_id in known and mark not in self._came:
                self._came.add(mark)
                self._count += 1
                arrival = _arrival(mark, employee_id, day, name, now.astimezone(UTC))
                twice = self._count % REPEATS == 0
                return [arrival, _again(arrival)] if twice else [arrival]
        return []


def _working(now: datetime) -> Iterator[tuple[str, date, str]]:
    """Employee, day and name of the shifts that run now."""
    for day in (now.date() - timedelta(days=1), now.date()):
        people = [person["employee_id"] for person in employees(now.date()) if person["is_active"]]
        for number, employee_id in enumerate(people):
            if (planned := shift(number, employee_id, day)) and _runs(planned, day, now):
                yield employee_id, day, planned["shift_name"]


def _runs(planned: dict[str, Any], day: date, now: datetime) -> bool:
    begin = datetime.combine(day, time.fromisoformat(planned["start_time"]), now.tzinfo)
    end = datetime.combine(day, time.fromisoformat(planned["end_time"]), now.tzinfo)
    return begin <= now < (end if end > begin else end + timedelta(days=1))


def _arrival(mark: str, employee_id: str, day: date, shift_name: str, now: datetime) -> Arrival:
    moment = now.replace(microsecond=now.microsecond // 1000 * 1000)
    body = {
        "event_type": "clock_in",
        "timestamp": moment.isoformat(timespec="milliseconds"),
        "employee_id": employee_id,
        "location": f"Plant 1 - Entrance {ENTRANCES[day.day % len(ENTRANCES)]}",
        "shift_id": f"SH-{day:%Y%m%d}-{shift_name[-1]}",
    }
    entry = Entry(id=f"{mark}-{milliseconds(moment)}", channel="hr", fate="applied")
    return Arrival(entry, json.dumps(body).encode(), f"clk_in_{employee_id}_{moment:%Y%m%d_%H%M%S}")


def _again(arrival: Arrival) -> Arrival:
    return arrival._replace(entry=Entry(id=arrival.entry.id, channel="hr", fate="duplicate"))
