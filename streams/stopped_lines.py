"""The lines of one process that stand: it says so in Postgres and by an alert, and goes on when somebody resumes them.

Postgres is asked at the start, when partitions are shared out anew, and each second while a line stands; never else.
While it is away a line that stands goes on standing.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import psycopg
import structlog
from prometheus_client import Gauge

from schemas.envelope import Message
from schemas.ids import milliseconds, short
from schemas.messages.failures import AlertRaised
from schemas.settings import Settings
from sql import line_stops
from sql.database import rows_of
from streams.driver import Output, output_of
from streams.line_stops import Cause, Trip, Window

LOOK_SECONDS: Final = 1.0
CONNECT_SECONDS: Final = 3
PATIENCE_SECONDS: Final = 5.0
ALERT: Final = "line.stopped"

STOPPED: Final = Gauge("line_stopped", "1 while a line stands because most of it failed with one cause", ["line"])
log = structlog.get_logger()


@dataclass(slots=True)
class Stop:
    """A line that stands. Without a row Postgres does not know of it yet; without a trip it is only held back."""

    line: str
    at: datetime
    trip: Trip | None = None
    failure_key: str = ""
    row: line_stops.Row | None = None
    is_told: bool = False


class StoppedLines:
    """`resumed` is awaited when a line goes on; `publish` takes the alerts. All of it happens in one event loop."""

    def __init__(
        self,
        settings: Settings,
        process: str,
        lines: Iterable[str],
        publish: Callable[[Output], None],
        resumed: Callable[[str], Awaitable[None]] | None = None,
    ) -> None:
        self._settings = settings
        self._process = process
        self._publish = publish
        self._resumed = resumed
        self._stops: dict[str, Stop] = {}
        self._has_stops = asyncio.Event()
        self._is_postgres_away = False
        self.windows = {line: Window.of(settings) for line in lines}
        for line in self.windows:
            STOPPED.labels(line).set(0)

    def stands(self, line: str) -> bool:
        """Whether nothing more of this line may be worked on."""
        return line in self._stops

    def stop(self, line: str, trip: Trip, failure_key: str) -> None:
        """The line stands from now on; the rest follows as soon as Postgres and Kafka are there."""
        log.error("line_stopped", line=line, code=trip.cause.code, cause=trip.cause.reason, failures=trip.failures)
        self._stand(Stop(line, datetime.now(UTC), trip, failure_key))

    def hold(self, line: str) -> None:
        """The line stands until Postgres has said that it need not."""
        self._stand(Stop(line, datetime.now(UTC)))

    def _stand(self, stop: Stop) -> None:
        self._stops[stop.line] = stop
        STOPPED.labels(stop.line).set(1)
        self._has_stops.set()

    async def look(self) -> None:
        """Ask which lines stand, and what was let through before. Without an answer they go on as they are."""
        rows = await self._ask(lambda cursor: line_stops.known(cursor, list(self.windows)))
        for row in rows or ():
            line = row["line"]
            if row["resumed_at"] is not None:
                self.windows[line].let_through(_cause(row), row["resumed_at"])
            elif line not in self._stops:
                self._stand(Stop(line, row["stopped_at"], row=row))
                self._tell(self._stops[line])

    async def run(self) -> None:
        """Look after the lines that stand, for as long as the process lives."""
        while True:
            self._has_stops.clear()
            for stop in list(self._stops.values()):
                await self._tend(stop)
            if self._stops:
                await asyncio.sleep(LOOK_SECONDS)
            else:
                await self._has_stops.wait()

    async def _tend(self, stop: Stop) -> None:
        row = await self._ask(lambda cursor: self._row_of(cursor, stop))
        if row is not None and row["resumed_at"] is not None:
            await self._go_on(stop, row)
        elif row is not None:
            stop.row = row
            self._tell(stop)
        elif stop.trip is not None:
            self._tell(stop)
        elif not self._is_postgres_away:
            await self._go_on(stop, None)

    def _row_of(self, cursor: Any, stop: Stop) -> line_stops.Row | None:
        """The stop as Postgres has it; written, if this process saw it first."""
        if stop.row is not None and (found := line_stops.one(cursor, stop.row["stop_id"])) is not None:
            return found
        if stop.trip is None:
            return line_stops.standing(cursor, stop.line)
        return line_stops.stop(cursor, self._told(stop, stop.trip))

    async def _go_on(self, stop: Stop, row: Mapping[str, Any] | None) -> None:
        window = self.windows[stop.line]
        if row is not None:
            window.let_through(_cause(row), row["resumed_at"])
            if stop.trip is not None:
                window.let_through(stop.trip.cause, row["resumed_at"])
        window.resume()
        del self._stops[stop.line]
        STOPPED.labels(stop.line).set(0)
        log.warning("line_goes_on", line=stop.line, by=row and row["resumed_by"])
        if self._resumed is not None:
            await self._resumed(stop.line)

    async def _ask(self, work: Callable[[Any], Any]) -> Any:
        """What a transaction of the tenant answers; None while Postgres does not."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                found = await asyncio.to_thread(self._in_transaction, work)
        except (psycopg.Error, TimeoutError) as error:
            if not self._is_postgres_away:
                reason = str(error).strip() or f"no answer within {PATIENCE_SECONDS} s"
                log.warning("stops_of_lines_are_not_known", reason=reason)
            self._is_postgres_away = True
            return None
        self._is_postgres_away = False
        return found

    def _in_transaction(self, work: Callable[[Any], Any]) -> Any:
        settings = self._settings
        with rows_of(settings.database_url, settings.tenant_id, connect_timeout=CONNECT_SECONDS) as cursor:
            return work(cursor)

    # -- what is said about a stop

    def _told(self, stop: Stop, trip: Trip) -> line_stops.Row:
        return {
            "tenant_id": self._settings.tenant_id,
            "stop_id": short(f"stop-{stop.line}-{milliseconds(stop.at)}-{self._process}"),
            "line": stop.line,
            "stopped_at": stop.at,
            "stopped_by": self._process,
            "cause": trip.cause.reason,
            "error_code": trip.cause.code,
            "error_path": trip.cause.path,
            "failures": trip.failures,
            "messages": trip.messages,
            "failure_key": stop.failure_key,
            "came_at": trip.came_at,
        }

    def _tell(self, stop: Stop) -> None:
        """Raise the alert, once by each process; a repeat has the same id."""
        if stop.is_told:
            return
        row = stop.row or (self._told(stop, stop.trip) if stop.trip else None)
        if row is not None:
            stop.is_told = True
            self._publish(alert_of(self._settings.tenant_id, row))


def alert_of(tenant_id: str, row: Mapping[str, Any]) -> Output:
    """The alert of a stop, ready to publish."""
    identity, at = short(f"{ALERT}-{row['stop_id']}"), row["stopped_at"].astimezone(UTC)
    message = Message(
        message_id=identity,
        type="alert.raised",
        tenant_id=tenant_id,
        timestamp=at,
        source_system="MRAOS",
        correlation_id=identity,
        source="line-stops",
        position=0,
        received_at=at,
        payload=AlertRaised(
            alert_id=identity,
            alert_key=short(f"{ALERT}-{row['line']}"),
            kind=ALERT,
            severity="critical",
            entity_type="line",
            entity_id=row["line"],
            message=sentence_of(row),
            raised_at=at,
        ),
    )
    return output_of(message)


def sentence_of(row: Mapping[str, Any]) -> str:
    """A stop in a sentence."""
    return (
        f"{row['line']} has stopped: {row['failures']} of its latest {row['messages']} messages failed with one cause, "
        f"{row['error_code']}: {row['cause']} Nothing is lost; what comes waits until somebody resumes the line."
    )[:4000]


def _cause(row: Mapping[str, Any]) -> Cause:
    return Cause(row["error_code"], row["error_path"], row["cause"])
