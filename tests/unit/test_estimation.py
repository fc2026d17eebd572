"""Base priors, posteriors and sums, against closed forms and against brute force."""

from math import exp, log, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from streams.domain.estimation.drift import THRESHOLD, drift_of, moved
from streams.domain.estimation.evidence import with_one_more
from streams.domain.estimation.figures import DEFAULTS, FIGURES, logarithm
from streams.domain.estimation.hits import pinball
from streams.domain.estimation.lanes import LANE_COUNTS_AT_MOST, Relatives, family_of, prior_id
from streams.domain.estimation.posterior import FORGETTING, Base, Evidence, Posterior, base_of, posterior, promised
from streams.domain.estimation.smoothing import smoothed
from streams.domain.estimation.sums import total
from streams.domain.estimation.widening import GAIN, NARROWEST, WIDEST, half_width, widened

MINUTES = DEFAULTS["duration_minutes"]
LOGS = st.lists(st.floats(-5.0, 8.0), min_size=1, max_size=30)


def _evidence(logs: list[float]) -> Evidence:
    found = (0.0, 0.0, 0.0)
    for each in logs:
        found = with_one_more(*found, each, 1.0)
    return Evidence(*found)


@pytest.mark.parametrize(("figure", "mean", "std"), [("tokens", 3000, 900), ("cost_usd", 0.18, 0.054)])
def test_a_default_has_the_mean_and_deviation_of_the_document(figure, mean: float, std: float) -> None:
    default = DEFAULTS[figure]
    like = stats.lognorm(s=sqrt(default.square_log), scale=exp(default.mean_log))
    assert (like.mean(), like.std()) == (pytest.approx(mean), pytest.approx(std))


@given(logs=LOGS)
def test_evidence_is_what_discounted_sums_give(logs: list[float]) -> None:
    weights = np.array([FORGETTING**back for back in reversed(range(len(logs)))])
    mean = float(np.average(logs, weights=weights))
    found = _evidence(logs)
    assert found.weight == pytest.approx(weights.sum())
    assert found.mean_log == pytest.approx(mean, abs=1e-9)
    assert found.square_log == pytest.approx(float((weights * (np.array(logs) - mean) ** 2).sum()), abs=1e-6)


def test_a_posterior_is_the_conjugate_one() -> None:
    """Closed form of the normal-inverse-gamma, with the base faded as the first observation has."""
    base, evidence = Base(1.0, 2.0, 3.0, 0.6), Evidence(4.0, 2.0, 0.8)
    left = 1 - 4.0 * (1 - FORGETTING)
    weight, shape = 2.0 * left + 4.0, 3.0 * left + 2.0
    scale = 0.6 * left + 0.4 + 2.0 * left * 4.0 / weight / 2
    found = posterior(base, evidence, widening=1.5)
    assert found.location == pytest.approx((2.0 * left * 1.0 + 4.0 * 2.0) / weight)
    assert found.degrees == pytest.approx(2 * shape)
    assert found.scale == pytest.approx(1.5 * sqrt(scale / shape * (1 + 1 / weight)))
    assert found.shared == pytest.approx(1 / (weight + 1))


def test_quantiles_are_those_of_a_student_t_of_logarithms() -> None:
    found = Posterior(1.2, 0.4, 7.0)
    for p in (0.05, 0.5, 0.9):
        assert found.quantile(p) == pytest.approx(exp(stats.t.ppf(p, 7.0, 1.2, 0.4)))


@given(logs=LOGS, widening=st.floats(0.5, 4.0))
def test_what_is_promised_is_in_order_and_widens_about_the_median(logs: list[float], widening: float) -> None:
    base, evidence = base_of(MINUTES, ()), _evidence(logs)
    plain, wide = (promised(posterior(base, evidence, by), 5.0, 1.5) for by in (1.0, widening))
    for each in (plain, wide):
        assert 0 < each.p5 < each.p25 < each.p50 < each.p75 < each.p95
    assert wide.p50 == pytest.approx(plain.p50)
    assert log(wide.p95 / wide.p5) == pytest.approx(widening * log(plain.p95 / plain.p5))


def test_without_any_evidence_the_factory_default_is_promised() -> None:
    found = promised(posterior(base_of(MINUTES, ()), None), MINUTES.mean, MINUTES.std)
    assert found.p50 == pytest.approx(exp(MINUTES.mean_log))
    assert (found.mean, found.std) == (5.0, 1.5)


def test_a_new_lane_is_promised_what_its_family_takes_and_its_own_work_soon_counts_more() -> None:
    family = [_evidence([3.0, 3.1, 2.9])] * 4
    known = {(f"weld-{number}", "p1"): each for number, each in enumerate(family)}
    known |= {(f"pack-{number}", "p2"): _evidence([0.0, 0.1]) for number in range(4)}
    base = base_of(MINUTES, Relatives(known).of("weld-new", "p9"))
    assert 2.5 < base.mean_log < 3.1
    own = posterior(base, _evidence([1.0] * 5)).location
    assert 1.0 < own < 1.3


def test_relatives_leave_out_the_lane_itself_and_come_nearest_first() -> None:
    known = {("a-1", "p1"): Evidence(2.0, 1.0, 0.1), ("a-2", "p2"): Evidence(2.0, 3.0, 0.1)}
    known |= {("b-1", "p1"): Evidence(2.0, 5.0, 0.1)}
    family, provider, everyone = Relatives(known).of("a-1", "p1")
    assert (family.mean_log, provider.mean_log, everyone.mean_log) == pytest.approx((3.0, 5.0, 4.0))
    assert everyone.square_log == pytest.approx(0.2 + 2 * 2.0 * 1.0)
    assert Relatives({("a-1", "p1"): Evidence(2.0, 1.0, 0.1)}).of("a-1", "p1") == []
    assert Relatives({}).of("a-1", "p1") == []


def test_a_busy_lane_counts_as_one_lane() -> None:
    known = {("a-1", "p1"): Evidence(16.0, 1.0, 1.6), ("a-2", "p1"): Evidence(LANE_COUNTS_AT_MOST, 3.0, 0.0)}
    (family, *_) = Relatives(known).of("a-3", "p1")
    assert family.weight == pytest.approx(2 * LANE_COUNTS_AT_MOST)
    assert family.mean_log == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("lane", "family"),
    [("weld-3", "weld"), ("op:10-2", "op"), ("a_b", "a"), ("a.b-c", "a"), ("plain", "plain"), ("-x", "")],
)
def test_a_family_is_what_stands_before_the_first_separator(lane: str, family: str) -> None:
    assert family_of(lane) == family
    assert prior_id(lane, "p") == f"{lane}/p"


def test_nothing_at_all_has_the_logarithm_of_the_least() -> None:
    assert all(logarithm(figure, 0.0) == logarithm(figure, 1e-12) < 0.1 for figure in FIGURES)


def test_smoothing_is_the_documented_one() -> None:
    assert smoothed(5.0, 2.25, 15.0, 1.0) == pytest.approx((8.0, 0.7 * (2.25 + 0.3 * 100)))
    assert smoothed(5.0, 2.25, 15.0, 0.5) == pytest.approx((6.5, 0.85 * (2.25 + 0.15 * 100)))


def test_intervals_that_miss_widen_and_those_that_hold_shrink_within_bounds() -> None:
    assert widened(0.0, 1.0, 9.0, 10.0, 1.0) == pytest.approx(0.9 * GAIN)
    assert widened(0.0, 1.0, 0.1, 10.0, 0.5) == pytest.approx(-0.05 * GAIN)
    assert widened(0.0, 1.0, 0.1, 10.0, 0.0) == 0.0
    assert widened(WIDEST, 4.0, 99.0, 10.0, 1.0) == WIDEST
    assert widened(NARROWEST, 0.5, 0.0, 10.0, 1.0) == NARROWEST


def test_half_an_interval_is_the_student_quantile() -> None:
    assert half_width(8.0) == pytest.approx(stats.t.ppf(0.95, 8.0))
    assert half_width(0.01) == half_width(0.25)


def test_the_drift_test_is_the_tabular_cusum() -> None:
    up, down = 0.0, 0.0
    for error, wanted in ((1.0, (0.5, 0.0)), (1.0, (1.0, 0.0)), (-2.0, (0.0, 1.5)), (9.0, (2.5, 0.0))):
        up, down = moved(up, down, error)
        assert (up, down) == pytest.approx(wanted)
    assert [drift_of(*each).direction for each in ((THRESHOLD, 0.0), (5.1, 0.0), (0.0, 6.0))] == ["none", "up", "down"]


def test_the_pinball_loss_is_least_at_the_real_quantiles() -> None:
    values = np.random.default_rng(3).standard_normal(4000)
    real = stats.norm.ppf([0.05, 0.25, 0.5, 0.75, 0.95])
    losses = [
        np.mean([pinball(real * by + shift, each) for each in values]) for by, shift in ((1, 0), (1.5, 0), (1, 0.4))
    ]
    assert losses[0] < min(losses[1:])
    assert pinball([0.0] * 5, 2.0) == pytest.approx(2.0 * 0.5)


def test_a_sum_of_independent_lanes_is_what_convolution_gives() -> None:
    """Against draws of scipy's own Student-t, of other seeds."""
    lane = Posterior(1.0, 0.3, 30.0)
    found = total([lane] * 5, range(5), np.random.default_rng(1), draws=40_000)
    drawn = np.exp(stats.t(30, 1.0, 0.3).rvs((5, 40_000), random_state=2)).sum(axis=0)
    assert found.p50 == pytest.approx(np.quantile(drawn, 0.5), rel=0.02)
    assert found.p95 == pytest.approx(np.quantile(drawn, 0.95), rel=0.03)
    assert found.mean == pytest.approx(5 * lane.mean, rel=0.02)


def test_work_of_one_lane_is_not_independent() -> None:
    lane = Posterior(1.0, 0.5, 30.0, shared=0.5)
    apart = total([lane] * 20, range(20), np.random.default_rng(1))
    together = total([lane] * 20, ["one"] * 20, np.random.default_rng(1))
    assert together.std > 2 * apart.std
    assert together.mean == pytest.approx(apart.mean, rel=0.05)
    assert together == total([lane] * 20, ["one"] * 20, np.random.default_rng(1))


def test_a_sum_of_nothing_is_nothing_and_lanes_must_be_named() -> None:
    assert set(total([], [], np.random.default_rng(1))) == {0.0}
    with pytest.raises(ValueError, match="1 posteriors and 0 lanes"):
        total([Posterior(0.0, 1.0, 3.0)], [], np.random.default_rng(1))


@settings(max_examples=50)
@given(p=st.floats(0.001, 0.999), scale=st.floats(0.01, 3.0), degrees=st.floats(0.5, 60.0))
def test_quantile_and_sample_agree(p: float, scale: float, degrees: float) -> None:
    found = Posterior(0.5, scale, degrees)
    assert found.quantile(p) == found.sample(np.array([p]))[0]
