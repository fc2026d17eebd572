"""Operations of the plant as lanes: `op-<what is made>.<operation>` done at a work centre, in minutes per unit.

What is made is the product or the category that the routing is for, or the routing's code where it is for neither, so
that a routing's operation is one lane. Where somebody notes setups, `setup-<what is made>.<operation>` has the minutes
of one. Names that are too long, or have a slash, end in a digest of the whole.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from schemas.settings import StopClass
from streams.domain.estimation.figures import DEFAULTS, Default
from streams.domain.estimation.lanes import Pool, family_of, pool_of
from streams.domain.estimation.posterior import Base, Evidence, base_of
from streams.domain.losses import Stop
from streams.domain.spans import merged

MOST_LETTERS: Final = 63
DIGEST_LETTERS: Final = 8
SPREAD: Final = 0.3
"""Of what a routing plans, the share that one standard deviation is taken to be before anybody measured."""
ENOUGH: Final = 3
"""So many observations make a lane one that may be planned with (document 001: 3 to 5)."""
MINUTE: Final = timedelta(minutes=1)
Span = tuple[datetime, datetime]


def operation_lane(made: str, operation_code: str) -> str:
    """The lane of running an operation of what is made."""
    return fitting(f"op-{made}.{operation_code}")


def setup_lane(made: str, operation_code: str) -> str:
    """The lane of setting up for it."""
    return fitting(f"setup-{made}.{operation_code}")


def is_setup(lane_id: str) -> bool:
    """Whether a lane of the plant has setups, and not units."""
    return family_of(lane_id) == "setup"


def fitting(name: str) -> str:
    """A name as lanes and providers may have it: the same for the same, another one for another."""
    if 0 < len(name) <= MOST_LETTERS and "/" not in name:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:DIGEST_LETTERS]
    return f"{name.replace('/', '_')[: MOST_LETTERS - DIGEST_LETTERS - 1]}~{digest}"


def plan_of(planned_minutes: float) -> Default:
    """What a routing's plan says before anybody measured; a plan of nothing says nothing: the factory default."""
    if planned_minutes <= 0:
        return DEFAULTS["duration_minutes"]
    return Default(planned_minutes, SPREAD * planned_minutes)


def together(elsewhere: Iterable[Evidence]) -> Evidence | None:
    """What was seen of a lane at several work centres as one; None where nothing was."""
    seen = Pool()
    for each in elsewhere:
        seen = seen.plus(pool_of(each))
    return seen.evidence()


def base(planned_minutes: float, elsewhere: Iterable[Evidence]) -> Base:
    """What is expected at a work centre before it was done there: as planned, drawn to what others took for the same.

    `elsewhere`: what was seen of the same lane at other work centres.
    """
    found = together(elsewhere)
    return base_of(plan_of(planned_minutes), [found] if found else [])


class Worked(NamedTuple):
    """The minutes of a piece of work: running, with its breakdowns and idle moments, and setting up."""

    run: float
    setup: float


def worked(
    start_at: datetime,
    end_at: datetime,
    opened: Sequence[Span],
    stops: Collection[Stop],
    classes: Mapping[str, StopClass],
) -> Worked:
    """What of the time between two moments was work: without closed time, planned stops and setups.

    `opened`: when the work centre was open; where it never was, somebody worked all the same, and all of it counts.
    `classes`: what a stop is, by its reason in capitals.
    """
    within = _common(merged(opened), [(start_at, end_at)]) or [(start_at, end_at)]
    setups = [_span(each) for each in stops if classes.get(each.reason.upper()) == "setup_and_adjustments"]
    planned = [_span(each) for each in stops if classes.get(each.reason.upper()) == "planned_stop"]
    lost = _minutes(_common(within, merged([*setups, *planned])))
    return Worked(_minutes(within) - lost, _minutes(_common(within, merged(setups))))


def _span(stop: Stop) -> Span:
    return stop.from_at, stop.to_at


def _common(some: Sequence[Span], others: Sequence[Span]) -> list[Span]:
    cut = ((max(one[0], other[0]), min(one[1], other[1])) for one in some for other in others)
    return merged(cut)


def _minutes(spans: Iterable[Span]) -> float:
    return sum((end - begin) / MINUTE for begin, end in spans)
