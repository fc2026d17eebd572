"""Rehearses messages: folds them, and all that follows from them, over copies of the states. Nothing is published."""

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple, Protocol

import msgspec

from schemas.codec import DEAD_LETTERS, decode, decode_event
from schemas.envelope import TypeOf
from schemas.ids import tenant_of
from schemas.messages.repairs import RepairSettled
from sql.read_models.registry import READ_MODELS
from streams.driver import Batch, Output, Processor, Record, Rejected, dead_letter, fold_batch, offset_of
from streams.projection import Line

SETTLED: Final = "repairs"
"""The topic that says what became of a repaired message: its answer, and nothing that follows from it."""
MOST_FOLDED: Final = 100_000
"""So many messages are folded in one rehearsal, those included that follow from others."""

Kind = Literal["applied", "refused", "repeated"]


class Stage(Protocol):
    """What a rehearsal is told of the plant. Of all of it, it keeps copies."""

    def partition_of(self, key: bytes) -> int:
        """The partition that Kafka puts this key in."""

    def state_of(self, processor: Processor, key: bytes) -> bytes | None:
        """The stored state of an entity, as it is now."""

    def next_offset(self, inbox: str, partition: int) -> int:
        """Where the next message of an inbox partition would lie."""


class Refusal(NamedTuple):
    """Why something was refused: a code, a sentence, the field it is about."""

    code: str
    reason: str
    path: str | None


NOT_YOURS: Final = Refusal("WRONG_TENANT", "The message names another tenant.", "tenant_id")


@dataclass(slots=True)
class Outcome:
    """What became of one message; and what was refused of all that follows from it."""

    kind: Kind = "repeated"
    refusal: Refusal | None = None
    then_refused: list[Refusal] = field(default_factory=list)

    def refuse(self, refusal: Refusal) -> None:
        """Refused it is, whatever else the message says; the first reason counts."""
        self.kind, self.refusal = "refused", self.refusal or refusal

    def take_effect(self) -> None:
        """Something of it is heard for the first time."""
        if self.refusal is None:
            self.kind = "applied"


class Entity(NamedTuple):
    """Whose state a processor keeps: its key in the inbox."""

    processor: str
    key: bytes


class Cause(NamedTuple):
    """Which message, by its number, an event record follows from; or whether it is what that message says itself."""

    number: int
    is_itself: bool


@dataclass(slots=True)
class Rehearsed:
    """What messages came to: an outcome each, the event records that would be said, and from which states it began."""

    outcomes: list[Outcome]
    lines: list[Line] = field(default_factory=list)
    causes: dict[tuple[str, int, int], Cause] = field(default_factory=dict)
    """Where an event record, by topic, partition and offset, comes from."""
    says: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """Topic, type and entity of all that is said, directly or in the end."""
    began: dict[Entity, bytes | None] = field(default_factory=dict)
    states: dict[Entity, bytes | None] = field(default_factory=dict)
    folded: int = 0


class TooMuch(Exception):
    """More follows from these messages than a rehearsal folds."""


def rehearse(
    topology: Iterable[Processor], stage: Stage, tenant_id: str, said: Sequence[Sequence[Output]]
) -> Rehearsed:
    """Fold messages in order, each with all that follows from it before the next. Touches nothing. Raises TooMuch.

    An inner sequence is what one message says. It counts as refused if anything of it is, as repeated if nothing of it
    is heard for the first time. Records get the offsets after those that the log has, so that a rehearsal is a repeat
    of nothing but of what is one. Messages of other tenants are refused unseen, and nothing of theirs is told.
    """
    rehearsal = _Rehearsal({each.inbox: each for each in topology}, stage, tenant_id, len(said))
    for number, outputs in enumerate(said):
        for output in outputs:
            rehearsal.say(number, output)
    return rehearsal.told


class _Rehearsal:
    """The copies, while messages are folded over them."""

    def __init__(self, processors: dict[str, Processor], stage: Stage, tenant_id: str, messages: int) -> None:
        self._processors, self._stage, self._tenant_id = processors, stage, tenant_id
        self._offsets: dict[tuple[str, int], int] = {}
        self.told = Rehearsed([Outcome() for _ in range(messages)])

    def say(self, number: int, output: Output) -> None:
        """One thing that a message says, and what follows from it."""
        outcome = self.told.outcomes[number]
        if tenant_of(output.key) != self._tenant_id:
            outcome.refuse(NOT_YOURS)
            return
        if (processor := self._processors.get(output.topic)) is None:
            outcome.take_effect()
            self._keep(Cause(number, is_itself=True), output)
            return
        batch = self._fold(processor, output)
        if refusals := _refusals(batch.outputs):
            outcome.refuse(refusals[0])
        elif batch.folded:
            outcome.take_effect()
        waiting = self._heard(number, batch)
        while waiting:
            heard = waiting.popleft()
            following = self._fold(self._processors[heard.topic], heard)
            outcome.then_refused += _refusals(following.outputs)
            waiting.extendleft(reversed(self._heard(number, following)))

    def _heard(self, number: int, batch: Batch) -> deque[Output]:
        """What of a fold's words is folded next. All of them are noted before: so they stand in the log."""
        for output in batch.outputs:
            self._keep(Cause(number, is_itself=False), output)
        return deque(output for output in batch.outputs if output.topic in self._processors)

    def _fold(self, processor: Processor, output: Output) -> Batch:
        if self.told.folded >= MOST_FOLDED:
            raise TooMuch(f"More than {MOST_FOLDED} messages follow; rehearse fewer at once.")
        self.told.folded += 1
        entity, partition = Entity(processor.name, output.key), self._stage.partition_of(output.key)
        states = self.told.states
        if entity not in states:
            states[entity] = self.told.began[entity] = self._stage.state_of(processor, output.key)
        state = states[entity]
        record = Record(self._next_offset(processor, partition, state), output.key, output.value)
        batch = _fold_surely(processor, partition, state, record)
        for key, changed in batch.changed.items():
            states[Entity(processor.name, key)] = changed
        return batch

    def _next_offset(self, processor: Processor, partition: int, state: bytes | None) -> int:
        """The next offset of the partition; beyond what the state reflects, if the log was asked before it."""
        lane = processor.inbox, partition
        offset = self._offsets.get(lane)
        if offset is None:
            offset = self._stage.next_offset(*lane)
        if state is not None:
            offset = max(offset, offset_of(state) + 1)
        self._offsets[lane] = offset + 1
        return offset

    def _keep(self, cause: Cause, output: Output) -> None:
        """Note what was said; an event becomes the next record of its partition."""
        if output.topic == SETTLED or tenant_of(output.key) != self._tenant_id:
            return
        said = msgspec.json.decode(output.value, type=TypeOf).type
        self.told.says[output.topic, said, output.key.decode().partition("/")[2]] += 1
        if output.topic in READ_MODELS:
            line = self._line(output)
            self.told.lines.append(line)
            self.told.causes[line.topic, line.partition, line.offset] = cause

    def _line(self, output: Output) -> Line:
        lane = output.topic, self._stage.partition_of(output.key)
        offset = self._offsets[lane] = self._offsets.get(lane, -1) + 1
        return Line(*lane, offset, output.key, output.value)


def _fold_surely(processor: Processor, partition: int, state: bytes | None, record: Record) -> Batch:
    """Fold one record. What would end a worker, and after three times make a dead letter, is one at once here."""
    states = {} if state is None else {record.key: state}
    try:
        return fold_batch(processor, partition, states, [record])
    except Exception as error:  # noqa: BLE001  whatever it is, the worker that folds this would end by it
        sentence = f"A worker would break on this message ({type(error).__name__}: {error}); do not publish it."
        letter = dead_letter(processor.inbox, partition, record, None, Rejected("WOULD_BREAK", sentence))
        return Batch(outputs=[letter], dead_letters=1)


def _refusals(outputs: Iterable[Output]) -> list[Refusal]:
    """What was refused: as a dead letter, or, of a repaired message, as the answer to the repair."""
    found = []
    for output in outputs:
        if output.topic == DEAD_LETTERS:
            details = decode_event(output.topic, output.value).payload.error_details
            found.append(Refusal(details.error_code, details.error_message, details.path))
        elif output.topic == SETTLED:
            settled: RepairSettled = decode(output.value).payload
            if settled.outcome == "refused":
                found.append(Refusal(settled.error_code or "", settled.error_message or "", settled.path))
    return found
