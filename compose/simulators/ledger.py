"""What a simulator is going to say, written down before it says it; and the orders that were created meanwhile."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import IO

import msgspec

from schemas.settings import Settings


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One message: its id as the plant will know it, and what should become of it.

    `fate`: applied, duplicate, late, dead_letter:<code>, or refused:<HTTP status> where the sender is told at once.
    `cumulative_units` is the counter after it.
    """

    id: str
    channel: str
    fate: str
    work_order_id: str | None = None
    machine_id: str | None = None
    units: int = 0
    cumulative_units: int | None = None


class Order(msgspec.Struct, frozen=True):
    """A work order: one line of `accepted.jsonl` when the gateway had taken it, of `orders.jsonl` when it was started.

    Without a `machine_id` any machine may work on it.
    """

    work_order_id: str
    quantity: int = 1_000_000
    line: str | None = None
    machine_id: str | None = None


def folder(settings: Settings) -> Path:
    """Where ledgers lie: `ledger` in the run directory, or below the spool where there is none."""
    run = os.environ.get("RUN_DIR")
    return Path(run) / "ledger" if run else settings.spool_dir / "ledger"


class Ledger:
    """A file of entries or orders, one JSON line each. An entry is in it before its message is on the way."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: IO[bytes] = path.open("ab")

    def write(self, entries: Iterable[Entry | Order | msgspec.Raw]) -> None:
        """Append entries; they survive our end, however sudden."""
        self._file.write(b"".join(msgspec.json.encode(entry) + b"\n" for entry in entries))
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read_entries(path: Path) -> list[Entry]:
    """The entries of an earlier run; a line cut short at its end is none."""
    return [msgspec.json.decode(line, type=Entry) for line in whole_lines(path, 0)[0]]


class Orders:
    """The orders of a file that somebody else appends to."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self.known: list[Order] = []

    def look(self) -> None:
        """Read what is new in the file."""
        lines, self._offset = whole_lines(self._path, self._offset)
        for line in lines:
            self.known.append(msgspec.json.decode(line, type=Order))


def whole_lines(path: Path, offset: int) -> tuple[list[bytes], int]:
    """The lines of a file from an offset, and the offset after them; a line cut short at its end is left for later."""
    if not path.exists():
        return [], offset
    with path.open("rb") as file:
        file.seek(offset)
        text = file.read()
    whole = text[: text.rfind(b"\n") + 1]
    return whole.splitlines(), offset + len(whole)
