"""What each moment of a machine counts as for OEE: its run time, its losses of time, and what is no planned time.

Every moment has one kind. Where it is several at once, the first of these holds: closed by the calendar, not observed,
running, a stop whose reason is known, idle, a stop without a known reason.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final, Literal, NamedTuple, get_args

from schemas.settings import StopClass
from streams.domain.spans import merged
from streams.domain.stretches import UNOBSERVED, Span, Stretch

Kind = Literal[
    "closed",
    "unobserved",
    "idle_without_order",
    "planned_stop",
    "running",
    "breakdowns",
    "setup_and_adjustments",
    "idling_and_minor_stops",
]

KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
OUTSIDE_PLAN: Final[tuple[Kind, ...]] = ("closed", "unobserved", "idle_without_order", "planned_stop")
STANDING: Final = ("stopped", "breakdown")
NOTHING: Final = timedelta()


class Stop(NamedTuple):
    """Somebody gave a reason why the machine stood. `reason`: its code, by which the class is looked up."""

    reason: str
    from_at: datetime
    to_at: datetime


class Piece(NamedTuple):
    """A stretch of time that counts as one kind."""

    kind: Kind
    from_at: datetime
    to_at: datetime


class Rules(NamedTuple):
    """What cannot be read off a machine.

    `classes`: what a stop counts as, by its reason's code in capitals. A stop without a known reason is a minor one if
    it is shorter than `minor_stop`, otherwise a breakdown. Scrap told within `startup` after the machine began to run
    again is a startup reject, unless it had only had a minor stop.
    """

    classes: Mapping[str, StopClass] = {}
    minor_stop: timedelta = timedelta(minutes=5)
    startup: timedelta = timedelta(minutes=10)

    @property
    def margin(self) -> timedelta:
        """How far around a window its stretches must be known, so that the window's edges change no kind."""
        return self.minor_stop + self.startup


ORDINARY: Final = Rules()


def pieces_of(
    stretches: Sequence[Stretch], opened: Sequence[Span] | None, stops: Iterable[Stop], rules: Rules = ORDINARY
) -> list[Piece]:
    """The kind of each moment of the stretches (in order, without holes and overlaps).

    `opened`: when the calendar has it work; None: always. Of stops that overlap the one that began first counts until
    it ends, then the next: a moment is lost once.
    """
    explained = _explained(stops, rules)
    open_spans = None if opened is None else merged(opened)
    reasons = [(begin, end) for begin, end, _ in explained]
    long_ones = _long_stops(stretches, rules.minor_stop)
    cuts = sorted({at for span in (*(open_spans or ()), *reasons) for at in span})
    found: list[Piece] = []
    for stretch in stretches:
        for begin, end in pairwise(_cut(cuts, stretch.from_at, stretch.to_at)):
            is_open = open_spans is None or _place(open_spans, begin) is not None
            place = _place(reasons, begin)
            reason = explained[place][2] if place is not None else None
            _extend(found, Piece(_kind(stretch, is_open, reason, stretch in long_ones), begin, end))
    return found


def _kind(stretch: Stretch, is_open: bool, reason: StopClass | None, is_long: bool) -> Kind:
    if not is_open:
        return "closed"
    if stretch.status in UNOBSERVED:
        return "unobserved"
    if stretch.status == "running":
        return "running"
    if reason is not None:
        return reason
    if stretch.status == "idle":
        return "idling_and_minor_stops" if stretch.has_order else "idle_without_order"
    return "breakdowns" if is_long else "idling_and_minor_stops"


def _explained(stops: Iterable[Stop], rules: Rules) -> list[tuple[datetime, datetime, StopClass]]:
    """The stops whose class is known, each from where those before it end."""
    found: list[tuple[datetime, datetime, StopClass]] = []
    for stop in sorted(stops, key=lambda each: (each.from_at, each.to_at, each.reason)):
        known = rules.classes.get(stop.reason.upper())
        begin = max(stop.from_at, found[-1][1]) if found else stop.from_at
        if known is not None and begin < stop.to_at:
            found.append((begin, stop.to_at, known))
    return found


def _long_stops(stretches: Sequence[Stretch], minor_stop: timedelta) -> frozenset[Stretch]:
    """The stretches that are part of a stop which is no minor one."""
    long_ones: set[Stretch] = set()
    for stop in _runs_of(stretches, STANDING):
        if stop[-1].to_at - stop[0].from_at >= minor_stop:
            long_ones.update(stop)
    return frozenset(long_ones)


def startups(stretches: Sequence[Stretch], rules: Rules = ORDINARY) -> list[Span]:
    """When a machine that begins to run again is still starting up; it must have stood longer than a minor stop."""
    begins = {each.from_at for each in stretches if each.status == "running"}
    stood = ((each[0].from_at, each[-1].to_at) for each in _runs_of(stretches, ("idle", *STANDING)))
    return merged(
        (end, end + rules.startup) for begin, end in stood if end in begins and end - begin >= rules.minor_stop
    )


def cuts(
    stretches: Sequence[Stretch], opened: Sequence[Span] | None, stops: Iterable[Stop], rules: Rules = ORDINARY
) -> list[datetime]:
    """The moments at which readings begin to count otherwise: those between two of them may be summed beforehand."""
    pieces = pieces_of(stretches, opened, stops, rules)
    return sorted({*(each.from_at for each in pieces), *(at for span in startups(stretches, rules) for at in span)})


def _runs_of(stretches: Sequence[Stretch], statuses: Sequence[str]) -> Iterator[list[Stretch]]:
    """Stretches next to each other that have one of these statuses."""
    together: list[Stretch] = []
    for stretch in stretches:
        if stretch.status in statuses:
            together.append(stretch)
        elif together:
            yield together
            together = []
    if together:
        yield together


def is_in(spans: Sequence[Span], at: datetime) -> bool:
    """Whether a reading belongs to one of these spans (merged): what is read at the end of one was made in it."""
    place = bisect_left(spans, at, key=lambda span: span[0]) - 1
    return place >= 0 and at <= spans[place][1]


def _place(spans: Sequence[Span], at: datetime) -> int | None:
    place = bisect_right(spans, at, key=lambda span: span[0]) - 1
    return place if place >= 0 and at < spans[place][1] else None


def _cut(cuts: Sequence[datetime], begin: datetime, end: datetime) -> list[datetime]:
    first, last = bisect_right(cuts, begin), bisect_right(cuts, end)
    return [begin, *(at for at in cuts[first:last] if at < end), end]


def _extend(found: list[Piece], piece: Piece) -> None:
    """Add a piece; one of the same kind as the last makes that longer."""
    if found and found[-1].kind == piece.kind and found[-1].to_at == piece.from_at:
        found[-1] = found[-1]._replace(to_at=piece.to_at)
    else:
        found.append(piece)
