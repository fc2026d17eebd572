"""Works through the inboxes in rounds: fold what is waiting, publish, remember, and only then count it as done.

Up to three rounds are on their way, each one step behind the other, so that folding goes on while Kafka writes:

    folded        its outputs are handed to Kafka
    published     its outputs are acknowledged; its states are handed to the changelog
    logged        its states are acknowledged: the table takes them over, its records count as done

One wait per turn serves all of them. What dies on the way is folded again by the next owner, from the last offset that
was done; folds are deterministic and ids derive from their cause, so what comes twice is recognised (DESIGN 5).
"""

import asyncio
import re
import time
from collections import ChainMap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Protocol

import structlog

from schemas.ids import tenant_of
from streams import round_metrics as metrics
from streams.black_box import BlackBox
from streams.contiguity import Contiguity
from streams.driver import (
    Batch,
    Output,
    Processor,
    Record,
    Refused,
    Rejected,
    Repair,
    dead_letter,
    fold_batch,
    repair_settled,
)
from streams.kafka.producer import Publisher
from streams.kafka.reader import Lane
from streams.line_stops import first_to_stop
from streams.states import MARK, MARKED, Tables
from streams.stopped_lines import StoppedLines

RECORDS_WAITING: Final = 8_000
SMALL_ROUND: Final = 500
# How `schemas.codec.encode` begins the envelope of a message that people have sent again.
_REPAIR: Final = re.compile(
    rb'\{"version":"[0-9.]+","message_id":"repair-([^"\\]+)-(\d+)",(?:(?!"payload":).)*"source":"repairs","position":\2,',
    re.DOTALL,
)
OLDEST_ROUND_SECONDS: Final = 3600.0
LOOK_AT_FORGOTTEN_SECONDS: Final = 60.0

log = structlog.get_logger()


class RoundTooOld(Exception):
    """This process slept for so long that its states must not reach the changelog any more."""


class Positions(Protocol):
    """Where the consumer stands. `epoch` changes whenever partitions come, go or are read again."""

    epoch: int
    first_offsets: Mapping[Lane, int]
    """Per inbox partition that is ours, the next offset to fold; empty while partitions are being shared out."""

    def set_done(self, lane: Lane, next_offset: int) -> None:
        """Everything before this offset may be committed."""

    async def read_from(self, lane: Lane, offset: int) -> None:
        """Read on from this offset."""


@dataclass(slots=True)
class Round:
    """What one turn took in hand."""

    began_at: float
    next_offsets: dict[Lane, int] = field(default_factory=dict)
    changed: dict[Lane, dict[bytes, bytes | None]] = field(default_factory=dict)
    outputs: list[Output] = field(default_factory=list)
    is_logged: bool = False


class Rounds:
    """The work of one process on all inbox partitions that are its own."""

    def __init__(
        self,
        topology: Iterable[Processor],
        tables: Tables,
        publisher: Publisher,
        positions: Positions,
        boxes: Path,
        lines: StoppedLines,
    ) -> None:
        self._processors = {processor.inbox: processor for processor in topology}
        self._lines = lines
        self._tables = tables
        self._publisher = publisher
        self._positions = positions
        self._box_folder = boxes
        self.guard = Contiguity(tables.first_from)
        self._boxes: dict[Lane, BlackBox] = {}
        self._waiting: dict[Lane, list[Sequence[Record]]] = {}
        self._waiting_count = 0
        self._in_flight: list[Round] = []
        self._to_mark: dict[Lane, int] = {}
        self._epoch = -1
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._is_stopping = False
        self._next_look_at_forgotten = 0.0

    # -- what the agents and the process say

    async def put(self, lane: Lane, records: Sequence[Record]) -> None:
        """Records of one partition, in order. Waits while too much is waiting.

        What comes of an inbox that stands is let go: it is read again from the guard's next offset.
        """
        if self._lines.stands(lane[0]):
            return
        while self._waiting_count >= RECORDS_WAITING:
            self._room.clear()
            await self._room.wait()
        self._waiting.setdefault(lane, []).append(records)
        self._waiting_count += len(records)
        self._wake.set()

    def wake(self) -> None:
        """Look again: positions changed."""
        self._wake.set()

    async def resume(self, inbox: str) -> None:
        """Read an inbox that stood on from where it stopped."""
        for lane, offset in list(self.guard.expected.items()):
            if lane[0] == inbox:
                await self._positions.read_from(lane, offset)

    def stop(self) -> None:
        """Take nothing more in hand; `run` returns when what is in flight has landed."""
        self._is_stopping = True
        self._wake.set()

    @property
    def is_busy(self) -> bool:
        """Whether anything is waiting or on its way."""
        return bool(self._waiting or self._in_flight)

    # -- the loop

    async def run(self) -> None:
        """Work until told to stop."""
        while not (self._is_stopping and not self._in_flight):
            if not self._in_flight:
                await self._something_to_do()
            if self._epoch != self._positions.epoch:
                await self._begin()
            else:
                await self._turn()

    async def _something_to_do(self) -> None:
        while not (self._waiting or self._is_stopping or self._epoch != self._positions.epoch):
            self._wake.clear()
            await self._wake.wait()

    async def _begin(self) -> None:
        """Partitions were shared out anew. What is in flight is dropped: its records come again."""
        epoch, start = self._positions.epoch, dict(self._positions.first_offsets)
        metrics.READY.set(0)
        metrics.PARTITIONS.set(len(start))
        self._in_flight.clear()
        self.guard.begin({})
        if start and not await self._tables.adopt(start, lambda: epoch == self._positions.epoch):
            return
        if start:
            await self._lines.look()
            start |= await self._lost(start)
        self._open_boxes(start)
        self.guard.begin(start)
        self._epoch = epoch
        metrics.READY.set(1 if start else 0)

    async def _lost(self, start: Mapping[Lane, int]) -> dict[Lane, int]:
        """Where states were lost, and from where on the inbox is folded once more; what it says again is known.

        A changelog is marked when its states reflect everything from the beginning of the inbox; until then a successor
        begins there, too.
        """
        self._to_mark.clear()
        lost = await asyncio.to_thread(self._tables.lost, start)
        for lane, offset in start.items():
            if lane in lost:
                log.error("states_lost", inbox=lane[0], partition=lane[1], folded_again_from=lost[lane], up_to=offset)
                self._to_mark[lane] = offset
                await self._positions.read_from(lane, lost[lane])
            elif not self._tables.is_marked(lane):
                self._mark(lane)
        return lost

    def _mark(self, lane: Lane) -> None:
        states = self._tables.of_inbox[lane[0]]
        self._publisher.send(states.changelog, MARK, MARKED, lane[1])
        states.marked.add(lane[1])

    def _open_boxes(self, lanes: Iterable[Lane]) -> None:
        for box in self._boxes.values():
            box.close()
        self._boxes = {lane: BlackBox(self._box_folder, self._processors[lane[0]].name, lane[1]) for lane in lanes}

    async def _turn(self) -> None:
        """One step for every round on its way."""
        fresh = self._fold_waiting()
        self._let_go(fresh)
        is_small = len(fresh.outputs) <= SMALL_ROUND
        if is_small:
            self._hand_over(fresh)
        for lane, offset in await self.guard.places_to_read_again():
            await self._positions.read_from(lane, offset)
        await self._publisher.delivered()
        if self._epoch == self._positions.epoch:
            self._advance()
            if not is_small:
                self._hand_over(fresh)

    def _hand_over(self, fresh: Round) -> None:
        """Outputs go to Kafka: few of them at once, for latency; many after the wait, so that folding overlaps it."""
        self._publisher.send_all(fresh.outputs)
        if fresh.next_offsets or fresh.changed:
            self._in_flight.append(fresh)

    def _advance(self) -> None:
        """All that was handed to Kafka is acknowledged: published rounds get logged, logged rounds are done."""
        still_in_flight = []
        for each in self._in_flight:
            if each.changed and not each.is_logged:
                self._log(each)
                still_in_flight.append(each)
            else:
                self._finish(each)
        self._in_flight = still_in_flight

    def _log(self, published: Round) -> None:
        if time.monotonic() - published.began_at > OLDEST_ROUND_SECONDS:
            raise RoundTooOld("A round is over an hour old: its states could bring back what others have forgotten.")
        for (topic, partition), changed in published.changed.items():
            changelog = self._tables.of_inbox[topic].changelog
            for key, value in changed.items():
                self._publisher.send(changelog, key, value, partition)
        published.is_logged = True

    def _finish(self, logged: Round) -> None:
        for (topic, partition), changed in logged.changed.items():
            self._tables.of_inbox[topic].remember(partition, changed, time.time())
        for lane, next_offset in logged.next_offsets.items():
            self._positions.set_done(lane, next_offset)
            if next_offset >= self._to_mark.get(lane, next_offset + 1):
                del self._to_mark[lane]
                self._mark(lane)
        metrics.ROUND_SECONDS.observe(time.monotonic() - logged.began_at)

    # -- folding

    def _fold_waiting(self) -> Round:
        """Fold everything that is waiting, unless we are stopping."""
        fresh = Round(time.monotonic())
        waiting, self._waiting, self._waiting_count = self._waiting, {}, 0
        self._room.set()
        if not self._is_stopping:
            for lane, batches in waiting.items():
                for records in batches:
                    if not self._lines.stands(lane[0]) and (following := self.guard.what_follows(lane, records)):
                        self._fold_lane(lane, following, fresh)
        return fresh

    def _fold_lane(self, lane: Lane, records: Sequence[Record], fresh: Round) -> None:
        topic, partition = lane
        box = self._boxes[lane]
        changed = fresh.changed.get(lane, {})
        ahead = [each.changed[lane] for each in reversed(self._in_flight) if lane in each.changed]
        states: ChainMap[bytes, Any] = ChainMap(changed, *ahead, self._tables.of_inbox[topic].partitions[partition])
        for some in _apart(records, box):
            batch, next_offset = self._fold_some(self._processors[topic], partition, states, some, box)
            changed.update(batch.changed)
            fresh.outputs.extend(batch.outputs)
            fresh.next_offsets[lane] = next_offset
            if self._lines.stands(topic):
                self.guard.step_back(lane, next_offset)
                break
        if changed:
            fresh.changed[lane] = changed

    def _fold_some(
        self, processor: Processor, partition: int, states: Any, records: Sequence[Record], box: BlackBox
    ) -> tuple[Batch, int]:
        """Fold with the black box running, and the next offset; a message that has killed the process three times is
        not tried again. Where the line stops, nothing that follows is folded.
        """
        if len(records) == 1 and box.is_poison(records[0].offset):
            batch = _crash_loop(processor, partition, records[0])
        else:
            box.take(records[0].offset, records[-1].offset)
            batch = fold_batch(processor, partition, states, records)
        if stop := first_to_stop(self._lines.windows[processor.inbox], records, batch.refused):
            let_by, trip = stop
            if let_by < len(records):
                records = records[:let_by]
                batch = fold_batch(processor, partition, states, records)
            self._lines.stop(processor.inbox, trip, batch.outputs[-1].key.decode().rpartition("/")[2])
        box.lay_down(records[-1].offset + 1)
        metrics.count(processor.name, len(records), batch)
        return batch, records[-1].offset + 1

    def _let_go(self, fresh: Round) -> None:
        """Now and then, remove entities for good that were forgotten long ago and of whom nothing is on its way."""
        now = time.time()
        if now < self._next_look_at_forgotten:
            return
        self._next_look_at_forgotten = now + LOOK_AT_FORGOTTEN_SECONDS
        for processor in self._processors.values():
            for partition, key in self._tables.of[processor.name].long_forgotten(now):
                lane = (processor.inbox, partition)
                if not any(key in each.changed.get(lane, ()) for each in [*self._in_flight, fresh]):
                    fresh.changed.setdefault(lane, {})[key] = None


def _apart(records: Sequence[Record], box: BlackBox) -> Iterable[Sequence[Record]]:
    """All at once, or one by one where the process died before."""
    suspect = box.suspect
    if suspect is None or suspect.first > records[-1].offset:
        return (records,)
    return ((record,) for record in records)


def _repair_in(value: bytes) -> Repair | None:
    """Which repair a record is, found without reading it: whatever reads it may be what the process died of."""
    found = _REPAIR.match(value)
    return Repair(found.group(1).decode(), int(found.group(2))) if found else None


def _crash_loop(processor: Processor, partition: int, record: Record) -> Batch:
    metrics.CRASH_LOOPS.inc()
    reason = Rejected("CRASH_LOOP", "The process died three times while it worked on this message.")
    if (repair := _repair_in(record.value)) is not None:
        moment = datetime.fromtimestamp(record.timestamp_ms / 1000, UTC)
        return Batch([repair_settled(repair, tenant_of(record.key), moment, refusal=reason)], folded=1)
    letter = dead_letter(processor.inbox, partition, record, None, reason)
    return Batch([letter], refused=[Refused(record.offset, reason.code, reason.path, reason.reason)], dead_letters=1)
