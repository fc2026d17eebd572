"""Schedules that people or tables name by work centre and start: their times, what a move makes of them, what stays."""

from collections.abc import Mapping
from typing import NamedTuple

from streams.domain.scheduling.problem import Pin, Problem, Schedule, Slot, order_of


class Seat(NamedTuple):
    """Where an operation is to begin."""

    work_center_id: str
    start: int


def seated(problem: Problem, seats: Mapping[str, Seat]) -> Schedule:
    """The schedule in which every operation begins as said, whether that keeps the constraints or not: `check` tells.

    Setups lie in open time directly before the start, for what is before it at its work centre. `OutsideHorizon`: an
    operation does not end within it. ValueError: an unknown operation, or one where it cannot be done.
    """
    operations = {each.operation_id: each for each in problem.operations}
    centers = {each.work_center_id: each for each in problem.work_centers}
    last = {each.work_center_id: each.last_family for each in problem.work_centers}
    slots: dict[str, Slot] = {}
    for operation_id, (center_id, start) in sorted(seats.items(), key=lambda each: (each[1].start, each[0])):
        operation = operations.get(operation_id)
        if operation is None:
            raise ValueError(f"Operation {operation_id} is not in the problem.")
        if center_id not in operation.run_minutes:
            raise ValueError(f"Operation {operation_id} cannot be done at {center_id}.")
        opened = centers[center_id].open_time
        begin = opened.position(start)
        setup = problem.setup(center_id, last[center_id], operation)
        set_up_at = min(start, opened.start(max(0, begin - setup))) if setup else start
        end = opened.finish(begin + operation.run_minutes[center_id])
        slots[operation_id] = Slot(operation_id, center_id, set_up_at, start, end, setup)
        last[center_id] = operation.family
    return order_of(slots)


def seats_of(schedule: Schedule) -> dict[str, Seat]:
    return {each.operation_id: Seat(each.work_center_id, each.start) for each in schedule.slots}


def moved(problem: Problem, schedule: Schedule, operation_id: str, work_center_id: str, start: int) -> Schedule:
    """The schedule after one operation is dragged somewhere; all others begin where they did."""
    return seated(problem, seats_of(schedule) | {operation_id: Seat(work_center_id, start)})


def frozen(problem: Problem, schedule: Schedule, until: int) -> Problem:
    """The problem in which all that starts before a minute stays where a schedule has it (the frozen zone)."""
    pins = {each.operation_id: Pin(each.work_center_id, each.start) for each in schedule.slots if each.start < until}
    operations = (each._replace(pin=pins.get(each.operation_id, each.pin)) for each in problem.operations)
    return problem._replace(operations=tuple(operations))
