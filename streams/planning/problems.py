"""A shop as Postgres has it, as the problem that the domain schedules."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from math import ceil as up
from typing import Final, NamedTuple

import msgspec

from schemas.views.plans import ScheduleBody, WhatIf
from sql.snapshots import ChangeoverRule, Downtime, Order, Run, Shop
from streams.domain.calendars import Calendar, OpenTime, Period, ceil, floor, open_time
from streams.domain.scheduling import problem as domain
from streams.domain.scheduling.changeovers import (
    AttributeRule,
    Changeover,
    ChangeoverMatrix,
    DefaultChangeover,
    ExactChangeover,
)
from streams.domain.scheduling.problem import Link, Operation, Pin, Problem, WorkCenter
from streams.open_times import calendars_of

WEIGHTS: Final = {"low": 1, "normal": 2, "high": 5, "urgent": 10}
"""What a minute late counts for an order of each priority."""
FAMILY: Final = "family"
REPAIR_MINUTES: Final = 60.0
"""A downtime without an estimate."""
LEAST_MINUTES: Final = 15
"""A machine that is down longer than was estimated is taken to be down for so long still."""
BOOKED: Final = frozenset({"scheduled", "released", "in_progress"})


Minutes = Mapping[str, Mapping[str, int]]
"""By run and work centre, where that was learned."""


class Learned(NamedTuple):
    """What was learned and is planned with: how long the whole run takes at a work centre, and its setup there.

    A setup that the changeover matrix speaks of takes what the matrix says all the same.
    """

    runs: Minutes
    setups: Minutes

    def beside(self, other: "Learned") -> "Learned":
        """Both, the other one's where they speak of the same run."""
        return Learned({**self.runs, **other.runs}, {**self.setups, **other.setups})


NOTHING_LEARNED: Final = Learned({}, {})


class Posed(NamedTuple):
    """A problem and the shop it was made of, with the orders and runs that only a what-if has.

    `learned`: what was planned with; of all else the runs say it, as their routings plan.
    """

    problem: Problem
    shop: Shop
    orders: tuple[Order, ...]
    runs: tuple[Run, ...]
    learned: Learned = NOTHING_LEARNED


def posed(
    shop: Shop,
    wanted: ScheduleBody,
    extra: tuple[Sequence[Order], Sequence[Run]] = ((), ()),
    learned: Learned = NOTHING_LEARNED,
) -> Posed:
    """The problem of all open runs of a shop, changed as a what-if says."""
    orders, runs = (*shop.orders, *extra[0]), (*shop.runs, *extra[1])
    opened = opening(shop, wanted)
    by_order: dict[str, list[Run]] = {}
    for run in runs:
        by_order.setdefault(run.order_id, []).append(run)
    begun = {run.id for run in runs if run.status == "in_progress"}
    operations = [
        _operation(order, run, by_order[order.id], learned)._replace(
            pin=_pin(shop, wanted, run, opened.get(run.work_center_id))
        )
        for order in orders
        for run in by_order.get(order.id, ())
        if run.status != "completed"
    ]
    made = Problem(
        work_centers=tuple(
            WorkCenter(center.id, opened[center.id], shop.families.get(center.id), name=center.code)
            for center in shop.centers
        ),
        operations=tuple(_going_on(operations, begun, opened)),
        orders=tuple(_order(order, wanted.what_if) for order in orders if order.id in by_order),
        changeovers=changeovers(shop.changeovers, {run.family for run in runs if run.family}),
        objective=wanted.objective,
    )
    return Posed(made, shop, orders, runs, learned)


def opening(shop: Shop, wanted: ScheduleBody) -> dict[str, OpenTime]:
    """When each work centre is open: its calendar, maintenance, what is down, and what a what-if says."""
    until = shop.at + timedelta(days=wanted.horizon_days)
    laid_out: dict[Calendar, OpenTime] = {}
    found: dict[str, OpenTime] = {}
    for center_id, (center, calendar) in calendars_of(shop.centers, shop.maintenance).items():
        down = [_down(each, shop.at) for each in shop.downtimes if each.machine_id == center.machine_id]
        changed = _changed(calendar, center_id, center.code, wanted.what_if, down)
        if changed not in laid_out:
            laid_out[changed] = open_time(changed, shop.at, until)
        found[center_id] = laid_out[changed]
    return found


def down_until(downtime: Downtime, at: datetime) -> datetime:
    """When a machine that is down now is expected to run again."""
    minutes = REPAIR_MINUTES if downtime.repair_minutes is None else downtime.repair_minutes
    return max(downtime.started_at + timedelta(minutes=minutes), at + timedelta(minutes=LEAST_MINUTES))


def _down(downtime: Downtime, at: datetime) -> Period:
    return Period(min(downtime.started_at, at), down_until(downtime, at), downtime.reason)


def _changed(calendar: Calendar, center_id: str, code: str, what_if: WhatIf, closed: Sequence[Period]) -> Calendar:
    overtime: list[Period] = []
    shut = list(closed)
    for each in what_if.work_centers:
        if each.work_center_id in (center_id, code):
            shut += [Period(span.from_at, span.to_at, what_if.reason) for span in each.closed]
            overtime += [Period(span.from_at, span.to_at, what_if.reason) for span in each.overtime]
    if not shut and not overtime:
        return calendar
    return msgspec.structs.replace(
        calendar, maintenance=(*calendar.maintenance, *shut), overtime=(*calendar.overtime, *overtime)
    )


def _order(order: Order, what_if: WhatIf) -> domain.Order:
    priority = what_if.priorities.get(order.number) or what_if.priorities.get(order.id) or order.priority
    return domain.Order(order.id, floor(order.due_date), WEIGHTS[priority], order.number)


def _operation(order: Order, run: Run, siblings: Iterable[Run], learned: Learned) -> Operation:
    """A run that is not done. Of one that has begun only what is left is planned, at its work centre."""
    known = {each.sequence: each for each in siblings}
    links = tuple(
        Link(before.id, _transfer(before))
        for number in run.predecessors
        if (before := known.get(number)) is not None and before.status != "completed"
    )
    begun = run.status == "in_progress"
    centers = (run.work_center_id,) if begun else dict.fromkeys((run.work_center_id, *run.alternatives))
    minutes, setups = learned.runs.get(run.id, {}), learned.setups.get(run.id, {})
    release = None if order.material_available_at is None or begun else ceil(order.material_available_at)
    return Operation(
        operation_id=run.id,
        order_id=order.id,
        sequence=run.sequence,
        run_minutes={each: _left(run, minutes.get(each, run.run_minutes)) for each in centers},
        predecessors=() if begun else links,
        setup_minutes=0 if begun else run.setup_minutes,
        family=run.family,
        release=release,
        setup_at={} if begun else {each: setups[each] for each in centers if each in setups},
    )


def _pin(shop: Shop, wanted: ScheduleBody, run: Run, opened: OpenTime | None) -> Pin | None:
    """Where a run that has not begun stays: it is frozen, or begins in the frozen zone, and can begin then."""
    if run.scheduled_start is None or run.status not in BOOKED or run.status == "in_progress":
        return None
    start = floor(run.scheduled_start)
    if run.is_frozen:
        return Pin(run.work_center_id, start) if start >= ceil(shop.at) else None
    in_zone = wanted.frozen_until is not None and run.scheduled_start < wanted.frozen_until
    can_begin = opened is not None and start >= ceil(shop.at) and opened.start(opened.position(start)) == start
    return Pin(run.work_center_id, start) if in_zone and can_begin else None


def _going_on(
    operations: Iterable[Operation], begun: Collection[str], opened: Mapping[str, OpenTime]
) -> list[Operation]:
    """The operations, without work centres that are not active any more; those that have begun go on where they are.

    Of several at one work centre one goes on after the other; what was to begin meanwhile and is not frozen gives way.
    """
    there = [_possible(each, opened) for each in operations]
    used: dict[str, int] = {}
    found: list[Operation] = []
    for each in there:
        ((center, minutes), *_) = each.run_minutes.items()
        if each.operation_id in begun and center in opened:
            place = used.get(center, 0)
            each = each._replace(pin=Pin(center, opened[center].start(place)))
            used[center] = place + minutes
        found.append(each)
    ends = {center: opened[center].finish(place) for center, place in used.items() if place <= opened[center].minutes}
    return [
        each._replace(pin=None)
        if each.pin and each.operation_id not in begun and each.pin.start < ends.get(each.pin.work_center_id, 0)
        else each
        for each in found
    ]


def _possible(operation: Operation, opened: Mapping[str, OpenTime]) -> Operation:
    there = {center: minutes for center, minutes in operation.run_minutes.items() if center in opened}
    return operation._replace(run_minutes=there or operation.run_minutes)


def _left(run: Run, minutes: int) -> int:
    """What is left to do of a run that takes so long as a whole."""
    share = max(Decimal(0), 1 - run.quantity_good / run.quantity) if run.status == "in_progress" else Decimal(1)
    return max(1, up(minutes * share))


def _transfer(run: Run) -> int:
    """The share of a run after which its first lot is handed on, in per cent."""
    if run.transfer_quantity is None or run.transfer_quantity >= run.quantity:
        return 100
    return max(1, min(100, up(100 * run.transfer_quantity / run.quantity)))


def changeovers(rules: Iterable[ChangeoverRule], families: Iterable[str]) -> ChangeoverMatrix:
    """The changeover matrix of its lines: pairs of families, one family to or from any, and what holds for all."""
    exact: list[ExactChangeover] = []
    partly: list[AttributeRule] = []
    defaults: list[DefaultChangeover] = []
    for rule in rules:
        time = Changeover(rule.setup_minutes, rule.external_minutes)
        if rule.from_family is not None and rule.to_family is not None:
            exact.append(ExactChangeover(rule.from_family, rule.to_family, time, rule.work_center_id))
        elif rule.from_family is None and rule.to_family is None:
            defaults.append(DefaultChangeover(time, rule.work_center_id))
        else:
            partly.append(AttributeRule(FAMILY, time, rule.from_family, rule.to_family, rule.work_center_id))
    known = {family for rule in rules for family in (rule.from_family, rule.to_family) if family} | set(families)
    attributes = {family: {FAMILY: family} for family in sorted(known)}
    return ChangeoverMatrix(tuple(exact), tuple(partly), tuple(defaults), attributes)
