"""A durable buffer on local disk for what Kafka cannot take now: kept in order, never dropped, bounded."""

import sqlite3
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from streams.driver import Output

PAGES_FREED_AT_ONCE: Final = 4096
BYTES_READ_AT_ONCE: Final = 16 * 1024 * 1024

_SCHEMA = """
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE IF NOT EXISTS spool (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    topic TEXT NOT NULL,
    key BLOB NOT NULL,
    value BLOB NOT NULL,
    kept_at REAL NOT NULL
);
"""


class SpoolFull(Exception):
    """The spool may not grow, or the disk is full: whoever sends must wait."""


class Kept(NamedTuple):
    """One record in the spool, under its number."""

    number: int
    output: Output


class Spool:
    """Records in the order they were kept. `keep` returns when they are on disk (WAL, synchronous=FULL).

    Safe to call from several threads. `depth` and `oldest_at` (seconds since 1970) are current.
    """

    def __init__(self, path: Path, max_bytes: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=30)
        self._database.executescript(_SCHEMA)
        self._page_size = self._pragma("page_size")
        self.depth: int = self._database.execute("SELECT count(*) FROM spool").fetchone()[0]
        self.oldest_at: float | None = self._oldest()

    def keep(self, outputs: Iterable[Output], at: float) -> int:
        """Write records down, all or none; the number of the last one. Raises SpoolFull."""
        rows = [(output.topic, output.key, output.value, at) for output in outputs]
        with self._lock:
            grown = self._size_bytes() + sum(len(value) + len(key) + 64 for _, key, value, _ in rows)
            if grown > self._max_bytes:
                raise SpoolFull(f"The spool holds {self.depth} messages and would pass {self._max_bytes} bytes.")
            try:
                self._database.execute("BEGIN IMMEDIATE")
                self._database.executemany("INSERT INTO spool (topic, key, value, kept_at) VALUES (?, ?, ?, ?)", rows)
                self._database.execute("COMMIT")
            except sqlite3.OperationalError as error:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise SpoolFull(f"The disk does not take the spool: {error}.") from error
            self.depth += len(rows)
            self.oldest_at = at if self.oldest_at is None else self.oldest_at
            return int(self._database.execute("SELECT max(number) FROM spool").fetchone()[0])

    def first(self, count: int) -> Sequence[Kept]:
        """The oldest records, in order: at most `count`, and not much more than fits comfortably into memory."""
        found: list[Kept] = []
        size = 0
        with self._lock:
            rows = self._database.execute(
                "SELECT number, topic, key, value FROM spool ORDER BY number LIMIT ?", [count]
            )
            for number, topic, key, value in rows:
                found.append(Kept(number, Output(topic, key, value)))
                size += len(value)
                if size > BYTES_READ_AT_ONCE:
                    break
            rows.close()
        return found

    def forget(self, upto: int) -> None:
        """Delete the records up to a number: Kafka has them. Gives the disk back what it can."""
        with self._lock:
            self.depth -= self._database.execute("DELETE FROM spool WHERE number <= ?", [upto]).rowcount
            # executescript steps to the end; execute would free a single page (each page is a row without columns).
            self._database.executescript(f"PRAGMA incremental_vacuum({PAGES_FREED_AT_ONCE})")
            self.oldest_at = self._oldest()
            if self.depth == 0:
                self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def size_bytes(self) -> int:
        """What the records take on disk."""
        with self._lock:
            return self._size_bytes()

    def _size_bytes(self) -> int:
        return (self._pragma("page_count") - self._pragma("freelist_count")) * self._page_size

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    def _pragma(self, name: str) -> int:
        return int(self._database.execute(f"PRAGMA {name}").fetchone()[0])

    def _oldest(self) -> float | None:
        row = self._database.execute("SELECT kept_at FROM spool ORDER BY number LIMIT 1").fetchone()
        return row[0] if row else None
