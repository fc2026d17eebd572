"""A campaign: which seeds, and one certificate over those of its rehearsals."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.rehearse.campaign import certified, kills, markdown, seeds, summed
from tests.rehearse.certificate import Recovery, certificate
from tests.rehearse.checks import FINDINGS, Account, Tally
from tests.rehearse.rehearsal import Asked


def _of(seed: int, *, lost: int = 0, slow: float | None = 8.0) -> dict[str, Any]:
    account = Account({"counts": Tally(1_000, 900, 80, 12, 0, 0, Counter(INVALID_JSON=20))})
    account.lost = [f"number {number}" for number in range(lost)]
    recoveries = [Recovery("kill two", "agents+kafka", 10.0, slow), Recovery("cut", "a>b", 60.0, 1.0)]
    return certificate(account, recoveries, [], seed, 240.0, 110)


def test_seeds_are_named_one_by_one_or_from_to() -> None:
    assert seeds("1-3,7,20-21") == [1, 2, 3, 7, 20, 21]
    with pytest.raises(ValueError, match="all"):
        seeds("all")


def test_it_adds_up_and_what_one_lost_is_lost() -> None:
    told = summed([_of(1), _of(2, lost=3, slow=40.0)])
    assert (told["sent"], told["applied"], told["dead_letters"], told["lost"]) == (2_000, 1_800, 40, 3)
    assert (told["faults"], told["kills"], told["recovery_worst_seconds"]) == (4, 4, 40.0)
    assert not told["is_clean"]
    assert [each["lost"] for each in told["rehearsals"]] == [0, 3]
    assert told["recovery_by_fault"]["kill two"]["times"] == 2, "whoever was killed"
    assert summed([_of(1), _of(2)])["is_clean"]


@pytest.mark.parametrize(
    ("fault", "target", "count"),
    [("kill", "agents", 1), ("kill two", "agents+kafka", 2), ("kill again", "jobs", 3), ("cut", "a>b", 0)],
)
def test_kills_are_counted_by_process(fault: str, target: str, count: int) -> None:
    assert kills(Recovery(fault, target, 1.0, 1.0)) == count


def test_release_notes_say_each_finding_and_what_took_too_long() -> None:
    told = markdown(summed([_of(1), _of(2, lost=3, slow=None)]))
    assert "2,000 messages, 4 faults with 4 kills" in told
    assert "**3 lost, 0 doubled, 0 invented, 0 out of order, 0 oversold**" in told
    rows = [line for line in told.splitlines() if line.startswith("| 2 |")]
    assert rows == ["| 2 | 240 | 110 | 1,000 | 2 | too long | too long | 3 | 0 | 0 | 0 | 0 |"]
    assert "| kill two | 2 | too long | too long | 1 |" in told
    assert len(FINDINGS) == 5


def test_a_seed_is_rehearsed_again_after_a_change(tmp_path: Path) -> None:
    wanted, told = Asked(240.0, 1, 110), _of(1)
    commit = told["versions"]["commit"]
    assert certified(tmp_path, wanted, commit) is None
    (tmp_path / "certificate.json").write_text(json.dumps(told))
    assert certified(tmp_path, wanted, commit) == told
    assert certified(tmp_path, wanted, "another") is None
    assert certified(tmp_path, Asked(600.0, 1, 110), commit) is None
