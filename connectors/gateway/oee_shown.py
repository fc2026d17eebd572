"""OEE as it is shown: the rows of shifts and days, the definition, and the way from planned to productive time."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import Any, Final, NamedTuple

from connectors.gateway.problems import Problem
from connectors.machine_oee import Plan
from schemas.definitions import OEE, OEE_LOSSES, OEE_TOGETHER
from streams.domain.oee import LOSSES, Loss
from streams.domain.oee_windows import DAY, Window, windows

FACTORS: Final = ("availability", "performance", "quality", "oee")
KINDS: Final = {
    "run_seconds": "running",
    "closed_seconds": "closed",
    "unobserved_seconds": "unobserved",
    "idle_without_order_seconds": "idle_without_order",
    "planned_stop_seconds": "planned_stop",
}
UNITS: Final = (
    "units",
    "good_units",
    "scrapped_units",
    "startup_scrapped_units",
    "unobserved_units",
    "unscheduled_units",
    "machines",
)
OF_ROW: Final = (
    "level",
    "subject_id",
    "line",
    "work_center_id",
    "bucket",
    "shift_name",
    "day",
    "from_at",
    "to_at",
    "computed_until",
    "is_settled",
    "version",
    "calculated_at",
    "restated_at",
)
LOOKING_BACK: Final = 8 * DAY
"""The latest shift of a name begins at most so long ago, where it is one of every week."""


def definition() -> dict[str, Any]:
    """What OEE means, in words."""
    losses = [{"loss": name, "title": title, "meaning": words} for name, (title, words) in OEE_LOSSES.items()]
    return {"oee": OEE, "together": OEE_TOGETHER, "losses": losses}


def row_document(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as the API tells it: shares in per cent, times in seconds."""
    inputs = row["inputs"]
    return {
        **{name: row[name] for name in OF_ROW},
        **{f"{name}_percentage": percentage(row[name]) for name in FACTORS},
        "is_faster_than_ideal": row["performance"] is not None and row["performance"] > 1,
        "planned_seconds": inputs["planned_seconds"],
        "productive_seconds": inputs["productive_seconds"],
        **{name: inputs["seconds"][kind] for name, kind in KINDS.items()},
        "losses": inputs["losses"],
        **{name: inputs[name] for name in UNITS},
    }


def percentage(share: float | None) -> float | None:
    """A share of 1 in per cent, rounded to be shown."""
    return None if share is None else round(100 * share, 4)


class Step(NamedTuple):
    """A step from planned to fully productive time: its bar begins and is so wide, of 100. No seconds: not known."""

    name: str
    title: str
    meaning: str
    seconds: float | None
    percentage: float | None
    begins: float
    width: float


def waterfall(planned: float, losses: Mapping[Loss, float | None], productive: float | None) -> list[Step]:
    """Planned time, what each loss takes from it, and what is left; nothing where no time was planned."""
    if not planned:
        return []
    widest = max(planned, productive or 0.0, planned - min(0.0, losses["reduced_speed"] or 0.0))
    told = ("Planned time", "Open by the calendar, seen, with work, and not stopped by plan.")
    steps = [_step("planned", told, planned, planned, 0.0, widest)]
    left = planned
    for name in LOSSES:
        lost = losses[name]
        steps.append(_step(name, OEE_LOSSES[name], lost, planned, left - max(lost or 0.0, 0.0), widest))
        left -= lost or 0.0
    told = ("Fully productive time", "Good units at the ideal pace: OEE is its share of planned time.")
    return [*steps, _step("productive", told, productive, planned, 0.0, widest)]


def _step(
    name: str, words: tuple[str, str], seconds: float | None, planned: float, begins: float, widest: float
) -> Step:
    share = None if seconds is None else 100 * seconds / planned
    return Step(name, *words, seconds, share, 100 * max(0.0, begins) / widest, 100 * abs(seconds or 0.0) / widest)


def shift_window(plan: Plan, zone: str, name: str, day: date | None, now: datetime) -> Window:
    """The latest shift of a name that has begun, or that of a day. Raises Problem 404."""
    calendar, begin, end = plan.calendar, now - LOOKING_BACK, now
    if day is not None:
        begin = datetime.combine(day, time(), UTC) - DAY
        end = min(now, begin + 3 * DAY)
    found = [each for each in windows(calendar, zone, begin, end) if each.bucket == "shift"]
    of_name = [each for each in found if each.shift.lower() == name.lower() and day in (None, each.day)]
    if not of_name:
        known = sorted({each.name for each in calendar.shifts}) if calendar else []
        told = f"Its calendar has {', '.join(known)}." if known else "It has no calendar with shifts."
        raise Problem(404, f"There was no shift {name!r} {f'on {day}' if day else 'in the last eight days'}. {told}")
    return of_name[-1]
