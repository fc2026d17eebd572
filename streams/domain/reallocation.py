"""Ranks where orders could be made while a machine is down, and by whom (the idle-time optimizer of 002 section 4.2.1).

A machine can make a product if its layout says so, if it has made it before, or, where its layout names no products, if
it stands in the line the order prefers. Of those that can and are not down themselves, one that is idle, has little
waiting and knows the product comes first. Orders are placed one after the other, the most urgent first, so that two do
not go to the same idle machine if another would do.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from schemas.messages.machines import MachineState
from schemas.messages.work_orders import Priority

MOST_ORDERS: Final = 5
MOST_OPERATORS: Final = 3
# Points out of 100: what a machine does now, how sure it is that it can make the product, and who is there for it.
STATUS_POINTS: Final[dict[MachineState, float]] = {"idle": 45, "running": 25, "stopped": 10}
NAMED_POINTS, MADE_POINTS, LINE_POINTS, OPERATOR_POINTS = 30.0, 25.0, 10.0, 15.0
POINTS_LOST_PER_ORDER, MOST_POINTS_LOST = 5.0, 20.0
URGENCY: Final[dict[Priority, int]] = {"urgent": 0, "high": 1, "normal": 2, "low": 3}


class Candidate(NamedTuple):
    """A machine: what it does, what it can make (`products` of the layout, `made` by experience), what waits for it."""

    machine_id: str
    machine_name: str
    line: str
    status: MachineState
    products: frozenset[str] = frozenset()
    made: frozenset[str] = frozenset()
    required_skills: frozenset[str] = frozenset()
    waiting: int = 0


class Stranded(NamedTuple):
    """An order that the machine that is down cannot work on. `is_affected`: it was being made there."""

    work_order_id: str
    product_id: str
    product_name: str | None
    line_preference: str | None
    units_left: float
    priority: Priority
    due_date: datetime
    is_affected: bool = False


class FreeOperator(NamedTuple):
    """Somebody who is there and works on no running order. `is_freed`: they stand at the machine that is down."""

    operator_id: str
    name: str
    skills: frozenset[str] = frozenset()
    is_freed: bool = False


class Choice(NamedTuple):
    """A machine that could make an order."""

    machine_id: str
    score: float
    sentence: str
    operators: tuple[FreeOperator, ...]


class Suggestion(NamedTuple):
    """Where an order could be made, best first, and the best in a sentence."""

    order: Stranded
    choices: tuple[Choice, ...]
    sentence: str

    @property
    def best(self) -> Choice:
        """What is suggested."""
        return self.choices[0]


def suggest(
    orders: Sequence[Stranded], machines: Sequence[Candidate], operators: Sequence[FreeOperator]
) -> list[Suggestion]:
    """For each order that another machine could make: where. `machines` are all but the one that is down."""
    found: list[Suggestion] = []
    waiting = {each.machine_id: each.waiting for each in machines}
    free = list(operators)
    for order in sorted(orders, key=_urgency)[:MOST_ORDERS]:
        able = [each._replace(waiting=waiting[each.machine_id]) for each in machines if _can(each, order)]
        choices = sorted((_choice(each, order, free) for each in able), key=lambda each: (-each.score, each.machine_id))
        if not choices:
            continue
        best = choices[0]
        waiting[best.machine_id] += 1
        free = [each for each in free if each not in best.operators[:1]]
        found.append(Suggestion(order, tuple(choices), f"{_named(order)} could go to {best.sentence}"))
    return found


def _urgency(order: Stranded) -> tuple[bool, int, datetime, str]:
    return not order.is_affected, URGENCY[order.priority], order.due_date, order.work_order_id


def _can(machine: Candidate, order: Stranded) -> bool:
    if machine.status not in STATUS_POINTS:
        return False
    is_near = not machine.products and machine.line == order.line_preference
    return order.product_id in machine.products | machine.made or is_near


def _choice(machine: Candidate, order: Stranded, free: Sequence[FreeOperator]) -> Choice:
    fit = [each for each in free if machine.required_skills <= each.skills]
    fit.sort(key=lambda each: (not each.is_freed, len(each.skills), each.operator_id))
    score = STATUS_POINTS[machine.status] + _knowledge(machine, order)[0]
    score += LINE_POINTS if machine.line == order.line_preference else 0
    score += OPERATOR_POINTS if fit else 0
    score -= min(MOST_POINTS_LOST, POINTS_LOST_PER_ORDER * machine.waiting)
    return Choice(machine.machine_id, max(0.0, score), _sentence(machine, order, fit), tuple(fit[:MOST_OPERATORS]))


def _knowledge(machine: Candidate, order: Stranded) -> tuple[float, str]:
    if order.product_id in machine.products:
        return NAMED_POINTS, f"is laid out for {order.product_id}"
    if order.product_id in machine.made:
        return MADE_POINTS, f"has made {order.product_id} before"
    return 0.0, f"stands in {machine.line}, which the order prefers"


def _sentence(machine: Candidate, order: Stranded, fit: Sequence[FreeOperator]) -> str:
    queue = {0: "nothing waiting", 1: "1 order waiting"}.get(machine.waiting, f"{machine.waiting} orders waiting")
    does = f"it is {machine.status} with {queue} and {_knowledge(machine, order)[1]}"
    return f"{machine.machine_name} ({machine.machine_id}): {does}; {_who(machine, fit)}."


def _who(machine: Candidate, fit: Sequence[FreeOperator]) -> str:
    skills = f" with {', '.join(sorted(machine.required_skills))}" if machine.required_skills else ""
    if not fit:
        return f"no operator{skills} is free at the moment"
    first = fit[0]
    others = f" and {len(fit) - 1} more" if len(fit) > 1 else ""
    return f"{first.name} ({first.operator_id}){others}{skills} {'are' if others else 'is'} free"


def _named(order: Stranded) -> str:
    product = order.product_name or order.product_id
    return f"{order.work_order_id} ({order.units_left:g} of {product} to make, due {order.due_date:%d %b %H:%M} UTC)"
