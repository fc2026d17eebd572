"""Guards the order of each inbox partition: nothing is folded twice, nothing is left out.

Faust drops batches in a rebalance without telling anyone (TRAPS, 192 to 747 messages lost). So the offsets themselves
are watched: a batch that begins beyond the next expected offset is refused, and the partition is read again from there.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from streams import round_metrics as metrics
from streams.driver import Record
from streams.kafka.reader import Lane

FORGET_A_HOLE_SECONDS: Final = 5.0

log = structlog.get_logger()


@dataclass(slots=True)
class Hole:
    """Offsets from `expected` up to `first` have not come; `looks` counts how often `first` came instead."""

    expected: int
    first: int
    seen_at: float
    looks: int = 1
    is_asked_for: bool = False


class Contiguity:
    """The next expected offset of every inbox partition that is ours."""

    def __init__(self, first_from: Callable[[Lane, int], int | None]) -> None:
        self._first_from = first_from
        self._expected: dict[Lane, int] = {}
        self._holes: dict[Lane, Hole] = {}

    def begin(self, start: Mapping[Lane, int]) -> None:
        """Expect these offsets from now on, and no other partitions."""
        self._expected = dict(start)
        self._holes.clear()

    @property
    def expected(self) -> Mapping[Lane, int]:
        """The next offset of each partition."""
        return self._expected

    def step_back(self, lane: Lane, offset: int) -> None:
        """What came last was worked on only up to this offset."""
        self._expected[lane] = offset

    def what_follows(self, lane: Lane, records: Sequence[Record]) -> Sequence[Record]:
        """The part of a batch that follows on what came before; it counts as come from now on."""
        expected = self._expected.get(lane)
        first, last = records[0].offset, records[-1].offset
        if expected is None or last < expected:
            metrics.READ_TWICE.inc(len(records))
            return ()
        if first > expected:
            self._note(lane, expected, first)
            return ()
        self._holes.pop(lane, None)
        self._expected[lane] = last + 1
        if first == expected:
            return records
        metrics.READ_TWICE.inc(expected - first)
        return [record for record in records if record.offset >= expected]

    def _note(self, lane: Lane, expected: int, first: int) -> None:
        """Batches that were under way when the hole was seen begin later still; only the earliest tells something."""
        hole, now = self._holes.get(lane), time.monotonic()
        metrics.HOLES.inc()
        if hole is None or first < hole.first or now - hole.seen_at > FORGET_A_HOLE_SECONDS:
            self._holes[lane] = Hole(expected, first, now)
        elif first == hole.first:
            hole.looks, hole.is_asked_for, hole.seen_at = hole.looks + 1, False, now

    async def places_to_read_again(self) -> list[tuple[Lane, int]]:
        """Where to read on to close the holes. What the log itself does not hold is passed over, loudly."""
        places = []
        for lane, hole in list(self._holes.items()):
            if hole.is_asked_for:
                continue
            hole.is_asked_for = True
            if hole.looks > 1:
                await self._ask_the_log(lane, hole)
            if lane in self._expected:
                places.append((lane, self._expected[lane]))
        return places

    async def _ask_the_log(self, lane: Lane, hole: Hole) -> None:
        first = await asyncio.to_thread(self._first_from, lane, hole.expected)
        if first is not None and first > hole.expected and self._expected.get(lane) == hole.expected:
            metrics.MISSING.inc(first - hole.expected)
            log.error("offsets_missing", topic=lane[0], partition=lane[1], first=hole.expected, last=first - 1)
            self._expected[lane] = first
            del self._holes[lane]
