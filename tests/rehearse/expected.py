"""What must have become of all that was said: the ends that statements may come to, the ranges of figures."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final, NamedTuple

NEIGHBOUR: Final = "00000000-0000-4000-8000-00000000beef"
"""The other tenant of a rehearsed plant."""
ROW: Final = "row"
NOWHERE: Final = "nowhere"
FIGURES: Final = "figures"
"""It shows in figures of what it is about, not in a row of its own."""


def letter(code: str) -> str:
    """The end in a dead letter."""
    return f"letter:{code}"


class Statement(NamedTuple):
    """One statement, however often it was said, and the ends it may come to: a row, a dead letter, or nowhere."""

    id: str
    channel: str
    ends: frozenset[str]
    row: str

    @property
    def is_due(self) -> bool:
        """Whether it must stand in a row and nowhere else."""
        return self.ends == {ROW}


class Reading(NamedTuple):
    """A machine's counter as it was said."""

    id: str
    machine: str
    order: str
    at: int
    cumulative: int
    quality: str


class Range(NamedTuple):
    """The least and the most that a figure may be."""

    least: float
    most: float

    def __contains__(self, told: object) -> bool:
        return isinstance(told, int | float) and self.least <= told <= self.most


class Shelf(NamedTuple):
    """What of a material must lie there, and what of it must be promised."""

    on_hand: Range
    promised: Range
    asked: dict[str, float]


class OrderHead(NamedTuple):
    """What an order must look like."""

    quantity: int
    statuses: frozenset[str]
    priorities: frozenset[str]


class Repair(NamedTuple):
    """What people did about a dead letter: how often they were told that it was done, and how often nobody knows."""

    action: str
    taken: int
    unknown: int
    order: str
    reading: str


@dataclass
class Expected:
    """What must have become of everything. `repeats`: how often statements were said beyond the first time."""

    statements: dict[str, Statement] = field(default_factory=dict)
    readings: dict[str, Reading] = field(default_factory=dict)
    sent: Counter[str] = field(default_factory=Counter)
    repeats: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    produced: dict[str, Range] = field(default_factory=dict)
    scrapped: dict[str, Range] = field(default_factory=dict)
    heads: dict[str, OrderHead] = field(default_factory=dict)
    shelves: dict[str, Shelf] = field(default_factory=dict)
    repairs: dict[str, Repair] = field(default_factory=dict)
    repaired: dict[str, str] = field(default_factory=dict)
    """Readings that may have been sent to another order, out of the dead letters."""
    astray: list[str] = field(default_factory=list)
    counts: dict[str, Range] = field(default_factory=dict)
    """How many there must be of what has no name before it is made."""
    unanswered: int = 0
