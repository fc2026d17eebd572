"""Routings, expanded by hand."""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from time import perf_counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.domain.routing import Operation, Run, expand, good_share, predecessors, validate


def operation(sequence_number: int, yields: str | int = 100, /, **more: Any) -> Operation:
    told = {"operation_id": f"OP-{sequence_number}", "work_center_id": "WC-1", "yield_percentage": Decimal(yields)}
    return Operation(**{"sequence_number": sequence_number, **told, **more})


def quantities(*operations: Operation, target: str | int = 10_000) -> dict[int, int]:
    return {run.sequence_number: run.quantity for run in expand(operations, Decimal(target))}


BROCHURE = (operation(10, 98), operation(20, 99), operation(30, "99.5"), operation(40))


# -- quantities


def test_ten_thousand_brochures_start_as_the_document_says() -> None:
    """004 section 1.2: printing 98 %, die cutting 99 %, folding 99.5 %, packaging 100 %."""
    assert quantities(*BROCHURE) == {10: 10_359, 20: 10_152, 30: 10_051, 40: 10_000}


def test_what_is_carried_upstream_is_not_rounded() -> None:
    """Of 3 good ones at 50 % 6 are started; rounding 1.5 / 0.5 on the way would give 4 where 3 are enough."""
    assert quantities(operation(10, 50), operation(20, 50), target="0.75") == {10: 3, 20: 2}
    (first, second) = expand([operation(10, 50), operation(20, 50)], Decimal("0.75"))
    assert (first.exact, second.exact) == (Fraction(3), Fraction(3, 2))


def test_a_whole_result_is_not_rounded_up_to_the_next() -> None:
    """7 / 0.7 is 10; in floats 7 / 0.07 * 100 lies above it."""
    assert quantities(operation(10, 70), target=7) == {10: 10}
    assert quantities(operation(10, 55), operation(20, 20), target=11) == {10: 100, 20: 55}


def test_runs_come_in_sequence_whatever_the_order_of_the_operations() -> None:
    assert expand(BROCHURE[::-1], Decimal(10_000)) == expand(BROCHURE, Decimal(10_000))


def test_scrap_alone_is_a_loss() -> None:
    assert quantities(operation(10, scrap_percentage=Decimal(2)), target=98) == {10: 100}


def test_yield_and_scrap_tell_one_loss_from_two_sides() -> None:
    assert good_share(operation(10, 98, scrap_percentage=Decimal(2))) == Fraction(98, 100)
    assert good_share(operation(10, 98, scrap_percentage=Decimal(1))) == Fraction(98, 100)
    assert good_share(operation(10, 98, scrap_percentage=Decimal(5))) == Fraction(95, 100)


def test_where_branches_join_each_delivers_every_unit_and_what_splits_serves_the_hungriest() -> None:
    """A cover (20, half is lost) and a content (30, a fifth is lost), cut from one sheet (10), are bound (40)."""
    book = (operation(10, 80), operation(20, 50), operation(30, 80, is_concurrent=True), operation(40))
    assert quantities(*book, target=40) == {10: 100, 20: 80, 30: 50, 40: 40}


def test_every_end_of_a_routing_delivers_the_target() -> None:
    ends = (operation(10), operation(20, 50, predecessors=(10,)), operation(30, 25, predecessors=(10,)))
    assert quantities(*ends, target=10) == {10: 40, 20: 20, 30: 40}


def test_minutes_of_setup_and_run_are_rounded_up_once() -> None:
    """10,359 at 0.8333 s are 8,632.1547 s: 143.87 minutes."""
    timed = operation(10, 98, setup_minutes=Decimal("30.25"), run_seconds_per_unit=Decimal("0.8333"))
    (first, *_) = expand([timed, *BROCHURE[1:]], Decimal(10_000))
    assert (first.setup_minutes, first.run_minutes) == (31, 144)
    exactly = operation(10, setup_minutes=Decimal(5), run_seconds_per_unit=Decimal("0.6"))
    (run,) = expand([exactly], Decimal(300))
    assert (run.setup_minutes, run.run_minutes) == (5, 3)


def test_a_run_has_what_its_operation_says() -> None:
    said = operation(10, work_center_id="PRESS-2", instructions="Wear gloves.", is_concurrent=True)
    assert expand([said], Decimal(7)) == (Run(10, "OP-10", "PRESS-2", 7, Fraction(7), 0, 0, (), True, "Wear gloves."),)


# -- what follows what


def test_without_a_word_operations_follow_each_other() -> None:
    assert predecessors(BROCHURE) == {10: (), 20: (10,), 30: (20,), 40: (30,)}


def test_concurrent_operations_follow_the_same_and_are_followed_together() -> None:
    said = (operation(10), operation(20), operation(30, is_concurrent=True), operation(40), operation(50))
    assert predecessors(said) == {10: (), 20: (10,), 30: (10,), 40: (20, 30), 50: (40,)}


def test_what_is_said_wins_over_the_sequence() -> None:
    said = (
        operation(10),
        operation(20, predecessors=()),
        operation(30, is_concurrent=True),
        operation(40, predecessors=(30, 10, 10)),
    )
    assert predecessors(said) == {10: (), 20: (), 30: (), 40: (10, 30)}


# -- what is wrong


def test_a_routing_without_fault_has_no_sentences() -> None:
    assert validate(BROCHURE) == []


@pytest.mark.parametrize(
    ("operations", "sentences"),
    [
        ((), ["The routing has no operations."]),
        ((operation(10), operation(10), operation(20)), ["2 operations have sequence number 10."]),
        (
            (operation(10), operation(20, predecessors=(15,))),
            ["Operation 20 follows 15, which the routing does not have."],
        ),
        (
            (operation(10), operation(10, predecessors=(15,)), operation(20, predecessors=(25,))),
            [
                "2 operations have sequence number 10.",
                "Operation 10 follows 15, which the routing does not have.",
                "Operation 20 follows 25, which the routing does not have.",
            ],
        ),
        ((operation(10, predecessors=(10,)),), ["Operations wait for each other: 10 > 10."]),
        ((operation(0),), ["Operation 0 must have a sequence number above 0."]),
        ((operation(10, work_center_id=None),), ["Operation 10 has no work centre."]),
        ((operation(10, 0),), ["Operation 10 must yield more than 0 % and at most 100 %, not 0 %."]),
        ((operation(10, "100.01"),), ["Operation 10 must yield more than 0 % and at most 100 %, not 100.01 %."]),
        ((operation(10, "NaN"),), ["Operation 10 must yield more than 0 % and at most 100 %, not NaN %."]),
        (
            (operation(10, scrap_percentage=Decimal(100)),),
            ["Operation 10 must scrap 0 % at least and less than 100 %, not 100 %."],
        ),
        (
            (operation(10, scrap_percentage=Decimal(-1)),),
            ["Operation 10 must scrap 0 % at least and less than 100 %, not -1 %."],
        ),
        (
            (operation(10, setup_minutes=Decimal(-5), run_seconds_per_unit=Decimal("Infinity")),),
            [
                "Operation 10 must have setup_minutes of 0 or more, not -5.",
                "Operation 10 must have run_seconds_per_unit of 0 or more, not Infinity.",
            ],
        ),
    ],
)
def test_every_fault_is_a_sentence(operations: tuple[Operation, ...], sentences: list[str]) -> None:
    assert validate(operations) == sentences


def test_a_cycle_is_told_in_the_order_of_the_work() -> None:
    """10 follows 30, which follows 20, which follows 10."""
    (sentence,) = validate([operation(10, predecessors=(30,)), operation(20), operation(30)])
    start = "Operations wait for each other: "
    path = [int(each) for each in sentence.removeprefix(start).removesuffix(".").split(" > ")]
    assert (path[0], len(path)) == (path[-1], 4)
    assert path[path.index(10) + 1] == 20


def test_a_wrong_routing_is_not_expanded_and_all_faults_are_said() -> None:
    with pytest.raises(ValueError, match=r"2 operations have sequence number 10\. Operation 10 has no work centre\."):
        expand([operation(10), operation(10, work_center_id="")], Decimal(1))


@pytest.mark.parametrize("target", ["0", "-1", "NaN"])
def test_a_target_that_is_none_is_refused(target: str) -> None:
    with pytest.raises(ValueError, match="target must be"):
        expand(BROCHURE, Decimal(target))


def test_a_hundred_operations_expand_within_a_tenth_of_a_second() -> None:
    """004 section 6; the best of ten, because the machine may have other things to do."""
    long = [operation(10 * place, "98.75", run_seconds_per_unit=Decimal("0.8333")) for place in range(1, 101)]

    def seconds() -> float:
        began = perf_counter()
        assert len(expand(long, Decimal(10_000))) == 100
        return perf_counter() - began

    assert min(seconds() for _ in range(10)) < 0.1


# -- laws

PERCENT = st.decimals("0.01", "100", places=2)
TARGETS = st.decimals("0.000001", "100000", places=6) | st.integers(1, 10**9).map(Decimal)


@st.composite
def routings(draw: st.DrawFn) -> list[Operation]:
    """Any graph without a cycle: what is said names earlier operations, in any order of the sequence numbers."""
    count = draw(st.integers(1, 8))
    is_sequence = draw(st.booleans())
    numbers = [10 * place for place in range(1, count + 1)]
    if not is_sequence:
        numbers = draw(st.permutations(numbers))
    found = []
    for place, number in enumerate(numbers):
        said = st.lists(st.sampled_from(numbers[:place]), max_size=3).map(tuple) if place else st.just(())
        found.append(
            operation(
                number,
                str(draw(PERCENT)),
                scrap_percentage=draw(st.just(Decimal(0)) | st.decimals("0", "99.99", places=2)),
                predecessors=draw(st.none() | said) if is_sequence else draw(said),
                is_concurrent=draw(st.booleans()),
            )
        )
    return found


@dataclass(frozen=True)
class Floor:
    """A simulation of what the runs give: forwards, from what each is given and may start."""

    operations: dict[int, Operation]
    runs: dict[int, Run]

    def delivered(self, number: int, may_start: dict[int, Fraction]) -> Fraction:
        given = [self.delivered(before, may_start) for before in self.runs[number].predecessors]
        each = self.operations[number]
        lost = max(100 - Fraction(each.yield_percentage), Fraction(each.scrap_percentage))
        return min([may_start[number], *given]) * (100 - lost) / 100

    def delivers(self, may_start: dict[int, Fraction]) -> Fraction:
        followed = {before for run in self.runs.values() for before in run.predecessors}
        return min(self.delivered(number, may_start) for number in self.runs if number not in followed)


def floor(operations: list[Operation], target: Decimal) -> tuple[Floor, dict[int, Fraction]]:
    runs = {run.sequence_number: run for run in expand(operations, target)}
    started = {number: Fraction(run.quantity) for number, run in runs.items()}
    return Floor({each.sequence_number: each for each in operations}, runs), started


@given(routings(), TARGETS)
def test_what_is_started_covers_the_target(operations: list[Operation], target: Decimal) -> None:
    simulated, started = floor(operations, target)
    assert simulated.delivers(started) >= target


@given(routings(), TARGETS)
def test_one_unit_less_anywhere_does_not_cover_it(operations: list[Operation], target: Decimal) -> None:
    simulated, started = floor(operations, target)
    for number in started:
        assert simulated.delivers({**started, number: started[number] - 1}) < target


@given(routings(), TARGETS, TARGETS)
def test_more_is_never_made_of_less(operations: list[Operation], one: Decimal, other: Decimal) -> None:
    less, more = (expand(operations, target) for target in sorted((one, other)))
    assert all(a.quantity <= b.quantity for a, b in zip(less, more, strict=True))
