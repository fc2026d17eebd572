"""The truth: what was going to be said, on disk before it was said; and afterwards what was answered."""

import hashlib
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

from compose.simulators.ledger import Ledger, whole_lines

FILE = "truth.jsonl"
Result = Literal["ok", "failed", "unknown"]
# A later answer of the same intent counts for more: what was taken once is taken, and a refusal undoes no doubt.
WEIGHT: dict[Result, int] = {"failed": 0, "unknown": 1, "ok": 2}


class Intent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="intent"):
    """Something that is about to be said.

    `id` is its name as the plant will know it: the same statement said again has the same. `kind` says what it is,
    `key` whom it is about, `about` the values that follow from it, `digest` what was sent, to the last byte.
    `sent_at` is in seconds since 1970.
    """

    n: int
    id: str
    channel: str
    kind: str
    key: str
    digest: str
    sent_at: float
    about: dict[str, Any] = {}


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="answer"):
    """What became of intents: taken; refused for certain; or nobody knows (time-out, broken connection, 5xx)."""

    n: tuple[int, ...]
    result: Result
    at: float
    status: int | None = None
    about: dict[str, Any] = {}


class Saying(NamedTuple):
    """What an intent is made of, before it has a number."""

    id: str
    channel: str
    kind: str
    key: str
    data: bytes
    about: dict[str, Any]

    def intent(self, number: int, at: float) -> Intent:
        """The same under its number, about to be said at this moment."""
        return Intent(
            n=number,
            id=self.id,
            channel=self.channel,
            kind=self.kind,
            key=self.key,
            digest=hashlib.sha256(self.data).hexdigest()[:16],
            sent_at=at,
            about=self.about,
        )


class Said(NamedTuple):
    """An intent with the best of its answers; without any it is unknown."""

    intent: Intent
    result: Result = "unknown"
    at: float | None = None
    status: int | None = None
    about: dict[str, Any] = {}  # noqa: RUF012 - never changed


class Book:
    """The ledger, shared by all who speak. What `say` has returned is on its way to the disk, come what may to us."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._next = len(read(folder))
        self._ledger = Ledger(self._path)
        self._lock = threading.Lock()

    def say(self, sayings: Sequence[Saying]) -> list[int]:
        """Write down what will be said now; the numbers of the intents."""
        now = time.time()
        with self._lock:
            numbers = list(range(self._next, self._next + len(sayings)))
            self._next += len(sayings)
            self._write(each.intent(number, now) for number, each in zip(numbers, sayings, strict=True))
        return numbers

    def answer(self, numbers: Iterable[int], result: Result, status: int | None = None, **about: Any) -> None:
        """Write down what was answered."""
        told = tuple(numbers)
        if told:
            with self._lock:
                self._write([Answer(n=told, result=result, at=time.time(), status=status, about=about)])

    @property
    def said(self) -> int:
        """How many intents there are."""
        return self._next

    def close(self) -> None:
        """Close the file."""
        self._ledger.close()

    def _write(self, lines: Iterable[Intent | Answer]) -> None:
        self._ledger.write(msgspec.Raw(msgspec.json.encode(line)) for line in lines)


_line = msgspec.json.Decoder(Intent | Answer)


def read(folder: Path) -> list[Said]:
    """Everything that was said, in order; a line cut short at the end was never said."""
    lines, _ = whole_lines(folder / FILE, 0)
    return together(_line.decode(line) for line in lines)


def together(lines: Iterable[Intent | Answer]) -> list[Said]:
    """Intents with the best of their answers."""
    said: dict[int, Said] = {}
    answered: set[int] = set()
    for line in lines:
        if isinstance(line, Intent):
            said[line.n] = Said(line)
            continue
        for number in line.n:
            known = said[number]
            if number not in answered or WEIGHT[line.result] > WEIGHT[known.result]:
                said[number] = Said(known.intent, line.result, line.at, line.status, known.about | line.about)
            answered.add(number)
    return list(said.values())
