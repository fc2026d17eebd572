"""Runs the jobs of connectors/clock.py: each moment once, by the plant's clock, with catch-up after downtime.

procrastinate ticks every minute and carries the runs; which moment is due, and whether it was, is asked here.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import structlog
from croniter import croniter

from connectors.clock import CLOCK, ClockJob
from connectors.deliveries import letters, metrics
from connectors.deliveries.kind import Rows
from connectors.deliveries.making import make
from connectors.deliveries.transactions import Transactions, passes
from connectors.reactions import Reacted
from schemas.settings import Settings
from sql import clock_runs

log = structlog.get_logger()

PUNCTUAL: Final = timedelta(minutes=2)
"""A moment that is older was missed: whether it is made up for is the job's rule."""
HOUR_FIELD: Final = 1


def latest(cron: str, now: datetime, zone: ZoneInfo) -> datetime:
    """The latest moment up to now that a cron line names on the plant's clock."""
    return _moment(cron, now, zone, back=True)


def upcoming(cron: str, now: datetime, zone: ZoneInfo) -> datetime:
    """The next one."""
    return _moment(cron, now, zone, back=False)


def _moment(cron: str, now: datetime, zone: ZoneInfo, *, back: bool) -> datetime:
    """What names hours runs once each day, also when clocks change; what runs all the hours, in each of them.

    croniter counts on a clock without a zone: with one it runs twice, or too early, on days when clocks change.
    """
    local = now.astimezone(zone)
    offset = local.utcoffset() or timedelta()
    is_of_every_hour = cron.split()[HOUR_FIELD].startswith("*")
    wall = croniter(cron, local.replace(tzinfo=None) + (timedelta(microseconds=1) if back else timedelta()))
    while True:
        naive: datetime = (wall.get_prev if back else wall.get_next)(datetime)
        found = (naive - offset).replace(tzinfo=UTC) if is_of_every_hour else naive.replace(tzinfo=zone).astimezone(UTC)
        if (found <= now) == back:
            return found


def run_id_of(name: str, moment: datetime) -> str:
    """The id of the clock's run of a job for a moment: the same from every process."""
    return f"{name}-{moment:%Y%m%dT%H%M}"


class Clockwork:
    """Asks for the runs that are due, and makes them."""

    def __init__(self, settings: Settings, transactions: Transactions, jobs: Sequence[ClockJob] = CLOCK) -> None:
        self._settings, self._transactions = settings, transactions
        self._jobs = {job.name: job for job in jobs}
        self._zone = ZoneInfo(settings.plant_timezone)

    def tick(self, rows: Rows, now: datetime) -> list[str]:
        """Ask for what is due; the ids of the runs that nobody had asked for."""
        return [run for job in self._jobs.values() if (run := self._ask(rows, job, now)) is not None]

    def _ask(self, rows: Rows, job: ClockJob, now: datetime) -> str | None:
        moment = latest(job.cron, now, self._zone)
        last = clock_runs.last_moment(rows, job.name)
        if last is not None and last >= moment:
            return None
        run, tenant = run_id_of(job.name, moment), self._settings.tenant_id
        if last is None and now - moment > PUNCTUAL:
            clock_runs.skip(rows, tenant, run, job.name, moment, "The job was not there then.")
            return None
        if now - moment > PUNCTUAL and job.catch_up == "skip":
            clock_runs.skip(rows, tenant, run, job.name, moment, "Missed, and not made up for.")
            return None
        return run if clock_runs.ask(rows, tenant, run, job.name, moment, None) else None

    def make(self, rows: Rows, run_id: str) -> None:
        """Make a run, unless it was made before. Raises what its job raises."""
        run = clock_runs.take(rows, run_id)
        if run is None:
            return
        job = self._jobs.get(run["name"])
        if job is None:
            clock_runs.finish(rows, run_id, "failed", f"No job is called {run['name']} any more.")
            return
        reacted = job.run(rows, run["moment"], self._settings)
        made = make(rows, reacted.deliveries)
        clock_runs.finish(rows, run_id, "succeeded", outcome_of(reacted, made))
        self._transactions.publish(reacted.outputs)
        metrics.CLOCK_LAST.labels(job.name).set_to_current_time()
        metrics.CLOCK_RUNS.labels(job.name, "succeeded").inc()

    def run(self, tenant_id: str, run_id: str) -> None:
        """Make a run in a transaction of its own; a job that fails is recorded with its reason. Raises weather."""
        try:
            self._transactions.run(tenant_id, lambda rows: self.make(rows, run_id))
        except Exception as error:
            if passes(error):
                raise
            log.exception("a job by the clock failed", run=run_id)
            sentence = f"{type(error).__name__}: {error}"
            self._transactions.run(tenant_id, lambda rows: self._fail(rows, tenant_id, run_id, sentence))

    def _fail(self, rows: Rows, tenant_id: str, run_id: str, sentence: str) -> None:
        run = clock_runs.take(rows, run_id)
        if run is None:
            return
        clock_runs.finish(rows, run_id, "failed", sentence)
        alert = letters.job_failed_alert(tenant_id, run["name"], run_id, sentence, datetime.now(UTC))
        self._transactions.publish([alert])
        metrics.CLOCK_RUNS.labels(run["name"], "failed").inc()


def outcome_of(reacted: Reacted, made: int) -> str:
    """What came of a run, in a sentence."""
    if reacted.note is not None:
        return reacted.note
    return f"{_count(made, 'delivery', 'deliveries')} made, {_count(len(reacted.outputs), 'message', 'messages')} said."


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def overview(rows: Rows, settings: Settings, now: datetime, jobs: Sequence[ClockJob] = CLOCK) -> list[dict[str, Any]]:
    """Every job with its latest and its next run."""
    runs, zone = clock_runs.last_runs(rows), ZoneInfo(settings.plant_timezone)
    return [_shown(job, runs.get(job.name), upcoming(job.cron, now, zone)) for job in jobs]


def _shown(job: ClockJob, run: dict[str, Any] | None, next_run: datetime) -> dict[str, Any]:
    return {
        "name": job.name,
        "cron": job.cron,
        "description": job.description,
        "catch_up": job.catch_up,
        "next_run": next_run,
        "last_run": run and (run["finished_at"] or run["started_at"] or run["moment"]),
        "last_run_id": run and run["run_id"],
        "last_status": run and run["status"],
        "last_outcome": run and run["outcome"],
    }
