"""When a work order in progress will be finished, as its operation was learned: beside the pace of its last hour."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np

from connectors.database import Rows
from sql.reads import operation_lanes, production
from streams.domain.calendars import floor, moment, open_time
from streams.domain.estimation.lateness import Clock
from streams.domain.estimation.operations import operation_lane
from streams.open_times import work_center_calendars
from streams.planning.operation_times import Lane, OperationTimes

AHEAD: Final = timedelta(days=120)
"""So far calendars are laid out; what takes longer goes on at their pace."""
SHARES: Final = np.array((0.1, 0.5, 0.9))


def promised(rows: Rows, order: Mapping[str, Any], now: datetime) -> dict[str, Any] | None:
    """Quantiles of its finish from now on, in open time; None where it has no run, or nobody has seen its operation."""
    left = float(order["quantity_ordered"] - order["quantity_produced"])
    if order["status"] != "in_progress" or left <= 0:
        return None
    found = production.by_work_order(rows, order["work_order_id"])
    its = operation_lanes.of_runs(rows, [found["run_id"]])[found["run_id"]] if found else None
    center = work_center_calendars(rows, now).get(its.work_center_id) if its else None
    if its is None or center is None:
        return None
    lane = Lane(operation_lane(its.made, its.operation_code), center.work_center.code, its.minutes_per_unit)
    times = OperationTimes.load(rows, [lane.lane_id])
    if not times.is_learned(lane):
        return None
    clock = Clock(open_time(center.calendar, now, now + AHEAD))
    per_unit = times.posterior(lane).sample(SHARES)
    p10, p50, p90 = clock.finishes(clock.positions(np.array([float(floor(now))])) + left * per_unit)
    return {
        "lane_id": lane.lane_id,
        "provider": lane.provider,
        "observations": times.observations(lane),
        "units_left": left,
        "minutes_per_unit": float(per_unit[1]),
        "p10": _moment(p10),
        "p50": _moment(p50),
        "p90": _moment(p90),
    }


def _moment(minutes: float) -> datetime:
    return moment(0) + timedelta(seconds=round(60 * minutes))
