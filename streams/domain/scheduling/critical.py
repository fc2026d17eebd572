"""The critical chain: the operations that determine when all is done, through precedence and the order of machines."""

from itertools import pairwise
from typing import Literal, NamedTuple

from streams.domain.calendars import OpenTime
from streams.domain.scheduling.problem import Operation, Problem, Schedule, Slot

Because = Literal["predecessor", "work_center", "material", "start"]


class Critical(NamedTuple):
    """An operation of the chain, and why it does not begin earlier; "start": nothing holds it back."""

    operation_id: str
    because: Because


def critical_chain(problem: Problem, schedule: Schedule, order_id: str | None = None) -> tuple[Critical, ...]:
    """From the first operation to the one that ends last, of an order or of all; each waits for the one before it."""
    operations = {each.operation_id: each for each in problem.operations}
    opened = {each.work_center_id: each.open_time for each in problem.work_centers}
    slots = schedule.by_operation
    ahead: dict[str, Slot] = {}
    for row in schedule.by_work_center.values():
        ahead |= {slot.operation_id: before for before, slot in pairwise(row)}
    ends = [each for each in schedule.slots if order_id in (None, operations[each.operation_id].order_id)]
    slot = max(ends, key=lambda each: (each.end, each.operation_id), default=None)
    found: list[Critical] = []
    while slot:
        operation = operations[slot.operation_id]
        before = [slots[each.operation_id] for each in operation.predecessors if each.operation_id in slots]
        latest = max(before, key=lambda each: each.end, default=None)
        because, waits_for = _held_by(
            operation, slot, latest, ahead.get(slot.operation_id), opened[slot.work_center_id]
        )
        found.append(Critical(slot.operation_id, because))
        slot = waits_for
    return tuple(reversed(found))


def critical_operations(problem: Problem, schedule: Schedule) -> set[str]:
    """The operations of which a minute more is a minute more until all is done: chains without slack to the last end.

    An operation has no slack before the next of its order, or of its work centre, if no open minute lies between.
    """
    opened = {each.work_center_id: each.open_time for each in problem.work_centers}
    behind: dict[str, list[Slot]] = {}
    for row in schedule.by_work_center.values():
        for before, after in pairwise(row):
            if opened[after.work_center_id].position(after.setup_start) <= opened[after.work_center_id].position(
                before.end
            ):
                behind.setdefault(before.operation_id, []).append(after)
    slots = schedule.by_operation
    for operation in problem.operations:
        after = slots[operation.operation_id]
        clock = opened[after.work_center_id]
        for link in operation.predecessors:
            before = slots[link.operation_id]
            if link.transfer_percent == 100 and clock.position(after.start) <= clock.position(before.end):
                behind.setdefault(link.operation_id, []).append(after)
    last = max((slot.end for slot in schedule.slots), default=0)
    found: set[str] = set()
    for slot in sorted(schedule.slots, key=lambda each: (-each.start, -each.end)):
        if slot.end == last or any(after.operation_id in found for after in behind.get(slot.operation_id, ())):
            found.add(slot.operation_id)
    return found


def _held_by(
    operation: Operation, slot: Slot, latest: Slot | None, ahead: Slot | None, opened: OpenTime
) -> tuple[Because, Slot | None]:
    """Why an operation does not begin earlier, by the open minutes of its work centre, and what it waits for."""
    begin = opened.position(slot.start)
    is_overlapped = any(each.transfer_percent < 100 for each in operation.predecessors)
    if latest and latest.start < slot.start and opened.position(latest.end) >= begin and not is_overlapped:
        return "predecessor", latest
    if ahead and opened.position(ahead.end) + slot.setup_minutes >= begin:
        return "work_center", ahead
    if operation.release is not None and opened.position(operation.release) >= begin:
        return "material", None
    if latest and is_overlapped and latest.start < slot.start:
        return "predecessor", latest
    return "start", None
