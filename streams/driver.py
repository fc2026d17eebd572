"""Applies a batch of records to a processor: pure, and shared by Faust, replay and the tests."""

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple

import msgspec

from schemas.codec import Unreadable, decode, encode, parse
from schemas.envelope import Message
from schemas.ids import tenant_of
from schemas.messages.failures import ErrorDetails, IntegrationFailure
from schemas.messages.repairs import RepairSettled
from schemas.topics import MESSAGES, key_of

# The most one message may lead to: two for each line of a bill of materials (256 KiB hold about 6,000 lines), or two
# for each of the 4,000 reservations of a material. A power of two, so that positions stay exact in a double up to
# offset 2^39. It may grow between releases: positions grow with it, for all but what an unclean end left half said.
EMITS_PER_MESSAGE = 16_384
UNNUMBERED = 0
REPAIRS = "repairs"
"""The source of messages that people have sent again. What becomes of each is said, and said once."""


class Rejected(Exception):
    """A fold refuses a message: a code, a sentence a person can act on, and the field it is about."""

    def __init__(self, code: str, reason: str, path: str | None = None) -> None:
        super().__init__(reason)
        self.code, self.reason, self.path = code, reason, path


class Misplaced(Rejected):
    """A message lies where it concerns nobody."""


class Emit(NamedTuple):
    """Something a fold says: a message type and its payload. Topic and key follow from the type."""

    type: str
    payload: Any


class Step(NamedTuple):
    """What a message did: the new state (None: the entity is forgotten) and what is said about it."""

    state: Any
    emits: Sequence[Emit] = ()


Fold = Callable[[Any, Message[Any]], Step]


@dataclass(frozen=True, slots=True)
class Processor:
    """A fold with its inbox, the state it remembers per entity and the message types it may emit."""

    name: str
    inbox: str
    state: type[msgspec.Struct]
    fold: Fold
    emits: frozenset[str]


class Record(NamedTuple):
    """One record of an inbox."""

    offset: int
    key: bytes
    value: bytes
    timestamp_ms: int = 0


class Output(NamedTuple):
    """One record to publish."""

    topic: str
    key: bytes
    value: bytes


def output_of(message: Message[Any]) -> Output:
    """The record of a message: its type says the topic, its payload the key."""
    key = key_of(message.type, message.tenant_id, message.payload)
    return Output(MESSAGES[message.type].topic, key, encode(message))


class Refused(NamedTuple):
    """Why the record of an offset became a dead letter."""

    offset: int
    code: str
    path: str | None
    reason: str


@dataclass(slots=True)
class Batch:
    """What a batch came to: records to publish, states to keep by key, what was refused, and counts."""

    outputs: list[Output] = field(default_factory=list)
    changed: dict[bytes, bytes] = field(default_factory=dict)
    refused: list[Refused] = field(default_factory=list)
    folded: int = 0
    repeated: int = 0
    dead_letters: int = 0


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """A state as it is stored: the input offset it reflects, the positions heard from each source, the state itself.

    A forgotten entity keeps its offset with no state, so that an older copy never comes back to life.
    """

    offset: int
    heard: dict[str, int]
    state: Any


class OffsetOf(msgspec.Struct, frozen=True, array_like=True):
    """Only the offset of a stored state."""

    offset: int


_offset_decoder = msgspec.json.Decoder(OffsetOf)


def offset_of(value: bytes) -> int:
    """The input offset that a stored state reflects."""
    return _offset_decoder.decode(value).offset


@cache
def _kept_decoder(state: type[msgspec.Struct]) -> Any:
    kept = msgspec.defstruct(
        "Kept", [("offset", int), ("heard", dict[str, int]), ("state", state | None)], frozen=True, array_like=True
    )
    return msgspec.json.Decoder(kept)


def stored(processor: Processor, value: bytes | None) -> Kept | None:
    """A stored state, decoded."""
    if value is None:
        return None
    kept: Kept = _kept_decoder(processor.state).decode(value)
    return kept


def fold_batch(processor: Processor, partition: int, states: Mapping[bytes, bytes], records: Sequence[Record]) -> Batch:
    """Fold records of one partition, in order, over the stored states. Nothing is published or stored here."""
    batch = Batch()
    working: dict[bytes, _Entity] = {}
    for record in records:
        entity = working.get(record.key)
        if entity is None:
            entity = working[record.key] = _Entity(stored(processor, states.get(record.key)))
        if record.offset <= entity.offset:
            batch.repeated += 1
            continue
        _fold_record(processor, partition, entity, record, batch)
    for key, entity in working.items():
        if entity.is_changed:
            batch.changed[key] = encode(Kept(entity.offset, entity.heard, entity.state))
    return batch


class _Entity:
    """An entity's state while a batch is folded."""

    __slots__ = ("heard", "is_changed", "offset", "state")

    def __init__(self, kept: Kept | None) -> None:
        self.offset = kept.offset if kept else -1
        self.heard: dict[str, int] = dict(kept.heard) if kept else {}
        self.state: Any = kept.state if kept else None
        self.is_changed = False

    def has_heard(self, message: Message[Any]) -> bool:
        """Whether a source that numbers what it says has said this before."""
        return message.position != UNNUMBERED and message.position <= self.heard.get(message.source, UNNUMBERED)

    def hear(self, record: Record, message: Message[Any]) -> None:
        """Remember that this was said, and judged: whatever came of it, it is not judged again."""
        if message.position != UNNUMBERED:
            self.heard[message.source] = message.position
        self.offset, self.is_changed = record.offset, True


def _fold_record(processor: Processor, partition: int, entity: _Entity, record: Record, batch: Batch) -> None:
    message: Message[Any] | None = None
    try:
        message = decode(record.value)
        _check_address(processor, message, record)
        if entity.has_heard(message):
            batch.repeated += 1
            return
        step = processor.fold(entity.state, message)
    except (Unreadable, Rejected) as refusal:
        if message is not None and message.source == REPAIRS:
            _refuse_repair(entity, record, message, refusal, batch)
            return
        batch.outputs.append(dead_letter(processor.inbox, partition, record, message, refusal))
        batch.dead_letters += 1
        batch.refused.append(Refused(record.offset, refusal.code, refusal.path, refusal.reason))
        if message is not None and message.position != UNNUMBERED and not isinstance(refusal, Misplaced):
            entity.hear(record, message)
        return
    if len(step.emits) > EMITS_PER_MESSAGE:
        raise AssertionError(f"{processor.name} says {len(step.emits)} things about {message.message_id}")
    batch.folded += 1
    for index, emit in enumerate(step.emits):
        batch.outputs.append(_output(processor, partition, record, message, index, emit))
    if message.source == REPAIRS:
        batch.outputs.append(
            repair_settled(repair_of(message), message.tenant_id, _moment(record, message), step.emits)
        )
    entity.state = step.state
    entity.hear(record, message)


def _refuse_repair(
    entity: _Entity, record: Record, message: Message[Any], refusal: Unreadable | Rejected, batch: Batch
) -> None:
    """Its letter is there already: say that it was refused, and remember that, so that no copy of it takes effect."""
    batch.outputs.append(
        repair_settled(repair_of(message), message.tenant_id, _moment(record, message), refusal=refusal)
    )
    batch.folded += 1
    entity.hear(record, message)


def _moment(record: Record, message: Message[Any]) -> datetime:
    """When a record was written to Kafka, where it says so."""
    return datetime.fromtimestamp(record.timestamp_ms / 1000, UTC) if record.timestamp_ms > 0 else message.received_at


def _check_address(processor: Processor, message: Message[Any], record: Record) -> None:
    """A message must lie in the inbox and under the key that its type says."""
    if MESSAGES[message.type].topic != processor.inbox:
        raise Misplaced("WRONG_TOPIC", f"{message.type} belongs to {MESSAGES[message.type].topic}.", "type")
    if key_of(message.type, message.tenant_id, message.payload) != record.key:
        raise Misplaced("WRONG_KEY", "The record's key is not the tenant and entity that the message names.", "key")


def _output(
    processor: Processor, partition: int, record: Record, cause: Message[Any], index: int, emit: Emit
) -> Output:
    """The record of an emitted message; its id and position derive from the input record, so a repeat is the same."""
    if emit.type not in processor.emits:
        raise AssertionError(f"{processor.name} does not declare {emit.type}")
    message = Message(
        message_id=f"{processor.name}-{partition}-{record.offset}-{index}",
        type=emit.type,
        tenant_id=cause.tenant_id,
        timestamp=cause.timestamp,
        source_system="MRAOS",
        correlation_id=cause.correlation_id,
        source=f"{processor.inbox}-{partition}",
        position=record.offset * EMITS_PER_MESSAGE + index + 1,
        received_at=cause.received_at,
        late=cause.late,
        payload=emit.payload,
    )
    return output_of(message)


def dead_letter(
    inbox: str, partition: int, record: Record, message: Message[Any] | None, refusal: Unreadable | Rejected
) -> Output:
    """The dead letter of a record that was refused; the same record always gives the same one.

    So does the same message of a source that numbers what it says: where the state is lost that had heard it, what a
    restarted worker says again must not be a second letter that takes effect a second time.
    """
    address = f"{inbox}/{partition}/{record.offset}"
    identity = f"{inbox}/{message.source}/{message.position}" if message and message.position != UNNUMBERED else address
    failure_key = hashlib.sha256(identity.encode()).hexdigest()[:32]
    moment = message.received_at if message else datetime.fromtimestamp(record.timestamp_ms / 1000, UTC)
    return failure_output(
        tenant_id=message.tenant_id if message else tenant_of(record.key),
        failure_key=failure_key,
        moment=moment,
        integration_type=message.type.replace(".", "_") if message else inbox.replace("-", "_"),
        data=record.value,
        refusal=refusal,
        inbox=inbox,
        address=address,
        message_id=message.message_id if message else None,
        correlation_id=message.correlation_id if message else failure_key,
    )


def failure_output(
    *,
    tenant_id: str,
    failure_key: str,
    moment: datetime,
    integration_type: str,
    data: bytes,
    refusal: Unreadable | Rejected,
    inbox: str,
    address: str,
    message_id: str | None,
    correlation_id: str,
) -> Output:
    """A dead letter in the form of 002 section 7.2, ready to publish."""
    failure = IntegrationFailure(
        failure_id=f"FAIL-{moment:%Y%m%d}-{failure_key[:8].upper()}",
        failure_key=failure_key,
        timestamp=moment,
        integration_type=integration_type,
        original_message=_readable(data),
        original_bytes_base64=base64.b64encode(data).decode(),
        error_details=ErrorDetails(
            error_code=refusal.code, error_message=refusal.reason, path=refusal.path, trace_id=failure_key
        ),
        inbox=inbox,
        source_address=address,
        original_message_id=message_id,
    )
    message = Message(
        message_id=f"failure-{failure_key}",
        type="integration.failed",
        tenant_id=tenant_id,
        timestamp=moment,
        source_system="MRAOS",
        correlation_id=correlation_id,
        source=f"failures-{failure_key}",
        position=0,
        received_at=moment,
        payload=failure,
    )
    return output_of(message)


class Repair(NamedTuple):
    """An action on a dead letter: the letter's key and the number of the action."""

    failure_key: str
    action_id: int

    @property
    def message_id(self) -> str:
        """The id of the message that is sent again."""
        return f"repair-{self.failure_key}-{self.action_id}"


def repair_of(message: Message[Any]) -> Repair:
    """Which action sent a message of the source `repairs`."""
    key = message.message_id.removeprefix("repair-").removesuffix(f"-{message.position}")
    return Repair(key, message.position)


def repair_settled(
    repair: Repair,
    tenant_id: str,
    moment: datetime,
    emits: Sequence[Emit] = (),
    refusal: Unreadable | Rejected | None = None,
) -> Output:
    """What became of a repair, ready to publish; the same repair always gives the same one."""
    payload = RepairSettled(
        failure_key=repair.failure_key,
        action_id=repair.action_id,
        outcome="applied" if refusal is None else "refused",
        error_code=refusal.code if refusal else None,
        error_message=refusal.reason[:4000] if refusal else None,
        path=refusal.path if refusal else None,
        says=len(emits),
    )
    message = Message(
        message_id=f"settled-{repair.failure_key}-{repair.action_id}",
        type="repair.settled",
        tenant_id=tenant_id,
        timestamp=moment,
        source_system="MRAOS",
        correlation_id=repair.message_id,
        source=REPAIRS,
        position=UNNUMBERED,
        received_at=moment,
        payload=payload,
    )
    return output_of(message)


def _readable(data: bytes) -> Any:
    """The message as JSON, or None where it cannot be read as such."""
    try:
        return parse(data)
    except Unreadable:
        return None
