"""Schedules of a print shop that was never built, for the suites that look at one: by list scheduling, from a seed."""

import uuid
from bisect import bisect_right
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final, NamedTuple

from schemas.views.schedules import ScheduleView

MINUTE: Final = timedelta(minutes=1)
STEPS: Final = (
    ("Print", "PRT"),
    ("Laminate", "LAM"),
    ("Cut", "CUT"),
    ("Fold", "FLD"),
    ("Bind", "BND"),
    ("Pack", "PCK"),
)
NAMES: Final = {
    "PRT": "Offset press",
    "LAM": "Laminator",
    "CUT": "Guillotine",
    "FLD": "Folder",
    "BND": "Perfect binder",
    "PCK": "Packing",
}
SHARES: Final = (("PRT", 0.3), ("LAM", 0.1), ("CUT", 0.2), ("FLD", 0.2), ("BND", 0.1), ("PCK", 0.1))
FAMILIES: Final = ("CMYK coated", "CMYK uncoated", "Two spot colours", "Kraft", "Black only", "UV varnish")
OPENS: Final = 6
CLOSES: Final = 22
MACHINES: Final = {"PRT-1": "M-201", "PRT-2": "M-202", "CUT-1": "M-203"}


def named(*parts: Any) -> str:
    """An id that follows from what it names."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "/".join(str(part) for part in parts)))


class Calendar(NamedTuple):
    """Working time from 6 to 22 o'clock (UTC), no Sundays."""

    closed: list[tuple[datetime, datetime]]
    starts: list[datetime]

    @classmethod
    def over(cls, from_at: datetime, days: int) -> "Calendar":
        """From midnight before a moment on."""
        midnight = from_at.replace(hour=0, minute=0, second=0, microsecond=0)
        found: list[tuple[datetime, datetime]] = []
        for each in (midnight + timedelta(days=number) for number in range(days)):
            opens = each + timedelta(hours=OPENS if each.weekday() != 6 else 24)
            closes = each + timedelta(hours=CLOSES if each.weekday() != 6 else 24)
            for begin, end in ((each, opens), (closes, each + timedelta(days=1))):
                if found and found[-1][1] == begin:
                    found[-1] = (found[-1][0], end)
                elif begin < end:
                    found.append((begin, end))
        return cls(found, [begin for begin, _ in found])

    def after(self, at: datetime, work: timedelta) -> tuple[datetime, datetime]:
        """Start and end of so much work, not before a moment; it stands still while the shop is closed."""
        begin, at, left = None, at, work
        index = max(0, bisect_right(self.starts, at) - 1)
        for closes, opens in self.closed[index:]:
            if at < closes:
                begin = begin or at
                if at + left <= closes:
                    return begin, at + left
                left -= closes - at
            at = max(at, opens)
        return begin or at, at + left


class Center(NamedTuple):
    """A work centre, and what it does."""

    code: str
    kind: str

    @property
    def id(self) -> str:
        """Its id."""
        return named("work-center", self.code)


def centers_of(count: int) -> list[Center]:
    """So many work centres, presses first."""
    each = [max(1, round(count * share)) for _, share in SHARES]
    return [
        Center(f"{kind}-{number}", kind)
        for (kind, _), those in zip(SHARES, each, strict=True)
        for number in range(1, those + 1)
    ]


def schedule(
    now: datetime, operations: int = 240, centers: int = 10, seed: int = 7, scenario: str = "Plan of the day"
) -> dict[str, Any]:
    """A schedule as the API tells it: two days of the past, and all that is open."""
    chance, those = Random(seed), centers_of(centers)
    begin = now.replace(minute=0, second=0, microsecond=0) - timedelta(days=2)
    calendar = Calendar.over(begin, 400)
    free: dict[str, tuple[datetime, str | None]] = {each.id: (begin, None) for each in those}
    told: list[dict[str, Any]] = []
    number = 0
    while len(told) < operations:
        number += 1
        steps = [STEPS[0], *sorted(chance.sample(STEPS[1:5], chance.randint(1, 3)), key=STEPS.index), STEPS[5]]
        told += _order(number, steps[: operations - len(told)], those, calendar, free, begin, chance)
    _mark_past(told, now, chance)
    _mark_chain(told)
    end = max(each["end_at"] for each in told)
    closed = [{"from_at": from_at, "to_at": to_at} for from_at, to_at in calendar.closed if from_at < end]
    late = {each["production_order_id"]: each["late_minutes"] for each in told if each["late_minutes"]}
    view = {
        "schedule_id": named("schedule", scenario, seed),
        "status": "accepted",
        "scenario": scenario,
        "created_at": now - timedelta(hours=5),
        "created_by": "Ada Planner",
        "rule": "ATCS",
        "engine": "CP-SAT neighbourhoods",
        "seed": seed,
        "horizon_from": begin,
        "horizon_to": end + timedelta(hours=8),
        "frozen_until": now + timedelta(hours=3),
        "objective": {
            "weighted_tardiness_minutes": sum(late.values()) * 1.6,
            "late_orders": len(late),
            "makespan_minutes": (end - begin) / MINUTE,
            "setup_minutes": sum(each["changeover_minutes"] for each in told),
            "lower_bound": sum(late.values()) * 1.5,
            "gap": 0.0625,
        },
        "operation_count": len(told),
        "work_centers": [
            {
                "work_center_id": each.id,
                "code": each.code,
                "name": f"{NAMES[each.kind]} {each.code[4:]}",
                "machine_id": MACHINES.get(each.code),
                "closed": closed,
            }
            for each in those
        ],
        "operations": told,
    }
    return ScheduleView.model_validate(view).model_dump(mode="json")


def _order(
    number: int,
    steps: list[tuple[str, str]],
    centers: list[Center],
    calendar: Calendar,
    free: dict[str, tuple[datetime, str | None]],
    begin: datetime,
    chance: Random,
) -> list[dict[str, Any]]:
    """The operations of an order, each at the work centre that ends it first."""
    family, ready, told = chance.choice(FAMILIES), begin, list[dict[str, Any]]()
    for sequence, (name, kind) in enumerate(steps, 1):
        able = [each.id for each in centers if each.kind == kind]
        work = timedelta(minutes=chance.choice((40, 60, 75, 90, 120, 180, 240)))
        places = []
        for each in able:
            free_at, before = free[each]
            setup = timedelta(minutes=0 if before in (family, None) else 20 + 5 * (FAMILIES.index(family) % 4))
            setup_from, setup_to = calendar.after(max(free_at, ready - setup), setup)
            start, end = calendar.after(max(setup_to, ready), work)
            places.append((end, each, setup, min(setup_from, start), start))
        end, place, setup, setup_from, start = min(places)
        free[place] = (end, family)
        moved = timedelta(minutes=chance.choice((0, 0, 0, 25, 60, -45)))
        told.append(
            {
                "run_id": named("run", number, sequence),
                "production_order_id": named("order", number),
                "order_number": f"PO-{1000 + number}",
                "product_id": f"BRO-{100 + number % 37}",
                "work_order_id": None,
                "sequence_number": sequence * 10,
                "operation": name,
                "work_center_id": place,
                "alternatives": able,
                "family": family,
                "changeover_minutes": setup / MINUTE,
                "setup_from": setup_from if setup else start,
                "start_at": start,
                "end_at": end,
                "is_frozen": False,
                "is_critical": False,
                "predecessors": [told[-1]["run_id"]] if told else [],
                "baseline": {"work_center_id": place, "start_at": start - moved, "end_at": end - moved},
                "actual": None,
                "reason": f"It waits for {told[-1]['operation'].lower()} to end." if told and start == ready else None,
            }
        )
        ready = end
    due = ready + timedelta(hours=chance.choice((-9, 4, 8, 16, 24, 48, 72)))
    late = max(0.0, (ready - due) / MINUTE)
    head = {"due_at": due, "late_minutes": late, "priority": chance.choice(("normal", "normal", "high", "urgent"))}
    return [each | head for each in told]


def _mark_past(told: list[dict[str, Any]], now: datetime, chance: Random) -> None:
    """What has begun by now was done, nearly as planned; what begins in three hours is frozen."""
    for each in told:
        each["is_frozen"] = each["setup_from"] < now + timedelta(hours=3)
        if each["start_at"] < now:
            length, passed = each["end_at"] - each["start_at"], now - each["start_at"]
            share = min(1.0, passed / length)
            slip = timedelta(minutes=chance.choice((0, 4, 9)))
            each["actual"] = {
                "start_at": each["start_at"] + slip,
                "end_at": each["end_at"] + slip if share == 1.0 else None,
                "quantity_good": round(2000 * share * chance.choice((1.0, 0.97, 0.9))) if share < 1 else 2000,
                "quantity_planned": 2000,
                "status": "completed" if share == 1.0 else "in_progress",
            }


def _mark_chain(told: list[dict[str, Any]]) -> None:
    """From the last end back: whatever ended when this one could begin."""
    by_run, ends = {each["run_id"]: each for each in told}, dict[tuple[str, datetime], dict[str, Any]]()
    for each in told:
        ends[each["work_center_id"], each["end_at"]] = each
    found: dict[str, Any] | None = max(told, key=lambda each: each["end_at"])
    while found is not None:
        found["is_critical"] = True
        before = [by_run[run] for run in found["predecessors"]]
        in_row = ends.get((found["work_center_id"], found["setup_from"]))
        if in_row is not None:
            before.append(in_row)
        found = max(before, key=lambda each: each["end_at"], default=None)
