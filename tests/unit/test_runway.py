"""How long a budget lasts, where it may be overrun, and how often promises held."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.messages.estimates import Hits
from streams.domain.estimation.coverage import coverage, together
from streams.domain.estimation.density import curve, density
from streams.domain.estimation.explained import sources, steps
from streams.domain.estimation.figures import DEFAULTS
from streams.domain.estimation.posterior import Evidence, base_of, posterior
from streams.domain.estimation.risk import allowance_of, risk, word_of
from streams.domain.estimation.runway import runway, status_of

NOTHING = np.zeros(100)
DOLLARS = st.floats(0, 1e6)


def even(low: float, high: float) -> np.ndarray:
    """Outcomes spread evenly between two amounts."""
    return np.linspace(low, high, 1001)


def test_what_remains_lasts_as_long_as_it_is_spent_at_this_pace() -> None:
    found = runway(10.0, 4.0, even(1, 3), 20.0, True)
    assert (found.usd_remaining, found.spent_share, found.burn_usd_per_minute) == (6.0, 0.4, 0.1)
    assert found.minutes_to_depletion == pytest.approx(60)
    assert (found.projected_total_usd, found.projected_total_p10, found.projected_total_p90) == (6.0, 5.2, 6.8)
    assert (found.status, found.projected_overrun_usd, found.probability_of_overrun) == ("ok", 0, 0)


def test_a_budget_lasts_for_ever_where_nothing_is_under_way() -> None:
    assert runway(10.0, 4.0, NOTHING, 0.0, False).minutes_to_depletion is None
    assert runway(10.0, 4.0, even(1, 3), 20.0, False).minutes_to_depletion is None
    assert runway(None, 4.0, even(1, 3), 20.0, True).minutes_to_depletion is None


def test_an_overrun_is_projected_with_its_probability() -> None:
    found = runway(5.0, 4.0, even(0, 4), 20.0, True)
    assert found.projected_overrun_usd == pytest.approx(1.0)
    assert found.probability_of_overrun == pytest.approx(0.75, abs=0.01)
    assert found.status == "critical"


@pytest.mark.parametrize(
    ("usd_max", "usd_spent", "probability", "is_ahead", "status"),
    [
        (None, 1e9, 1.0, True, "ok"),
        (10.0, 10.0, 0.0, False, "ok"),
        (10.0, 10.01, 1.0, False, "critical"),
        (10.0, 1.0, 0.5, True, "critical"),
        (10.0, 1.0, 0.1, True, "warning"),
        (10.0, 1.0, 0.099, True, "ok"),
        (10.0, 8.0, 0.0, True, "warning"),
        (10.0, 8.0, 0.0, False, "ok"),
        (0.0, 0.0, 0.0, False, "ok"),
        (0.0, 0.0, 1.0, True, "critical"),
    ],
)
def test_thresholds(usd_max: float | None, usd_spent: float, probability: float, is_ahead: bool, status: str) -> None:
    assert status_of(usd_max, usd_spent, probability, is_ahead) == status


@given(usd_max=st.none() | DOLLARS, usd_spent=DOLLARS, more=DOLLARS, minutes=st.floats(0, 1e5))
def test_spending_more_is_never_better(usd_max: float | None, usd_spent: float, more: float, minutes: float) -> None:
    order = ("ok", "warning", "critical")
    before, after = (runway(usd_max, spent, even(0, 9), minutes, True) for spent in (usd_spent, usd_spent + more))
    assert order.index(after.status) >= order.index(before.status)
    assert after.projected_overrun_usd >= before.projected_overrun_usd


def test_a_cell_that_cannot_exceed_is_no_risk() -> None:
    found = risk(even(1, 2), 2.0, 100.0)
    assert (found.probability_of_exceeding, found.at_risk, found.score, found.word) == (0, 0, 0, "low")
    assert found.relative_width == pytest.approx(0.6)


def test_risk_is_what_is_expected_beyond_the_allowance() -> None:
    found = risk(np.array([1.0, 3.0]), 1.0, 50.0)
    assert (found.at_risk, found.share_at_risk, found.score, found.word) == (1.0, 0.02, 0.5, "high")


def test_a_budget_is_divided_by_expected_cost() -> None:
    assert allowance_of(1.0, 4.0, 8.0) == 2.0
    assert allowance_of(1.0, 4.0, None) == 1.25
    assert allowance_of(0.0, 0.0, 8.0) == 0.0
    assert [word_of(each) for each in (0.0, 0.25, 0.5, 0.75, 1.0)] == ["low", "moderate", "high", "severe", "severe"]


@given(st.lists(DOLLARS, min_size=1, max_size=50), DOLLARS, st.floats(0.01, 1e6))
def test_scores_are_between_zero_and_one(samples: list[float], allowance: float, whole: float) -> None:
    found = risk(np.array(samples), allowance, whole)
    assert 0 <= found.score <= 1
    assert (found.at_risk > 0) == (found.probability_of_exceeding > 0)


def hits(promised: int, within_50: int, within_90: int) -> Hits:
    return Hits(promised=promised, within_50=within_50, within_90=within_90, pinball=8.0, pinball_smoothing=10.0)


def test_few_promises_say_nothing() -> None:
    found = coverage(hits(19, 0, 0), 1.0)
    assert not found.rate_90.is_off
    assert found.sentence.startswith("19 promises so far: too few")
    assert coverage(hits(0, 0, 0), 1.0).rate_90.observed is None


def test_coverage_that_chance_explains_is_as_promised() -> None:
    found = coverage(hits(100, 47, 88), 1.0)
    assert not found.rate_50.is_off
    assert not found.rate_90.is_off
    assert found.sentence.startswith("Coverage is as promised: of 100 promises, the 50% interval held 47.0%")
    assert found.pinball_ratio == pytest.approx(0.8)


def test_coverage_that_is_off_is_said_with_what_is_done_about_it() -> None:
    found = coverage(hits(200, 95, 150), 1.4)
    assert (found.rate_50.is_off, found.rate_90.is_off) == (False, True)
    assert "the 90% interval holds too seldom" in found.sentence
    assert "stretched by 1.40" in found.sentence
    assert "too often" in coverage(hits(200, 100, 200), 0.7).sentence


def test_wilson_s_interval_is_that_of_the_book() -> None:
    # R, prop.test(81, 263, correct=FALSE): Newcombe 1998, table I, 0.2553 to 0.3662.
    rate = coverage(hits(263, 0, 81), 1.0).rate_90
    assert (round(rate.low, 4), round(rate.high, 4)) == (0.2553, 0.3662)


def test_hits_add_up() -> None:
    assert together([hits(3, 1, 2), hits(4, 2, 4)]) == Hits(
        promised=7, within_50=3, within_90=6, pinball=16.0, pinball_smoothing=20.0
    )
    assert together([]).promised == 0


EVIDENCE = Evidence(9.0, math.log(40), 1.5)


@pytest.mark.parametrize("own", [None, EVIDENCE, Evidence(24.9, math.log(7), 3.0)])
@pytest.mark.parametrize("widening", [1.0, 1.7])
def test_the_steps_of_the_formula_lead_to_the_posterior(own: Evidence | None, widening: float) -> None:
    relatives = [Evidence(4.0, math.log(50), 0.4), Evidence(12.0, math.log(90), 2.0)]
    base = base_of(DEFAULTS["tokens"], relatives)
    found = posterior(base, own, widening)
    told = {each.formula.split(" = ")[0]: each.value for each in steps(base, own, found, widening)}
    assert told["m"] == pytest.approx(found.location)
    assert told["s"] == pytest.approx(found.scale)
    assert (told["P5"], told["P50"], told["P95"]) == pytest.approx(tuple(map(found.quantile, (0.05, 0.5, 0.95))))
    drawn = sources(DEFAULTS["tokens"], relatives, base, own)
    all_of_them = [*([drawn.own] if drawn.own else []), *drawn.groups, drawn.default]
    assert sum(each.share for each in all_of_them) == pytest.approx(1)
    assert sum(each.share * each.mean_log for each in all_of_them) == pytest.approx(found.location)


def test_a_curve_holds_what_lies_between_its_ends() -> None:
    found = posterior(base_of(DEFAULTS["cost_usd"], []), Evidence(9.0, math.log(0.2), 0.9))
    points = curve(found, 400)
    area = np.trapezoid([each.density for each in points], [each.value for each in points])
    assert area == pytest.approx(0.97, abs=0.002)
    assert density(found, 0.0) == 0
