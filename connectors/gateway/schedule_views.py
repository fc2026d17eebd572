"""Schedules and proposals as the API shows them, made of their rows."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from connectors.database import Rows
from sql.reads import schedules
from streams.domain.calendars import open_time
from streams.open_times import work_center_calendars
from streams.planning.lines import Line, read

Row = dict[str, Any]
NOT_SHOWN = frozenset({"quantity", "is_extra", "seen", "learned_minutes", "learned_setup_minutes"})


def head(row: Mapping[str, Any]) -> Row:
    """A schedule without its operations."""
    figures = row["figures"]
    shown = {
        name: row[name]
        for name in (
            "schedule_id", "status", "scenario", "created_at", "created_by", "engine", "seed", "horizon_from",
            "horizon_to", "frozen_until", "progress_percentage", "failure", "accepted_at", "accepted_by",
        )
    }  # fmt: skip
    return shown | {
        "rule": figures.get("rule"),
        "objective": objective(figures) if figures else None,
        "operation_count": figures.get("operations", 0),
        "is_what_if": bool(row["inputs"].get("is_what_if")),
        "inputs": row["inputs"],
    }


def objective(figures: Mapping[str, Any]) -> Row:
    """What a schedule is judged by."""
    return {
        "weighted_tardiness_minutes": figures["weighted_tardiness_minutes"],
        "late_orders": figures["late_orders"],
        "makespan_minutes": figures["makespan_minutes"],
        "setup_minutes": figures["setup_minutes"],
        "lower_bound": figures.get("lower_bound"),
        "gap": figures.get("gap"),
    }


def full(rows: Rows, row: Mapping[str, Any]) -> Row:
    """A schedule with every operation as it stands now, and when its work centres are closed."""
    lines = read(row["lines"])
    actual = schedules.actual(rows, [line.run_id for line in lines if not line.is_extra])
    shown = head(row)
    return shown | {
        "work_centers": _work_centers(rows, row["horizon_from"], row["horizon_to"]),
        "operations": [_operation(line, actual.get(line.run_id)) for line in lines],
    }


def _operation(line: Line, actual: Row | None) -> Row:
    told: Row = {name: value for name, value in msgspec.structs.asdict(line).items() if name not in NOT_SHOWN}
    told["baseline"] = msgspec.structs.asdict(line.baseline) if line.baseline else None
    told["work_order_id"] = actual["work_order_id"] if actual else None
    told["actual"] = None
    if actual is not None:
        is_held = actual["order_status"] == "on_hold"
        told["actual"] = {
            "start_at": actual["start_at"],
            "end_at": actual["end_at"],
            "quantity_good": actual["good"],
            "quantity_planned": actual["planned"],
            "status": "on_hold" if is_held else actual["status"],
        }
    return told


def _work_centers(rows: Rows, from_at: datetime | None, to_at: datetime | None) -> list[Row]:
    """The rows of the chart; closed times as the calendars are now."""
    found: list[Row] = []
    for identity, (center, calendar) in work_center_calendars(rows, from_at).items():
        closed: list[Row] = []
        if from_at is not None and to_at is not None:
            begin = from_at
            for opens, closes in open_time(calendar, from_at, to_at + timedelta(minutes=1)).windows:
                if opens > begin:
                    closed.append({"from_at": begin, "to_at": opens})
                begin = closes
            if begin < to_at:
                closed.append({"from_at": begin, "to_at": to_at})
        found.append(
            {
                "work_center_id": identity,
                "code": center.code,
                "name": center.name,
                "machine_id": center.machine_id,
                "closed": closed,
            }
        )
    return found


def proposal(row: Mapping[str, Any]) -> Row:
    """A proposal."""
    shown = {
        name: row[name]
        for name in (
            "proposal_id", "schedule_id", "cause", "cause_text", "created_at", "status", "decided_at", "decided_by",
            "moves", "orders", "failure",
        )
    }  # fmt: skip
    return shown | {
        "cost_of_doing_nothing_minutes": row["figures"].get("cost_of_doing_nothing", 0),
        "cost_of_proposal_minutes": row["figures"].get("cost", 0),
    }


def side_by_side(rows: Sequence[Mapping[str, Any]], wanted: Sequence[str]) -> list[Row]:
    """Schedules in the order in which they were asked for."""
    by_id = {row["schedule_id"]: head(row) for row in rows}
    return [by_id[each] for each in wanted if each in by_id]
