"""A schedule as it is kept: a line for each run, with all that a person wants to know of it; and back to a schedule."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from sql.snapshots import Order, Run
from streams.domain.calendars import floor, moment
from streams.domain.scheduling.critical import critical_operations
from streams.domain.scheduling.figures import completions, lateness
from streams.domain.scheduling.problem import Problem, Schedule
from streams.domain.scheduling.seats import Seat, seated
from streams.planning.problems import Learned, Minutes, Posed


class Place(msgspec.Struct, frozen=True):
    """Where and when a run stands."""

    work_center_id: str
    start_at: datetime
    end_at: datetime


class Seen(msgspec.Struct, frozen=True):
    """What of a run the plan was made from: if it is another now, the plan is out of date."""

    status: str
    work_center_id: str
    scheduled_start: datetime | None
    scheduled_end: datetime | None
    is_frozen: bool


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A run in a schedule. `is_extra`: only a what-if has it; `seen` is None then.

    `learned_minutes`: how long the whole run takes at its work centres, where that was learned and planned with;
    `learned_setup_minutes`: the same of its setups.
    """

    run_id: str
    production_order_id: str
    order_number: str
    product_id: str
    sequence_number: int
    operation: str
    quantity: float
    work_center_id: str
    alternatives: tuple[str, ...]
    family: str | None
    changeover_minutes: int
    setup_from: datetime
    start_at: datetime
    end_at: datetime
    due_at: datetime | None
    late_minutes: int
    priority: str
    is_frozen: bool
    is_critical: bool
    predecessors: tuple[str, ...]
    baseline: Place | None
    reason: str | None
    is_extra: bool
    seen: Seen | None
    learned_minutes: dict[str, int] | None = None
    learned_setup_minutes: dict[str, int] | None = None


_decoder = msgspec.json.Decoder(tuple[Line, ...])


def read(text: str | bytes) -> tuple[Line, ...]:
    """The lines of a schedule as Postgres keeps them."""
    return _decoder.decode(text)


def lines(posed: Posed, schedule: Schedule, reasons: Mapping[str, str] | None = None) -> tuple[Line, ...]:
    """A line for each run of a schedule, by start."""
    runs = {run.id: run for run in posed.runs}
    orders = {order.id: order for order in posed.orders}
    operations = {each.operation_id: each for each in posed.problem.operations}
    known = {run.id for run in posed.shop.runs}
    ends = completions(posed.problem, schedule)
    critical = critical_operations(posed.problem, schedule)
    found: list[Line] = []
    for slot in schedule.slots:
        run, operation = runs[slot.operation_id], operations[slot.operation_id]
        order = orders[run.order_id]
        late = lateness(floor(order.due_date), ends[order.id])
        found.append(
            Line(
                run_id=run.id,
                production_order_id=order.id,
                order_number=order.number,
                product_id=order.product_id,
                sequence_number=run.sequence,
                operation=run.operation,
                quantity=float(run.quantity),
                work_center_id=slot.work_center_id,
                alternatives=tuple(operation.run_minutes),
                family=run.family,
                changeover_minutes=slot.setup_minutes,
                setup_from=moment(slot.setup_start),
                start_at=moment(slot.start),
                end_at=moment(slot.end),
                due_at=order.due_date,
                late_minutes=late,
                priority=order.priority,
                is_frozen=operation.pin is not None,
                is_critical=slot.operation_id in critical,
                predecessors=tuple(link.operation_id for link in operation.predecessors),
                baseline=_baseline(run),
                reason=(reasons or {}).get(slot.operation_id) or _reason(order, late),
                is_extra=run.id not in known,
                seen=_seen(run) if run.id in known else None,
                learned_minutes=_told(posed.learned.runs, run),
                learned_setup_minutes=_told(posed.learned.setups, run),
            )
        )
    return tuple(found)


def _told(learned: Minutes, run: Run) -> dict[str, int] | None:
    return dict(learned[run.id]) if run.id in learned else None


def _baseline(run: Run) -> Place | None:
    if run.scheduled_start is None or run.scheduled_end is None:
        return None
    return Place(run.work_center_id, run.scheduled_start, run.scheduled_end)


def _seen(run: Run) -> Seen:
    return Seen(run.status, run.work_center_id, run.scheduled_start, run.scheduled_end, run.is_frozen)


def _reason(order: Order, late: int) -> str | None:
    return f"{order.number} is {_hours(late)} late, due {order.due_date:%Y-%m-%d %H:%M} UTC." if late else None


def _hours(minutes: int) -> str:
    return f"{minutes} minutes" if minutes < 120 else f"{minutes / 60:.1f} hours"


def learned_of(kept: Sequence[Line]) -> Learned:
    """What a schedule was made with of what was learned, so that its runs stay as long as they are in it."""
    return Learned(
        {line.run_id: line.learned_minutes for line in kept if line.learned_minutes},
        {line.run_id: line.learned_setup_minutes for line in kept if line.learned_setup_minutes},
    )


def seats(kept: Sequence[Line]) -> dict[str, Seat]:
    """Where each run begins, as the lines say."""
    return {line.run_id: Seat(line.work_center_id, floor(line.start_at)) for line in kept}


def schedule_of(kept: Sequence[Line], problem: Problem) -> Schedule:
    """The schedule that lines say, of the operations that the problem still has. Raises OutsideHorizon, ValueError.

    What has begun meanwhile stands where it is pinned. What should have begun and has not comes first, in its turn.
    """
    opened = {each.work_center_id: each.open_time for each in problem.work_centers}
    wanted = dict(sorted(seats(kept).items(), key=lambda each: each[1].start))
    pins = {each.operation_id: each.pin for each in problem.operations}
    found = {each: Seat(pin.work_center_id, pin.start) for each, pin in pins.items() if pin is not None}
    overdue: dict[str, int] = {}
    for run_id, (center, start) in wanted.items():
        if run_id in pins and run_id not in found:
            begin = opened[center].from_minute
            if start <= begin:
                overdue[center] = overdue.get(center, 0) + 1
                start = begin + overdue[center]
            found[run_id] = Seat(center, start)
    return seated(problem, found)
