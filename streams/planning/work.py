"""What a worker computes: reads one moment of the tenant, plans, and gives back what is to be kept."""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final, NamedTuple

import psycopg
from psycopg.rows import dict_row

from schemas.codec import encode
from schemas.views.plans import ProposalBody, ScheduleBody
from sql import mrp as kept_runs
from sql import plans, snapshots
from sql.database import Rows, tenant
from sql.plans import Job
from sql.reads import schedules
from streams.domain import mrp
from streams.domain.calendars import WorkingDays
from streams.domain.scheduling import engine
from streams.domain.scheduling.budget import Budget, Progress, Watch
from streams.domain.scheduling.checker import check
from streams.domain.scheduling.problem import Problem, Schedule
from streams.planning.extras import extra
from streams.planning.lines import lines, read
from streams.planning.operation_times import learned_wanted
from streams.planning.problems import NOTHING_LEARNED, Posed, posed
from streams.planning.proposing import Proposed, proposed
from streams.planning.requirements import Planned, day_of, inputs, inputs_told, kept, plant_days

TELL_SECONDS: Final = 0.25


class Cancelled(Exception):
    """Somebody wanted the computation to stop."""


class Refused(Exception):
    """There is no such plan, for the reason given."""


class ScheduleResult(NamedTuple):
    """What is kept of a schedule: the columns of its row, and its lines as JSON."""

    columns: dict[str, Any]
    lines: str


class Onlooker:
    """Tells Postgres now and then how far a computation is, and hears from it whether it is still wanted."""

    def __init__(self, connection: psycopg.Connection[Any], job: Job) -> None:
        self._connection, self._job = connection, job
        self._percentage, self._looked_at = 0, 0.0
        self.is_cancelled = False

    def tell(self, share: float) -> None:
        self._percentage = max(self._percentage, round(100 * share))
        self.look()

    def look(self) -> bool:
        """Whether to stop; asks at most four times a second."""
        now = time.monotonic()
        if not self.is_cancelled and now - self._looked_at >= TELL_SECONDS:
            self._looked_at = now
            with self._connection.transaction(), self._connection.cursor(row_factory=dict_row) as rows:
                tenant(rows, self._job.owner_id)
                self.is_cancelled = plans.tell_progress(rows, self._job.kind, self._job.plan_id, self._percentage)
        return self.is_cancelled

    @property
    def watch(self) -> Watch:
        """The same as the domain's searches ask it."""
        return Watch(tell=self._told, is_cancelled=self.look)

    def _told(self, progress: Progress) -> None:
        self.tell(progress.share)


@contextmanager
def onlooking(url: str, job: Job) -> Iterator[Onlooker]:
    """An onlooker with a connection of its own. Raises Cancelled at the end if somebody wanted it to stop."""
    with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
        onlooker = Onlooker(connection, job)
        yield onlooker
        if onlooker.is_cancelled:
            raise Cancelled


def request_of(rows: Rows, job: Job) -> dict[str, Any]:
    """What was asked for. Raises Refused if it is gone."""
    rows.execute(f"SELECT request FROM {plans.TABLES[job.kind]} WHERE id = %s".encode(), [job.plan_id])
    found = rows.fetchone()
    if found is None:
        raise Refused("The request is gone.")
    request: dict[str, Any] = found["request"]
    return request


def schedule(url: str, job: Job, at: datetime) -> ScheduleResult:
    """The schedule that is asked for, of the shop as it is now. Raises Cancelled, Refused, psycopg.Error."""
    with snapshots.one_moment(url, job.owner_id) as rows:
        wanted = ScheduleBody.model_validate(request_of(rows, job))
        shop = snapshots.shop(rows, at)
        try:
            added = extra(rows, wanted.what_if.extra_orders)
        except ValueError as error:
            raise Refused(str(error)) from error
        learned = learned_wanted(rows, shop, wanted.durations)
    with onlooking(url, job) as onlooker:
        onlooker.tell(0.01)
        try:
            found = posed(shop, wanted, added, learned or NOTHING_LEARNED)
            result = _solved(found, wanted, onlooker)
        except ValueError as error:
            raise Refused(str(error)) from error
    refuse_unworkable(found.problem, result.schedule)
    return _kept(found, wanted, result, "routing" if learned is None else "learned")


def refuse_unworkable(problem: Problem, made: Schedule) -> None:
    """Raises Refused where what is frozen cannot be worked; AssertionError where anything else cannot."""
    wrong = check(problem, made)
    pinned = {each.operation_id for each in problem.operations if each.pin}
    for each in wrong:
        if each.operation_id not in pinned:
            raise AssertionError(f"A schedule was made that cannot be worked: {each.message}")
    if wrong:
        raise Refused(f"What is frozen cannot be worked as it stands. {wrong[0].message}")


def _solved(found: Posed, wanted: ScheduleBody, onlooker: Onlooker) -> engine.Result:
    if not wanted.is_improved:
        return engine.dispatch(found.problem, (wanted.rule,) if wanted.rule else engine.RULES)
    begun = time.monotonic()
    by_clock = Budget(seconds=wanted.seconds, elapsed=lambda: time.monotonic() - begun)
    budget = by_clock if wanted.iterations is None else Budget(iterations=wanted.iterations)
    return engine.schedule(found.problem, budget, random.Random(wanted.seed), onlooker.watch)


def _kept(found: Posed, wanted: ScheduleBody, result: engine.Result, durations: str) -> ScheduleResult:
    kept = lines(found, result.schedule)
    figures = result.figures
    columns = {
        "horizon_from": found.shop.at,
        "horizon_to": max((line.end_at for line in kept), default=found.shop.at),
        "base_schedule_id": found.shop.accepted_schedule_id,
        "inputs": inputs_of(found) | {"is_what_if": wanted.is_what_if, "durations": durations},
        "figures": {
            "engine": result.engine,
            "rule": result.rule,
            "rule_cost": result.rule_cost,
            "cost": result.cost,
            "lower_bound": result.lower_bound,
            "gap": result.gap,
            "objective": wanted.objective,
            "operations": len(kept),
            "orders": len(found.problem.orders),
            "late_orders": figures.late_orders,
            "weighted_tardiness_minutes": figures.weighted_tardiness,
            "tardiness_minutes": figures.tardiness_minutes,
            "makespan_minutes": figures.makespan_minutes,
            "setup_minutes": figures.setup_minutes,
            "utilization": figures.utilization,
        },
    }
    return ScheduleResult(columns, encode(kept).decode())


def inputs_of(found: Posed) -> dict[str, Any]:
    """What a schedule was computed from."""
    shop = found.shop
    return {
        "at": shop.at.isoformat(),
        "orders": len(shop.orders),
        "runs": len(shop.runs),
        "work_centers": len(shop.centers),
        "changeovers": len(shop.changeovers),
        "downtimes": [each.downtime_id for each in shop.downtimes],
        "learned_runs": len(found.learned.runs),
        "learned_setups": len(found.learned.setups),
        "digest": snapshots.digest(shop),
    }


def proposal(url: str, job: Job, at: datetime) -> Proposed:
    """What is proposed because of what happened. Raises Cancelled, Refused, psycopg.Error."""
    with snapshots.one_moment(url, job.owner_id) as rows:
        told = ProposalBody.model_validate(request_of(rows, job))
        shop = snapshots.shop(rows, at)
        base = schedules.one(rows, None)
        learned = learned_wanted(rows, shop, None)
    if base is None:
        raise Refused("No schedule is accepted yet: there is nothing to change.")
    with onlooking(url, job) as onlooker:
        try:
            return proposed(shop, read(base["lines"]), told.cause, told, onlooker.watch, learned or NOTHING_LEARNED)
        except ValueError as error:
            raise Refused(str(error)) from error


class Basis(NamedTuple):
    """A run that a net-change run can go on from: its id, the working days it was made with, and its plan."""

    run_id: str
    days: WorkingDays
    plan: mrp.Plan


_latest: dict[str, Basis] = {}
"""The latest plan of each tenant. It is lost with the process; the next run then computes everything anew."""


def requirements(url: str, job: Job, at: datetime, zone: str) -> Planned:
    """What is to be made and bought. Raises Cancelled, Refused, psycopg.Error."""
    with snapshots.one_moment(url, job.owner_id) as rows:
        kind = kept_runs.kind_of(rows, job.plan_id)
        stock = snapshots.stock(rows, at, day_of(at, zone))
    if kind is None:
        raise Refused("The request is gone.")
    with onlooking(url, job) as onlooker:
        onlooker.tell(0.1)
        try:
            told = inputs(stock, zone)
            days = plant_days(stock, told.today)
            basis = _latest.get(job.owner_id) if kind == "net_change" else None
            basis = basis if basis and basis.days == days else None
            offset = days.offset
            found = mrp.net_change(basis.plan, told, offset) if basis else mrp.plan(told, offset)
        except ValueError as error:
            raise Refused(str(error)) from error
        onlooker.tell(0.6)
        planned = kept(found, told, lambda _: onlooker.look())
    _latest[job.owner_id] = Basis(job.plan_id, days, found)
    planned.columns["inputs"] = inputs_told(stock, told, snapshots.digest(stock), basis.run_id if basis else None)
    return planned


def compute(url: str, zone: str, job: Job, at: datetime) -> Any:
    """The result of a job. `zone`: of the plant, whose days are planned."""
    if job.kind == "mrp":
        return requirements(url, job, at, zone)
    return schedule(url, job, at) if job.kind == "schedule" else proposal(url, job, at)
