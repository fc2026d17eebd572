"""What a run begins with: who does each task, what is promised together, which tasks a rehearsal draws."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest

from connectors.estimates import Priors
from connectors.gateway.known_priors import KnownPriors, Promises
from connectors.gateway.problems import Problem
from connectors.gateway.project_runs import REHEARSAL, assigned, seed_of, share_of, strata_of, totals
from schemas.views.projects import StartBody
from streams.domain.estimation.figures import FIGURES

LEARNED = {"mean": 4000.0, "std": 500.0, "weight": 9.0, "mean_log": 8.3, "square_log": 0.1, "widening": 1.0}


def row(lane_id: str, provider: str, version: int) -> dict[str, Any]:
    learned = dict.fromkeys(FIGURES, LEARNED)
    return {"lane_id": lane_id, "provider": provider, "version": version, "learned": learned}


def task(lane_id: str, provider: str | None = None, complexity: str = "simple") -> dict[str, Any]:
    return {"lane_id": lane_id, "provider": provider, "complexity": complexity}


class Rows:
    """A cursor over priors: the stamp first, then the priors, which are counted."""

    def __init__(self) -> None:
        self.priors: list[dict[str, Any]] = []
        self.reads = 0

    def execute(self, query: Any, _values: Any = None) -> None:
        self.reads += b"learned" in query if isinstance(query, bytes) else "learned" in query

    def fetchone(self) -> dict[str, int]:
        return {"priors": len(self.priors), "versions": sum(each["version"] for each in self.priors)}

    def fetchall(self) -> list[dict[str, Any]]:
        return self.priors


def test_the_run_says_who_does_a_task_before_the_task_and_that_before_who_is_used_to_it() -> None:
    priors = Priors([row("code", "bravo", 3), row("code", "alpha", 9)])
    tasks = [task("code", "charlie"), task("code"), task("docs"), task("data", "charlie")]
    found = assigned(priors, tasks, {"data": "delta"})
    assert [each["provider"] for each in found] == ["charlie", "alpha", "default", "delta"]


def test_priors_are_read_again_only_when_one_has_learned() -> None:
    known, rows = KnownPriors(), Rows()
    first: Any = known.load(rows, "tenant")  # type: ignore[arg-type]
    assert known.load(rows, "tenant") is first  # type: ignore[arg-type]
    rows.priors = [row("code", "alpha", 1)]
    second: Any = known.load(rows, "tenant")  # type: ignore[arg-type]
    assert (second is first, rows.reads) == (False, 2)
    assert second.priors.version("code", "alpha") == 1
    assert known.load(rows, "neighbour") is not second  # type: ignore[arg-type]


class Crowded(Rows):
    """Everybody sees the stamp before anybody reads; who reads waits a moment for somebody else who does."""

    def __init__(self, people: int) -> None:
        super().__init__()
        self._everybody, self._two = threading.Barrier(people), threading.Barrier(2)

    def fetchone(self) -> dict[str, int]:
        self._everybody.wait(30)
        return super().fetchone()

    def fetchall(self) -> list[dict[str, Any]]:
        with suppress(threading.BrokenBarrierError):
            self._two.wait(0.5)
        return super().fetchall()


def test_many_who_ask_at_once_read_the_priors_once() -> None:
    known, rows = KnownPriors(), Crowded(8)
    with ThreadPoolExecutor(8) as people:
        found = list(people.map(lambda _: known.load(rows, "tenant"), range(8)))  # type: ignore[arg-type]
    assert rows.reads == 1
    assert all(each is found[0] for each in found)


def test_a_promise_is_computed_once_and_is_that_of_the_priors() -> None:
    promises = Promises(Priors([row("code", "alpha", 1)]))
    assert promises.of(("code", "alpha")) is promises.of(("code", "alpha"))
    assert promises.of(("code", "alpha")) == promises.priors.promised("code", "alpha")


def test_twice_the_tasks_take_twice_as_much() -> None:
    promises = Promises(Priors([]))
    ten = [task("code", "alpha")] * 10
    one, two = totals(ten, promises), totals(ten * 2, promises)
    for figure in FIGURES:
        assert two[figure]["mean"] == pytest.approx(2 * one[figure]["mean"])
        assert one[figure]["p5"] < one[figure]["p50"] < one[figure]["p95"]
    assert totals([], promises) == {}


def test_only_a_rehearsal_has_a_share_of_the_tasks() -> None:
    assert share_of(StartBody(run_kind="rehearsal")) == REHEARSAL
    assert share_of(StartBody(run_kind="rehearsal", rehearsal_pct=0.5)) == 0.5
    assert share_of(StartBody()) is None
    with pytest.raises(Problem, match="A hotfix has no share"):
        share_of(StartBody(run_kind="hotfix", rehearsal_pct=0.5))


def test_a_seed_follows_from_project_and_share() -> None:
    assert seed_of(4, 0.01) == seed_of(4, 0.01)
    assert len({seed_of(4, 0.01), seed_of(4, 0.02), seed_of(5, 0.01)}) == 3
    tasks = [task("code", complexity="simple") for _ in range(30)]
    assert strata_of(tasks, 0.2, seed_of(4, 0.2)) == strata_of(tasks, 0.2, seed_of(4, 0.2))
