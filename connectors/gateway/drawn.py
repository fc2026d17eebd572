"""Figures as shapes: densities, sparklines and the bar of a budget, as coordinates for SVG."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

WIDTH: Final = 240.0
HEIGHT: Final = 56.0
MOST_ERROR: Final = 1.5
"""Logarithms of errors are drawn up to this: 4.5 times, or a fraction of that."""


class Curve(NamedTuple):
    """A density: its outline, the part that holds half of it, the place of its median, and both ends in its unit."""

    outline: str
    half: str
    median: float
    least: float
    most: float


class Spark(NamedTuple):
    """Errors in their order: a line about the middle, its last point, and how many they are."""

    points: str
    dots: list[tuple[float, float, bool]]
    errors: int


class Bar(NamedTuple):
    """A budget as a bar of a hundred: ends of what is spent, of the median and percentiles ahead, and the limit."""

    spent: float
    projected: float
    p10: float
    p90: float
    limit: float | None
    whole: float


def curve(points: Sequence[Mapping[str, float]], p25: float, p50: float, p75: float) -> Curve:
    """A density on a canvas of `WIDTH` by `HEIGHT`."""
    least, most = points[0]["value"], points[-1]["value"]
    highest = max(each["density"] for each in points) or 1.0

    def x(value: float) -> float:
        return WIDTH * (value - least) / (most - least)

    def path(some: Sequence[Mapping[str, float]]) -> str:
        line = " L".join(f"{x(each['value']):.1f},{HEIGHT - HEIGHT * each['density'] / highest:.1f}" for each in some)
        return f"M{x(some[0]['value']):.1f},{HEIGHT} L{line} L{x(some[-1]['value']):.1f},{HEIGHT} Z"

    inner = [each for each in points if p25 <= each["value"] <= p75]
    return Curve(path(points), path(inner) if len(inner) > 1 else "", round(x(p50), 1), least, most)


def spark(points: Sequence[Mapping[str, Any]], width: float = 160.0, height: float = 36.0) -> Spark:
    """The logarithms of errors, zero in the middle; a point outside its 90 % interval is marked."""
    told = [each for each in points if each["log_error"] is not None]
    step = width / max(1, len(told) - 1)
    dots = [
        (round(at * step, 1), round(_height(each["log_error"], height), 1), not each["is_within_90"])
        for at, each in enumerate(told)
    ]
    return Spark(" ".join(f"{x},{y}" for x, y, _ in dots), dots, len(dots))


def _height(error: float, height: float) -> float:
    return height / 2 - height / 2 * max(-1.0, min(1.0, error / MOST_ERROR))


def bar(budget: Mapping[str, Any], ahead: Mapping[str, Any]) -> Bar:
    """What is spent and what lies ahead beside the limit, on one scale."""
    limit = budget["usd_max"]
    whole = 1.06 * max(limit or 0.0, ahead["projected_total_p90"], budget["usd_spent"]) or 1.0

    def x(value: float) -> float:
        return round(100 * max(0.0, value) / whole, 3)

    return Bar(
        x(budget["usd_spent"]),
        x(ahead["projected_total_usd"]),
        x(ahead["projected_total_p10"]),
        x(ahead["projected_total_p90"]),
        None if limit is None else x(limit),
        whole,
    )
