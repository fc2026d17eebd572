"""Promises along a made-up history hold as often as they say, and lose less than the documented smoothing."""

from functools import cache

import pytest

from tests.held_out import Record, by_kind, held_out
from tests.histories import KINDS


@cache
def _records() -> dict[str, Record]:
    return by_kind(held_out(seed=11, count=45, length=50))


def test_nine_of_ten_outcomes_lie_within_their_interval() -> None:
    found = _records()["all"]
    assert 0.87 <= found.within_90 <= 0.93
    assert 0.45 <= found.within_50 <= 0.60


def test_the_pinball_loss_is_a_tenth_below_that_of_smoothing() -> None:
    assert _records()["all"].pinball_ratio <= 0.9


@pytest.mark.parametrize("kind", KINDS)
def test_no_kind_of_lane_is_promised_much_less_or_more_than_it_keeps(kind: str) -> None:
    found = _records()[kind]
    assert 0.85 <= found.within_90 <= 0.95
    assert found.pinball_ratio < 1
