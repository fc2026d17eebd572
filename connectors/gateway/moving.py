"""A person drags an operation: what that breaks, what moves along, which orders it makes late."""

import contextlib
from datetime import datetime
from typing import Any, NamedTuple

from connectors.database import Rows
from connectors.gateway.problems import Problem
from schemas.codec import encode
from schemas.views.plans import ScheduleBody
from schemas.views.schedules import MoveBody
from sql import snapshots
from streams.domain.calendars import OutsideHorizon, floor, moment
from streams.domain.scheduling.checker import check
from streams.domain.scheduling.figures import completions, figures, lateness, objective_of
from streams.domain.scheduling.layout import lay_out
from streams.domain.scheduling.problem import Pin, Schedule
from streams.domain.scheduling.problem import Problem as Shop
from streams.domain.scheduling.repair import Repair
from streams.domain.scheduling.seats import moved
from streams.planning.lines import learned_of, lines, read, schedule_of
from streams.planning.problems import Posed, posed
from streams.planning.proposing import horizon_days

Row = dict[str, Any]


class Dragged(NamedTuple):
    """A schedule before and after a move. `violations`: what forbids it, in sentences."""

    posed: Posed
    before: Schedule
    after: Schedule
    violations: tuple[str, ...]


def drag(rows: Rows, found: Row, move: MoveBody, at: datetime) -> Dragged:
    """Move an operation; what has to wait for it then waits. Raises Problem 404, 409 with the reason."""
    return dragged(snapshots.shop(rows, at), found, move)


def dragged(shop: snapshots.Shop, found: Row, move: MoveBody) -> Dragged:
    """The same in a shop that was read before."""
    if not found["figures"]:
        raise Problem(409, f"The schedule is {found['status']}: it has no operations to move.")
    if found["inputs"].get("is_what_if"):
        raise Problem(409, "It was computed for a shop that is not so: nothing in it can be moved.")
    kept = read(found["lines"])
    objective = found["figures"].get("objective", "weighted_tardiness")
    wanted = ScheduleBody(horizon_days=horizon_days(kept, shop.at), objective=objective)
    told = posed(shop, wanted, learned=learned_of(kept))
    try:
        before = schedule_of(kept, told.problem)
        _refuse_fixed(told.problem, before, move)
        after, wrong = _after(told.problem, before, move)
    except ValueError as error:
        raise Problem(409, str(error)) from error
    return Dragged(told, before, after, wrong)


def _after(problem: Shop, before: Schedule, move: MoveBody) -> tuple[Schedule, tuple[str, ...]]:
    """The schedule with the move, and what it breaks. Where it breaks something, nothing else is moved for it."""
    with contextlib.suppress(OutsideHorizon):
        pushed = _pushed(problem, before, move)
        if not check(problem, pushed):
            return pushed, ()
    alone = moved(problem, before, move.run_id, move.work_center_id, floor(move.start_at))
    wrong = tuple(each.message for each in check(problem, alone))
    return alone, wrong or ("It cannot begin there.",)


def _refuse_fixed(problem: Shop, before: Schedule, move: MoveBody) -> None:
    operation = next((each for each in problem.operations if each.operation_id == move.run_id), None)
    if operation is None or move.run_id not in before.by_operation:
        raise Problem(404, f"The schedule has no operation {move.run_id} that is still to be done.")
    if operation.pin is not None:
        name = problem.said(operation)
        raise Problem(409, f"{name[0].upper()}{name[1:]} is frozen, or has begun: it stays where it is.")
    opened = problem.work_centers[0].open_time
    if not opened.from_minute <= floor(move.start_at) < opened.to_minute:
        told = f"{moment(opened.from_minute):%Y-%m-%d %H:%M} to {moment(opened.to_minute):%Y-%m-%d %H:%M} UTC"
        raise Problem(409, f"It can be moved within what is planned, {told}.")
    if move.work_center_id not in operation.run_minutes:
        raise Problem(409, f"This work centre cannot do {problem.said(operation)}.")


def _pushed(problem: Shop, before: Schedule, move: MoveBody) -> Schedule:
    """The operation where it is wanted; all others where they were, or as much later as they have to be."""
    place = Pin(move.work_center_id, floor(move.start_at))
    held = problem._replace(
        operations=tuple(
            each._replace(pin=place) if each.operation_id == move.run_id else each for each in problem.operations
        )
    )
    layout = lay_out(held)
    old = {layout.operation_index[each.operation_id]: each for each in before.slots}
    return Repair(layout, old).right_shifted().schedule


def moves_of(dragged: Dragged, first: str) -> list[Row]:
    """What changes its place, one operation first."""
    was = dragged.before.by_operation
    runs = {run.id: run for run in dragged.posed.runs}
    numbers = {order.id: order.number for order in dragged.posed.orders}
    found = [
        {
            "run_id": slot.operation_id,
            "order_number": numbers[runs[slot.operation_id].order_id],
            "from_work_center_id": was[slot.operation_id].work_center_id,
            "from_start_at": moment(was[slot.operation_id].start),
            "to_work_center_id": slot.work_center_id,
            "to_start_at": moment(slot.start),
        }
        for slot in dragged.after.slots
        if (was[slot.operation_id].work_center_id, was[slot.operation_id].start) != (slot.work_center_id, slot.start)
    ]
    return sorted(found, key=lambda each: each["run_id"] != first)


def late_orders(dragged: Dragged) -> list[Row]:
    """Orders that get late by it, or later than they were; the latest first."""
    problem = dragged.posed.problem
    was, ends = completions(problem, dragged.before), completions(problem, dragged.after)
    orders = {order.id: order for order in dragged.posed.orders}
    found: list[Row] = []
    for order in problem.orders:
        if order.order_id not in ends:
            continue
        late = lateness(order.due, ends[order.order_id])
        if late <= lateness(order.due, was[order.order_id]):
            continue
        told = orders[order.order_id]
        found.append(
            {
                "production_order_id": told.id,
                "order_number": told.number,
                "due_at": told.due_date,
                "end_before": moment(was[told.id]),
                "end_after": moment(ends[told.id]),
                "late_minutes_after": late,
                "reason": f"{told.number} ends {moment(ends[told.id]):%Y-%m-%d %H:%M} UTC with this move.",
            }
        )
    return sorted(found, key=lambda each: -float(each["late_minutes_after"]))


def version(found: Row, dragged: Dragged, at: datetime) -> Row:
    """What the version of the schedule that a move makes is kept with."""
    kept = lines(dragged.posed, dragged.after)
    told = figures(dragged.posed.problem, dragged.after)
    return {
        "engine": "by hand",
        "horizon_from": at,
        "horizon_to": max((line.end_at for line in kept), default=at),
        "inputs": {**found["inputs"], "at": at.isoformat(), "digest": snapshots.digest(dragged.posed.shop)},
        "figures": {
            **found["figures"],
            "engine": "by hand",
            "cost": objective_of(dragged.posed.problem, dragged.after),
            "lower_bound": None,
            "gap": None,
            "operations": len(kept),
            "late_orders": told.late_orders,
            "weighted_tardiness_minutes": told.weighted_tardiness,
            "tardiness_minutes": told.tardiness_minutes,
            "makespan_minutes": told.makespan_minutes,
            "setup_minutes": told.setup_minutes,
            "utilization": told.utilization,
        },
        "lines": encode(kept).decode(),
    }
