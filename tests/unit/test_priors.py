"""The fold of priors: what an observation teaches, what is set aside, and what that says."""

from datetime import timedelta
from math import log
from typing import Any

import msgspec
import pytest

from schemas.envelope import Message
from schemas.messages.estimates import Figure, Learned, ObservationSetAside, PriorLearned
from streams.domain.priors import BLOCK, REMEMBERED
from tests.messages import NOON, emitted, refusals, run
from tests.observations import observation, observed, promise, told


def _learned(*said: Message[Any]) -> list[PriorLearned]:
    return [each.payload for each in emitted(run("priors", said), "prior.learned")]


def _set_aside(*said: Message[Any]) -> list[ObservationSetAside]:
    return [each.payload for each in emitted(run("priors", said), "prior.observation_set_aside")]


def _minutes(*said: Message[Any]) -> Learned:
    return _learned(*said)[-1].learned["duration_minutes"]


def test_the_first_observation_moves_the_factory_default_by_the_documented_share() -> None:
    (only,) = _learned(observed(1, 15.0, tokens=1000.0, cost_usd=0.28))
    assert only.learned["duration_minutes"].mean == pytest.approx(5 + 0.3 * 10)
    assert only.learned["tokens"].mean == pytest.approx(3000 - 0.3 * 2000)
    assert only.learned["cost_usd"].mean == pytest.approx(0.18 + 0.3 * 0.1)
    assert only.learned["duration_minutes"].std == pytest.approx((0.7 * (1.5**2 + 0.3 * 10**2)) ** 0.5)
    assert (only.version, only.observations, only.is_restated) == (1, 1, False)


def test_a_figure_that_nobody_measured_stays_what_the_factory_assumes() -> None:
    (only,) = _learned(observed(1, 15.0))
    assert (only.learned["tokens"].mean, only.learned["tokens"].std) == (3000.0, 900.0)
    assert only.learned["tokens"].weight == 0


def test_evidence_is_of_logarithms() -> None:
    learned = _minutes(observed(1, 4.0))
    assert learned.mean_log == pytest.approx(log(4.0))
    assert (learned.weight, learned.square_log) == (1.0, 0.0)


@pytest.mark.parametrize("figure", ["tokens", "cost_usd"])
def test_nothing_at_all_is_learned_as_the_least_there_is(figure: Figure) -> None:
    (only,) = _learned(observed(1, **{figure: 0.0}))
    assert only.learned[figure].mean_log == pytest.approx(log({"tokens": 1.0, "cost_usd": 0.0001}[figure]))


def test_what_is_said_again_is_silent() -> None:
    batch = run("priors", [observed(1), observed(2), observed(1), observed(2)])
    assert [each.payload.version for each in emitted(batch)] == [1, 2]
    assert batch.folded == 4


def test_what_is_told_again_with_other_figures_is_set_aside_once() -> None:
    said = [observed(1, 5.0), observed(1, 6.0), observed(1, 6.0)]
    (only,) = _set_aside(*said)
    assert (only.code, only.version) == ("REPEATED_DIFFERENTLY", 1)
    assert only.reason == "run-1/task-1 was told before with other figures; those count."
    assert _minutes(*said) == _minutes(observed(1, 5.0))


def test_a_late_one_finds_its_place_and_says_so() -> None:
    calm = _learned(observed(1, 2.0), observed(2, 8.0), observed(3, 5.0))
    late = _learned(observed(1, 2.0), observed(3, 5.0), observed(2, 8.0))
    assert [each.is_restated for each in late] == [False, False, True]
    assert late[-1].learned == calm[-1].learned
    assert late[1].learned != calm[1].learned


def test_at_the_same_moment_the_id_decides() -> None:
    one, other = observed(1, 2.0, 60), observed(2, 9.0, 60)
    assert _learned(one, other)[-1].learned == _learned(other, one)[-1].learned


def test_what_is_older_than_all_that_is_remembered_comes_too_late() -> None:
    many = [observed(number, 5.0) for number in range(1, REMEMBERED + BLOCK + 1)]
    oldest_remembered = observed(900, 50.0, BLOCK + 0.5)
    (only,) = _set_aside(*many, oldest_remembered, observed(901, 50.0, BLOCK - 0.5))
    assert (only.observation.observation_id, only.code) == ("run-1/task-901", "TOO_LATE")
    assert only.version == len(many) + 1


@pytest.mark.parametrize(
    ("fields", "code", "sentence"),
    [
        ({"minutes": -1.0}, "NEGATIVE", "duration_minutes is -1: nothing takes less than nothing."),
        ({"minutes": 0.0}, "ZERO", "duration_minutes is 0: work that takes no time was not done."),
        ({"tokens": 2e9}, "ABSURD", "tokens is 2e+09; more than 1e+09 tokens is not believed."),
        ({"minutes": 44_000.0}, "ABSURD", "duration_minutes is 44000; more than 43200 minutes is not believed."),
        ({"cost_usd": 1e6}, "ABSURD", "cost_usd is 1e+06; more than 100000 US dollars is not believed."),
        ({"cost_usd": -0.01}, "NEGATIVE", "cost_usd is -0.01: nothing takes less than nothing."),
        ({"minutes": None}, "NOTHING_MEASURED", "It tells neither tokens nor a duration nor a cost."),
        ({"quality": 1.2}, "QUALITY_OUT_OF_RANGE", "A quality is a share between 0 and 1, not 1.2."),
        ({"quality": -0.1}, "QUALITY_OUT_OF_RANGE", "A quality is a share between 0 and 1, not -0.1."),
    ],
)
def test_what_is_not_believed_is_set_aside_with_a_sentence(fields: dict[str, Any], code: str, sentence: str) -> None:
    said = observed(1, **fields)
    (only,) = _set_aside(said, said)
    assert (only.code, only.reason, only.version) == (code, sentence, 0)
    assert only.observation == said.payload


def test_one_that_was_set_aside_counts_once_it_is_told_rightly() -> None:
    assert [each.version for each in _learned(observed(1, -1.0), observed(1, 5.0))] == [1]


def test_nothing_was_completed_much_later_than_it_was_told() -> None:
    soon = observation(1, completed_at=NOON + timedelta(minutes=5))
    later = observation(2, completed_at=NOON + timedelta(minutes=5, seconds=1))
    assert [each.observation.observation_id for each in _set_aside(told(soon, 0), told(later, 0))] == ["run-1/task-2"]


def test_a_thousand_times_what_is_usual_is_set_aside_once_something_has_settled() -> None:
    many = [observed(number, 0.5 + number % 3 / 10) for number in range(1, REMEMBERED + BLOCK + 1)]
    much, more = observed(500, 600.0), observed(501, 1600.0)
    (only,) = _set_aside(*many, much, more)
    assert (only.observation.observation_id, only.code) == ("run-1/task-501", "UNLIKE_ITS_LANE")
    assert "duration_minutes is 1600, more than 1000 times 0." in only.reason
    assert _set_aside(*many[:10], more) == [], "nothing has settled"


def test_one_outlier_does_not_widen_everything() -> None:
    many = [observed(number, 5.0 + number % 5 / 10) for number in range(1, 31)]
    before, after = _minutes(*many), _minutes(*many, observed(31, 500.0))
    assert (after.square_log / after.weight) ** 0.5 < 3 * (before.square_log / before.weight) ** 0.5 < 0.2


def test_the_name_of_a_prior_must_fit_its_lane_and_provider() -> None:
    right = observation(1)
    wrong = msgspec.structs.replace(right, prior_id="LANE-9/p9")
    assert refusals(run("priors", [told(right)])) == []
    assert refusals(run("priors", [told(wrong)])) == ["WRONG_PRIOR"]


def test_priors_of_two_providers_do_not_mix() -> None:
    ours = _learned(observed(1, 50.0, provider="p1"), observed(1, 2.0, provider="p2"))
    assert [each.version for each in ours] == [1, 1]
    assert ours[1].learned == _learned(observed(1, 2.0, provider="p2"))[0].learned


def test_it_converges_at_the_third_observation_if_they_agree_and_at_the_fifth_anyway() -> None:
    calm = [observed(number, 5.0 + number / 100) for number in range(1, 6)]
    wild = [observed(number, minutes) for number, minutes in enumerate([1.0, 9.0, 2.0, 20.0, 4.0], 1)]
    assert [each.is_converged for each in _learned(*calm)] == [False, False, True, True, True]
    assert [each.is_converged for each in _learned(*wild)] == [False, False, False, False, True]


def test_an_override_weighs_as_told() -> None:
    full, tenth = (_minutes(observed(1, 15.0, source="override", weight=weight)) for weight in (1.0, 0.1))
    assert full.mean == pytest.approx(8.0)
    assert tenth.mean == pytest.approx(5.3)
    assert (full.weight, tenth.weight) == (1.0, 0.1)
    overridden = [observed(number, 5.0, source="override", weight=0.1) for number in range(1, 10)]
    assert not _learned(*overridden)[-1].is_converged


def test_hits_are_of_what_was_promised_and_only_of_outcomes() -> None:
    said = [
        observed(1, 5.0, promised=promise()),
        observed(2, 7.0, promised=promise()),
        observed(3, 9.0, promised=promise()),
        observed(4, 5.0),
        observed(5, 5.0, promised=promise(), source="override"),
        observed(6, None, tokens=3.0, promised=promise()),
    ]
    hits = _learned(*said)[-1].hits["duration_minutes"]
    assert (hits.promised, hits.within_50, hits.within_90) == (3, 1, 2)
    at_five = (0.05 * 3 + 0.25 * 1 + 0 + 0.25 * 1 + 0.05 * 3) / 5
    at_seven = (0.05 * 5 + 0.25 * 3 + 0.5 * 2 + 0.75 * 1 + 0.05 * 1) / 5
    at_nine = (0.05 * 7 + 0.25 * 5 + 0.5 * 4 + 0.75 * 3 + 0.95 * 1) / 5
    assert hits.pinball == pytest.approx(at_five + at_seven + at_nine)
    assert 0 < hits.pinball_smoothing != hits.pinball


def test_a_lane_that_has_moved_is_seen_to_drift() -> None:
    calm = [observed(number, 5.0 * (1 + number % 4 / 10)) for number in range(1, 41)]
    moved = [observed(number, 15.0 * (1 + number % 4 / 10)) for number in range(41, 45)]
    said = [each.drift["duration_minutes"] for each in _learned(*calm, *moved)]
    assert {each.direction for each in said[:40]} == {"none"}
    assert said[-1].direction == "up"
    assert said[-1].statistic > said[-1].threshold == 5.0
    assert said[-1].method == "cusum"


def test_quality_is_smoothed_and_the_first_is_taken_as_it_is() -> None:
    qualities = [each.quality for each in _learned(observed(1), observed(2, quality=0.5), observed(3, quality=1.0))]
    assert qualities == [None, 0.5, pytest.approx(0.65)]
