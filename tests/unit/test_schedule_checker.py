"""The checker finds each kind of violation in a schedule that is broken on purpose, and nothing in one that is not."""

from streams.domain.calendars import of_spans
from streams.domain.scheduling.changeovers import Changeover, ChangeoverMatrix, ExactChangeover
from streams.domain.scheduling.checker import Violation, check
from streams.domain.scheduling.engine import dispatch
from streams.domain.scheduling.problem import Link, Operation, Order, Pin, Problem, Schedule, Slot, WorkCenter

OPEN = of_spans([(0, 500), (600, 2000)], 0, 3000)
CENTERS = (WorkCenter("press", OPEN, "A", 10, "Press 1"), WorkCenter("saw", OPEN, name="Saw"))
FOLDING = Operation("fold", "PO-7", 30, {"saw": 100}, (Link("print", 100),), pin=Pin("saw", 700))
PROBLEM = Problem(
    CENTERS,
    (
        Operation("cut", "PO-7", 10, {"saw": 50}, release=20),
        Operation("print", "PO-7", 20, {"press": 200, "saw": 300}, (Link("cut", 40),), family="B"),
        Operation("proof", "PO-7", 25, {"press": 30}, family="A"),
        FOLDING,
    ),
    (Order("PO-7", 900),),
    ChangeoverMatrix(exact=(ExactChangeover("A", "B", Changeover(20)), ExactChangeover("B", "A", Changeover(40)))),
)
GOOD = {
    "cut": Slot("cut", "saw", 20, 20, 70, 0),
    "print": Slot("print", "press", 60, 80, 280, 20),
    "proof": Slot("proof", "press", 280, 320, 350, 40),
    "fold": Slot("fold", "saw", 700, 700, 800, 0),
}


def found(**changed: Slot) -> list[tuple[str, str]]:
    return [(each.kind, each.operation_id) for each in check(PROBLEM, Schedule(tuple((GOOD | changed).values())))]


def test_a_schedule_that_keeps_everything_has_no_violations() -> None:
    assert found() == []
    assert check(PROBLEM, dispatch(PROBLEM).schedule) == []


def test_an_operation_that_is_not_scheduled_is_missing() -> None:
    slots = tuple(slot for name, slot in GOOD.items() if name != "proof")
    assert check(PROBLEM, Schedule(slots)) == [Violation("missing", "proof", "Operation 25 of PO-7 is not scheduled.")]


def test_what_is_unknown_or_there_twice_is_found() -> None:
    assert found(other=GOOD["cut"]._replace(operation_id="other")) == [("unknown", "other")]
    assert ("unknown", "cut") in found(other=GOOD["cut"])


def test_a_work_centre_that_cannot_do_it_is_found() -> None:
    assert ("ineligible", "fold") in found(fold=GOOD["fold"]._replace(work_center_id="press"))


def test_what_is_pinned_must_stay() -> None:
    assert found(fold=Slot("fold", "saw", 710, 710, 810, 0)) == [("pinned", "fold")]


def test_outside_the_horizon_nothing_is_done() -> None:
    assert found(proof=Slot("proof", "press", 2980, 2990, 3020, 40)) == [("horizon", "proof"), ("setup", "proof")]
    assert ("horizon", "proof") in found(proof=Slot("proof", "press", 320, 320, 320, 0))


def test_nothing_starts_or_ends_while_it_is_closed() -> None:
    assert ("closed", "proof") in found(proof=Slot("proof", "press", 500, 550, 630, 40))
    assert ("closed", "proof") in found(proof=Slot("proof", "press", 430, 470, 550, 40))


def test_a_run_has_its_minutes_of_open_time_no_more_and_no_less() -> None:
    assert found(proof=Slot("proof", "press", 440, 480, 610, 40)) == []
    assert found(proof=Slot("proof", "press", 440, 480, 609, 40)) == [("duration", "proof")]
    assert found(proof=Slot("proof", "press", 280, 320, 351, 40)) == [("duration", "proof")]


def test_nothing_starts_before_its_material_is_there() -> None:
    assert found(cut=Slot("cut", "saw", 19, 19, 69, 0)) == [("release", "cut")]


def test_predecessors_end_or_hand_on_a_lot_before() -> None:
    """Two fifths of the cut are 20 minutes, done at 40; printing itself must last 80 minutes beyond the cut."""
    early = Slot("print", "press", 19, 39, 239, 20)
    assert found(print=early) == [("predecessor", "print")]
    assert found(print=early._replace(setup_start=20, start=40, end=240)) == []
    late = Slot("fold", "saw", 270, 270, 370, 0)
    assert found(fold=late) == [("pinned", "fold"), ("predecessor", "fold")]


def test_a_successor_does_not_end_before_it_can_have_the_last_lot() -> None:
    """The cut ends at 70; what prints faster than it cuts still has 80 minutes to go then."""
    slow = Operation("cut", "PO-7", 10, {"saw": 300}, release=20)
    problem = PROBLEM._replace(operations=(slow, *PROBLEM.operations[1:]))
    slots = GOOD | {"cut": Slot("cut", "saw", 20, 20, 320, 0), "print": Slot("print", "press", 120, 140, 340, 20)}
    slots["proof"] = Slot("proof", "press", 400, 440, 470, 40)
    told = check(problem, Schedule(tuple(slots.values())))
    assert [each.message for each in told] == [
        "Operation 20 of PO-7 ends at 1970-01-01 05:40; operation 10 of PO-7 hands on its last lot at 1970-01-01 05:20."
    ]
    slots["print"] = Slot("print", "press", 180, 200, 400, 20)
    assert check(problem, Schedule(tuple(slots.values()))) == []


def test_a_work_centre_does_one_operation_at_a_time() -> None:
    assert found(proof=Slot("proof", "press", 230, 270, 300, 40)) == [("occupied", "proof")]
    assert found(proof=Slot("proof", "press", 5, 5, 35, 0)) == [("occupied", "proof")]


def test_setups_lie_in_open_time_behind_what_is_before_them() -> None:
    assert found(print=Slot("print", "press", 61, 80, 280, 20)) == [("setup", "print")]
    assert found(proof=Slot("proof", "press", 270, 310, 340, 40)) == [("setup", "proof")]
    assert found(proof=Slot("proof", "press", 500, 600, 630, 40)) == [("setup", "proof")]


def test_the_order_at_a_work_centre_decides_which_setups_are_needed() -> None:
    """Without the print between them the press stays in family A."""
    proof = Slot("proof", "press", 10, 10, 40, 0)
    assert found(proof=proof) == []
    assert found(proof=proof, print=Slot("print", "press", 50, 60, 260, 10)) == [("setup", "print")]
