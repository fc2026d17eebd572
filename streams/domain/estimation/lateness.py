"""How likely a schedule's orders are to be late: sampled run times carried through the whole schedule.

The schedule is worked as it stands: each operation where it is planned, behind what is planned before it there, no
earlier than planned (railway scheduling), and later if its predecessors, its material or its work centre are. Setups
take what they take in the schedule. Each sample is one way that it may turn out. Minutes are those since 1970 (UTC).
"""

from collections.abc import Mapping
from heapq import heapify, heappop, heappush
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from streams.domain.calendars import OpenTime
from streams.domain.scheduling.figures import completions
from streams.domain.scheduling.problem import Link, Operation, Problem, Schedule, Slot

Samples = NDArray[np.float64]
LEAST_MINUTES = 0.01
MOST_MINUTES = 525_600.0
"""No operation takes longer than a year, however uncertain its lane is."""
SAME = 1e-9


class Predictive(Protocol):
    """What one more piece of a lane's work will take.

    `shared`: the share of the variance that all its work has in common, because the lane is not known well.
    """

    @property
    def shared(self) -> float: ...

    def sample(self, uniforms: Samples) -> Samples:
        """Its quantiles at these shares."""


class Length(NamedTuple):
    """How long an operation takes: `units` times what its lane takes for one."""

    lane: str
    units: float
    posterior: Predictive


class Promise(NamedTuple):
    """When an order will be finished: quantiles of it, and the probability that it is after the due minute.

    `planned`: when the schedule says; `probability` is None for an order without a due date.
    """

    order_id: str
    due: int | None
    planned: int
    p10: float
    p50: float
    p90: float
    probability: float | None


class Clock:
    """Open time for many moments at once. After its horizon it goes on at the horizon's own share of open minutes."""

    def __init__(self, opened: OpenTime) -> None:
        self._begins, self._ends = np.array(opened.begins, float), np.array(opened.ends, float)
        self._worked, self._from, self._to = np.array(opened.worked, float), opened.from_minute, opened.to_minute
        self._minutes = float(opened.minutes)
        self._pace = self._minutes / (self._to - self._from) if self._minutes else 1.0

    def positions(self, minutes: Samples) -> Samples:
        """Open minutes until moments, as `OpenTime.position`."""
        if not self._minutes:
            return np.maximum(minutes - self._from, 0)
        place = np.searchsorted(self._begins, minutes, side="right") - 1
        at = np.maximum(place, 0)
        within = self._worked[at] + np.minimum(minutes, self._ends[at]) - self._begins[at]
        return np.where(place < 0, 0.0, within) + self._pace * np.maximum(minutes - self._to, 0)

    def finishes(self, positions: Samples) -> Samples:
        """When so much is worked, as `OpenTime.finish`."""
        if not self._minutes:
            return self._from + positions
        place = np.searchsorted(self._worked, np.minimum(positions, self._minutes), side="left") - 1
        at = np.maximum(place, 0)
        within = self._begins[at] + np.minimum(positions, self._minutes) - self._worked[at]
        found = np.where(place < 0, float(self._from), within)
        return np.where(positions > self._minutes, self._to + (positions - self._minutes) / self._pace, found)


class _Times(NamedTuple):
    """What is known of an operation in every sample: its clock, where on it it begins, its run, when it ends."""

    clock: Clock
    begin: Samples
    run: Samples
    end: Samples


def sampled(lengths: Mapping[str, Length], samples: int, chance: np.random.Generator) -> dict[str, Samples]:
    """Minutes of each operation in every sample. Operations of one lane are long or short together, as it is unknown.

    Normal copula: what they share is one normal number a lane and sample, weighted by the root of its share.
    """
    lanes = {lane: chance.standard_normal(samples) for lane in sorted({each.lane for each in lengths.values()})}
    found: dict[str, Samples] = {}
    for name, each in sorted(lengths.items()):
        own = chance.standard_normal(samples)
        normal = np.sqrt(each.posterior.shared) * lanes[each.lane] + np.sqrt(1 - each.posterior.shared) * own
        with np.errstate(over="ignore"):
            taken = each.units * each.posterior.sample(ndtr(normal))
        found[name] = np.clip(taken, LEAST_MINUTES, MOST_MINUTES)
    return found


def ends(problem: Problem, schedule: Schedule, minutes: Mapping[str, Samples], samples: int) -> dict[str, Samples]:
    """When each operation of a schedule ends, in every sample; those without sampled minutes take what is planned."""
    slots = schedule.by_operation
    operations = {each.operation_id: each for each in problem.operations if each.operation_id in slots}
    clocks: dict[OpenTime, Clock] = {each.open_time: Clock(each.open_time) for each in problem.work_centers}
    of_center = {each.work_center_id: clocks[each.open_time] for each in problem.work_centers}
    free = {
        each.work_center_id: of_center[each.work_center_id].positions(np.full(samples, float(each.busy_until or 0)))
        for each in problem.work_centers
    }
    found: dict[str, _Times] = {}
    for name in _in_turn(operations, slots):
        slot, operation = slots[name], operations[name]
        center, clock = slot.work_center_id, of_center[slot.work_center_id]
        run = minutes.get(name)
        if run is None:
            run = np.full(samples, float(operation.run_minutes[center]))
        earliest = np.full(samples, float(max(slot.start, operation.release or 0)))
        begin = np.maximum(clock.positions(earliest), free[center] + slot.setup_minutes)
        for link in operation.predecessors:
            if link.operation_id in found:
                begin = np.maximum(begin, _after(found[link.operation_id], link, clock, run))
        free[center] = begin + run
        found[name] = _Times(clock, begin, run, clock.finishes(free[center]))
    return {name: each.end for name, each in found.items()}


def _after(before: _Times, link: Link, clock: Clock, run: Samples) -> Samples:
    """The first position at which an operation can begin behind another, which may hand on a first lot early."""
    done = clock.positions(before.end)
    if link.transfer_percent == 100:
        return done
    lot = before.begin + _share(before.run, link.transfer_percent)
    first = clock.positions(before.clock.finishes(lot))
    return np.maximum(first, done + _share(run, link.transfer_percent) - run)


def _share(run: Samples, percent: int) -> Samples:
    """So much of runs, in whole minutes as schedules have it."""
    found: Samples = np.minimum(run, np.ceil(run * percent / 100 - SAME))
    return found


def _in_turn(operations: Mapping[str, Operation], slots: Mapping[str, Slot]) -> list[str]:
    """Operations by start, none before what it follows."""
    waits = {
        name: sum(link.operation_id in operations for link in each.predecessors) for name, each in operations.items()
    }
    after: dict[str, list[str]] = {}
    for name, each in operations.items():
        for link in each.predecessors:
            after.setdefault(link.operation_id, []).append(name)
    ready = [(slots[name].start, slots[name].end, name) for name, count in waits.items() if not count]
    heapify(ready)
    turn: list[str] = []
    while ready:
        name = heappop(ready)[2]
        turn.append(name)
        for following in after.get(name, ()):
            waits[following] -= 1
            if not waits[following]:
                heappush(ready, (slots[following].start, slots[following].end, following))
    return turn


def promises(problem: Problem, schedule: Schedule, ended: Mapping[str, Samples]) -> list[Promise]:
    """Per order that still has operations in the schedule: when it is finished, and how likely that is too late."""
    of_order: dict[str, list[Samples]] = {}
    for each in problem.operations:
        if each.operation_id in ended:
            of_order.setdefault(each.order_id, []).append(ended[each.operation_id])
    planned = completions(problem, schedule)
    found: list[Promise] = []
    for order in problem.orders:
        if order.order_id in of_order:
            last = np.max(of_order[order.order_id], axis=0)
            p10, p50, p90 = (float(each) for each in np.quantile(last, (0.1, 0.5, 0.9)))
            late = None if order.due is None else float(np.mean(last > order.due + SAME))
            found.append(Promise(order.order_id, order.due, planned[order.order_id], p10, p50, p90, late))
    return found
