"""What a machine did between two moments, without holes and overlaps: of its changes of status, gaps and orders."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Final, NamedTuple

from streams.domain.spans import merged

UNOBSERVED: Final = ("gap", "unknown")
Span = tuple[datetime, datetime]


class Stretch(NamedTuple):
    """A machine had a status from one moment to another; `gap`: nobody saw it. `has_order`: it had work to do."""

    status: str
    from_at: datetime
    to_at: datetime
    has_order: bool = True


class Change(NamedTuple):
    """A machine had a status since a moment; of two at one moment the one with the higher version is true."""

    status: str
    from_at: datetime
    version: int


def stretches_of(
    changes: Iterable[Change],
    gaps: Iterable[Span],
    orders: Iterable[Span],
    from_at: datetime,
    to_at: datetime,
    seen_until: datetime | None = None,
) -> list[Stretch]:
    """What a machine did between two moments, without holes and overlaps, in order of time.

    A status holds until the next one; before the first, and after `seen_until`, it is unknown. In a gap nobody saw the
    machine, whatever it said before. `orders`: when orders were in work there.
    """
    known = {each.from_at: each.status for each in sorted(changes, key=lambda each: (each.from_at, each.version))}
    told = sorted(known.items())
    dark, work = merged(gaps), merged(orders)
    moments = {from_at, to_at, *known, *(at for span in (*dark, *work) for at in span)}
    if seen_until is not None:
        moments.add(seen_until)
    within = sorted(at for at in moments if from_at <= at <= to_at)
    found: list[Stretch] = []
    place = 0
    status: str = "unknown"
    for begin, end in pairwise(within):
        while place < len(told) and told[place][0] <= begin:
            status, place = told[place][1], place + 1
        is_seen = seen_until is None or begin < seen_until
        shown = "gap" if _covers(dark, begin) else status if is_seen else "unknown"
        _extend(found, Stretch(shown, begin, end, _covers(work, begin)))
    return found


def _covers(spans: Sequence[Span], at: datetime) -> bool:
    place = bisect_right(spans, at, key=lambda span: span[0])
    return place > 0 and at < spans[place - 1][1]


def _extend(found: list[Stretch], stretch: Stretch) -> None:
    """Add a stretch; one that is like the last makes that longer."""
    last = found[-1] if found else None
    if last and (last.status, last.has_order) == (stretch.status, stretch.has_order):
        found[-1] = last._replace(to_at=stretch.to_at)
    else:
        found.append(stretch)
