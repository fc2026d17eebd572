"""Being late: against closed forms and brute force, without spread, and what due dates and the seed change."""

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from streams.domain.calendars import OpenTime, of_spans
from streams.domain.estimation.lateness import Clock, Length, Promise, ends, promises, sampled
from streams.domain.scheduling.engine import dispatch
from streams.domain.scheduling.problem import Link, Operation, Order, Problem, Schedule, WorkCenter
from streams.domain.scheduling.seats import Seat, seated
from tests.shops import shop

DAY = 1440
ALWAYS = of_spans([(0, 30 * DAY)], 0, 30 * DAY)
SHIFTS = of_spans([(day * DAY + 360, day * DAY + 840) for day in range(30)], 0, 30 * DAY)


class LogNormal(NamedTuple):
    """A lane that is known: the logarithm is normal."""

    location: float
    scale: float
    shared: float = 0.0

    def sample(self, uniforms: NDArray[np.float64]) -> NDArray[np.float64]:
        found: NDArray[np.float64] = np.exp(self.location + self.scale * ndtri(uniforms))
        return found


def length(lane: str, minutes: float, scale: float, shared: float = 0.0, units: float = 1.0) -> Length:
    return Length(lane, units, LogNormal(np.log(minutes), scale, shared))


def two_in_a_row(due: int | None = None, opened: OpenTime = ALWAYS) -> tuple[Problem, Schedule]:
    """First 100 minutes at the press, then 200 at the saw."""
    one = Operation("one", "PO-1", 10, {"press": 100})
    two = Operation("two", "PO-1", 20, {"saw": 200}, (Link("one"),))
    told = Problem((WorkCenter("press", opened), WorkCenter("saw", opened)), (one, two), (Order("PO-1", due),))
    return told, dispatch(told, ("EDD",)).schedule


def promised(problem: Problem, schedule: Schedule, lengths: dict[str, Length], samples: int = 4000) -> list[Promise]:
    minutes = sampled(lengths, samples, np.random.default_rng(7))
    return promises(problem, schedule, ends(problem, schedule, minutes, samples))


@pytest.mark.parametrize("seed", range(8))
def test_without_spread_all_ends_as_the_schedule_says(seed: int) -> None:
    problem = shop(seed, 25)
    schedule = dispatch(problem).schedule
    found = ends(problem, schedule, {}, 2)
    assert {name: end.tolist() for name, end in found.items()} == {
        each.operation_id: [each.end, each.end] for each in schedule.slots
    }


def test_lots_that_are_handed_on_early_end_as_the_schedule_says() -> None:
    one = Operation("one", "PO-1", 10, {"press": 601})
    two = Operation("two", "PO-1", 20, {"saw": 307}, (Link("one", 33),))
    told = Problem((WorkCenter("press", SHIFTS), WorkCenter("saw", SHIFTS)), (one, two), (Order("PO-1", 0),))
    schedule = dispatch(told, ("EDD",)).schedule
    assert {name: end[0] for name, end in ends(told, schedule, {}, 1).items()} == {
        each.operation_id: each.end for each in schedule.slots
    }


def test_one_operation_is_late_as_often_as_its_distribution_says() -> None:
    """It begins as planned, and its time is log-normal: the closed form is known."""
    problem = Problem(
        (WorkCenter("press", ALWAYS),), (Operation("a", "PO-1", 10, {"press": 100}),), (Order("PO-1", 120),)
    )
    (told,) = promised(problem, dispatch(problem, ("EDD",)).schedule, {"a": length("a", 100, 0.25)}, 40_000)
    assert told.probability == pytest.approx(1 - float(ndtr(np.log(1.2) / 0.25)), abs=0.01)
    assert (told.p10, told.p50, told.p90) == pytest.approx(
        [100 * np.exp(0.25 * ndtri(share)) for share in (0.1, 0.5, 0.9)], rel=0.01
    )


def test_two_in_a_row_end_as_brute_force_says() -> None:
    """The second begins when the first has ended, but not before it is planned, at minute 100."""
    problem, schedule = two_in_a_row(due=320)
    lengths = {"one": length("one", 100, 0.3), "two": length("two", 200, 0.2)}
    (told,) = promised(problem, schedule, lengths, 40_000)
    draw = np.random.default_rng(99).standard_normal((2, 200_000))
    last = np.maximum(100, 100 * np.exp(0.3 * draw[0])) + 200 * np.exp(0.2 * draw[1])
    assert told.probability == pytest.approx(float(np.mean(last > 320)), abs=0.01)
    assert (told.p10, told.p50, told.p90) == pytest.approx(np.quantile(last, (0.1, 0.5, 0.9)), rel=0.01)
    assert told.planned == 300


def test_a_night_makes_what_is_a_little_late_very_late() -> None:
    """The second ends at 13:00 as planned; what takes an hour longer ends after the next morning's six o'clock."""
    one = Operation("one", "PO-1", 10, {"press": 420})
    problem = Problem((WorkCenter("press", SHIFTS),), (one,), (Order("PO-1", 840),))
    (told,) = promised(problem, dispatch(problem, ("EDD",)).schedule, {"one": length("one", 420, 0.2)})
    assert told.p50 < 840 < DAY + 360 < told.p90
    assert told.probability == pytest.approx(1 - float(ndtr(np.log(480 / 420) / 0.2)), abs=0.03)


def test_what_is_slow_holds_up_what_stands_behind_it_at_the_work_centre() -> None:
    """Another order's operation, with no spread of its own, waits for the press."""
    first, behind = Operation("a", "PO-1", 10, {"press": 100}), Operation("b", "PO-2", 10, {"press": 50})
    orders = (Order("PO-1", 1000), Order("PO-2", 160))
    problem = Problem((WorkCenter("press", ALWAYS),), (first, behind), orders)
    schedule = seated(problem, {"a": Seat("press", 0), "b": Seat("press", 100)})
    told = {each.order_id: each for each in promised(problem, schedule, {"a": length("a", 100, 0.3)}, 40_000)}
    assert told["PO-2"].probability == pytest.approx(1 - float(ndtr(np.log(1.1) / 0.3)), abs=0.01)


def test_operations_of_one_lane_are_long_or_short_together() -> None:
    """The sum of two that are one as to their lane spreads as twice one; of two that have nothing in common, less."""
    problem, schedule = two_in_a_row(due=None)
    together = {each: length("lane", 100, 0.3, shared=1.0) for each in ("one", "two")}
    apart = {each: length("lane", 100, 0.3, shared=0.0) for each in ("one", "two")}
    drawn = sampled(together, 500, np.random.default_rng(1))
    assert drawn["one"] == pytest.approx(drawn["two"])
    (wide,), (narrow,) = promised(problem, schedule, together), promised(problem, schedule, apart)
    assert wide.p90 - wide.p50 > 1.2 * (narrow.p90 - narrow.p50)
    assert wide.probability is None


@given(due=st.integers(0, 4 * DAY), later=st.integers(0, 2 * DAY))
def test_a_later_due_date_is_less_risk(due: int, later: int) -> None:
    lengths = {"one": length("one", 100, 0.5), "two": length("two", 200, 0.5)}
    (early,) = promised(*two_in_a_row(due, SHIFTS), lengths, 200)
    (late,) = promised(*two_in_a_row(due + later, SHIFTS), lengths, 200)
    assert early.probability is not None
    assert late.probability is not None
    assert late.probability <= early.probability
    assert (early.p10, early.p50, early.p90) == (late.p10, late.p50, late.p90)


@given(st.lists(st.tuples(st.integers(0, 5000), st.integers(1, 600)), max_size=6), st.integers(0, 9000))
def test_clocks_of_many_moments_say_what_open_time_says(spans: list[tuple[int, int]], minute: int) -> None:
    opened = of_spans([(begin, begin + length) for begin, length in spans], 0, 6000)
    clock = Clock(opened)
    if opened.minutes and minute <= 6000:
        assert clock.positions(np.array([float(minute)]))[0] == opened.position(minute)
    if 0 <= minute <= opened.minutes and opened.minutes:
        assert clock.finishes(np.array([float(minute)]))[0] == opened.finish(minute)
    assert clock.finishes(clock.positions(np.array([9000.0])))[0] == pytest.approx(9000.0)


def test_the_same_seed_says_the_same() -> None:
    lengths = {"one": length("one", 100, 0.4, 0.5), "two": length("one", 200, 0.4, 0.5)}
    assert promised(*two_in_a_row(300), lengths) == promised(*two_in_a_row(300), lengths)


def test_a_lane_of_which_nothing_is_known_stays_within_a_year() -> None:
    problem, schedule = two_in_a_row(due=300)
    (told,) = promised(problem, schedule, {"one": length("one", 100, 400.0)})
    assert np.isfinite([told.p10, told.p50, told.p90]).all()


def test_an_operation_that_the_schedule_does_not_have_is_left_out() -> None:
    problem, schedule = two_in_a_row(due=300)
    later = problem._replace(
        operations=(*problem.operations, Operation("new", "PO-2", 10, {"saw": 5}, (Link("gone"),))),
        orders=(*problem.orders, Order("PO-2", 10)),
    )
    assert [each.order_id for each in promised(later, schedule, {})] == ["PO-1"]
