"""A rehearsal on paper: which tasks are drawn, what each is expected to take, and the project by them."""

from typing import Any

from connectors.database import Rows
from connectors.estimates import Priors
from connectors.gateway.known_priors import Pair
from connectors.gateway.problems import Problem
from connectors.gateway.project_runs import Row, assigned, seed_of, strata_of
from schemas.messages.estimates import Figure
from sql.reads import projects
from streams.domain.estimation.figures import FIGURES
from streams.domain.estimation.sampling import Guess, Stratum, extrapolate


def simulated(rows: Rows, priors: Priors, project: Row, share: float, seed: int | None) -> dict[str, Any]:
    """The sample and what follows from it. Raises Problem 409 for a project without tasks."""
    tasks = assigned(priors, projects.tasks(rows, project["project_id"]), {})
    if not tasks:
        raise Problem(409, f"Project {project['project_id']} has no tasks to sample.")
    chosen = seed_of(project["project_id"], share) if seed is None else seed
    strata = strata_of(tasks, share, chosen)
    drawn = sorted(place for stratum in strata for place in stratum.drawn)
    guesses = _guesses(priors, {_pair(tasks[place]) for place in drawn})
    return {
        "project_id": project["project_id"],
        "rehearsal_pct": share,
        "seed": chosen,
        "task_count": len(tasks),
        "sampled_count": len(drawn),
        "strata": [{"complexity": each.complexity, "tasks": each.size, "sampled": len(each.drawn)} for each in strata],
        "sampled_tasks": [_sampled(tasks[place], guesses) for place in drawn],
        "extrapolated": {figure: _extrapolated(tasks, strata, guesses, figure) for figure in FIGURES},
        "budget_usd_max": project["budget_usd_max"],
    }


def _pair(task: Row) -> Pair:
    return task["lane_id"], task["provider"]


def _guesses(priors: Priors, pairs: set[Pair]) -> dict[tuple[Pair, Figure], Guess]:
    """What one task of each lane and provider is expected to take."""
    found = {}
    for pair in pairs:
        for figure in FIGURES:
            expected = priors.posterior(*pair, figure)
            found[pair, figure] = Guess(expected.mean, expected.std**2)
    return found


def _sampled(task: Row, guesses: dict[tuple[Pair, Figure], Guess]) -> Row:
    head = {name: task[name] for name in ("task_id", "lane_id", "provider", "complexity")}
    return head | {figure: guesses[_pair(task), figure].mean for figure in FIGURES}


def _extrapolated(
    tasks: list[Row], strata: list[Stratum], guesses: dict[tuple[Pair, Figure], Guess], figure: Figure
) -> Row:
    unseen = Guess(0.0, 0.0)
    found = extrapolate(strata, [guesses.get((_pair(task), figure), unseen) for task in tasks])
    return found._asdict() | {"std": found.std}
