"""Operations as lanes: their names, what of the time was work, and what is expected before it was measured."""

from datetime import UTC, datetime, timedelta
from math import exp, log
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.estimates import Priors
from schemas.settings import STOP_CLASSES
from streams.domain.estimation.explained import plan_steps
from streams.domain.estimation.lanes import Relatives, family_of
from streams.domain.estimation.operations import base, fitting, operation_lane, setup_lane, worked
from streams.domain.estimation.posterior import Evidence
from streams.domain.losses import Stop
from streams.planning.operation_times import Lane, OperationTimes

SIX = datetime(2026, 11, 23, 6, tzinfo=UTC)
LANE = Lane("op-P.PRESS", "PRESS-1", 2.0)


def at(minutes: float) -> datetime:
    return SIX + timedelta(minutes=minutes)


def learned(provider: str, weight: float, minutes: float, spread: float = 0.1, **more: Any) -> dict[str, Any]:
    """A lane that took so many minutes, so many times."""
    told = {"weight": weight, "mean_log": log(minutes), "square_log": weight * spread**2, "widening": 1.0}
    row = {"lane_id": "op-P.PRESS", "provider": provider, "version": 3, "observations": int(weight)}
    return row | {"learned": told, "mean": minutes, "std": 1.0, "hits": None} | more


def test_an_operation_of_a_product_is_a_lane_of_a_family_of_its_own() -> None:
    assert operation_lane("PROD-7", "PRESSING") == "op-PROD-7.PRESSING"
    assert setup_lane("PROD-7", "PRESSING") == "setup-PROD-7.PRESSING"
    assert [family_of(each("PROD-7", "PRESSING")) for each in (operation_lane, setup_lane)] == ["op", "setup"]


@given(st.text(max_size=90), st.text(max_size=90))
def test_every_name_fits_and_different_ones_stay_different(one: str, other: str) -> None:
    for each in (one, other):
        assert 1 <= len(fitting(each)) <= 63
        assert "/" not in fitting(each)
    assert (fitting(one) == fitting(other)) == (one == other)


def test_a_night_a_break_and_a_setup_are_no_run_time() -> None:
    """Open 0 to 60 and 120 to 180; a break from 20 to 30, a setup from 10 to 25, a breakdown from 130 to 150."""
    stops = [Stop("break", at(20), at(30)), Stop("SETUP", at(10), at(25)), Stop("MECH_FAULT", at(130), at(150))]
    spent = worked(at(5), at(160), [(at(0), at(60)), (at(120), at(180))], stops, STOP_CLASSES)
    assert (spent.run, spent.setup) == (55 - 20 + 40, 15)


def test_stops_outside_of_the_work_are_not_taken_off_it() -> None:
    stops = [Stop("SETUP", at(-30), at(2)), Stop("BREAK", at(9), at(100))]
    spent = worked(at(0), at(10), [(at(-60), at(100))], stops, STOP_CLASSES)
    assert (spent.run, spent.setup) == (7, 2)


def test_work_while_the_calendar_is_closed_counts_all_the_same() -> None:
    assert worked(at(0), at(10), [(at(60), at(90))], [], STOP_CLASSES).run == 10


def test_tasks_of_projects_learn_nothing_of_operations() -> None:
    seen = Evidence(20.0, log(0.01), 0.2)
    known = {("op-P.PRESS", "PRESS-1"): seen, ("setup-P.PRESS", "PRESS-1"): seen, ("code-api", "codex"): seen}
    found = Relatives(known)
    assert [each.weight for each in found.of("docs-guide", "writer")] == [4.0], "of the other task alone"
    assert [each.weight for each in found.of("op-Q.SAW", "SAW-1")] == [4.0, 8.0]


def test_before_anything_is_learned_the_routing_is_expected() -> None:
    found = OperationTimes([]).posterior(LANE)
    assert found.quantile(0.5) == pytest.approx(2.0, rel=0.1)
    assert found.quantile(0.05) < 1.5
    assert found.quantile(0.95) > 2.6


def test_much_that_was_seen_overrules_the_routing() -> None:
    times = OperationTimes([learned("PRESS-1", 20, 4.0)])
    assert times.is_learned(LANE)
    assert times.posterior(LANE).quantile(0.5) == pytest.approx(4.0, rel=0.03)


def test_a_work_centre_learns_from_another_that_does_the_same() -> None:
    times = OperationTimes([learned("PRESS-2", 20, 8.0)])
    assert not times.is_learned(LANE), "not seen there"
    assert 2.5 < times.posterior(LANE).quantile(0.5) < 8


def test_intervals_that_held_too_seldom_are_wider() -> None:
    row = learned("PRESS-1", 20, 4.0)
    wide = OperationTimes([row | {"learned": row["learned"] | {"widening": 2.0}}]).posterior(LANE)
    narrow = OperationTimes([row]).posterior(LANE)
    assert log(wide.quantile(0.9) / wide.quantile(0.5)) == pytest.approx(
        2 * log(narrow.quantile(0.9) / narrow.quantile(0.5))
    )


def test_a_promise_has_the_smoothing_beside_it_and_the_documents_default_before() -> None:
    before, after = OperationTimes([]), OperationTimes([learned("PRESS-1", 9, 4.0)])
    assert (before.promised(LANE).mean, before.promised(LANE).std) == (5.0, 1.5)
    assert (after.promised(LANE).mean, after.promised(LANE).std) == (4.0, 1.0)


@pytest.mark.parametrize("elsewhere", [[], [learned("PRESS-2", 20, 8.0), learned("PRESS-3", 2, 3.0)]])
@pytest.mark.parametrize("planned", [2.0, 0.0])
def test_lanes_are_shown_as_schedules_take_them(planned: float, elsewhere: list[dict[str, Any]]) -> None:
    rows = [learned("PRESS-1", 3, 4.0), *elsewhere]
    alien = learned("PRESS-1", 40, 900.0) | {"lane_id": "op-Q.PRESS"}
    known = [row | {"learned": {"duration_minutes": row["learned"]}} for row in [*rows, alien]]
    pair = ("op-P.PRESS", "PRESS-1")
    shown = Priors(known, {pair: planned}).posterior(*pair, "duration_minutes")
    assert shown == OperationTimes(rows).posterior(LANE._replace(planned_minutes=planned))


@pytest.mark.parametrize("elsewhere", [None, Evidence(4.0, log(8.0), 0.2)])
def test_the_steps_of_a_plan_end_at_the_base_that_estimates_are_made_with(elsewhere: Evidence | None) -> None:
    expected = base(2.0, [elsewhere] if elsewhere else [])
    plan, middle = plan_steps(2.0, elsewhere, expected)
    assert plan.value == pytest.approx(log(2.0) - log(1.09) / 2)
    drawn = 4.0 / 7.0 * (log(8.0) - plan.value) if elsewhere else 0.0
    assert middle.value == pytest.approx(plan.value + drawn)


def test_a_routing_that_plans_no_time_at_all_says_nothing() -> None:
    found = OperationTimes([]).posterior(LANE._replace(planned_minutes=0.0))
    assert found.quantile(0.5) == pytest.approx(exp(log(5.0)), rel=0.1)


def test_a_prior_that_saw_no_durations_is_not_learned() -> None:
    """Somebody's judgement may have been about costs alone."""
    row = learned("PRESS-1", 9, 4.0, learned=None)
    assert not OperationTimes([row]).is_learned(LANE)
    assert OperationTimes([row]).posterior(LANE) == OperationTimes([]).posterior(LANE)
