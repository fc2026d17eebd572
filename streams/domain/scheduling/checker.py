"""Whether a schedule keeps every constraint, found out without anything that made it.

Counts open minutes window by window; shares no code with the decoder.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

from streams.domain.calendars import OpenTime, moment
from streams.domain.scheduling.problem import Operation, Problem, Schedule, Slot, WorkCenter

Kind = Literal[
    "missing",
    "unknown",
    "ineligible",
    "pinned",
    "horizon",
    "closed",
    "duration",
    "release",
    "predecessor",
    "occupied",
    "setup",
]


class Violation(NamedTuple):
    """A constraint that is not kept, and the operation that does not keep it."""

    kind: Kind
    operation_id: str
    message: str


def check(problem: Problem, schedule: Schedule) -> list[Violation]:
    """All that a schedule violates, of whatever origin it is; nothing: it can be worked as it stands."""
    operations = {each.operation_id: each for each in problem.operations}
    centers = {each.work_center_id: each for each in problem.work_centers}
    found = list(_presence(problem, operations, schedule))
    slots: dict[str, Slot] = {}
    rows: dict[str, list[Slot]] = {}
    for slot in schedule.slots:
        if slot.operation_id in operations and slot.work_center_id in operations[slot.operation_id].run_minutes:
            slots[slot.operation_id] = slot
            rows.setdefault(slot.work_center_id, []).append(slot)
    names = _names(problem)
    for slot in slots.values():
        found += _alone(operations[slot.operation_id], slot, centers[slot.work_center_id], names)
        found += _behind(operations[slot.operation_id], slot, slots, operations, centers, names)
    for center_id, row in rows.items():
        found += _beside(problem, centers[center_id], row, operations, names)
    return found


def _names(problem: Problem) -> dict[str, str]:
    orders = {each.order_id: each.said for each in problem.orders}
    return {each.operation_id: f"operation {each.sequence} of {orders[each.order_id]}" for each in problem.operations}


def _presence(problem: Problem, operations: Mapping[str, Operation], schedule: Schedule) -> Iterator[Violation]:
    names, seen = _names(problem), set[str]()
    for slot in schedule.slots:
        if slot.operation_id not in operations:
            yield Violation("unknown", slot.operation_id, f"Operation {slot.operation_id} is not in the problem.")
        elif slot.operation_id in seen:
            yield Violation("unknown", slot.operation_id, f"{_cap(names[slot.operation_id])} is scheduled twice.")
        elif slot.work_center_id not in operations[slot.operation_id].run_minutes:
            told = f"{_cap(names[slot.operation_id])} cannot be done at {slot.work_center_id}."
            yield Violation("ineligible", slot.operation_id, told)
        seen.add(slot.operation_id)
    for operation_id in operations:
        if operation_id not in seen:
            yield Violation("missing", operation_id, f"{_cap(names[operation_id])} is not scheduled.")


def _alone(operation: Operation, slot: Slot, center: WorkCenter, names: Mapping[str, str]) -> Iterator[Violation]:
    """What an operation violates whatever else is scheduled."""
    told, opened = _cap(names[operation.operation_id]), center.open_time
    pin = operation.pin
    if pin and (pin.work_center_id, pin.start) != (slot.work_center_id, slot.start):
        yield Violation("pinned", slot.operation_id, f"{told} must stay at {_at(pin.start)}; it is frozen.")
    if not opened.from_minute <= slot.setup_start <= slot.start < slot.end <= opened.to_minute:
        message = f"{told} does not lie in the horizon in the order setup, start, end."
        yield Violation("horizon", slot.operation_id, message)
        return
    if not _is_open(opened, slot.start):
        yield Violation(
            "closed", slot.operation_id, f"{told} starts at {_at(slot.start)}, when {center.said} is closed."
        )
    if not _is_open(opened, slot.end - 1):
        yield Violation("closed", slot.operation_id, f"{told} ends at {_at(slot.end)}, when {center.said} is closed.")
    needed, given = operation.run_minutes[slot.work_center_id], _open_minutes(opened, slot.start, slot.end)
    if needed != given:
        message = f"{told} takes {needed} minutes at {center.said}; it has {given} open minutes."
        yield Violation("duration", slot.operation_id, message)
    if operation.release is not None and slot.start < operation.release:
        message = f"{told} starts at {_at(slot.start)}; its material is there at {_at(operation.release)}."
        yield Violation("release", slot.operation_id, message)


def _behind(
    operation: Operation,
    slot: Slot,
    slots: Mapping[str, Slot],
    operations: Mapping[str, Operation],
    centers: Mapping[str, WorkCenter],
    names: Mapping[str, str],
) -> Iterator[Violation]:
    """What is not kept of its predecessors."""
    told = _cap(names[operation.operation_id])
    for link in operation.predecessors:
        before = slots.get(link.operation_id)
        if before is None:
            continue
        name = names[link.operation_id]
        if link.transfer_percent == 100:
            if slot.start < before.end:
                message = f"{told} starts at {_at(slot.start)}; {name} ends at {_at(before.end)}."
                yield Violation("predecessor", slot.operation_id, message)
            continue
        lot = _share(operations[link.operation_id].run_minutes[before.work_center_id], link.transfer_percent)
        handed = _open_minutes(centers[before.work_center_id].open_time, before.start, slot.start)
        if handed < lot:
            message = f"{told} starts at {_at(slot.start)}, before {name} has its first lot done."
            yield Violation("predecessor", slot.operation_id, message)
        own = _share(operation.run_minutes[slot.work_center_id], link.transfer_percent)
        if _open_minutes(centers[slot.work_center_id].open_time, before.end, slot.end) < own:
            message = f"{told} ends at {_at(slot.end)}; {name} hands on its last lot at {_at(before.end)}."
            yield Violation("predecessor", slot.operation_id, message)


def _beside(
    problem: Problem,
    center: WorkCenter,
    row: list[Slot],
    operations: Mapping[str, Operation],
    names: Mapping[str, str],
) -> Iterator[Violation]:
    """What is not kept of a work centre: one operation at a time, and the setups between them."""
    free_at, family, before = center.busy_until, center.last_family, ""
    for slot in sorted(row, key=lambda each: (each.start, each.end)):
        operation, told = operations[slot.operation_id], _cap(names[slot.operation_id])
        if free_at is not None and slot.start < free_at:
            by = before or "what has begun before"
            message = f"{told} starts at {_at(slot.start)}, when {center.said} still has {by} until {_at(free_at)}."
            yield Violation("occupied", slot.operation_id, message)
        else:
            needed = problem.setup(center.work_center_id, family, operation)
            since = slot.setup_start if free_at is None else max(slot.setup_start, free_at)
            given = _open_minutes(center.open_time, since, slot.start)
            if given < needed:
                message = f"{told} needs {needed} minutes of setup at {center.said}; it has {given} open minutes."
                yield Violation("setup", slot.operation_id, message)
        free_at = slot.end if free_at is None else max(free_at, slot.end)
        family, before = operation.family, names[slot.operation_id]


def _share(minutes: int, percent: int) -> int:
    return (minutes * percent + 99) // 100


def _open_minutes(opened: OpenTime, from_minute: int, to_minute: int) -> int:
    """Counted window by window."""
    total = 0
    for place in range(bisect_right(opened.ends, from_minute), len(opened.begins)):
        if opened.begins[place] >= to_minute:
            break
        total += min(opened.ends[place], to_minute) - max(opened.begins[place], from_minute)
    return total


def _is_open(opened: OpenTime, minute: int) -> bool:
    return _open_minutes(opened, minute, minute + 1) == 1


def _at(minute: int) -> str:
    return f"{moment(minute):%Y-%m-%d %H:%M}"


def _cap(text: str) -> str:
    return text[0].upper() + text[1:]
