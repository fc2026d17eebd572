"""The OEE of a machine between two moments, from the rows that say what it did and the plan it is measured against."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import msgspec

from schemas.settings import STOP_CLASSES, Settings
from sql.database import Rows
from sql.reads.machine_work import Work
from sql.reads.work_centers import work_centers
from streams.domain import losses, oee
from streams.domain.calendars import Calendar, open_time
from streams.domain.losses import ORDINARY, Rules, Stop
from streams.domain.oee import Made, Oee, Sums
from streams.domain.stretches import Change, Span, Stretch, stretches_of
from streams.open_times import calendar_of

QUIET_AFTER = timedelta(seconds=120)
"""A machine that said nothing for so long is not known to do what it said last."""
MINUTE = timedelta(minutes=1)


class Plan(NamedTuple):
    """What a machine is measured against. Without a calendar it is always open."""

    ideal_cycle_time_seconds: float | None = None
    calendar: Calendar | None = None
    rules: Rules = ORDINARY
    work_center_id: str | None = None

    def opened(self, from_at: datetime, to_at: datetime) -> list[Span] | None:
        """When the calendar has it open between two moments; None: always. The edges may lie a minute outside."""
        return open_time(self.calendar, from_at - MINUTE, to_at + MINUTE).windows if self.calendar else None

    @property
    def mark(self) -> str:
        """Another one where something of it has changed."""
        ideal, classes = self.ideal_cycle_time_seconds, sorted(self.rules.classes.items())
        times = [self.rules.minor_stop.total_seconds(), self.rules.startup.total_seconds()]
        calendar = msgspec.to_builtins(self.calendar, order="deterministic")
        return json.dumps([ideal, classes, times, calendar, self.work_center_id], sort_keys=True)


class Plans:
    """The plans of all machines as they are kept now. Raises msgspec.ValidationError for a bad calendar."""

    def __init__(self, rows: Rows, settings: Settings) -> None:
        layout = settings.layout
        self._rules = Rules(
            STOP_CLASSES | {code.upper(): told for code, told in layout.stop_classes.items()},
            timedelta(minutes=settings.oee_minor_stop_minutes),
            timedelta(minutes=settings.oee_startup_minutes),
        )
        self._ideals = {each.machine_id: each.ideal_cycle_time_seconds for each in layout.machines}
        self._calendar = _of_layout(layout.calendar)
        self._centers = {each.machine_id: each for each in reversed(work_centers(rows)) if each.machine_id}

    def of(self, machine_id: str) -> Plan:
        """The plan of one machine: of the first work centre that it is; one that is none follows the layout's."""
        center = self._centers.get(machine_id)
        if center is None:
            return Plan(self._ideals.get(machine_id), self._calendar, self._rules)
        calendar = calendar_of(center.calendar) if center.calendar else None
        return Plan(self._ideals.get(machine_id), calendar, self._rules, center.id)


def _of_layout(told: dict[str, Any] | None) -> Calendar | None:
    """The calendar of the plant layout; TOML has times of its own."""
    return msgspec.convert(msgspec.to_builtins(told), Calendar) if told else None


class Worked(NamedTuple):
    """What a machine did, what follows from it, and the rows behind it.

    `known`: the stretches of a little more time than was asked for, so that a stop has its whole length.
    """

    known: list[Stretch]
    oee: Oee
    sums: Sums
    changes: list[dict[str, Any]]
    gaps: list[dict[str, Any]]
    orders: list[dict[str, Any]]
    stops: list[dict[str, Any]]

    @property
    def stretches(self) -> list[Stretch]:
        """What it did between the two moments."""
        return list(_within(self.known, self.oee.from_at, self.oee.to_at))


class Known(NamedTuple):
    """The time of which a machine's statuses are wanted, and until when it was seen."""

    from_at: datetime
    to_at: datetime
    seen_until: datetime | None


def known_around(last_seen_at: datetime, rules: Rules, from_at: datetime, to_at: datetime, now: datetime) -> Known:
    """The margin around two moments; nothing is known of a machine after its last sign of life, and of the future."""
    latest = min(to_at + rules.margin, max(to_at, min(now, last_seen_at)))
    is_quiet = to_at - last_seen_at > QUIET_AFTER
    return Known(from_at - rules.margin, latest, last_seen_at if is_quiet else None)


def worked(
    rows: Rows, machine: dict[str, Any], plan: Plan, from_at: datetime, to_at: datetime, now: datetime | None = None
) -> Worked:
    """What a machine (its row) did between two moments, as it is known at a third one, which is `to_at` if absent."""
    known = known_around(machine["last_seen_at"], plan.rules, from_at, to_at, now or to_at)
    around = Work(rows, machine["machine_id"], known.from_at, known.to_at)
    within = Work(rows, machine["machine_id"], from_at, to_at)
    changes, gaps, orders, stops = around.changes(), around.gaps(), within.orders(), around.stops()
    stretches = stretches_of(
        [Change(each["status"], each["from_at"], each["version"]) for each in changes],
        [(each["from_at"], each["to_at"]) for each in gaps],
        [(each["from_at"], each["to_at"]) for each in orders],
        *known,
    )
    reasons = [Stop(each["reason"], each["from_at"], each["to_at"]) for each in stops]
    opened = plan.opened(known.from_at, known.to_at)
    cuts = losses.cuts(stretches, opened, reasons, plan.rules)
    made = [Made(each["at"], each["units"], each["scrapped_units"]) for each in within.made(cuts)]
    ideal = plan.ideal_cycle_time_seconds
    sums = oee.sums_of(stretches, made, ideal, from_at, to_at, opened, reasons, plan.rules)
    lasted = oee.lasted(stretches, from_at, to_at)
    return Worked(stretches, oee.of_sums(sums, from_at, to_at, ideal, lasted), sums, changes, gaps, orders, stops)


def _within(stretches: list[Stretch], from_at: datetime, to_at: datetime) -> Iterator[Stretch]:
    for each in stretches:
        if each.from_at < to_at and each.to_at > from_at:
            yield each._replace(from_at=max(each.from_at, from_at), to_at=min(each.to_at, to_at))
