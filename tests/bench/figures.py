"""What a bench measures: a figure beside the one it is held against, in the same run."""

from collections.abc import Callable
from typing import NamedTuple

from schemas.settings import Settings
from tests.plants import RunningPlant


class Figure(NamedTuple):
    """A measured value, what it is held against, and how many times as good it is (for times: as long)."""

    name: str
    value: float
    unit: str
    against: str
    against_value: float
    ratio: float
    least: str
    aim: str


class Measure(NamedTuple):
    """How a figure is taken, and whether it needs our processes running or only Kafka."""

    take: Callable[[RunningPlant], Figure]
    needs_whole_plant: bool = False


def contest(measure: Callable[[Settings], Figure]) -> Measure:
    """A measure that brings its own processes and needs Kafka only."""
    return Measure(lambda plant: measure(plant.settings()))


def whole(measure: Callable[[RunningPlant], Figure]) -> Measure:
    """A measure of the plant as it runs."""
    return Measure(measure, needs_whole_plant=True)


def faster(
    name: str, value: float, against: str, other: float, least: str, aim: str, unit: str = "records/s"
) -> Figure:
    """A rate beside another."""
    return Figure(name, round(value, 1), unit, against, round(other, 1), round(value / other, 2), least, aim)
