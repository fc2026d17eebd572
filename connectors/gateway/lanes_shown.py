"""Lanes as they are shown: what each is expected to take, how its promises held, and the curves of its figures."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from connectors.estimates import Priors
from connectors.gateway.problems import Problem
from schemas.messages.estimates import Figure, Hits
from schemas.views.lanes import ObservationRow
from streams.domain.estimation.coverage import Coverage, coverage, together
from streams.domain.estimation.density import curve
from streams.domain.estimation.figures import FIGURES
from streams.domain.estimation.lanes import family_of

Row = dict[str, Any]
POINTS: Final = 64
MEANING: Final = (
    "Before work begins, quantiles of what it will take are promised. The 50% interval should hold half of what it "
    "then takes, the 90% interval nine tenths. Observed is how many it held; the true share lies between low and high "
    "with 95% confidence (Wilson). Where the promised share is not in there, coverage is off; intervals are stretched "
    "until it is not. The pinball ratio sets the loss of these quantiles against that of a normal distribution with "
    "the smoothed mean and deviation of document 001: below 1 is better."
)


def lane_document(row: Row, priors: Priors) -> dict[str, Any]:
    """A prior as it holds now."""
    lane_id, provider = row["lane_id"], row["provider"]
    named = ("lane_id", "provider", "version", "observations", "is_converged", "quality", "changed_at")
    return {name: row[name] for name in named} | {
        "family": family_of(lane_id),
        "figures": {
            figure: msgspec.structs.asdict(told) for figure, told in priors.promised(lane_id, provider).items()
        },
        "coverage": {figure: shown(row, figure) for figure in FIGURES if figure in row["hits"]},
        "drifting": [figure for figure in FIGURES if row["drift"].get(figure, {}).get("direction", "none") != "none"],
    }


def distributions(priors: Priors, lane_id: str, provider: str) -> dict[Figure, list[dict[str, float]]]:
    """The densities of all figures."""
    return {figure: distribution(priors, lane_id, provider, figure) for figure in FIGURES}


def distribution(priors: Priors, lane_id: str, provider: str, figure: Figure) -> list[dict[str, float]]:
    """The density of a figure, at points to draw."""
    return [point._asdict() for point in curve(priors.posterior(lane_id, provider, figure), POINTS)]


def hits_of(told: Mapping[str, Any]) -> Hits:
    """How promises held, as a version keeps it."""
    return msgspec.convert(told, Hits)


def shown(row: Row, figure: Figure) -> dict[str, Any]:
    """The hit rate of a figure of a prior."""
    widening = row["learned"].get(figure, {}).get("widening", 1.0)
    return coverage_document(coverage(hits_of(row["hits"][figure]), widening), widening)


def overall(rows: Iterable[Row], figures: Iterable[Figure] = FIGURES) -> dict[str, Any]:
    """The hit rate of several priors together; their widening is the mean, by promises."""
    wanted = list(figures)
    found = [
        (hits_of(row["hits"][figure]), row["learned"].get(figure, {}).get("widening", 1.0))
        for row in rows
        for figure in wanted
        if figure in row["hits"]
    ]
    whole = together(hits for hits, _ in found)
    stretched = sum(hits.promised * widening for hits, widening in found)
    widening = stretched / whole.promised if whole.promised else 1.0
    return coverage_document(coverage(whole, widening), widening)


def coverage_document(found: Coverage, widening: float) -> dict[str, Any]:
    """The hit rate as the API tells it."""
    told = found._asdict()
    return told | {"rate_50": found.rate_50._asdict(), "rate_90": found.rate_90._asdict(), "widening": widening}


def observation_document(row: Row) -> dict[str, Any]:
    """An observation as the API tells it."""
    return {name: row[name] for name in ObservationRow.model_fields}


def unknown(lane_id: str, provider: str, set_aside: int = 0) -> Problem:
    """The problem of a prior that nothing was learned of."""
    if set_aside:
        sentence = f"Nothing was learned of lane {lane_id} done by {provider}; observations set aside: {set_aside}."
        return Problem(404, sentence)
    return Problem(404, f"Nothing was ever observed of lane {lane_id} done by {provider}.")
