"""Makes the read models again from the event topics, while the old ones stay readable and the projector goes on."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from rich.table import Table

from schemas.settings import Settings
from sql import database, offsets, shadows
from sql.offsets import Lane
from sql.read_models.registry import READ_MODELS, TABLES
from sql.shadows import Difference
from streams.driver import Output
from streams.kafka.consumer import LogReader
from streams.kafka.producer import Publisher
from streams.projection import lines, write

PATIENCE_SECONDS = 30.0
GATHER_SECONDS = 0.05
CLOSE_ENOUGH = 5_000


class LogSilent(Exception):
    """Kafka says that there is more to read, and does not deliver it."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a rebuild read, refused and found."""

    events: int
    refused: int
    tables: tuple[Difference, ...]

    @property
    def rows(self) -> int:
        """How many rows differed."""
        return sum(each.rows for each in self.tables)

    def shown(self, *, is_changed: bool) -> Table:
        """The report for a terminal."""
        title = f"{self.events:,} event records read, {self.refused:,} of them dead letters"
        table = Table("table", title=title, title_justify="left", box=None, pad_edge=False)
        for name in ("rows before" if is_changed else "rows", "after" if is_changed else "by the log"):
            table.add_column(name, justify="right")
        for name in ("missing", "different", "superfluous"):
            table.add_column(name, justify="right")
        for one in self.tables:
            counts = (one.rows_before, one.rows_after, one.missing, one.different, one.superfluous)
            table.add_row(one.table, *(f"{count:,}" for count in counts), style="bold yellow" if one.rows else "")
        return table


def rebuild(settings: Settings, owner_url: str, *, is_change_wanted: bool = True) -> Report:
    """Bring the read models to what the log says, or only say what differs.

    All events from offset 0 fill temporary tables of the same names, by the code that the projector uses. When they
    have all but caught up, one transaction holds the projector (it waits for `ops.projection_offsets`), reads the last
    events, and changes in the real tables only the rows that differ. Readers never wait and never see half of it;
    grants, policies and comments stay, and so does what people wrote. The shadows stop exactly where the projector
    stands, so it goes on as if nothing had been; where it is behind the end that the log had at the start, its offsets
    move with the rows, and it begins again there. Killed at any moment, a rebuild leaves nothing behind.

    Raises LogTruncated where the log no longer begins at 0, LogSilent, KafkaException, psycopg.Error.
    """
    with database.connect(owner_url) as connection, contextlib.closing(LogReader(settings)) as reader:
        connection.autocommit = True
        lanes = reader.lanes(READ_MODELS)
        least = reader.ends_now(lanes) if is_change_wanted else dict.fromkeys(lanes, 0)
        copy = _Copy(connection, reader, lanes, settings.projector_batch)
        copy.follow(least)
        with connection.transaction(), connection.cursor() as cursor:
            shadows.hold_projectors(cursor)
            stand = offsets.read(cursor, lanes)
            copy.read_to(_later(stand, least))
            shadows.see_all_tenants(cursor)
            found = tuple(shadows.compare(cursor, table) for table in TABLES)
            if is_change_wanted:
                _put_right(cursor, found)
                _tell(settings, copy.untold(cursor))
                offsets.move(
                    cursor, {at: (stand[at], next_) for at, next_ in copy.position.items() if next_ > stand[at]}
                )
        return Report(copy.events, len(copy.refused), found)


class _Copy:
    """The shadows, and how far they are with the log."""

    def __init__(self, connection: psycopg.Connection[Any], reader: LogReader, lanes: list[Lane], batch: int) -> None:
        self._connection, self._reader, self._batch, self.lanes = connection, reader, batch, lanes
        self.position: dict[Lane, int] = dict.fromkeys(self.lanes, 0)
        self.events = 0
        self.refused: list[Output] = []
        with connection.transaction(), connection.cursor() as cursor:
            shadows.create(cursor)
        reader.read_from(self.position)

    def follow(self, least: Mapping[Lane, int]) -> None:
        """Read on until little is missing to where the projector stands, and at least as far as told."""
        while True:
            with self._connection.transaction(), self._connection.cursor() as cursor:
                goal = _later(offsets.read(cursor, self.lanes), least)
            if sum(goal[lane] - self.position[lane] for lane in self.lanes) <= CLOSE_ENOUGH:
                break
            self.read_to(goal)
        with self._connection.transaction(), self._connection.cursor() as cursor:
            shadows.analyze(cursor)

    def read_to(self, goal: Mapping[Lane, int]) -> None:
        """Project every record before these offsets, and none after."""
        behind = {lane: position for lane, position in self.position.items() if position < goal[lane]}
        if behind:
            self._reader.read_from(behind)
        while any(self.position[lane] < goal[lane] for lane in behind):
            records = self._reader.read(1, PATIENCE_SECONDS)
            if not records:
                raise LogSilent(f"Kafka delivered nothing for {PATIENCE_SECONDS:.0f} s; nothing was changed.")
            records += self._reader.read(self._batch - 1, GATHER_SECONDS)
            batch = [line for line in lines(records) if line.offset < goal[line.lane]]
            with self._connection.transaction(), self._connection.cursor() as cursor:
                self.refused += write(cursor, batch).refused
            self.events += len(batch)
            self.position.update({line.lane: line.offset + 1 for line in batch})

    def untold(self, cursor: psycopg.Cursor[Any]) -> list[Output]:
        """Dead letters of records that the projector had not met: nobody has published them yet."""
        by_key = {output.key.decode().split("/")[1]: output for output in self.refused}
        cursor.execute("SELECT failure_key FROM integration_failures WHERE failure_key = ANY(%s)", [list(by_key)])
        told = {key for (key,) in cursor.fetchall()}
        return [output for key, output in by_key.items() if key not in told]


def _later(one: Mapping[Lane, int], other: Mapping[Lane, int]) -> dict[Lane, int]:
    return {lane: max(one[lane], other[lane]) for lane in one}


def _put_right(cursor: psycopg.Cursor[Any], found: Sequence[Difference]) -> None:
    for difference in found:
        if difference.rows:
            shadows.repair(cursor, difference.table)


def _tell(settings: Settings, letters: Sequence[Output]) -> None:
    """Publish dead letters and return when Kafka has them."""
    if letters:
        Publisher(settings).publish(letters)
