"""What the systems were asked and what they answered: the last of it in memory, all of it in a file."""

import asyncio
from collections import Counter, deque
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import msgspec

MOST_KEPT = 20_000


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One request. `status` is None where no answer left; `acted` says whether something was done for it.

    `answer` is what a POST was told, or would have been; of the authorization the file keeps only the scheme.
    """

    at: datetime
    system: str
    method: str
    path: str
    query: dict[str, str]
    idempotency_key: str | None
    correlation_id: str | None
    authorization: str | None
    body: Any
    status: int | None
    acted: bool
    answer: msgspec.Raw = msgspec.Raw(b"null")


class Records:
    """The requests so far. What was done is in the file before its answer is on the way."""

    def __init__(self, path: Path | None = None) -> None:
        self._kept: deque[Record] = deque(maxlen=MOST_KEPT)
        self._acted: dict[str, Counter[str]] = {}
        self._more = asyncio.Event()
        self._file: IO[bytes] | None = None
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("ab")

    def write(self, record: Record) -> None:
        """Keep a record."""
        self.remember(record)
        if self._file is not None:
            scheme = (record.authorization or "").partition(" ")[0]
            self._file.write(msgspec.json.encode(msgspec.structs.replace(record, authorization=scheme)) + b"\n")
            self._file.flush()
        self._more.set()

    def remember(self, record: Record) -> None:
        """Keep a record that the file has already."""
        self._kept.append(record)
        if record.acted and record.idempotency_key:
            self._acted.setdefault(record.system, Counter())[record.idempotency_key] += 1

    def of(self, system: str | None, path: str = "") -> list[Record]:
        """The records of a system, or of all, the oldest first."""
        return [kept for kept in self._kept if system in (None, kept.system) and path in kept.path]

    async def at_least(self, count: int, system: str | None, path: str = "") -> list[Record]:
        """The records of a system as soon as there are so many."""
        while len(found := self.of(system, path)) < count:
            self._more.clear()
            await self._more.wait()
        return found

    def acted(self, system: str) -> dict[str, int]:
        """How often something was done, by idempotency key."""
        return dict(self._acted.get(system, {}))

    def forget(self) -> None:
        """Begin to count anew; the file stays."""
        self._kept.clear()
        self._acted.clear()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()


def read_records(path: Path) -> Iterator[Record]:
    """The records of a file; a line cut short at its end is none."""
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield msgspec.json.decode(line, type=Record)
