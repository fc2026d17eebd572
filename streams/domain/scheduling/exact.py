"""A schedule as a constraint model for CP-SAT: it improves on a known arrangement, or proves that nothing does.

Times are minutes of the clock. A run is longer on the clock the more closed time it meets: per work centre it has a
Boolean for each of the few lengths that it can have, and a domain of starts for each. Setups stand between pairs of
operations and may lie in closed time here, which the decoder puts right; so may lots that are handed on. What the model
says is therefore a bound on the cost, and its order is retimed by the decoder.
"""

from collections.abc import Iterator
from itertools import combinations
from math import ceil
from threading import Event, Thread
from typing import Any, NamedTuple

from streams.domain.scheduling.anneal import Arrangement
from streams.domain.scheduling.bounds import earliest_ends
from streams.domain.scheduling.budget import Budget, Chance, Progress, Watch
from streams.domain.scheduling.decoder import Times, cost, decode, fitting, nothing_placed
from streams.domain.scheduling.layout import NEVER, Layout

ASK_SECONDS = 0.1
"""How often the watch is asked while the solver works."""


class Solved(NamedTuple):
    """The best arrangement known after the search, and a cost below which none is."""

    arrangement: Arrangement
    bound: int


def solve(layout: Layout, start: Arrangement, budget: Budget, chance: Chance, watch: Watch) -> Solved:
    """The best of an arrangement and what the solver makes of it, retimed."""
    # Its import takes half a second and more, which nothing else of the domain should wait for.
    from ortools.sat.python import cp_model

    times = nothing_placed(layout)
    decode(layout, start.order, start.centers, times)
    model = _Model(cp_model, layout, start, times)
    solver = cp_model.CpSolver()
    _limit(solver.parameters, budget)
    solver.parameters.random_seed = chance.randrange(1 << 30)
    status = _run(solver, model.model, start, watch)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return Solved(start, 0)
    found = _retimed(layout, model.order(solver), model.centers(solver))
    best = found if found and found.cost < start.cost else start
    return Solved(best, min(best.cost, max(0, ceil(solver.best_objective_bound - 1e-6))))


def _limit(parameters: Any, budget: Budget) -> None:
    """One worker, whose deterministic time depends on nothing else; it also was the fastest on job shops.

    Without these settings, and with 2, 4 or 8 workers, FT10 and ABZ5 were not proven in 10 s on 2 cores.
    """
    parameters.num_workers = 1
    parameters.linearization_level = 0
    parameters.use_dynamic_precedence_in_disjunctive = True
    parameters.use_strong_propagation_in_disjunctive = True
    left = budget.left()
    if left is None:
        parameters.max_deterministic_time = budget.exact_seconds
    else:
        parameters.max_time_in_seconds = max(0.01, left)


def _run(solver: Any, model: Any, start: Arrangement, watch: Watch) -> Any:
    """Solve beside a loop that asks whether to stop."""
    done, found = Event(), list[Any]()

    def work() -> None:
        try:
            found.append(solver.solve(model))
        finally:
            done.set()

    thread = Thread(target=work, name="cp-sat")
    thread.start()
    while not done.wait(ASK_SECONDS):
        watch.tell(Progress("CP-SAT", 0.0, start.cost))
        if watch.is_cancelled():
            solver.stop_search()
    thread.join()
    return found[0]


def _retimed(layout: Layout, order: list[int], centers: list[int]) -> Arrangement | None:
    times = fitting(layout, order, centers)
    return times and Arrangement(order, centers, cost(layout, times.end))


class _Run(NamedTuple):
    """An operation at one of its work centres, or where it is pinned: always there (1) then."""

    operation: int
    is_there: Any
    interval: Any


class _Model:
    def __init__(self, cp_model: Any, layout: Layout, start: Arrangement, times: Times) -> None:
        self.model = cp_model.CpModel()
        self._domain = cp_model.Domain
        self._layout, self._known, self._times = layout, start, times
        self._latest = _latest_ends(layout, start.cost)
        self._earliest = earliest_ends(layout)
        self._begin: dict[int, Any] = {}
        self._end: dict[int, Any] = {}
        self._there: dict[tuple[int, int], Any] = {}
        self._rows: list[list[_Run]] = [[] for _ in layout.blocks]
        for operation in layout.movable:
            self._add_operation(operation)
        for block in layout.pinned.values():
            self._add_block(block.operation, block.center, block.start)
        for operation in layout.topological:
            self._add_links(operation)
        for center, row in enumerate(self._rows):
            self.model.add_no_overlap([each.interval for each in row])
            self._add_setups(center, row)
        self._add_objective()

    def order(self, solver: Any) -> list[int]:
        """The movable operations as the solver has them begin, each behind its predecessors."""
        rank = {operation: place for place, operation in enumerate(self._layout.topological)}
        return sorted(self._layout.movable, key=lambda each: (solver.value(self._begin[each]), rank[each]))

    def centers(self, solver: Any) -> list[int]:
        found = self._known.centers.copy()
        for (operation, center), is_there in self._there.items():
            if solver.value(is_there):
                found[operation] = center
        return found

    def _add_operation(self, operation: int) -> None:
        layout, model = self._layout, self.model
        known = layout.starts[self._known.centers[operation]][self._times.begin[operation]]
        begin = model.new_int_var(layout.release[operation], self._latest[operation], f"begin {operation}")
        end = model.new_int_var(self._earliest[operation], self._latest[operation], f"end {operation}")
        model.add_hint(begin, known)
        model.add_hint(end, self._times.end[operation])
        self._begin[operation], self._end[operation] = begin, end
        choices = []
        for center in layout.choices[operation]:
            is_there = model.new_bool_var(f"{operation} at {center}")
            model.add_hint(is_there, center == self._known.centers[operation])
            self._there[operation, center] = is_there
            choices.append(is_there)
            elapsed = self._elapsed(operation, center, begin, is_there, known)
            interval = model.new_optional_interval_var(begin, elapsed, end, is_there, f"{operation} at {center}")
            self._rows[center].append(_Run(operation, is_there, interval))
        model.add_exactly_one(choices)

    def _elapsed(self, operation: int, center: int, begin: Any, is_there: Any, known: int) -> Any:
        """How long a run is on the clock, by where it begins."""
        lengths = lengths_of(self._layout, operation, center, self._latest[operation])
        if not lengths:
            self.model.add(is_there == 0)
            return self._layout.run[operation][center]
        literals = []
        for length, spans in lengths.items():
            literal = (
                self.model.new_bool_var(f"{operation} takes {length} at {center}") if len(lengths) > 1 else is_there
            )
            domain = self._domain.from_intervals([list(span) for span in spans])
            self.model.add_linear_expression_in_domain(begin, domain).only_enforce_if(literal)
            if len(lengths) > 1:
                is_known = center == self._known.centers[operation] and any(a <= known <= b for a, b in spans)
                self.model.add_hint(literal, is_known)
            literals.append((literal, length))
        if len(literals) == 1:
            return literals[0][1]
        self.model.add(sum(literal for literal, _ in literals) == is_there)
        elapsed = self.model.new_int_var_from_domain(
            self._domain.from_values(list(lengths)), f"{operation} at {center}"
        )
        if center == self._known.centers[operation]:
            self.model.add_hint(elapsed, self._times.end[operation] - known)
        else:
            self.model.add_hint(elapsed, min(lengths))
        for literal, length in literals:
            self.model.add(elapsed == length).only_enforce_if(literal)
        return elapsed

    def _add_block(self, operation: int, center: int, start: int) -> None:
        self._begin[operation], self._end[operation] = start, self._times.end[operation]
        length = self._times.end[operation] - start
        interval = self.model.new_fixed_size_interval_var(start, length, f"{operation} pinned")
        self._rows[center].append(_Run(operation, 1, interval))

    def _add_links(self, operation: int) -> None:
        layout, pinned = self._layout, self._layout.pinned
        for place, each in enumerate(layout.before[operation]):
            if operation in pinned and each in pinned:
                continue
            percent = layout.overlaps[operation][place][1] if layout.overlaps[operation] else 100
            if percent == 100:
                self.model.add(self._begin[operation] >= self._end[each])
                continue
            lot, own = (min(filter(None, layout.run[which])) * percent // 100 for which in (each, operation))
            self.model.add(self._begin[operation] >= self._begin[each] + lot)
            self.model.add(self._end[operation] >= self._end[each] + own)

    def _add_setups(self, center: int, row: list[_Run]) -> None:
        layout = self._layout
        for each in row:
            setup = layout.setup(center, layout.last[center], each.operation)
            if each.operation not in layout.pinned:
                free = layout.free[center] + min([setup, *self._least(center, each.operation)])
                if free >= len(layout.starts[center]):
                    self.model.add(each.is_there == 0)
                else:
                    self.model.add(self._begin[each.operation] >= layout.starts[center][free]).only_enforce_if(
                        each.is_there
                    )
        for one, other in combinations(row, 2):
            if one.operation not in layout.pinned or other.operation not in layout.pinned:
                self._add_pair(center, one, other)

    def _least(self, center: int, operation: int) -> Iterator[int]:
        """Setups for an operation behind each of the others."""
        return (
            self._layout.setup(center, self._layout.family[each.operation], operation)
            for each in self._rows[center]
            if each.operation != operation
        )

    def _add_pair(self, center: int, one: _Run, other: _Run) -> None:
        layout = self._layout
        first, second = one.operation, other.operation
        forth = layout.setup(center, layout.family[first], second)
        back = layout.setup(center, layout.family[second], first)
        if not forth and not back:
            return
        is_first = self.model.new_bool_var(f"{first} before {second} at {center}")
        self.model.add_hint(is_first, self._times.end[first] <= self._times.end[second])
        there = [each.is_there for each in (one, other) if each.operation not in layout.pinned]
        self.model.add(self._begin[second] >= self._end[first] + forth).only_enforce_if([is_first, *there])
        self.model.add(self._begin[first] >= self._end[second] + back).only_enforce_if([~is_first, *there])

    def _add_objective(self) -> None:
        layout, model = self._layout, self.model
        if layout.problem.objective == "makespan":
            until = model.new_int_var(0, self._known.cost, "until")
            model.add_max_equality(until, list(self._end.values()))
            model.add_hint(until, self._known.cost)
            model.minimize(until)
            return
        terms = []
        for last, due, weight in layout.ends:
            if due >= NEVER or not weight:
                continue
            late = model.new_int_var(0, self._known.cost // weight, "late")
            for each in last:
                model.add(late >= self._end[each] - due)
            model.add_hint(late, max(0, max(self._times.end[each] for each in last) - due))
            terms.append(weight * late)
        model.minimize(sum(terms))


def _latest_ends(layout: Layout, known: int) -> list[int]:
    """When each operation must have ended in any schedule that costs no more than a known one."""
    horizon = min((len(each) - 1 for each in layout.position), default=0)
    latest = [horizon] * layout.size
    if layout.problem.objective == "makespan":
        latest = [min(horizon, known)] * layout.size
    else:
        for last, due, weight in layout.ends:
            for each in last:
                if weight and due < NEVER:
                    latest[each] = min(horizon, max(0, due) + known // weight)
    for operation in reversed(layout.topological):
        for each in layout.after[operation]:
            overlap = layout.overlaps[each]
            own = 1 if overlap else min(filter(None, layout.run[each]))
            latest[operation] = min(latest[operation], latest[each] - own)
    return latest


def lengths_of(layout: Layout, operation: int, center: int, latest: int) -> dict[int, list[tuple[int, int]]]:
    """The lengths on the clock that a run can have, and per length the stretches of minutes at which it begins then."""
    starts, finishes, run = layout.starts[center], layout.finishes[center], layout.run[operation][center]
    first = layout.position[center][layout.release[operation]]
    last = layout.position[center][latest] - run
    found: dict[int, list[tuple[int, int]]] = {}
    begin = first
    while begin <= last:
        length = finishes[begin + run] - starts[begin]
        until = begin
        step = 1
        while step:
            ahead = min(last, until + step)
            is_even = (
                ahead > until
                and starts[ahead] - starts[begin] == ahead - begin
                and finishes[ahead + run] - finishes[begin + run] == ahead - begin
            )
            if is_even:
                until, step = ahead, 2 * step
            else:
                step //= 2
        found.setdefault(length, []).append((starts[begin], starts[until]))
        begin = until + 1
    return found
