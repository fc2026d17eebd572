"""Stretches of time as pairs of begin and end, the end excluded; of moments or of minutes."""

from collections.abc import Iterable
from datetime import datetime
from typing import TypeVar

Point = TypeVar("Point", int, datetime)


def merged(spans: Iterable[tuple[Point, Point]]) -> list[tuple[Point, Point]]:
    """The same time as spans that do not touch, in order; those without length are nothing."""
    found: list[tuple[Point, Point]] = []
    for begin, end in sorted(span for span in spans if span[0] < span[1]):
        if found and begin <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], end)
        else:
            found.append((begin, end))
    return found
