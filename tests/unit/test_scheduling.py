"""Schedules by example: nights, breaks, maintenance, setups, graphs, overlap and pins, each minute counted by hand."""

from random import Random

import pytest

from streams.domain.calendars import OpenTime, OutsideHorizon, of_spans
from streams.domain.scheduling.budget import Budget, Progress, Watch
from streams.domain.scheduling.changeovers import AttributeRule, Changeover, ChangeoverMatrix, ExactChangeover
from streams.domain.scheduling.checker import check
from streams.domain.scheduling.critical import Critical, critical_chain
from streams.domain.scheduling.engine import dispatch, schedule
from streams.domain.scheduling.figures import compare, figures
from streams.domain.scheduling.problem import Link, Operation, Order, Pin, Problem, WorkCenter
from streams.domain.scheduling.seats import Seat, frozen, moved, seated
from tests.shops import shop

DAY = 1440
MATRIX = ChangeoverMatrix(exact=(ExactChangeover("A", "B", Changeover(30)), ExactChangeover("B", "A", Changeover(10))))


def days(begins: int, ends: int, *, closed: tuple[int, int] = (0, 0)) -> OpenTime:
    """Ten days, open from an hour to another, with a closed stretch of minutes."""
    spans = [(day * DAY + 60 * begins, day * DAY + 60 * ends) for day in range(10)]
    cut = [(begin, min(end, closed[0])) for begin, end in spans] + [
        (max(begin, closed[1]), end) for begin, end in spans
    ]
    return of_spans(cut if closed != (0, 0) else spans, 0, 10 * DAY)


def operation(name: str, minutes: int, *before: str, at: str = "press", **more: object) -> Operation:
    links = tuple(Link(each) for each in before)
    return Operation(name, "PO-1", 10, {at: minutes}, **{"predecessors": links, **more})  # type: ignore[arg-type]


def problem(*operations: Operation, opened: OpenTime | None = None, **more: object) -> Problem:
    """A press and a saw that are open from 6 to 14, unless something else is said."""
    open_time = opened or days(6, 14)
    centers = (WorkCenter("press", open_time, name="Press 1"), WorkCenter("saw", open_time, name="Saw"))
    return Problem(**{"work_centers": centers, "operations": operations, "orders": (Order("PO-1", 0),), **more})  # type: ignore[arg-type]


def times(of: Problem) -> dict[str, tuple[int, int]]:
    made = dispatch(of, ("EDD",)).schedule
    assert check(of, made) == []
    return {each.operation_id: (each.start, each.end) for each in made.slots}


# -- open time


def test_a_run_is_interrupted_by_the_night() -> None:
    """Eight hours on Monday, two on Tuesday."""
    assert times(problem(operation("a", 600))) == {"a": (360, DAY + 480)}


def test_a_run_is_interrupted_by_maintenance() -> None:
    assert times(problem(operation("a", 120), opened=days(6, 14, closed=(400, 460)))) == {"a": (360, 540)}


def test_what_ends_as_the_shift_ends_does_not_last_into_the_next() -> None:
    assert times(problem(operation("a", 480), operation("b", 60))) == {"a": (360, 840), "b": (DAY + 360, DAY + 420)}


def test_a_setup_is_done_in_open_time_before_the_shift_ends_and_goes_on_the_next_day() -> None:
    """The press is free at 13:45 and set up for 15 minutes then, and for 15 the next morning."""
    one, two = operation("a", 465, family="A"), operation("b", 60, "a", family="B")
    assert times(problem(one, two, changeovers=MATRIX)) == {"a": (360, 825), "b": (DAY + 375, DAY + 435)}


def test_a_work_centre_is_set_up_while_it_waits_for_its_predecessor() -> None:
    """The press stands in family A; b follows a from the saw, so the 30 minutes are over when it comes."""
    centers = (WorkCenter("press", days(6, 14), "A"), WorkCenter("saw", days(6, 14)))
    told = problem(
        operation("a", 60, at="saw"), operation("b", 60, "a", family="B"), changeovers=MATRIX, work_centers=centers
    )
    made = dispatch(told).schedule.by_operation["b"]
    assert (made.setup_start, made.start, made.setup_minutes) == (390, 420, 30)


def test_changeovers_differ_by_direction() -> None:
    one, two = operation("a", 60, family="B"), operation("b", 60, "a", family="A")
    assert times(problem(one, two, changeovers=MATRIX))["b"] == (430, 490)


def test_own_setup_minutes_hold_where_the_matrix_says_nothing() -> None:
    assert times(problem(operation("a", 60, setup_minutes=20)))["a"] == (380, 440)


def test_a_setup_takes_what_it_takes_at_its_work_centre() -> None:
    told = operation("a", 60, setup_minutes=20)._replace(setup_at={"press": 5})
    assert times(problem(told))["a"] == (365, 425)
    assert times(problem(told._replace(setup_at={"saw": 5})))["a"] == (380, 440)


def test_a_work_centre_begins_when_it_is_free() -> None:
    centers = (WorkCenter("press", days(6, 14), busy_until=500), WorkCenter("saw", days(6, 14)))
    assert times(problem(operation("a", 60), work_centers=centers)) == {"a": (500, 560)}


def test_material_is_waited_for() -> None:
    assert times(problem(operation("a", 60, release=700))) == {"a": (700, 760)}


# -- graphs


def test_branches_run_side_by_side_and_are_joined() -> None:
    told = problem(
        operation("a", 60),
        operation("b", 100, at="saw"),
        operation("c", 10, "a", "b", at="saw"),
        operation("d", 10, "c"),
    )
    assert times(told) == {"a": (360, 420), "b": (360, 460), "c": (460, 470), "d": (470, 480)}


def test_a_fast_successor_begins_with_the_first_lot_and_does_not_starve() -> None:
    """100 minutes in lots of a fifth: handed on after 20. At 30 minutes a run, b must not end before 460 + 6."""
    two = operation("b", 30, at="saw")._replace(predecessors=(Link("a", 20),))
    assert times(problem(operation("a", 100), two)) == {"a": (360, 460), "b": (436, 466)}


def test_a_slow_successor_begins_with_the_first_lot() -> None:
    two = operation("b", 200, at="saw")._replace(predecessors=(Link("a", 20),))
    assert times(problem(operation("a", 100), two)) == {"a": (360, 460), "b": (380, 580)}


# -- alternatives, pins, the frozen zone


def test_the_other_work_centre_is_taken_when_it_is_faster_in_the_end() -> None:
    both = {"press": 60, "saw": 90}
    told = problem(operation("a", 60)._replace(run_minutes=both), operation("b", 60)._replace(run_minutes=both))
    made = dispatch(told, ("SPT",)).schedule
    assert sorted((each.work_center_id, each.end) for each in made.slots) == [("press", 420), ("saw", 450)]


def test_what_is_pinned_stays_and_others_go_around_it_with_time_for_both_setups() -> None:
    """Before 420 no run of 60 fits with 10 minutes from B to A after it: it goes behind, 30 minutes from A to B."""
    pinned = operation("a", 60, family="A", pin=Pin("press", 420))
    assert times(problem(pinned, operation("b", 60, family="B"), changeovers=MATRIX))["b"] == (510, 570)
    assert times(problem(pinned, operation("b", 50, family="B"), changeovers=MATRIX))["b"] == (360, 410)


def test_the_frozen_zone_keeps_what_starts_in_it() -> None:
    told = problem(operation("a", 60), operation("b", 30), operation("c", 90))
    first = seated(told, {"c": Seat("press", 360), "b": Seat("press", 450), "a": Seat("press", 480)})
    made = dispatch(frozen(told, first, 450), ("SPT",)).schedule.by_operation
    assert (made["c"].start, made["b"].start, made["a"].start) == (360, 450, 480)
    assert dispatch(told, ("SPT",)).schedule.by_operation["b"].start == 360


def test_what_is_dragged_is_checked_where_it_is_dropped() -> None:
    told = problem(operation("a", 60), operation("b", 60, "a"))
    made = dispatch(told, ("EDD",)).schedule
    assert check(told, moved(told, made, "b", "press", 600)) == []
    found = check(told, moved(told, made, "b", "press", 400))
    assert [each.kind for each in found] == ["predecessor", "occupied"]
    assert found[0].message == (
        "Operation 10 of PO-1 starts at 1970-01-01 06:40; operation 10 of PO-1 ends at 1970-01-01 07:00."
    )


# -- results


def test_figures_of_a_schedule_are_those_of_its_minutes() -> None:
    told = problem(operation("a", 60, family="A"), operation("b", 60, "a", family="B"), changeovers=MATRIX)
    told = told._replace(orders=(Order("PO-1", 500, 3),))
    made = figures(told, dispatch(told).schedule)
    assert made[:5] == (3 * 10, 1, 10, 510, 30)
    assert made.utilization == {"press": 1.0}


def test_scenarios_stand_side_by_side_the_cheapest_first() -> None:
    told = problem(operation("a", 60), orders=(Order("PO-1", 400),))
    longer = told._replace(operations=(operation("a", 90),))
    found = compare({"longer": (longer, dispatch(longer).schedule), "as it is": (told, dispatch(told).schedule)})
    assert [(name, each.weighted_tardiness) for name, each in found.items()] == [("as it is", 20), ("longer", 50)]


def test_the_critical_chain_goes_back_through_work_centres_and_predecessors() -> None:
    told = problem(
        operation("a", 60, at="saw"),
        operation("b", 60, at="saw", release=380),
        operation("c", 30, "b"),
        operation("d", 5),
    )
    made = dispatch(told, ("EDD",)).schedule
    assert critical_chain(told, made) == (
        Critical("a", "start"),
        Critical("b", "work_center"),
        Critical("c", "predecessor"),
    )


def test_the_solver_proves_what_it_finds() -> None:
    """Two orders on one work centre: the heavy one first, whatever is due first."""
    told = problem(operation("a", 100), operation("b", 100)._replace(order_id="PO-2"))
    told = told._replace(orders=(Order("PO-1", 410, 1), Order("PO-2", 420, 9)))
    made = schedule(told, Budget(iterations=0, exact_seconds=5), Random(1))
    assert (made.cost, made.lower_bound, made.gap, made.engine) == (9 * 40 + 150, 9 * 40 + 150, 0.0, "dispatch")


def test_annealing_saves_a_quarter_of_what_dispatch_rules_leave() -> None:
    made = schedule(shop(2, 60), Budget(iterations=3_000), Random(1))
    assert made.engine == "annealing"
    assert made.cost < 0.75 * made.rule_cost
    assert made.violations == ()


def test_progress_is_told_and_a_cancelled_search_returns_the_best_it_has() -> None:
    told: list[Progress] = []
    cancelled = schedule(shop(2, 60), Budget(iterations=100_000), Random(1), Watch(told.append, lambda: len(told) > 5))
    assert [each.phase for each in told] == ["dispatch", *["annealing"] * (len(told) - 2), "done"]
    assert len(told) < 10
    assert cancelled.cost <= cancelled.rule_cost


# -- wrong problems


def test_wrong_problems_are_refused_in_sentences() -> None:
    wrong = problem(
        operation("a", 0),
        operation("b", 10, "b", "x", at="lathe"),
        operation("c", 5, pin=Pin("saw", 400)),
        operation("c", 5, release=5, setup_minutes=-1)._replace(order_id="PO-9"),
    )
    with pytest.raises(ValueError, match="unknown") as error:
        dispatch(wrong)
    for sentence in (
        "Operation c is there 2 times.",
        "Operation a takes 0 minutes at press; it must take 1 at least.",
        "Operation b can be done at lathe, an unknown work centre.",
        "Operation b follows x, an unknown operation.",
        "Operation c is pinned to saw, which cannot do it.",
        "Operation c belongs to PO-9, an unknown order.",
        "Operation c has -1 setup minutes.",
        "Operations wait for each other: b > b.",
    ):
        assert sentence in str(error.value)


def test_what_does_not_fit_into_the_horizon_is_said() -> None:
    with pytest.raises(OutsideHorizon, match="fit into the horizon, which ends 1970-01-11 00:00 UTC"):
        dispatch(problem(operation("a", 5000)))


def test_unknown_rules_are_refused() -> None:
    with pytest.raises(ValueError, match="no dispatch rule LIFO; there are EDD, SPT, CR, ATCS"):
        dispatch(problem(), ("LIFO",))


# -- changeovers


def test_an_exact_pair_goes_before_rules_and_rules_before_the_default() -> None:
    matrix = ChangeoverMatrix(
        exact=(ExactChangeover("A", "B", Changeover(5)), ExactChangeover("A", "B", Changeover(7), "saw")),
        rules=(
            AttributeRule("colour", Changeover(20)),
            AttributeRule("colour", Changeover(60, 10), from_value="dark"),
            AttributeRule("width", Changeover(15, 5)),
        ),
        attributes={
            "A": {"colour": "dark", "width": "1"},
            "B": {"colour": "light", "width": "1"},
            "C": {"colour": "light", "width": "2"},
        },
    )
    assert matrix.between("press", "A", "B") == Changeover(5)
    assert matrix.between("saw", "A", "B") == Changeover(7)
    assert matrix.between("press", "A", "C") == Changeover(75, 15)
    assert matrix.between("press", "B", "C") == Changeover(15, 5)
    assert matrix.between("press", "C", "C") == Changeover(0)
    assert matrix.between("press", "B", "D") == Changeover(35, 5)
    assert matrix.between("press", None, "B") is None
    assert ChangeoverMatrix().between("press", "A", "B") is None
