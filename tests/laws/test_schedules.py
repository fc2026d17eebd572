"""What holds of every schedule, whatever the shop: every constraint is kept, and no improvement makes it worse."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.domain.scheduling.budget import Budget
from streams.domain.scheduling.checker import check
from streams.domain.scheduling.disturbances import Closure, Disturbance, LateMaterial, RushOrder
from streams.domain.scheduling.engine import RULES, dispatch, schedule
from streams.domain.scheduling.problem import Link, Operation, Order, Problem, Schedule
from streams.domain.scheduling.proposals import propose
from streams.domain.scheduling.seats import frozen, seated, seats_of
from tests.laws.schedules import BEGIN, FAMILIES, LENGTH, problems

SHORT = Budget(iterations=200, exact_seconds=0.05)


@given(problems(), st.sampled_from(RULES))
def test_what_a_rule_dispatches_keeps_every_constraint(problem: Problem, rule: str) -> None:
    assert check(problem, dispatch(problem, (rule,)).schedule) == []


@settings(max_examples=50)
@given(problems(), st.integers(0, 1000))
def test_a_schedule_keeps_every_constraint_and_is_no_worse_than_the_rules(problem: Problem, seed: int) -> None:
    made = schedule(problem, SHORT, Random(seed))
    assert check(problem, made.schedule) == []
    assert made.lower_bound <= made.cost <= dispatch(problem).cost
    told = made.figures
    assert made.cost == (told.makespan_minutes if problem.objective == "makespan" else told.weighted_tardiness)


@settings(max_examples=30)
@given(problems(), st.integers(0, 1000))
def test_the_same_seed_gives_the_same_schedule(problem: Problem, seed: int) -> None:
    assert schedule(problem, SHORT, Random(seed)) == schedule(problem, SHORT, Random(seed))


@given(problems(), st.integers(BEGIN, BEGIN + LENGTH // 2))
def test_what_starts_before_the_frozen_zone_ends_stays(problem: Problem, until: int) -> None:
    first = dispatch(problem, ("SPT",)).schedule
    held = frozen(problem, first, until)
    made = dispatch(held, ("EDD",)).schedule
    assert check(held, made) == []
    before, after = seats_of(first), seats_of(made)
    assert all(after[each] == seat for each, seat in before.items() if seat.start < until)


@given(problems())
def test_a_schedule_is_told_by_where_its_operations_begin(problem: Problem) -> None:
    made = dispatch(problem, ("EDD",)).schedule
    assert seated(problem, seats_of(made)) == made


@st.composite
def disturbances(draw: st.DrawFn, problem: Problem) -> Disturbance:
    """A closure, a rush order or late material."""
    kind = draw(st.integers(0, 2))
    begin = draw(st.integers(BEGIN, BEGIN + 1000))
    center = draw(st.sampled_from(problem.work_centers)).work_center_id
    if kind == 0:
        return Closure(center, begin, begin + draw(st.integers(1, 600)))
    if kind == 1:
        before = (Link("rush-1", draw(st.sampled_from([100, 50]))),)
        operations = (
            Operation(
                "rush-1", "rush", 10, {center: draw(st.integers(1, 100))}, family=draw(st.sampled_from(FAMILIES))
            ),
            Operation("rush-2", "rush", 20, {problem.work_centers[0].work_center_id: 20}, before),
        )
        return RushOrder(Order("rush", begin, draw(st.integers(0, 9))), operations)
    late = draw(st.sets(st.sampled_from([each.operation_id for each in problem.operations]), min_size=1, max_size=3))
    return LateMaterial({each: begin + draw(st.integers(0, 500)) for each in sorted(late)})


def reached(problem: Problem, first: Schedule, event: Disturbance, now: int) -> set[str]:
    """What a disturbance can delay: what it concerns, what follows that, and what comes later at those work centres."""
    slots = first.by_operation
    if isinstance(event, Closure):
        found = {each.operation_id for each in first.slots if each.work_center_id == event.work_center_id}
        found = {each for each in found if slots[each].end > event.from_minute}
    elif isinstance(event, LateMaterial):
        found = set(event.releases)
    else:
        centers = {center for each in event.operations for center in each.run_minutes}
        found = {each.operation_id for each in first.slots if each.work_center_id in centers and each.end > now}
        found |= {each.operation_id for each in event.operations}
    while True:
        later = {
            each.operation_id
            for each in first.slots
            for other in found & slots.keys()
            if each.work_center_id == slots[other].work_center_id and each.start >= slots[other].start
        }
        later |= {
            each.operation_id for each in problem.operations for link in each.predecessors if link.operation_id in found
        }
        if later <= found:
            return found
        found |= later


@settings(max_examples=100)
@given(st.data(), problems(), st.lists(st.integers(0, 1500), min_size=1, max_size=6, unique=True))
def test_a_proposal_keeps_every_constraint_and_moves_only_what_is_affected(
    data: st.DataObject, problem: Problem, moments: list[int]
) -> None:
    """It costs no more than doing nothing, and says of every order that gets later why.

    Drawing a shop takes far longer than a proposal, so each is asked at several moments.
    """
    event = data.draw(disturbances(problem))
    first = dispatch(problem, ("EDD",)).schedule
    for now in moments:
        made = propose(problem, first, event, BEGIN + now, Random(1), Budget(iterations=100))
        assert made.violations == ()
        assert made.cost <= made.cost_of_doing_nothing
        assert {each.operation_id for each in made.moves} <= reached(made.problem, first, event, BEGIN + now)
        assert all(each.to_start >= BEGIN + now for each in made.moves)
        for order in made.orders:
            is_later = order.late_minutes_after > 0 if order.end_before is None else order.end_after > order.end_before
            assert order.reason.endswith(".") == is_later
