"""A project's estimates as documents: metrics, budget runway, risk heatmap, drift, and runs side by side."""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np

from connectors.database import Rows
from connectors.gateway.project_shown import (
    Outcomes,
    Piece,
    Row,
    Samples,
    Work,
    by_cell,
    estimated,
    is_open,
    run_in,
)
from schemas.messages.estimates import Figure
from sql.reads import estimates, project_work
from streams.domain.estimation import risk as risks
from streams.domain.estimation.figures import FIGURES
from streams.domain.estimation.runway import THRESHOLDS, Runway, runway

DIGITS: Final = 6
MOST_POINTS: Final = 40
PROBABILITIES: Final = (0.05, 0.25, 0.75, 0.95)
"""The ends of the 90 % and the 50 % credible interval."""


def rounded(value: float | None) -> float | None:
    """A figure to be read: rounded, and absent where it is not known."""
    return None if value is None or not math.isfinite(value) else round(value, DIGITS)


def head(work: Work) -> dict[str, Any]:
    """Which project and run it is about, and as of when."""
    return {
        "project_id": work.project["project_id"],
        "name": work.project["name"],
        "run_id": work.run["run_id"] if work.run else None,
        "as_of": datetime.now(UTC),
    }


def metrics(work: Work, with_ci: bool) -> dict[str, Any]:
    """What the tasks of a run were to take and took, one by one, by lane and together."""
    of_lane = {pair: [each for each in work.pieces if (each.lane_id, each.provider) == pair] for pair in work.pairs}
    drawn = {figure: Outcomes(work, work.pieces, figure) for figure in FIGURES}
    return head(work) | {
        "with_ci": with_ci,
        "total": _sum(drawn, work.pieces, with_ci),
        "lanes": [
            {"lane_id": lane, "provider": provider} | _sum(drawn, found, with_ci)
            for (lane, provider), found in of_lane.items()
        ],
        "tasks": [_task(work, each, with_ci) for each in work.pieces],
        "runs": [run_document(each) for each in work.runs],
    }


def _sum(drawn: Mapping[Figure, Outcomes], pieces: Sequence[Piece], with_ci: bool) -> dict[str, Any]:
    figures = {}
    for figure in FIGURES:
        samples = drawn[figure].of(pieces)
        figures[figure] = {
            "estimated": rounded(math.fsum(estimated(each, figure) for each in pieces)),
            "actual": rounded(math.fsum(each.actual.get(figure) or 0.0 for each in pieces)),
            "projected": rounded(float(np.median(samples))),
        } | (_interval(np.quantile(samples, PROBABILITIES).tolist()) if with_ci else {})
    return {
        "tasks": len(pieces),
        "completed_tasks": sum(each.status == "completed" for each in pieces),
        "tasks_ahead": sum(each.is_ahead for each in pieces),
        "figures": figures,
    }


def _task(work: Work, piece: Piece, with_ci: bool) -> dict[str, Any]:
    figures = {}
    for figure in FIGURES:
        told: dict[str, Any] = {
            "estimated": rounded(estimated(piece, figure)),
            "actual": rounded(piece.actual.get(figure)),
        }
        if with_ci and is_open(piece, figure):
            found = work.priors.posterior(piece.lane_id, piece.provider, figure)
            told |= _interval(found.sample(np.array(PROBABILITIES)).tolist())
        figures[figure] = told
    named = ("task_id", "title", "phase", "lane_id", "provider", "complexity", "status")
    return {name: getattr(piece, name) for name in named} | {"figures": figures}


def _interval(quantiles: Iterable[float]) -> dict[str, Any]:
    low_90, low_50, high_50, high_90 = map(rounded, quantiles)
    return {"ci_50": {"low": low_50, "high": high_50}, "ci_90": {"low": low_90, "high": high_90}}


def run_document(run: Row) -> dict[str, Any]:
    """A run with what it took."""
    return {
        **{name: run[name] for name in ("run_id", "run_kind", "status", "started_at", "completed_at", "requested_by")},
        "tasks": run["tasks"],
        "completed_tasks": run["completed_tasks"],
        "actual": {figure: rounded(float(run[figure])) for figure in FIGURES},
    }


def runway_of(work: Work) -> Runway:
    """What the budget has left, and what lies ahead in runs under way; before the first run, the whole project."""
    ahead = [each for each in work.money if each.is_ahead]
    usd = Outcomes(work, ahead, "cost_usd").ahead(ahead)
    minutes = float(np.median(Outcomes(work, ahead, "duration_minutes").ahead(ahead)))
    spent = math.fsum(each.actual.get("cost_usd") or 0.0 for each in work.money)
    return runway(work.project["budget_usd_max"], spent, usd, minutes, work.run is not None and bool(ahead))


def runway_document(work: Work) -> dict[str, Any]:
    """The budget runway as the console and document 001's client read it."""
    found = runway_of(work)
    return head(work) | {
        "status": found.status,
        "budget": {name: rounded(getattr(found, name)) for name in ("usd_max", "usd_spent", "usd_remaining")}
        | {"spent_share": rounded(found.spent_share)},
        "runway": {
            name: rounded(getattr(found, name))
            for name in (
                "minutes_to_depletion",
                "minutes_to_completion",
                "projected_total_usd",
                "projected_total_p10",
                "projected_total_p90",
                "projected_overrun_usd",
                "probability_of_overrun",
                "burn_usd_per_minute",
            )
        },
        "thresholds": THRESHOLDS,
    }


def heatmap(work: Work, figure: Figure) -> dict[str, Any]:
    """Lanes by phases, each with its risk."""
    drawn = Outcomes(work, work.pieces, figure)
    cells = [(lane, phase, found, drawn.of(found)) for lane, phase, found in by_cell(work.pieces)]
    expected = sum(float(np.median(samples)) for *_, samples in cells)
    budget = work.project["budget_usd_max"] if figure == "cost_usd" else None
    return head(work) | {
        "figure": figure,
        "definition": risks.MEANING,
        "budget": rounded(budget),
        "expected": rounded(expected),
        "lanes": sorted({lane for lane, *_ in cells}),
        "phases": list(dict.fromkeys(each.phase for each in work.pieces)),
        "cells": [_cell(lane, phase, found, drawn, expected, budget) for lane, phase, found, drawn in cells],
    }


def _cell(
    lane_id: str, phase: str, pieces: Sequence[Piece], samples: Samples, expected: float, budget: float | None
) -> dict[str, Any]:
    allowance = risks.allowance_of(float(np.median(samples)), expected, budget)
    found = risks.risk(samples, allowance, budget or expected)
    told = {name: rounded(value) for name, value in found._asdict().items() if name != "word"}
    counted = {"tasks": len(pieces), "tasks_ahead": sum(each.is_ahead for each in pieces)}
    return {"lane_id": lane_id, "phase": phase, "word": found.word} | counted | told


def drift(rows: Rows, work: Work) -> dict[str, Any]:
    """Per lane, provider and figure: what was promised beside what it took, and what the drift test says."""
    latest = estimates.priors(rows, work.pairs)
    seen = estimates.series(rows, work.pairs, MOST_POINTS)
    lanes = []
    for lane_id, provider in work.pairs:
        own = [each for each in seen if (each["lane_id"], each["provider"]) == (lane_id, provider)]
        tests = latest[lane_id, provider]["drift"] if (lane_id, provider) in latest else {}
        lanes += [
            {"lane_id": lane_id, "provider": provider, "figure": figure} | _drift(own, figure, tests.get(figure))
            for figure in FIGURES
        ]
    return head(work) | {"lanes": lanes}


def _drift(seen: Iterable[Row], figure: Figure, test: Mapping[str, Any] | None) -> dict[str, Any]:
    points = [told for each in seen if (told := _point(each, figure)) is not None]
    logs = [each["log_error"] for each in points if each["log_error"] is not None]
    relatives = [each["relative_error"] for each in points if each["relative_error"] is not None]
    return {
        "points": points,
        "mean_log_error": rounded(math.fsum(logs) / len(logs)) if logs else None,
        "mean_relative_error": rounded(math.fsum(relatives) / len(relatives)) if relatives else None,
        "test": test and {name: test[name] for name in ("method", "statistic", "threshold", "direction")},
        "is_drifting": test is not None and test["direction"] != "none",
    }


def _point(seen: Row, figure: Figure) -> dict[str, Any] | None:
    actual, promised = seen[figure], seen["promised"].get(figure)
    if actual is None or promised is None:
        return None
    predicted = float(promised["p50"])
    return {
        "observation_id": seen["observation_id"],
        "project_id": seen["project_id"],
        "completed_at": seen["completed_at"],
        "predicted": rounded(predicted),
        "actual": rounded(actual),
        "relative_error": rounded((actual - predicted) / predicted) if predicted > 0 else None,
        "log_error": rounded(math.log(actual / predicted)) if actual > 0 and predicted > 0 else None,
        "is_within_90": promised["p5"] <= actual <= promised["p95"],
    }


def comparison(rows: Rows, project_id: int, run_ids: Sequence[str]) -> dict[str, Any]:
    """Runs side by side: the whole, lane by lane, and task by task. Raises Problem 404."""
    known = project_work.runs(rows, project_id)
    runs = [run_in(known, project_id, each) for each in run_ids]
    found = project_work.run_tasks(rows, [each["run_id"] for each in runs])
    columns = [{each["task_id"]: each for each in found if each["run_id"] == run["run_id"]} for run in runs]
    tasks = sorted({each["task_id"] for each in found})
    lanes = sorted({each["lane_id"] for each in found})
    return {
        "project_id": project_id,
        "runs": [run_document(each) for each in runs],
        "lanes": [{"lane_id": lane, "actual": [_taken(column.values(), lane) for column in columns]} for lane in lanes],
        "tasks": [{"task_id": task, "in_run": [_in_run(column.get(task)) for column in columns]} for task in tasks],
    }


def _taken(tasks: Iterable[Row], lane_id: str) -> dict[str, float | None]:
    own = [each for each in tasks if each["lane_id"] == lane_id]
    return {figure: rounded(math.fsum(each[figure] or 0.0 for each in own)) if own else None for figure in FIGURES}


def _in_run(task: Row | None) -> dict[str, Any] | None:
    """A task in a run, and whether its promises held; None where the run does not have it."""
    if task is None:
        return None
    promised = task["promised"]
    figures = {
        figure: {
            "estimated": rounded(promised[figure]["p50"]) if figure in promised else None,
            "actual": rounded(task[figure]),
        }
        for figure in FIGURES
    }
    return {name: task[name] for name in ("lane_id", "provider", "status", "quality")} | {"figures": figures}
