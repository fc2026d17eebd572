"""What lanes are expected to take, from the rows of what they have learned."""

import math
from typing import Any

import pytest

from connectors.estimates import NOBODY, Priors
from streams.domain.estimation.figures import DEFAULTS, FIGURES


def row(lane_id: str, provider: str, median: float, weight: float = 8.0, **changes: Any) -> dict[str, Any]:
    """A prior that has seen this median in every figure, with little spread."""
    told = {"mean": median, "std": median / 10, "widening": 1.0} | {
        "weight": weight,
        "mean_log": math.log(median),
        "square_log": weight * 0.01,
    }
    learned = dict.fromkeys(FIGURES, told | changes)
    return {"lane_id": lane_id, "provider": provider, "version": int(weight), "learned": learned}


def test_a_lane_that_nobody_knows_is_promised_the_factory_defaults() -> None:
    told = Priors([]).promised("code", "anyone")
    for figure, default in DEFAULTS.items():
        assert told[figure].p50 == pytest.approx(math.exp(default.mean_log))
        assert (told[figure].mean, told[figure].std) == (default.mean, default.std)
    assert Priors([]).version("code", "anyone") == 0


def test_its_own_observations_count_more_than_its_relatives() -> None:
    found = Priors([row("code-api", "a", 40), row("code-ui", "a", 400), row("docs", "b", 4_000)])
    assert found.posterior("code-api", "a", "tokens").quantile(0.5) == pytest.approx(40, rel=0.25)
    assert found.version("code-api", "a") == 8


def test_a_new_lane_learns_from_its_family_before_others() -> None:
    family, stranger = row("code-api", "a", 40), row("docs", "b", 4_000)
    new = Priors([family, stranger]).posterior("code-new", "c", "tokens").quantile(0.5)
    assert new < Priors([stranger]).posterior("code-new", "c", "tokens").quantile(0.5)


def test_a_lane_is_no_relative_of_itself() -> None:
    found = Priors([row("code-api", "a", 40), row("code-ui", "a", 400)])
    groups = found.groups("code-api", "a", "tokens")
    assert [(each.kind, each.members) for each in groups] == [
        (kind, [("code-ui", "a")]) for kind in ("family", "provider", "all")
    ]
    assert groups[0].evidence.mean_log == pytest.approx(math.log(400))


def test_a_figure_that_nobody_measured_is_left_to_the_relatives() -> None:
    blind = row("code-api", "a", 40)
    blind["learned"] = {"tokens": blind["learned"]["tokens"]}
    found = Priors([blind, row("code-ui", "a", 7)])
    assert found.evidence("code-api", "a", "duration_minutes") is None
    assert found.smoothed("code-api", "a", "duration_minutes") == (5.0, 1.5)
    assert found.posterior("code-api", "a", "duration_minutes").quantile(0.5) == pytest.approx(6.3, rel=0.15)


def test_intervals_that_held_too_seldom_are_stretched() -> None:
    plain, wide = Priors([row("code", "a", 40)]), Priors([row("code", "a", 40, widening=2.0)])
    assert wide.posterior("code", "a", "tokens").quantile(0.5) == pytest.approx(
        plain.posterior("code", "a", "tokens").quantile(0.5)
    )
    narrow, stretched = (each.promised("code", "a")["tokens"] for each in (plain, wide))
    assert math.log(stretched.p95 / stretched.p5) == pytest.approx(2 * math.log(narrow.p95 / narrow.p5))


def test_the_usual_provider_is_who_has_done_most() -> None:
    found = Priors([row("code", "a", 40, weight=3), row("code", "b", 40, weight=9)])
    assert found.usual_provider("code") == "b"
    assert found.usual_provider("paint") == NOBODY
