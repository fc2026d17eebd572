"""From a problem to a schedule: dispatch rules first, then improved until the budget is spent, and proven if possible.

Whatever improves is retimed by the decoder and only taken if it is cheaper then, so a schedule is never worse than the
best dispatch rule's.
"""

from typing import NamedTuple

from streams.domain.scheduling.anneal import Arrangement, anneal
from streams.domain.scheduling.bounds import lower_bound
from streams.domain.scheduling.budget import Budget, Chance, Progress, Watch
from streams.domain.scheduling.checker import Violation, check
from streams.domain.scheduling.decoder import of_order
from streams.domain.scheduling.dispatch import Dispatched, best_of
from streams.domain.scheduling.exact import solve
from streams.domain.scheduling.figures import Figures, figures
from streams.domain.scheduling.layout import Layout, lay_out
from streams.domain.scheduling.problem import Problem, Schedule


class Result(NamedTuple):
    """A schedule, what made it, and how good it is.

    `cost` in the unit of the objective; `lower_bound`: no schedule costs less; `gap`: (cost - bound) / cost, 0 where it
    is proven to be the best. `rule` and `rule_cost`: the best dispatch rule, which it began from. `violations`:
    what the checker finds; there are none, unless pins contradict each other.
    """

    schedule: Schedule
    engine: str
    cost: int
    lower_bound: int
    rule: str
    rule_cost: int
    figures: Figures
    violations: tuple[Violation, ...]

    @property
    def gap(self) -> float:
        return (self.cost - self.lower_bound) / self.cost if self.cost > self.lower_bound else 0.0


RULES = ("EDD", "SPT", "CR", "ATCS")
FEW = 40
"""Up to so many orders the solver gets all of the problem."""
WARMING = 0.1
"""The share of the budget that annealing has before the solver."""


def dispatch(problem: Problem, rules: tuple[str, ...] = RULES) -> Result:
    """The best schedule of dispatch rules. ValueError: the problem is wrong; `OutsideHorizon`: it is too short."""
    layout = lay_out(problem)
    return _result(layout, _dispatched(layout, rules), None, "dispatch", lower_bound(layout))


def schedule(problem: Problem, budget: Budget, chance: Chance, watch: Watch = Watch()) -> Result:
    """The best schedule found within a budget. ValueError: the problem is wrong; `OutsideHorizon`: it is too short."""
    layout = lay_out(problem)
    bound = lower_bound(layout)
    first = _dispatched(layout, RULES)
    watch.tell(Progress("dispatch", 0.0, first.cost))
    best = Arrangement(first.order, first.centers, first.cost)
    if len(problem.orders) > FEW:
        best = anneal(layout, best, budget, chance, watch, bound)
        engine = "annealing"
    else:
        best = anneal(layout, best, budget.part(WARMING), chance, watch, bound)
        engine = "annealing"
        if best.cost > bound and layout.movable and not watch.is_cancelled():
            solved = solve(layout, best, budget, chance, watch)
            bound = max(bound, solved.bound)
            if solved.arrangement is not best or bound == best.cost:
                engine = "CP-SAT"
            best = solved.arrangement
    watch.tell(Progress("done", 1.0, best.cost))
    return _result(layout, first, best, engine, bound)


def _dispatched(layout: Layout, rules: tuple[str, ...]) -> Dispatched:
    unknown = [rule for rule in rules if rule not in RULES]
    if unknown or not rules:
        raise ValueError(f"There is no dispatch rule {', '.join(unknown) or 'given'}; there are {', '.join(RULES)}.")
    return best_of(layout, rules)


def _result(layout: Layout, first: Dispatched, found: Arrangement | None, engine: str, bound: int) -> Result:
    best: Dispatched | Arrangement = found if found and found.cost < first.cost else first
    made = of_order(layout, best.order, best.centers)
    return Result(
        schedule=made,
        engine=engine if best is found else "dispatch",
        cost=best.cost,
        lower_bound=bound,
        rule=first.rule,
        rule_cost=first.cost,
        figures=figures(layout.problem, made),
        violations=tuple(check(layout.problem, made)),
    )
