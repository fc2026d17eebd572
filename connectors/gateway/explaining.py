"""Where one estimate comes from: its sources with their weights, its formula with its numbers, computed again."""

import math
from typing import Any, Final

import msgspec

from connectors.database import Rows
from connectors.estimates import Priors
from connectors.gateway.lanes_shown import unknown
from schemas.messages.estimates import Figure, Learned
from sql.reads import estimates
from streams.domain.estimation.explained import LETTERS, LETTERS_OF_PLAN, Source, Step, plan_steps, sources, steps
from streams.domain.estimation.figures import BOUNDS
from streams.domain.estimation.learning import NOTHING, Remembered, learn, learned_of
from streams.domain.estimation.smoothing import ALPHA

Row = dict[str, Any]
MOST_OBSERVATIONS: Final = 20_000
SHOWN: Final = 100
TOLERANCE: Final = 1e-9
NAMES: Final = {
    "family": "lanes of its family",
    "provider": "lanes of its provider",
    "all": "all lanes",
    "elsewhere": "the same at other work centres",
}


def explanation(rows: Rows, priors: Priors, lane_id: str, provider: str, figure: Figure) -> Row:
    """The explanation of one figure of a lane and a provider. Raises Problem 404."""
    found = estimates.priors(rows, [(lane_id, provider)]).get((lane_id, provider))
    if found is None:
        raise unknown(lane_id, provider)
    counted = estimates.observations(rows, lane_id, provider, True, MOST_OBSERVATIONS + 1)
    measured = sorted(
        (each for each in counted if each[figure] is not None),
        key=lambda each: (each["completed_at"], each["observation_id"]),
    )
    path = learned_again(figure, measured)
    kept = _learned(found, figure)
    again = learned_of(path[-1])
    is_all = len(counted) <= MOST_OBSERVATIONS
    differences = _differences(kept, again) if is_all else [f"It rests on more than {MOST_OBSERVATIONS} observations."]
    own, base = priors.evidence(lane_id, provider, figure), priors.base(lane_id, provider, figure)
    planned = priors.planned(lane_id, provider, figure)
    posterior, widening = priors.posterior(lane_id, provider, figure), priors.widening(lane_id, provider, figure)
    return {
        "lane_id": lane_id,
        "provider": provider,
        "figure": figure,
        "version": found["version"],
        "unit": BOUNDS[figure].unit,
        "estimate": msgspec.structs.asdict(priors.promised(lane_id, provider)[figure]),
        "sources": _sources(priors, lane_id, provider, figure),
        "steps": [
            each._asdict()
            for each in [*_planned(priors, lane_id, provider, figure), *steps(base, own, posterior, widening)]
        ],
        "letters": LETTERS if planned is None else LETTERS_OF_PLAN + LETTERS,
        "observations": _counted(figure, measured, path)[-SHOWN:][::-1],
        "observations_total": len(measured),
        "widening": widening,
        "smoothing": _smoothing(figure, measured, path)._asdict(),
        "kept": msgspec.structs.asdict(kept),
        "recomputed": msgspec.structs.asdict(again) if is_all else None,
        "is_equal": is_all and not differences,
        "differences": differences,
    }


def learned_again(figure: Figure, measured: list[Row]) -> list[Remembered]:
    """What was known before the first observation and after each, in the order in which the work was completed."""
    path = [NOTHING[figure]]
    for each in measured:
        is_outcome = each["source"] != "override"
        path.append(learn(figure, path[-1], each[figure], each["weight"], is_outcome=is_outcome))
    return path


def _learned(row: Row, figure: Figure) -> Learned:
    told = row["learned"].get(figure)
    return msgspec.convert(told, Learned) if told else learned_of(NOTHING[figure])


def _differences(kept: Learned, again: Learned) -> list[str]:
    pairs = [(name, getattr(kept, name), getattr(again, name)) for name in Learned.__struct_fields__]
    return [
        f"{name} is kept as {before:.12g}; its observations give {after:.12g}."
        for name, before, after in pairs
        if not math.isclose(before, after, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    ]


def _sources(priors: Priors, lane_id: str, provider: str, figure: Figure) -> list[Row]:
    groups = priors.groups(lane_id, provider, figure)
    base, own = priors.base(lane_id, provider, figure), priors.evidence(lane_id, provider, figure)
    default = priors.default(lane_id, provider, figure)
    found = sources(default, [each.evidence for each in groups], base, own)
    told = [_weighed("observations", "its own observations", found.own)] if found.own else []
    told += [
        _weighed(group.kind, NAMES[group.kind], source, len(group.members))
        for group, source in zip(groups, found.groups, strict=True)
    ]
    if priors.planned(lane_id, provider, figure) is None:
        return [*told, _weighed("default", "factory default", found.default)]
    return [*told, _weighed("plan", "what its routing plans", found.default)]


def _planned(priors: Priors, lane_id: str, provider: str, figure: Figure) -> list[Step]:
    """How the base prior of an operation comes from its plan; nothing of other lanes."""
    if (planned := priors.planned(lane_id, provider, figure)) is None:
        return []
    elsewhere = [each.evidence for each in priors.groups(lane_id, provider, figure)]
    return plan_steps(planned, elsewhere[0] if elsewhere else None, priors.base(lane_id, provider, figure))


def _weighed(source: str, name: str, found: Source, lanes: int | None = None) -> Row:
    return {"source": source, "name": name, "lanes": lanes, "median": math.exp(found.mean_log)} | found._asdict()


def _counted(figure: Figure, measured: list[Row], path: list[Remembered]) -> list[Row]:
    """Each observation with what is left of its weight, and as what it was learned."""
    told, left = list[Row](), 1.0
    for each, before, after in reversed(list(zip(measured, path[:-1], path[1:], strict=True))):
        weight = each["weight"]
        learned_as = before.mean_log + (after.mean_log - before.mean_log) * after.weight / weight
        named = {name: each[name] for name in ("observation_id", "completed_at", "source", "weight")}
        told.append(named | {"value": each[figure], "taught_as": math.exp(learned_as), "counts_for": weight * left})
        left *= (after.weight - weight) / before.weight if before.weight else 1.0
    return told[::-1]


def _smoothing(figure: Figure, measured: list[Row], path: list[Remembered]) -> Step:
    """The documented smoothing, its last step with its numbers."""
    what, formula = "exponential smoothing of document 001", "mean + alpha w (x - mean)"
    if not measured:
        return Step(what, formula, "nothing was observed: the factory default", path[-1].mean)
    last, before = measured[-1], path[-2]
    share = f"{ALPHA:g} x {last['weight']:g}"
    numbers = f"{before.mean:.5g} + {share} x ({last[figure]:.5g} - {before.mean:.5g})"
    return Step(what, formula, numbers, path[-1].mean)
