"""What is done to a plant in a rehearsal: the same seed, the same timeline, and every kind of fault in its turn."""

from collections import Counter
from itertools import pairwise

import pytest

from compose.local.errors import PlantError
from tests.rehearse.__main__ import asked
from tests.rehearse.faults import FAULTS
from tests.rehearse.timeline import BEGIN_SECONDS, END_SECONDS, KILLS_AGAIN, PROCESSES, SERVERS, Hurt, kinds, timeline

LINKS = ("agents>kafka", "projector>postgres", "mes-mqtt>mqtt")
CHANGELOGS = tuple(f"mfg-machines-changelog/{partition}" for partition in range(8))
TEN_MINUTES, NINETY_SECONDS = 600.0, 90.0


def told(seed: int, seconds: float = TEN_MINUTES, workers: int = 2) -> list[Hurt]:
    return timeline(seed, seconds, kinds(seconds, workers, LINKS, CHANGELOGS))


def test_the_same_seed_gives_the_same_timeline_and_another_seed_another() -> None:
    assert told(1) == told(1)
    assert told(1) != told(2)


@pytest.mark.parametrize("seconds", [NINETY_SECONDS, TEN_MINUTES])
def test_every_kind_of_fault_occurs_over_ten_seeds(seconds: float) -> None:
    occurred = {hurt.fault for seed in range(10) for hurt in told(seed, seconds)}
    assert occurred == {kind.fault for kind in kinds(seconds, 2, LINKS, CHANGELOGS)}


def test_everybody_is_killed_and_forty_times_in_ten_minutes() -> None:
    kills = Counter(
        victim
        for seed in range(10)
        for hurt in told(seed)
        if hurt.fault in ("kill", "kill two", "kill again", "stop", "outage")
        for victim in hurt.target.split("+") * (1 + KILLS_AGAIN if hurt.fault == "kill again" else 1)
    )
    assert {*PROCESSES, *SERVERS, "agents-2"} == kills.keys()
    assert kills.total() >= 400


def test_a_short_rehearsal_has_no_fault_that_lasts_and_ends_in_peace() -> None:
    for seed in range(10):
        hurts = told(seed, NINETY_SECONDS)
        assert len(hurts) >= 5
        assert max(hurt.seconds for hurt in hurts) <= 10
        assert max(hurt.at + hurt.seconds for hurt in hurts) <= NINETY_SECONDS - END_SECONDS


def test_an_outage_lasts_as_long_as_somebody_says() -> None:
    lasting = [kind for kind in kinds(TEN_MINUTES, 2, LINKS, CHANGELOGS, 300.0) if kind.fault == "outage"]
    assert [hurt.seconds for hurt in timeline(1, TEN_MINUTES, lasting)] == [300.0]


def test_nothing_begins_before_the_one_before_it_is_over() -> None:
    hurts = told(3)
    assert hurts[0].at == BEGIN_SECONDS
    assert all(one.at + one.seconds < other.at for one, other in pairwise(hurts))


def test_one_worker_alone_does_not_come_and_go() -> None:
    assert "come and go" in {kind.fault for kind in kinds(TEN_MINUTES, 2, LINKS, CHANGELOGS)}
    assert "come and go" not in {kind.fault for kind in kinds(TEN_MINUTES, 1, LINKS, CHANGELOGS)}


def test_every_kind_of_fault_can_be_done() -> None:
    assert FAULTS.keys() == {kind.fault for kind in kinds(TEN_MINUTES, 2, LINKS, CHANGELOGS)}


def test_nothing_is_done_to_a_calm_plant() -> None:
    assert timeline(1, TEN_MINUTES, []) == []
    assert asked({"FAULTS": "none"}).only == ("none",)


@pytest.mark.parametrize("told", [{"FAULTS": "kill,kil"}, {"DEFECT": "random names"}])
def test_what_nobody_knows_is_refused(told: dict[str, str]) -> None:
    with pytest.raises(PlantError, match="There is no"):
        asked(told)
