"""What happens to a schedule from outside: a work centre is down, an order is in a rush, material is late."""

from collections.abc import Mapping
from typing import NamedTuple

from streams.domain.calendars import OpenTime, of_spans
from streams.domain.scheduling.begun import begun
from streams.domain.scheduling.problem import Operation, Order, Pin, Problem, Schedule, WorkCenter


class Closure(NamedTuple):
    """A work centre is down, or closed for another reason, from a minute to another (expected)."""

    work_center_id: str
    from_minute: int
    to_minute: int
    reason: str = ""


class RushOrder(NamedTuple):
    """An order that was not planned, with its operations."""

    order: Order
    operations: tuple[Operation, ...]


class LateMaterial(NamedTuple):
    """Operations whose material is there only from a minute on; what has begun had its own."""

    releases: Mapping[str, int]


Disturbance = Closure | RushOrder | LateMaterial


def disturbed(problem: Problem, schedule: Schedule, disturbance: Disturbance, now: int) -> Problem:
    """The problem as it is after a disturbance. What has begun is pinned; other pins give way.

    What was to begin and had to wait, for what is down or for what that held up, has not begun.

    ValueError: an unknown work centre or operation, or a closure that ends before it begins; `OutsideHorizon`.
    """
    if isinstance(disturbance, Closure):
        problem = problem._replace(work_centers=_closed(problem, disturbance))
    pins = {each: Pin(*seat) for each, seat in begun(problem, schedule, now).items()}
    operations = tuple(each._replace(pin=pins.get(each.operation_id)) for each in problem.operations)
    if isinstance(disturbance, Closure):
        return problem._replace(operations=operations)
    if isinstance(disturbance, RushOrder):
        added = tuple(each._replace(release=max(now, each.release or now)) for each in disturbance.operations)
        return problem._replace(operations=operations + added, orders=(*problem.orders, disturbance.order))
    known = {each.operation_id for each in operations}
    unknown = sorted(each for each in disturbance.releases if each not in known)
    if unknown:
        raise ValueError(f"Operation {unknown[0]}, which waits for material, is not in the problem.")
    late = {each: minute for each, minute in disturbance.releases.items() if each not in pins}
    waiting = tuple(
        each._replace(release=max(each.release or now, late[each.operation_id])) if each.operation_id in late else each
        for each in operations
    )
    return problem._replace(operations=waiting)


def without(opened: OpenTime, from_minute: int, to_minute: int) -> OpenTime:
    """Open time that is closed from a minute to another."""
    windows = list(zip(opened.begins, opened.ends, strict=True))
    before = [(begin, min(end, from_minute)) for begin, end in windows]
    after = [(max(begin, to_minute), end) for begin, end in windows]
    return of_spans([*before, *after], opened.from_minute, opened.to_minute)


def _closed(problem: Problem, closure: Closure) -> tuple[WorkCenter, ...]:
    if closure.to_minute <= closure.from_minute:
        raise ValueError(f"The closure of {closure.work_center_id} does not end after it begins.")
    if closure.work_center_id not in {each.work_center_id for each in problem.work_centers}:
        raise ValueError(f"{closure.work_center_id}, which is closed, is an unknown work centre.")
    return tuple(
        each._replace(open_time=without(each.open_time, closure.from_minute, closure.to_minute))
        if each.work_center_id == closure.work_center_id
        else each
        for each in problem.work_centers
    )
