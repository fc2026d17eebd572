"""What many tasks take together, against draws of the same distributions."""

import math

import numpy as np
import pytest

from streams.domain.estimation.figures import DEFAULTS
from streams.domain.estimation.posterior import Evidence, base_of, posterior, promised
from streams.domain.estimation.sums import total
from streams.domain.estimation.together import Work, moments, together


def test_nothing_takes_nothing() -> None:
    assert together([]) == (0, 0, 0, 0)


def test_one_piece_has_the_moments_of_its_promise() -> None:
    base = base_of(DEFAULTS["tokens"], [])
    told = promised(posterior(base, Evidence(400.0, math.log(3000), 400 * 0.04)), 3000, 600)
    mean, variance = moments(told)
    assert mean == pytest.approx(3000 * math.exp(0.02), rel=0.02)
    assert math.sqrt(variance) == pytest.approx(3000 * 0.2, rel=0.06)


def test_a_sum_agrees_with_the_simulated_one() -> None:
    base = base_of(DEFAULTS["duration_minutes"], [])
    lanes = [posterior(base, Evidence(20.0, math.log(minutes), 20 * 0.06)) for minutes in (4, 9)]
    pieces = (12, 6)
    closed = together(Work(count, promised(each, 0, 0), each.shared) for count, each in zip(pieces, lanes, strict=True))
    many = [each for count, each in zip(pieces, lanes, strict=True) for _ in range(count)]
    names = [place for place, count in enumerate(pieces) for _ in range(count)]
    drawn = total(many, names, np.random.default_rng(5), 20_000)
    assert closed.p50 == pytest.approx(drawn.p50, rel=0.02)
    assert closed.p5 == pytest.approx(drawn.p5, rel=0.05)
    assert closed.p95 == pytest.approx(drawn.p95, rel=0.05)


def test_pieces_of_one_lane_are_less_certain_together_than_pieces_of_many() -> None:
    base = base_of(DEFAULTS["tokens"], [])
    told = promised(posterior(base, Evidence(3.0, math.log(3000), 0.1)), 3000, 900)
    one, many = together([Work(10, told, 0.3)]), together([Work(1, told, 0.3)] * 10)
    assert one.mean == pytest.approx(many.mean)
    assert one.p95 - one.p5 > 1.5 * (many.p95 - many.p5)
