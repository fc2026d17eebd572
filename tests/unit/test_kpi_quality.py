"""What a judgement is worth, and that a lane's prior learns a quality of which nothing else is known."""

import pytest

from connectors.kpi.judging import Judgement
from connectors.kpi.verdict import Verdict
from schemas.messages.estimates import PriorLearned
from streams.domain.priors import fold
from tests.observations import observed

PASSED, HALF, AWAY = Verdict(True, 1, "", {}), Verdict(False, 0.5, "", {}), Verdict(None, None, "", {})


@pytest.mark.parametrize(
    ("verdicts", "is_passed", "quality"),
    [
        ([PASSED, PASSED], True, 1),
        ([PASSED, HALF], False, 0.75),
        ([PASSED, AWAY], None, None),
        ([HALF, AWAY], False, None),
        ([AWAY], None, None),
    ],
)
def test_one_failure_decides_and_half_a_judgement_has_no_quality(
    verdicts: list[Verdict], is_passed: bool | None, quality: float | None
) -> None:
    found = Judgement(tuple(("row_count", each) for each in verdicts))
    assert (found.is_passed, found.quality) == (is_passed, quality)


def test_a_quality_alone_teaches_a_prior_its_quality_and_nothing_else() -> None:
    measured = fold(None, observed(1, 8.0))
    judged = fold(measured.state, observed(2, None, quality=0.5))
    before, after = measured.emits[0].payload, judged.emits[0].payload
    assert isinstance(before, PriorLearned)
    assert isinstance(after, PriorLearned)
    assert (before.quality, after.quality, after.version) == (None, 0.5, 2)
    assert after.learned == before.learned
