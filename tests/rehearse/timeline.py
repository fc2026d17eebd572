"""What is done to a plant, and when: the same seed, the same timeline."""

import random
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Final, NamedTuple

PROCESSES: Final = ("mes-mqtt", "mes-opcua", "gateway", "jobs", "agents", "projector", "planner")
SERVERS: Final = ("kafka", "postgres", "mqtt", "opcua-sim")
SYSTEMS: Final = ("erp", "mes", "wms")
BEGIN_SECONDS: Final = 5.0
END_SECONDS: Final = 10.0
"""How long before the end nothing more is begun that would still last."""
REST_SECONDS: Final = (2.0, 6.0)
LONGEST_OUTAGE_SECONDS: Final = 600.0
KILLS_AGAIN: Final = 2
"""How many successors "kill again" kills, one after the other."""


class Hurt(NamedTuple):
    """One thing that is done: when (seconds since the begin), what, to whom, and for how long (seconds)."""

    at: float
    fault: str
    target: str
    seconds: float


class Kind(NamedTuple):
    """A kind of fault: how often it comes in a round, whom it meets, how long it lasts (seconds, from and to).

    Rehearsals shorter than `least_seconds` leave it out, unless it is asked for by name.
    """

    fault: str
    times: int
    targets: Sequence[str]
    seconds: tuple[float, float] = (0.0, 0.0)
    least_seconds: float = 0.0


def kinds(
    seconds: float, workers: int, links: Sequence[str], changelogs: Sequence[str], outage_seconds: float = 0.0
) -> list[Kind]:
    """Every kind of fault that a rehearsal of so many seconds has.

    `links` are names as `links.py` makes them, `changelogs` partitions as `topic/partition`. An outage takes a sixth of
    the time, unless somebody says how long it is.
    """
    processes = (*PROCESSES, *(f"agents-{number}" for number in range(2, workers + 1)))
    everybody = (*processes, *SERVERS)
    couples = [f"{one}+{other}" for one, other in product(everybody, everybody) if one < other]
    outage = outage_seconds or min(LONGEST_OUTAGE_SECONDS, seconds / 6)
    found = [
        Kind("kill", 20, everybody),
        Kind("kill two", 8, couples),
        Kind("kill again", 6, everybody, (0.2, 2.0)),
        Kind("stop", 2, SERVERS, (3, 8) if seconds < 200 else (3, 15)),
        Kind("cut", 2, links, (2, 10)),
        Kind("slow", 1, links, (5, 10)),
        Kind("black hole", 2, links, (3, 8) if seconds < 200 else (3, 20)),
        Kind("sleep", 2, (*processes, "kafka", "mqtt"), (20, 20), 200),
        Kind("long sleep", 1, processes, (120, 120), 600),
        Kind("outage", 1, SERVERS, (outage, outage), 600),
        Kind("full disk", 1, ("mes-mqtt",), (10, 20), 200),
        Kind("lost changelogs", 1, ("all",), (0, 0), 200),
        Kind("emptied changelog", 1, changelogs, (0, 0), 200),
        Kind("offsets to the beginning", 1, ("agents",), (0, 0), 200),
        Kind("lost answers", 1, SYSTEMS, (5, 10), 200),
    ]
    if workers > 1:
        found.append(Kind("come and go", 1, (f"agents-{workers}",), (30, 60), 200))
    return [each for each in found if each.targets and each.least_seconds <= seconds]


def timeline(seed: int, seconds: float, found: Sequence[Kind]) -> list[Hurt]:
    """What is done in a rehearsal of so many seconds, in order; nothing lasts into its last seconds."""
    chance = random.Random(seed)
    told: list[Hurt] = []
    at = BEGIN_SECONDS
    for kind, target in _dealt(chance, found):
        lasts = round(chance.uniform(*kind.seconds), 1)
        if at + lasts > seconds - END_SECONDS:
            return told
        told.append(Hurt(round(at, 1), kind.fault, target, lasts))
        at += lasts + chance.uniform(*REST_SECONDS)
    return told


def _dealt(chance: random.Random, found: Sequence[Kind]) -> Iterator[tuple[Kind, str]]:
    """Round after round, every kind as often as its weight says; whom it meets comes round before anybody twice."""
    bags: dict[str, list[str]] = {kind.fault: [] for kind in found}
    while found:
        deck = [kind for kind in found for _ in range(kind.times)]
        chance.shuffle(deck)
        for kind in deck:
            bag = bags[kind.fault]
            if not bag:
                bag.extend(chance.sample(kind.targets, len(kind.targets)))
            yield kind, bag.pop()
