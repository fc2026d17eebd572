"""What is to be scheduled: work centres, operations, orders and changeovers; and what a schedule of it is.

Minutes are whole ones since 1970 (UTC), as in `calendars`; lengths are minutes of open time.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Literal, NamedTuple

from streams.domain.calendars import OpenTime, moment
from streams.domain.scheduling.changeovers import ChangeoverMatrix

Objective = Literal["weighted_tardiness", "makespan"]


class WorkCenter(NamedTuple):
    """Something that does one operation at a time. A work centre with several machines is several of these.

    `last_family`: what it is set up for as the horizon begins; None: nothing is known. It can begin at `busy_until`.
    """

    work_center_id: str
    open_time: OpenTime
    last_family: str | None = None
    busy_until: int | None = None
    name: str = ""

    @property
    def said(self) -> str:
        return self.name or self.work_center_id


class Link(NamedTuple):
    """An operation that goes before another. After `transfer_percent` of its run the first lot is handed on.

    100: the next begins when it has ended. Less: the next may begin once that share of the run is done, and ends no
    earlier than its own share for the last lot after this one has ended.
    """

    operation_id: str
    transfer_percent: int = 100


class Pin(NamedTuple):
    """Where an operation stays: it is frozen, or has begun."""

    work_center_id: str
    start: int


class Operation(NamedTuple):
    """One run of an order. `run_minutes` has every work centre that can do it.

    Where the changeover matrix says nothing, `setup_at` holds at the work centres that it has, else `setup_minutes`.
    `release`: when its material is there. For an operation that has begun: what is left of its run, no setup, pinned
    where the horizon begins.
    """

    operation_id: str
    order_id: str
    sequence: int
    run_minutes: Mapping[str, int]
    predecessors: tuple[Link, ...] = ()
    setup_minutes: int = 0
    family: str | None = None
    release: int | None = None
    pin: Pin | None = None
    setup_at: Mapping[str, int] = {}

    def own_setup(self, work_center_id: str) -> int:
        """Minutes of its setup at a work centre where the changeover matrix says nothing."""
        return self.setup_at.get(work_center_id, self.setup_minutes)


class Order(NamedTuple):
    """What operations are done for. Without a due minute it is never late; `weight`: what a minute late counts."""

    order_id: str
    due: int | None = None
    weight: int = 1
    name: str = ""

    @property
    def said(self) -> str:
        return self.name or self.order_id


class Problem(NamedTuple):
    """All that a schedule depends on. Every work centre has the same horizon."""

    work_centers: tuple[WorkCenter, ...]
    operations: tuple[Operation, ...]
    orders: tuple[Order, ...]
    changeovers: ChangeoverMatrix = ChangeoverMatrix()
    objective: Objective = "weighted_tardiness"

    def said(self, operation: Operation) -> str:
        """An operation as people call it."""
        names = {each.order_id: each.said for each in self.orders}
        return f"operation {operation.sequence} of {names.get(operation.order_id, operation.order_id)}"

    def setup(self, work_center_id: str, before: str | None, operation: Operation) -> int:
        """Minutes of setup for an operation at a work centre that is set up for a family."""
        changeover = self.changeovers.between(work_center_id, before, operation.family)
        return operation.own_setup(work_center_id) if changeover is None else changeover.minutes


class Slot(NamedTuple):
    """An operation in a schedule: set up from `setup_start` to `start`, run from there to `end`."""

    operation_id: str
    work_center_id: str
    setup_start: int
    start: int
    end: int
    setup_minutes: int


class Schedule(NamedTuple):
    """Where every operation is done, by start."""

    slots: tuple[Slot, ...]

    @property
    def by_operation(self) -> dict[str, Slot]:
        return {each.operation_id: each for each in self.slots}

    @property
    def by_work_center(self) -> dict[str, list[Slot]]:
        found: dict[str, list[Slot]] = {}
        for each in sorted(self.slots, key=lambda slot: (slot.start, slot.end)):
            found.setdefault(each.work_center_id, []).append(each)
        return found


def order_of(slots: Mapping[str, Slot]) -> Schedule:
    """A schedule of slots by operation, sorted."""
    return Schedule(tuple(sorted(slots.values(), key=lambda slot: (slot.start, slot.end, slot.operation_id))))


def faults(problem: Problem) -> list[str]:
    """What is wrong with a problem, as sentences; nothing: it can be scheduled if its horizon is long enough."""
    return [*_faults_of_centers(problem), *_faults_of_operations(problem), *problem.changeovers.faults()]


def _faults_of_centers(problem: Problem) -> Iterator[str]:
    for center, count in Counter(each.work_center_id for each in problem.work_centers).items():
        if count > 1:
            yield f"Work centre {center} is there {count} times."
    if len({(each.open_time.from_minute, each.open_time.to_minute) for each in problem.work_centers}) > 1:
        yield "The work centres do not have the same horizon."
    for center_ in problem.work_centers:
        opened = center_.open_time
        if center_.busy_until is not None and center_.busy_until > opened.to_minute:
            yield f"{center_.said} is busy beyond the horizon, until {moment(center_.busy_until):%Y-%m-%d %H:%M} UTC."
    for order in problem.orders:
        if order.weight < 0:
            yield f"{order.said} has the weight {order.weight}; it must not be below 0."


def _faults_of_operations(problem: Problem) -> Iterator[str]:
    for each, count in Counter(each.operation_id for each in problem.operations).items():
        if count > 1:
            yield f"Operation {each} is there {count} times."
    for each, count in Counter(each.order_id for each in problem.orders).items():
        if count > 1:
            yield f"Order {each} is there {count} times."
    centers = {each.work_center_id: each for each in problem.work_centers}
    orders = {each.order_id for each in problem.orders}
    known = {each.operation_id for each in problem.operations}
    for operation in problem.operations:
        told = f"Operation {operation.operation_id}"
        yield from (f"{told} {wrong}." for wrong in _wrong(operation, centers, orders, known))
    try:
        TopologicalSorter(
            {each.operation_id: [link.operation_id for link in each.predecessors] for each in problem.operations}
        ).prepare()
    except CycleError as error:
        yield f"Operations wait for each other: {' > '.join(error.args[1])}."


def _wrong(operation: Operation, centers: Mapping[str, WorkCenter], orders: set[str], known: set[str]) -> Iterator[str]:
    if operation.order_id not in orders:
        yield f"belongs to {operation.order_id}, an unknown order"
    if not operation.run_minutes:
        yield "has no work centre that can do it"
    for center, minutes in operation.run_minutes.items():
        if center not in centers:
            yield f"can be done at {center}, an unknown work centre"
        if minutes < 1:
            yield f"takes {minutes} minutes at {center}; it must take 1 at least"
    for minutes in (operation.setup_minutes, *operation.setup_at.values()):
        if minutes < 0:
            yield f"has {minutes} setup minutes"
    for link in operation.predecessors:
        if link.operation_id not in known:
            yield f"follows {link.operation_id}, an unknown operation"
        if not 0 < link.transfer_percent <= 100:
            yield f"follows {link.operation_id} after {link.transfer_percent} %; it must be 1 to 100"
    pin = operation.pin
    if pin and pin.work_center_id not in operation.run_minutes:
        yield f"is pinned to {pin.work_center_id}, which cannot do it"
    elif pin and pin.work_center_id in centers:
        opened = centers[pin.work_center_id].open_time
        if not opened.from_minute <= pin.start <= opened.to_minute:
            yield f"is pinned to {moment(pin.start):%Y-%m-%d %H:%M} UTC, outside the horizon"
