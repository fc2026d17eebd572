"""What a schedule is worth, and schedules side by side."""

from collections.abc import Mapping
from typing import NamedTuple

from streams.domain.scheduling.problem import Problem, Schedule


class Figures(NamedTuple):
    """A schedule in numbers. Makespan: from the beginning of the horizon until all is done.

    `utilization`: per work centre that has work, setup and run over its open minutes until its last work ends.
    """

    weighted_tardiness: int
    late_orders: int
    tardiness_minutes: int
    makespan_minutes: int
    setup_minutes: int
    utilization: dict[str, float]


def figures(problem: Problem, schedule: Schedule) -> Figures:
    ends = completions(problem, schedule)
    late = {each.order_id: lateness(each.due, ends.get(each.order_id)) for each in problem.orders}
    begin = problem.work_centers[0].open_time.from_minute if problem.work_centers else 0
    used: dict[str, int] = {}
    until: dict[str, int] = {}
    runs = {each.operation_id: each.run_minutes for each in problem.operations}
    known = [each for each in schedule.slots if each.operation_id in runs]
    for slot in known:
        minutes = slot.setup_minutes + runs[slot.operation_id][slot.work_center_id]
        used[slot.work_center_id] = used.get(slot.work_center_id, 0) + minutes
        until[slot.work_center_id] = max(until.get(slot.work_center_id, 0), slot.end)
    opened = {each.work_center_id: each.open_time for each in problem.work_centers}
    return Figures(
        weighted_tardiness=sum(each.weight * late[each.order_id] for each in problem.orders),
        late_orders=sum(minutes > 0 for minutes in late.values()),
        tardiness_minutes=sum(late.values()),
        makespan_minutes=max((slot.end for slot in known), default=begin) - begin,
        setup_minutes=sum(slot.setup_minutes for slot in known),
        utilization={
            each: round(minutes / max(1, opened[each].position(until[each])), 4)
            for each, minutes in sorted(used.items())
        },
    )


def compare(schedules: Mapping[str, tuple[Problem, Schedule]]) -> dict[str, Figures]:
    """What-if: schedules side by side, each with the problem that it is of, the cheapest first."""
    told = {name: figures(problem, schedule) for name, (problem, schedule) in schedules.items()}
    return dict(sorted(told.items(), key=lambda each: (each[1].weighted_tardiness, each[1].makespan_minutes)))


def completions(problem: Problem, schedule: Schedule) -> dict[str, int]:
    """When the last operation of each order ends; an order without operations is not in it."""
    orders = {each.operation_id: each.order_id for each in problem.operations}
    ends: dict[str, int] = {}
    for slot in schedule.slots:
        order = orders.get(slot.operation_id)
        if order is None:
            continue
        ends[order] = max(ends.get(order, slot.end), slot.end)
    return ends


def objective_of(problem: Problem, schedule: Schedule) -> int:
    """What a schedule costs, in the unit of the problem's objective."""
    told = figures(problem, schedule)
    return told.makespan_minutes if problem.objective == "makespan" else told.weighted_tardiness


def lateness(due: int | None, end: int | None) -> int:
    return max(0, end - due) if due is not None and end is not None else 0
