"""A kept schedule as what it promises: the times of its runs as they were learned, carried through all of it."""

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

import numpy as np

from schemas.views.plans import ScheduleBody
from sql.snapshots import Run, Shop
from streams.domain.estimation.lateness import Length, Promise, ends, promises, sampled
from streams.domain.scheduling.problem import Schedule
from streams.planning.lines import Line, learned_of, schedule_of
from streams.planning.operation_times import Lane, Lanes, OperationTimes
from streams.planning.problems import posed
from streams.planning.proposing import horizon_days


class Promised(NamedTuple):
    """What a schedule promises of its orders; of how many operations, and how many of them are learned."""

    orders: tuple[Promise, ...]
    operations: int
    learned: int


class Draw(NamedTuple):
    """So many samples, of this chance."""

    samples: int
    chance: np.random.Generator


def promised(shop: Shop, kept: Sequence[Line], lanes: Lanes, times: OperationTimes, draw: Draw) -> Promised:
    """What the lines of a schedule promise in a shop as it stands. Raises ValueError with a sentence."""
    wanted = ScheduleBody(horizon_days=horizon_days(tuple(kept), shop.at))
    problem = posed(shop, wanted, learned=learned_of(kept)).problem
    schedule = schedule_of(kept, problem)
    placed = _placed(schedule, lanes)
    units = {run.id: _units_left(run) for run in shop.runs}
    lengths = {name: Length(lane.lane_id, units[name], times.posterior(lane)) for name, lane in placed.items()}
    minutes = sampled(lengths, draw.samples, draw.chance)
    found = promises(problem, schedule, ends(problem, schedule, minutes, draw.samples))
    learned = sum(times.is_learned(lane) for lane in placed.values())
    return Promised(tuple(found), len(schedule.slots), learned)


def _placed(schedule: Schedule, lanes: Lanes) -> dict[str, Lane]:
    """The lane of each run where the schedule has it. One at a work centre that is gone takes what is planned."""
    found: dict[str, Lane] = {}
    for slot in schedule.slots:
        if lane := lanes.get(slot.operation_id, {}).get(slot.work_center_id):
            found[slot.operation_id] = lane
    return found


def _units_left(run: Run) -> float:
    """What is left to make of a run; a run that is nearly done has a unit to go."""
    if run.status != "in_progress":
        return float(run.quantity)
    return float(max(min(Decimal(1), run.quantity), run.quantity - run.quantity_good))
