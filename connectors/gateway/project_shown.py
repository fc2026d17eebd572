"""A project's work as it is shown: what is done and taken, what lies ahead, and what that is expected to take."""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from msgspec.structs import asdict
from numpy.typing import NDArray

from connectors.database import Rows
from connectors.estimates import Priors
from connectors.gateway.problems import Problem
from schemas.messages.estimates import Figure
from sql.reads import project_work
from streams.domain.estimation.figures import FIGURES
from streams.domain.estimation.sums import samples

Row = dict[str, Any]
Samples = NDArray[np.float64]
UNDER_WAY: Final = ("submitted", "running")
DRAWS: Final = 2_000
LEAST_DRAWS: Final = 400
MOST_DRAWN: Final = 1_000_000
"""Draws are fewer where there are very many tasks: their sum varies less."""


class Piece(NamedTuple):
    """A task as it stands: what was promised of it, what it took, and whether it is still to be done."""

    task_id: str
    title: str
    phase: str
    lane_id: str
    provider: str
    complexity: str
    status: str
    is_ahead: bool
    promised: Mapping[str, Mapping[str, float]]
    actual: Mapping[str, float | None]
    run_id: str | None


class Work(NamedTuple):
    """A project, its runs (latest first), the run that is looked at if there is one, and that run's tasks.

    `money`: the tasks whose cost counts against the budget: of all runs, or of the one that was asked for.
    """

    project: Row
    runs: list[Row]
    run: Row | None
    pieces: list[Piece]
    money: list[Piece]
    priors: Priors

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The lanes and providers of its tasks."""
        return sorted({(each.lane_id, each.provider) for each in self.pieces})


def work_of(rows: Rows, priors: Priors, project_id: int, run_id: str | None = None) -> Work:
    """The work of a project, in its latest run or the one that is named; without runs as it would be done now.

    Raises Problem 404.
    """
    project = known(rows, project_id)
    runs = project_work.runs(rows, project_id)
    run = run_in(runs, project_id, run_id) if run_id else next(iter(runs), None)
    if run is None:
        planned = [_planned(each, priors) for each in project_work.tasks(rows, project_id)]
        return Work(project, runs, None, planned, planned, priors)
    wanted = [run] if run_id else runs
    titles = {each["task_id"]: each["title"] for each in project_work.tasks(rows, project_id)}
    under_way = {each["run_id"] for each in wanted if each["status"] in UNDER_WAY}
    found = project_work.run_tasks(rows, [each["run_id"] for each in wanted])
    money = [_of_run(each, titles, each["run_id"] in under_way) for each in found]
    return Work(project, runs, run, [each for each in money if each.run_id == run["run_id"]], money, priors)


def known(rows: Rows, project_id: int) -> Row:
    """A project. Raises Problem 404."""
    found = project_work.project(rows, project_id)
    if found is None:
        raise Problem(404, f"No project {project_id} is known.")
    return found


def run_in(runs: Iterable[Row], project_id: int, run_id: str) -> Row:
    """A run of a project by its id. Raises Problem 404."""
    for each in runs:
        if each["run_id"] == run_id.lower():
            return each
    raise Problem(404, f"Project {project_id} has no run {run_id}.")


def _planned(task: Row, priors: Priors) -> Piece:
    provider = task["provider"] or priors.usual_provider(task["lane_id"])
    return Piece(
        **{name: task[name] for name in ("task_id", "title", "phase", "lane_id", "complexity")},
        provider=provider,
        status="planned",
        is_ahead=True,
        promised={figure: asdict(told) for figure, told in priors.promised(task["lane_id"], provider).items()},
        actual={},
        run_id=None,
    )


def _of_run(task: Row, titles: Mapping[str, str], is_under_way: bool) -> Piece:
    named = ("task_id", "phase", "lane_id", "provider", "complexity", "status", "promised", "run_id")
    return Piece(
        **{name: task[name] for name in named},
        title=titles.get(task["task_id"], ""),
        is_ahead=is_under_way and task["status"] == "waiting",
        actual={figure: task[figure] for figure in FIGURES},
    )


def generator(work: Work) -> np.random.Generator:
    """Chance that is the same whenever the same project is looked at."""
    return np.random.default_rng([1, work.project["project_id"]])


class Outcomes:
    """Outcomes of one figure of some tasks: what they took, and what lies ahead at random.

    A task that was done without anybody measuring the figure is taken for one that lies ahead.
    """

    def __init__(self, work: Work, pieces: Sequence[Piece], figure: Figure) -> None:
        """Drawn once, so that parts of the work add up to the whole."""
        self._figure = figure
        unknown = [each for each in pieces if is_open(each, figure)]
        lanes = [(each.lane_id, each.provider) for each in unknown]
        posteriors = {pair: work.priors.posterior(*pair, figure) for pair in set(lanes)}
        draws = max(LEAST_DRAWS, min(DRAWS, MOST_DRAWN // max(1, len(unknown))))
        self._rows = samples([posteriors[pair] for pair in lanes], lanes, generator(work), draws)
        self._places = {(each.run_id, each.task_id): place for place, each in enumerate(unknown)}

    def of(self, pieces: Iterable[Piece]) -> Samples:
        """What these of the tasks take together."""
        told = list(pieces)
        keys = ((each.run_id, each.task_id) for each in told)
        places = [self._places[key] for key in keys if key in self._places]
        taken = math.fsum(each.actual.get(self._figure) or 0.0 for each in told)
        drawn: Samples = self._rows[places].sum(axis=0)
        return drawn + taken

    def ahead(self, pieces: Iterable[Piece]) -> Samples:
        """What those of the tasks take that are not known yet."""
        return self.of(each for each in pieces if is_open(each, self._figure))


def is_open(piece: Piece, figure: Figure) -> bool:
    """Whether what it takes is not known yet."""
    return piece.is_ahead or (piece.status == "completed" and piece.actual.get(figure) is None)


def by_cell(pieces: Iterable[Piece]) -> Iterator[tuple[str, str, list[Piece]]]:
    """Lane, phase, and the tasks there, in the order of lanes."""
    cells = defaultdict[tuple[str, str], list[Piece]](list)
    for each in pieces:
        cells[each.lane_id, each.phase].append(each)
    for (lane_id, phase), found in sorted(cells.items()):
        yield lane_id, phase, found


def estimated(piece: Piece, figure: Figure) -> float:
    """The median that was promised of it."""
    told = piece.promised.get(figure)
    return float(told["p50"]) if told else 0.0
