"""What work centres have to do beside what they can: load per bucket, bottlenecks, whether an order fits, and when.

Capacity requirements planning (APICS): load is laid on the open time of a work centre from its planned start, and may
be more than that has. An estimate of completion, in contrast, is loaded finitely: behind what is planned already.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from graphlib import TopologicalSorter
from itertools import pairwise
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from streams.domain.calendars import OpenTime, OutsideHorizon, ceil, floor, moment

BOTTLENECK_PERCENT = 90
_Busy = list[tuple[int, int]]
"""Positions on the working clock between which a machine has work: sorted, none touches the next."""


class WorkCenter(NamedTuple):
    """A work centre, when it is open, and how many operations it can do at once."""

    work_center_id: str
    name: str
    open_time: OpenTime
    machines: int = 1


class Load(NamedTuple):
    """Work that is planned: so many minutes of setup and run that are left of it, on one machine, from a moment on."""

    work_center_id: str
    start_at: datetime
    minutes: int


class Requirement(NamedTuple):
    """An operation of an order that is to be planned; `predecessors` are operations of the same order."""

    operation_id: str
    work_center_id: str
    minutes: int
    predecessors: tuple[str, ...] = ()


class BucketLoad(NamedTuple):
    """A work centre in a bucket of time. Without open time there is no utilization: None, and never 0."""

    work_center_id: str
    from_at: datetime
    to_at: datetime
    available_minutes: int
    required_minutes: int

    @property
    def utilization_percent(self) -> float | None:
        return _percent(self.required_minutes, self.available_minutes)

    @property
    def is_bottleneck(self) -> bool:
        return _is_bottleneck(self.required_minutes, self.available_minutes)


class CenterCapacity(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A work centre that an order needs, from now to its due date.

    `required_hours` are the order's own; `utilization_percent` counts what is planned already too: (planned + required)
    / available. None: it has no open time.
    """

    work_center_id: str
    work_center_name: str
    available_hours: float
    required_hours: float
    utilization_percent: float | None
    is_bottleneck: bool


class CapacityFeasibility(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Whether an order can be done by its due date (004, 1.2). `bottlenecks` has every work centre that it needs."""

    is_feasible: bool
    bottlenecks: tuple[CenterCapacity, ...]
    estimated_completion_date: datetime | None
    warnings: tuple[str, ...]


class Placement(NamedTuple):
    """An operation where it is estimated to be done, by whole minutes (UTC)."""

    operation_id: str
    work_center_id: str
    start_at: datetime
    end_at: datetime


def buckets(from_at: datetime, to_at: datetime, zone: str, size: Literal["day", "week"] = "day") -> list[datetime]:
    """The edges of buckets between two moments (UTC): midnights of the plant, 23 or 25 hours apart too, or of Mondays.

    The first and the last bucket are cut where the two moments lie.
    """
    here = ZoneInfo(zone)
    today = from_at.astimezone(here).date()
    first = today - timedelta(days=today.weekday()) if size == "week" else today
    length = timedelta(days=7 if size == "week" else 1)
    edges = [from_at]
    while (edge := datetime.combine(first + len(edges) * length, time(), here).astimezone(UTC)) < to_at:
        edges.append(edge)
    return [*edges, to_at]


def loads(centers: Iterable[WorkCenter], planned: Iterable[Load], edges: Sequence[datetime]) -> list[BucketLoad]:
    """The load of every work centre in every bucket between successive edges, which lie in the centres' horizons.

    Work lies on open time from its start on, whatever else is planned there; what is overdue at the first edge starts
    there, what is not done by the last edge is left out. Work at work centres that are not given is left out.
    """
    by_center = _by_center(planned)
    return [each for center in centers for each in _loads_of(center, by_center[center.work_center_id], edges)]


def _by_center(planned: Iterable[Load]) -> defaultdict[str, list[Load]]:
    found: defaultdict[str, list[Load]] = defaultdict(list)
    for load in planned:
        found[load.work_center_id].append(load)
    return found


def _loads_of(center: WorkCenter, planned: Iterable[Load], edges: Sequence[datetime]) -> list[BucketLoad]:
    cuts = [center.open_time.position_at(edge) for edge in edges]
    required = [0] * (len(edges) - 1)
    for load in planned:
        begin = max(cuts[0], center.open_time.position(ceil(load.start_at)))
        end = begin + load.minutes
        for place in range(max(0, bisect_right(cuts, begin) - 1), bisect_left(cuts, end, hi=len(required))):
            required[place] += min(end, cuts[place + 1]) - max(begin, cuts[place])
    return [
        BucketLoad(center.work_center_id, *span, (upto - after) * center.machines, minutes)
        for span, (after, upto), minutes in zip(pairwise(edges), pairwise(cuts), required, strict=True)
    ]


def feasibility(
    requirements: Sequence[Requirement],
    centers: Mapping[str, WorkCenter],
    planned: Iterable[Load],
    from_at: datetime,
    due_at: datetime,
) -> CapacityFeasibility:
    """Whether an order can be done between two moments of the centres' horizons, beside what is planned there.

    Feasible: it is estimated to be done by the due date, and no work centre that it needs has more to do until then
    than it can. Refuses what `estimate` refuses, except that the horizon is too short: a warning, and no estimate.
    """
    planned = list(planned)
    completed_at, warnings = None, []
    try:
        completed_at = max((each.end_at for each in estimate(requirements, centers, planned, from_at)), default=from_at)
        if completed_at > due_at:
            warnings.append(f"It is estimated to be done {_said(completed_at)}, after its due date {_said(due_at)}")
    except OutsideHorizon as why:
        warnings.append(str(why))
    needed = _needed(requirements, centers, planned, from_at, due_at)
    return CapacityFeasibility(
        is_feasible=completed_at is not None and completed_at <= due_at and not any(each.is_over for each in needed),
        bottlenecks=tuple(each.shown for each in needed),
        estimated_completion_date=completed_at,
        warnings=(*(each.warning for each in needed if each.load.is_bottleneck), *warnings),
    )


class _Needed(NamedTuple):
    """A work centre that an order needs: what is planned there together with the order's own minutes."""

    center: WorkCenter
    own_minutes: int
    load: BucketLoad

    @property
    def is_over(self) -> bool:
        return self.load.required_minutes > self.load.available_minutes

    @property
    def shown(self) -> CenterCapacity:
        return CenterCapacity(
            work_center_id=self.center.work_center_id,
            work_center_name=self.center.name,
            available_hours=_hours(self.load.available_minutes),
            required_hours=_hours(self.own_minutes),
            utilization_percent=self.load.utilization_percent,
            is_bottleneck=self.load.is_bottleneck,
        )

    @property
    def warning(self) -> str:
        told = f"Work center {self.center.work_center_id}"
        if self.load.utilization_percent is None:
            return f"{told} has no open time until the due date"
        more = _hours(self.load.required_minutes - self.load.available_minutes)
        over = f": {more} hours more than it has until the due date" if self.is_over else ""
        return f"{told} is at {self.load.utilization_percent}% utilization (bottleneck){over}"


def _needed(
    requirements: Iterable[Requirement],
    centers: Mapping[str, WorkCenter],
    planned: Iterable[Load],
    from_at: datetime,
    due_at: datetime,
) -> list[_Needed]:
    """The work centres of an order, in the order of its operations; all of its own minutes are due then."""
    own: dict[str, int] = {}
    for each in requirements:
        own[each.work_center_id] = own.get(each.work_center_id, 0) + each.minutes
    edges = moment(ceil(from_at)), moment(max(ceil(from_at), floor(due_at)))
    until = {each.work_center_id: each for each in loads((centers[center_id] for center_id in own), planned, edges)}
    return [
        _Needed(centers[each], minutes, until[each]._replace(required_minutes=until[each].required_minutes + minutes))
        for each, minutes in own.items()
    ]


def estimate(
    requirements: Sequence[Requirement],
    centers: Mapping[str, WorkCenter],
    planned: Iterable[Load],
    from_at: datetime,
) -> list[Placement]:
    """Where an order's operations can be done from a moment on, each after its predecessors, in such an order.

    What is planned goes first, by its start; each operation then takes the first gap of a machine that holds it whole.
    Breaks and nights interrupt it, other work does not. `OutsideHorizon`: the horizon is too short. ValueError: an
    operation twice, an unknown predecessor or work centre, a cycle (`graphlib.CycleError`).
    """
    by_id = {each.operation_id: each for each in requirements}
    _refuse(requirements, by_id, centers)
    floors = {each.work_center_id: _Floor(centers[each.work_center_id], from_at) for each in requirements}
    for load in sorted(planned, key=lambda load: load.start_at):
        if load.work_center_id in floors:
            floors[load.work_center_id].take(ceil(load.start_at), load.minutes)
    ends: dict[str, int] = {}
    found: list[Placement] = []
    for operation_id in TopologicalSorter({each: by_id[each].predecessors for each in by_id}).static_order():
        each = by_id[operation_id]
        ready = max((ends[before] for before in each.predecessors), default=ceil(from_at))
        begin, ends[operation_id] = floors[each.work_center_id].place(operation_id, ready, each.minutes)
        found.append(Placement(operation_id, each.work_center_id, moment(begin), moment(ends[operation_id])))
    return found


def lead_time_days(found: CapacityFeasibility, from_at: datetime) -> int | None:
    """Days of 24 hours, begun ones count, from a moment to the estimated completion; None where that is not known."""
    completed_at = found.estimated_completion_date
    return None if completed_at is None else -((from_at - completed_at) // timedelta(days=1))


def _refuse(
    requirements: Sequence[Requirement], by_id: Mapping[str, Requirement], centers: Mapping[str, WorkCenter]
) -> None:
    if len(by_id) < len(requirements):
        raise ValueError("An order has an operation twice.")
    for each in requirements:
        if each.work_center_id not in centers:
            raise ValueError(f"Operation {each.operation_id} needs {each.work_center_id}, an unknown work center.")
        for before in each.predecessors:
            if before not in by_id:
                raise ValueError(f"Operation {each.operation_id} comes after {before}, an unknown operation.")


class _Floor:
    """The machines of a work centre with the work that they have, on its working clock from a moment on."""

    def __init__(self, center: WorkCenter, from_at: datetime) -> None:
        self._from = center.open_time.position_at(from_at)
        self._center = center
        self._machines: list[_Busy] = [[] for _ in range(center.machines)]

    def take(self, ready: int, minutes: int) -> int:
        """Occupy the first gap that holds so many minutes, not before a minute; the position at which it begins."""
        position = max(self._from, self._center.open_time.position(ready))
        begin, place = min((_earliest(busy, position, minutes), place) for place, busy in enumerate(self._machines))
        if minutes:
            _occupy(self._machines[place], begin, begin + minutes)
        return begin

    def place(self, operation_id: str, ready: int, minutes: int) -> tuple[int, int]:
        """The minutes at which an operation begins and ends; one without minutes needs no machine and no open time."""
        if not minutes:
            return ready, ready
        opened = self._center.open_time
        begin = self.take(ready, minutes)
        if begin + minutes > opened.minutes:
            until = f"{moment(opened.to_minute):%Y-%m-%d %H:%M} UTC"
            raise OutsideHorizon(
                f"Work center {self._center.work_center_id} has no gap of {_hours(minutes)} hours for operation "
                f"{operation_id} until {until}, the end of the horizon"
            )
        return opened.start(begin), opened.finish(begin + minutes)


def _earliest(busy: _Busy, position: int, minutes: int) -> int:
    place = bisect_right(busy, position, key=lambda span: span[1])
    while place < len(busy) and busy[place][0] - position < minutes:
        position, place = max(position, busy[place][1]), place + 1
    return position


def _occupy(busy: _Busy, begin: int, end: int) -> None:
    """Add work in a gap; what it touches becomes one with it."""
    place = bisect_left(busy, (begin, end))
    first = place - (place > 0 and busy[place - 1][1] == begin)
    last = place + (place < len(busy) and busy[place][0] == end)
    joined = [(begin, end), *busy[first:last]]
    busy[first:last] = [(min(joined)[0], max(span[1] for span in joined))]


def _is_bottleneck(required: int, available: int) -> bool:
    """More than 90 %, by whole minutes; any work without open time."""
    return required * 100 > BOTTLENECK_PERCENT * available


def _percent(required: int, available: int) -> float | None:
    return round(100 * required / available, 1) if available else None


def _hours(minutes: int) -> float:
    return round(minutes / 60, 2)


def _said(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
