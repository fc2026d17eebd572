"""From an event to a plan: what moves, which orders that makes late, and what it would cost to do nothing.

Doing nothing means that everything keeps its work centre and its turn and begins when it can (right-shift); an order
that is new then gets what is left free. Only what would have to wait then may move; all else stays where it is.
"""

from typing import NamedTuple

from streams.domain.scheduling.budget import Budget, Chance, Watch
from streams.domain.scheduling.checker import Violation, check
from streams.domain.scheduling.disturbances import Disturbance, disturbed
from streams.domain.scheduling.explain import Explainer
from streams.domain.scheduling.figures import completions, lateness, objective_of
from streams.domain.scheduling.layout import lay_out
from streams.domain.scheduling.problem import Problem, Schedule
from streams.domain.scheduling.rearrange import Search, improved
from streams.domain.scheduling.repair import Repair


class Move(NamedTuple):
    """An operation that gets another place or time; None: it had none."""

    operation_id: str
    from_work_center_id: str | None
    from_start: int | None
    to_work_center_id: str
    to_start: int


class OrderEffect(NamedTuple):
    """An order that ends at another minute. `end_if_nothing`: when it would if nothing were done. Reason: if later."""

    order_id: str
    due: int | None
    end_before: int | None
    end_after: int
    end_if_nothing: int
    late_minutes_before: int
    late_minutes_after: int
    reason: str


class Proposal(NamedTuple):
    """What is proposed after a disturbance. Costs are in the unit of the objective.

    `problem`: as it is now; `schedule`: proposed; `doing_nothing`: right-shifted. Orders: the latest first.
    """

    problem: Problem
    schedule: Schedule
    doing_nothing: Schedule
    moves: tuple[Move, ...]
    orders: tuple[OrderEffect, ...]
    cost_before: int
    cost_of_doing_nothing: int
    cost: int
    violations: tuple[Violation, ...]


def propose(
    problem: Problem,
    schedule: Schedule,
    disturbance: Disturbance,
    now: int,
    chance: Chance,
    budget: Budget | None = None,
    watch: Watch = Watch(),
    zone: str = "UTC",
) -> Proposal:
    """The cheapest way found to go on after a disturbance; of equals, the one that moves least.

    Times in its reasons are those of a zone.

    ValueError: the problem or the disturbance is wrong; `OutsideHorizon`: what it delays does not fit any more.
    """
    after = disturbed(problem, schedule, disturbance, now)
    layout = lay_out(after)
    layout = layout._replace(release=[max(each, now - layout.origin) for each in layout.release])
    old = {
        layout.operation_index[each.operation_id]: each
        for each in schedule.slots
        if each.operation_id in layout.operation_index
    }
    cost_before = objective_of(problem, schedule)
    repair = Repair(layout, old)
    shifted = repair.right_shifted()
    gaps = repair.in_gaps(shifted.arrangement, repair.hit())
    nothing = gaps if gaps and len(old) < layout.size else shifted
    found = improved(repair, shifted, gaps, Search(cost_before, budget, chance, watch))
    options = [nothing, shifted, *found]
    least = min(each.cost for each in options)
    proposed = min(
        (each.schedule for each in options if each.cost == least), key=lambda each: len(_moves(schedule, each))
    )
    idle = nothing.schedule
    explainer = Explainer(after, schedule, proposed, disturbance, now, zone)
    return Proposal(
        problem=after,
        schedule=proposed,
        doing_nothing=idle,
        moves=_moves(schedule, proposed),
        orders=_effects(after, schedule, proposed, idle, explainer),
        cost_before=cost_before,
        cost_of_doing_nothing=nothing.cost,
        cost=least,
        violations=tuple(check(after, proposed)),
    )


def _moves(before: Schedule, after: Schedule) -> tuple[Move, ...]:
    old = before.by_operation
    found: list[Move] = []
    for slot in after.slots:
        was = old.get(slot.operation_id)
        if was is None:
            found.append(Move(slot.operation_id, None, None, slot.work_center_id, slot.start))
        elif (was.work_center_id, was.start) != (slot.work_center_id, slot.start):
            found.append(Move(slot.operation_id, was.work_center_id, was.start, slot.work_center_id, slot.start))
    return tuple(found)


def _effects(
    problem: Problem, before: Schedule, after: Schedule, nothing: Schedule, explainer: Explainer
) -> tuple[OrderEffect, ...]:
    """The orders that end at another minute than before, the latest first."""
    was, ends, idle = (completions(problem, each) for each in (before, after, nothing))
    found: list[OrderEffect] = []
    for order in problem.orders:
        old, new = was.get(order.order_id), ends.get(order.order_id)
        if new is None or new == old:
            continue
        late = lateness(order.due, new)
        minutes = late if old is None else new - old
        reason = explainer.reason(order.order_id, minutes) if minutes > 0 else ""
        found.append(
            OrderEffect(
                order.order_id, order.due, old, new, idle[order.order_id], lateness(order.due, old), late, reason
            )
        )
    return tuple(sorted(found, key=lambda each: (-each.late_minutes_after, -(each.end_after - (each.end_before or 0)))))
