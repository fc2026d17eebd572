"""What schedules promise, as the API shows it: orders with quantiles of their finish and the risk of being late."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np

from connectors.database import Rows
from connectors.gateway.problems import Problem
from sql import snapshots
from sql.reads import schedules
from streams.domain.calendars import moment
from streams.domain.estimation.lateness import Promise
from streams.planning.lines import read
from streams.planning.operation_times import OperationTimes, run_lanes
from streams.planning.promising import Draw, promised

Row = dict[str, Any]
SAMPLES: Final = 500


def of_schedule(rows: Rows, schedule_id: str | None, samples: int, seed: int) -> Row:
    """What a schedule promises, as things stand; without an id the one that holds. Raises Problem 404, 409."""
    found = schedules.one(rows, schedule_id)
    if found is None:
        raise Problem(404, f"No schedule {schedule_id} is known." if schedule_id else "No schedule is accepted yet.")
    if not found["figures"]:
        raise Problem(409, f"The schedule is {found['status']}: it promises nothing yet.")
    if found["inputs"].get("is_what_if"):
        raise Problem(409, "It was computed for a shop that is not so: it promises nothing.")
    at = datetime.now(UTC)
    shop = snapshots.shop(rows, at)
    lanes = run_lanes(rows, shop)
    times = OperationTimes.load(rows, {lane.lane_id for its in lanes.values() for lane in its.values()})
    try:
        told = promised(shop, read(found["lines"]), lanes, times, Draw(samples, np.random.default_rng(seed)))
    except ValueError as error:
        raise Problem(409, str(error)) from error
    orders = {order.id: order for order in shop.orders}
    shown = [_order(each, orders[each.order_id]) for each in told.orders]
    shown.sort(key=lambda each: (-each["late_probability"], each["due_at"], each["production_order_number"]))
    return {
        "schedule_id": found["schedule_id"],
        "computed_at": at,
        "samples": samples,
        "seed": seed,
        "operations": told.operations,
        "learned_operations": told.learned,
        "expected_late_orders": sum(each["late_probability"] for each in shown),
        "orders": shown,
    }


def of_order(rows: Rows, order_id: str, samples: int, seed: int) -> Row:
    """What the schedule that holds promises of one order. Raises Problem 404, 409 with the reason."""
    told = of_schedule(rows, None, samples, seed)
    its: Mapping[str, Any] | None = next(
        (each for each in told["orders"] if each["production_order_id"] == order_id), None
    )
    if its is None:
        raise Problem(409, "The schedule that holds has no operation of it that is still to be done.")
    return {**its, **{name: told[name] for name in ("schedule_id", "computed_at", "samples", "seed")}}


def _order(promise: Promise, order: snapshots.Order) -> Row:
    return {
        "production_order_id": order.id,
        "production_order_number": order.number,
        "due_at": order.due_date,
        "planned_end": moment(promise.planned),
        "p10": _moment(promise.p10),
        "p50": _moment(promise.p50),
        "p90": _moment(promise.p90),
        "late_probability": promise.probability,
    }


def _moment(minutes: float) -> datetime:
    """A moment of minutes since 1970, to the second."""
    return moment(0) + timedelta(seconds=round(60 * minutes))
