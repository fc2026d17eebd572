"""What could be saved of changeovers, counted by hand."""

from streams.domain.calendars import of_spans
from streams.domain.scheduling.changeovers import Changeover, ChangeoverMatrix, ExactChangeover
from streams.domain.scheduling.problem import Operation, Order, Problem, WorkCenter
from streams.domain.scheduling.savings import CenterSavings, PairSavings, savings
from streams.domain.scheduling.seats import Seat, seated

OPEN = of_spans([(0, 5000)], 0, 5000)
SAID = [
    ("A", "B", 30, 10),
    ("B", "A", 60, 20),
    ("A", "C", 50, 0),
    ("C", "A", 10, 5),
    ("B", "C", 20, 0),
    ("C", "B", 90, 45),
]
MATRIX = ChangeoverMatrix(
    exact=tuple(
        ExactChangeover(before, after, Changeover(minutes, external)) for before, after, minutes, external in SAID
    )
)


def problem(families: str) -> Problem:
    operations = tuple(
        Operation(f"{place}", "PO-1", place, {"press": 10}, family=each) for place, each in enumerate(families)
    )
    return Problem((WorkCenter("press", OPEN, "A"),), operations, (Order("PO-1"),), MATRIX)


def test_changeovers_are_counted_and_split_into_internal_and_external_minutes() -> None:
    """A - B - A - B - C: 30, 60, 30, 20. At best A, B, C: 50."""
    told = problem("BABC")
    made = savings(told, seated(told, {str(place): Seat("press", 100 + 200 * place) for place in range(4)}))
    assert made.pairs == (
        PairSavings("press", "A", "B", 2, 40, 20),
        PairSavings("press", "B", "A", 1, 40, 20),
        PairSavings("press", "B", "C", 1, 20, 0),
    )
    assert made.centers == (CenterSavings("press", 140, 50, 40),)
    assert (made.centers[0].saved_by_sequencing, made.centers[0].saved_by_converting) == (90, 40)


def test_the_best_order_may_lead_through_the_dearer_first_changeover() -> None:
    """From A: C, B is 140; B, C is 50. From A by C to A and then B is not needed: A comes first."""
    told = problem("CAB")
    made = savings(told, seated(told, {str(place): Seat("press", 100 + 200 * place) for place in range(3)}))
    assert made.centers == (CenterSavings("press", 50 + 10 + 30, 50, 15),)
