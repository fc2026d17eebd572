"""A stratified sample and what follows from it for the whole (Cochran 1977, section 5.3)."""

import math
from random import Random
from statistics import fmean, pstdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.domain.estimation.sampling import COMPLEXITIES, Guess, extrapolate, quantiles, sample

KINDS = st.lists(st.sampled_from(COMPLEXITIES), min_size=1, max_size=60)
SHARES = st.floats(0.001, 1)


def drawn(kinds: list[str], share: float, seed: int = 1) -> list[int]:
    chance = Random(seed)
    strata = sample(kinds, share, [chance.random() for _ in kinds])
    return sorted(place for stratum in strata for place in stratum.drawn)


@given(KINDS, SHARES, st.integers(0, 1000))
def test_each_stratum_shows_its_share_and_at_least_one_task(kinds: list[str], share: float, seed: int) -> None:
    chance = Random(seed)
    strata = sample(kinds, share, [chance.random() for _ in kinds])
    assert [each.complexity for each in strata] == [kind for kind in COMPLEXITIES if kind in kinds]
    for each in strata:
        assert each.size == kinds.count(each.complexity)
        assert {kinds[place] for place in each.drawn} == {each.complexity}
        assert max(1, share * each.size - 1e-6) <= len(each.drawn) < share * each.size + 1


@given(KINDS, st.integers(0, 1000))
def test_all_are_drawn_of_a_whole_and_then_nothing_is_uncertain_by_the_sample(kinds: list[str], seed: int) -> None:
    assert drawn(kinds, 1, seed) == list(range(len(kinds)))
    guesses = [Guess(1.0 + place, 0.5) for place in range(len(kinds))]
    found = extrapolate(sample(kinds, 1, [0.5] * len(kinds)), guesses)
    assert found.mean == pytest.approx(sum(each.mean for each in guesses))
    assert found.sampling_std == pytest.approx(0)
    assert found.own_std == pytest.approx(math.sqrt(0.5 * len(kinds)))


def test_a_tenth_of_ten_is_one_and_the_same_numbers_draw_the_same() -> None:
    kinds = ["simple"] * 10
    assert len(drawn(kinds, 0.1)) == 1
    assert len(drawn(kinds, 0.11)) == 2
    assert drawn(kinds, 0.3, 4) == drawn(kinds, 0.3, 4)
    assert len({tuple(drawn(kinds, 0.3, seed)) for seed in range(20)}) > 5


@pytest.mark.parametrize("share", [0, -1, 2, 1.0001, float("nan"), float("inf")])
def test_a_share_that_is_none_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="A share lies above 0"):
        sample(["simple"], share, [0.5])


def test_samples_spread_about_the_truth_as_much_as_they_say() -> None:
    """2,000 samples of a project: unbiased, and as far from one another as the standard error claims."""
    chance = Random(7)
    kinds = ["simple"] * 60 + ["complex"] * 40
    guesses = [Guess(chance.gauss(5 if kind == "simple" else 20, 2), 0.0) for kind in kinds]
    truth = sum(each.mean for each in guesses)
    found = [extrapolate(sample(kinds, 0.2, [chance.random() for _ in kinds]), guesses) for _ in range(2_000)]
    spread = pstdev([each.mean for each in found])
    assert fmean(each.mean for each in found) == pytest.approx(truth, rel=0.005)
    assert math.sqrt(fmean(each.sampling_std**2 for each in found)) == pytest.approx(spread, rel=0.06)


def test_one_task_alone_is_as_uncertain_as_the_factory_defaults() -> None:
    (stratum,) = sample(["simple"] * 5, 0.01, [0.1, 0.2, 0.3, 0.4, 0.5])
    found = extrapolate([stratum], [Guess(10.0, 0.0)] * 5)
    assert found.sampling_std == pytest.approx(5 * 10 * 0.3 * math.sqrt(1 - 1 / 5))
    assert found.p5 < found.p50 < found.mean < found.p95


def test_quantiles_are_those_of_the_log_normal_distribution() -> None:
    low, middle, high = quantiles(math.exp(0.5), math.exp(1) * math.expm1(1))
    assert (low, middle, high) == pytest.approx((math.exp(-1.6448536), 1, math.exp(1.6448536)))
    assert quantiles(0, 0) == (0, 0, 0)
