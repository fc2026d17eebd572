"""A kept schedule as what it promises of its orders."""

from decimal import Decimal

import numpy as np
import pytest

from streams.domain.calendars import floor
from streams.domain.scheduling.engine import dispatch
from streams.planning.lines import Line, lines
from streams.planning.operation_times import Lane, OperationTimes
from streams.planning.problems import posed
from streams.planning.promising import Draw, Promised, promised
from tests.unit.test_operation_times import learned
from tests.unit.test_planning_work import WANTED, order, run, shop

RUNS = [run("PO-1", 10, "P1", 100), run("PO-1", 20, "L1", 200, predecessors=(10,)), run("PO-2", 10, "P1", 60)]
ORDERS = [order("PO-1", 6), order("PO-2", 48)]
LANES = {
    RUNS[0].id: {"P1": Lane("op-P.PRESS", "PRESS-1", 1.0)},
    RUNS[1].id: {"L1": Lane("op-P.LACQUER", "L1", 2.0)},
    RUNS[2].id: {"P1": Lane("op-P.PRESS", "PRESS-1", 0.6)},
}
SURE = learned("PRESS-1", 20, 1.0, spread=0.01)


def kept() -> tuple[Line, ...]:
    told = posed(shop(ORDERS, RUNS), WANTED)
    return lines(told, dispatch(told.problem, ("EDD",)).schedule)


def found(*rows: dict[str, object], samples: int = 800) -> Promised:
    return promised(shop(ORDERS, RUNS), kept(), LANES, OperationTimes(rows), Draw(samples, np.random.default_rng(3)))


def test_orders_have_their_planned_end_between_good_and_bad_luck() -> None:
    told = found(SURE)
    first, second = told.orders
    assert (told.operations, told.learned) == (3, 2)
    assert first.due == floor(ORDERS[0].due_date)
    assert first.p10 < first.p50 < first.p90
    assert first.p10 < first.planned < first.p90
    assert first.probability is not None
    assert 0.05 < first.probability < 0.5, "due an hour after it is planned to end"
    assert second.probability == 0


def test_an_operation_that_takes_longer_than_planned_makes_its_order_late() -> None:
    slow = found(SURE | {"lane_id": "op-P.LACQUER", "provider": "L1"} | {"learned": learned("L1", 20, 4.0)["learned"]})
    usual = found(SURE)
    assert slow.orders[0].probability == pytest.approx(1.0)
    assert slow.orders[0].p50 > usual.orders[0].p50 + 100


def test_of_a_run_that_has_begun_only_what_is_left_is_uncertain() -> None:
    begun = RUNS[0]._replace(status="in_progress", quantity_good=Decimal(99))
    lanes, times = {RUNS[0].id: LANES[RUNS[0].id]}, OperationTimes([])
    only = shop([order("PO-1", 6)], [begun])
    told = posed(only, WANTED)
    its = lines(told, dispatch(told.problem).schedule)
    (nearly,) = promised(only, its, lanes, times, Draw(800, np.random.default_rng(3))).orders
    assert nearly.p90 - nearly.p10 < 3


def test_a_run_at_a_work_centre_without_a_lane_takes_what_is_planned() -> None:
    told = promised(shop(ORDERS, RUNS), kept(), {}, OperationTimes([]), Draw(100, np.random.default_rng(3)))
    assert [(each.p10, each.p90) for each in told.orders] == [(each.planned, each.planned) for each in told.orders]
    assert told.learned == 0
