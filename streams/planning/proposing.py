"""What to change in the accepted schedule because of something that happened: a machine down, a rush, late material."""

import random
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from schemas.codec import encode
from schemas.messages.plans import ProposalCause
from schemas.views.plans import ProposalBody, ScheduleBody
from sql.snapshots import Downtime, Order, Shop
from streams.domain.calendars import ceil, floor, moment
from streams.domain.scheduling.budget import Watch
from streams.domain.scheduling.disturbances import Closure, Disturbance, LateMaterial, RushOrder
from streams.domain.scheduling.figures import figures
from streams.domain.scheduling.problem import Problem
from streams.domain.scheduling.proposals import Move, OrderEffect, Proposal, propose
from streams.planning.lines import Line, learned_of, lines, schedule_of
from streams.planning.problems import NOTHING_LEARNED, Learned, Posed, down_until, posed

SEED: Final = 1
SPARE_DAYS: Final = 30
LONGEST_DAYS: Final = 730


class Refusal(ValueError):
    """There is nothing to propose, for the reason given."""


class Proposed(NamedTuple):
    """What is kept of a proposal: columns of its row, and the whole schedule that it proposes as JSON."""

    columns: dict[str, Any]
    lines: str


def proposed(
    shop: Shop,
    kept: tuple[Line, ...],
    cause: ProposalCause,
    told: ProposalBody,
    watch: Watch,
    learned: Learned = NOTHING_LEARNED,
) -> Proposed:
    """A proposal for the schedule that these lines say. Raises ValueError with a sentence.

    `minutes`: what was learned of runs that the schedule does not have yet.
    """
    wanted = ScheduleBody(horizon_days=horizon_days(kept, shop.at))
    now = posed(shop, wanted, learned=learned.beside(learned_of(kept)))
    happened, sentence = disturbance(shop, now.problem, cause, told)
    base = now.problem
    if isinstance(happened, RushOrder):
        base = without(base, happened)
    before = schedule_of(kept, base)
    found = propose(base, before, happened, ceil(shop.at) + 1, random.Random(SEED), watch=watch)
    if found.violations:
        raise AssertionError(f"A schedule was proposed that cannot be worked: {found.violations[0].message}")
    return _kept(now._replace(problem=found.problem), found, cause, sentence)


def horizon_days(kept: tuple[Line, ...], at: datetime) -> int:
    """Long enough for what is planned, and for what gets later."""
    last = max((line.end_at for line in kept), default=at)
    return max(1, min(LONGEST_DAYS, SPARE_DAYS + 2 * (last - at).days))


def without(problem: Problem, rush: RushOrder) -> Problem:
    """The problem as it was before an order came."""
    gone = {each.operation_id for each in rush.operations}
    return problem._replace(
        operations=tuple(each for each in problem.operations if each.operation_id not in gone),
        orders=tuple(each for each in problem.orders if each.order_id != rush.order.order_id),
    )


def disturbance(shop: Shop, problem: Problem, cause: ProposalCause, told: ProposalBody) -> tuple[Disturbance, str]:
    """What happened as the domain sees it, and in a sentence. Raises Refusal."""
    if cause == "breakdown":
        return _breakdown(shop, told)
    if cause == "rush":
        return _rush(shop, problem, told)
    return _late_material(shop, problem, told)


def _breakdown(shop: Shop, told: ProposalBody) -> tuple[Disturbance, str]:
    found = next(
        (
            each
            for each in shop.centers
            if told.work_center_id in (each.id, each.code) or (told.machine_id and each.machine_id == told.machine_id)
        ),
        None,
    )
    if found is None:
        raise Refusal(f"No work centre is {told.work_center_id or told.machine_id}.")
    since = min(told.since or shop.at, shop.at)
    until = told.until or down_until(
        Downtime("", found.machine_id or "", since, told.repair_minutes, told.reason or ""), shop.at
    )
    if until <= shop.at:
        raise Refusal(f"{found.code} runs again since {_said(until)}.")
    name = f"{found.code} ({found.machine_id})" if found.machine_id else found.code
    why = f": {told.reason}" if told.reason else ""
    sentence = f"{name} is down since {_said(since)}{why}; it is expected to run again at {_said(until)}."
    return Closure(found.id, floor(since), ceil(until), told.reason or ""), sentence


def _rush(shop: Shop, problem: Problem, told: ProposalBody) -> tuple[Disturbance, str]:
    order = _order(shop, told)
    mine = tuple(each for each in problem.operations if each.order_id == order.id)
    if not mine:
        raise Refusal(f"{order.number} has no runs that are to be done: expand it first.")
    its = next(each for each in problem.orders if each.order_id == order.id)
    sentence = f"{order.number}, {order.quantity:f} of {order.product_id} due {_said(order.due_date)}, is in a rush."
    return RushOrder(its, tuple(each._replace(pin=None) for each in mine)), sentence


def _late_material(shop: Shop, problem: Problem, told: ProposalBody) -> tuple[Disturbance, str]:
    order = _order(shop, told)
    if told.available_at is None:
        raise Refusal("When the material is there is not known: name available_at.")
    at = ceil(told.available_at)
    waiting = {each.operation_id: at for each in problem.operations if each.order_id == order.id and not each.pin}
    what = told.material_id or "Material"
    return LateMaterial(waiting), f"{what} for {order.number} is there only at {_said(told.available_at)}."


def _order(shop: Shop, told: ProposalBody) -> Order:
    found = next((each for each in shop.orders if told.production_order_id in (each.id, each.number)), None)
    if found is None:
        raise Refusal(f"No production order {told.production_order_id} is open.")
    return found


def _kept(told: Posed, found: Proposal, cause: ProposalCause, sentence: str) -> Proposed:
    kept = lines(told, found.schedule)
    summed = figures(found.problem, found.schedule)
    numbers = {order.id: order.number for order in told.orders}
    orders_of = {run.id: run.order_id for run in told.runs}
    columns = {
        "schedule_id": told.shop.accepted_schedule_id,
        "cause": cause,
        "cause_text": sentence,
        "horizon_to": max((line.end_at for line in kept), default=told.shop.at).isoformat(),
        "moves": [_move(each, numbers[orders_of[each.operation_id]]) for each in found.moves],
        "orders": [_effect(each, numbers[each.order_id]) for each in found.orders],
        "figures": {
            "engine": "proposal",
            "cost_before": found.cost_before,
            "cost_of_doing_nothing": found.cost_of_doing_nothing,
            "cost": found.cost,
            "moves": len(found.moves),
            "operations": len(kept),
            "orders": len(found.problem.orders),
            "late_orders": summed.late_orders,
            "weighted_tardiness_minutes": summed.weighted_tardiness,
            "tardiness_minutes": summed.tardiness_minutes,
            "makespan_minutes": summed.makespan_minutes,
            "setup_minutes": summed.setup_minutes,
            "utilization": summed.utilization,
        },
    }
    return Proposed(columns, encode(kept).decode())


def _move(move: Move, number: str) -> dict[str, Any]:
    return {
        "run_id": move.operation_id,
        "order_number": number,
        "from_work_center_id": move.from_work_center_id,
        "from_start_at": None if move.from_start is None else moment(move.from_start).isoformat(),
        "to_work_center_id": move.to_work_center_id,
        "to_start_at": moment(move.to_start).isoformat(),
    }


def _effect(effect: OrderEffect, number: str) -> dict[str, Any]:
    return {
        "production_order_id": effect.order_id,
        "order_number": number,
        "due_at": None if effect.due is None else moment(effect.due).isoformat(),
        "end_before": None if effect.end_before is None else moment(effect.end_before).isoformat(),
        "end_after": moment(effect.end_after).isoformat(),
        "late_minutes_after": effect.late_minutes_after,
        "reason": effect.reason or f"{number} ends earlier than before.",
    }


def _said(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
