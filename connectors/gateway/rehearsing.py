"""Shows what messages would do before anybody does it: their folds over copies of the states, their rows in copies."""

import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import cached_property
from typing import Final

from confluent_kafka import KafkaException

from connectors.gateway.problems import Problem, unavailable
from schemas.codec import Unreadable, decode_event
from schemas.settings import Settings
from schemas.topics import changelog_of
from schemas.views.rehearsals import (
    MOST_ROWS,
    MOST_SAYINGS,
    Rehearsal,
    RehearsedMessage,
    RehearsedRefusal,
    RehearsedRow,
    RehearsedSaying,
    RehearsedTable,
)
from sql import database, offsets
from sql.rehearsal import Copies, copies
from streams.driver import Output, Processor, stored
from streams.kafka.changelogs import Changelogs, Ends, StillReading
from streams.kafka.consumer import lag
from streams.kafka.partitions import partition_of
from streams.kafka.reader import Lane
from streams.projection import Written, write
from streams.rehearsal import Outcome, Refusal, Rehearsed, TooMuch, rehearse
from streams.topology import GROUP, TOPOLOGY

MOST_STATE_BYTES: Final = 64 * 1024 * 1024
BUSY_SECONDS: Final = 15.0
READING_SECONDS: Final = 20.0
CATCH_UP_SECONDS: Final = 1.0
LOOK_AGAIN_SECONDS: Final = 0.02
TRIES: Final = 3
MANY: Final = 20
"""From so many messages on, the states of the whole plant are read at once instead of partition by partition."""


class Rehearser:
    """One rehearsal at a time. What it reads of the states it keeps for the next, within a limit."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._stop = threading.Event()

    def close(self) -> None:
        """Let go, after the rehearsal that is under way."""
        self._stop.set()
        with self._lock:
            for name in {"_changelogs", "_ends"} & vars(self).keys():
                getattr(self, name).close()

    @cached_property
    def _changelogs(self) -> Changelogs:
        return Changelogs(self._settings, MOST_STATE_BYTES)

    @cached_property
    def _ends(self) -> Ends:
        return Ends(self._settings, GROUP)

    def rehearse(self, rows: database.Rows, tenant_id: str, said: Sequence[Sequence[Output]]) -> Rehearsal:
        """What messages would change if they were published now, in this order. Touches nothing.

        An inner sequence is what one message says; the answer has one outcome for each. `rows` is a transaction of the
        tenant; it is as before afterwards. Raises Problem 503 where Kafka is away or the states are still being read,
        422 where too much follows.
        """
        began = time.monotonic()
        if not self._lock.acquire(timeout=BUSY_SECONDS):
            raise Problem(503, "Another rehearsal is under way; nothing was changed. Try again.", {"Retry-After": "5"})
        try:
            rehearsal = self._rehearse(rows, tenant_id, said)
        except StillReading as reason:
            raise Problem(503, str(reason), {"Retry-After": "2"}) from reason
        except KafkaException as error:
            raise unavailable("Kafka") from error
        except TooMuch as reason:
            raise Problem(422, str(reason)) from reason
        finally:
            self._lock.release()
        return rehearsal.model_copy(update={"took_seconds": round(time.monotonic() - began, 3)})

    def _rehearse(self, rows: database.Rows, tenant_id: str, said: Sequence[Sequence[Output]]) -> Rehearsal:
        """Try until the rows that are copied show exactly what the states know; at last, rows that show no more.

        States and rows are read one after the other from a plant that counts. Events that the states know of must be
        rows already, and rows must know of nothing later: that would hide what these messages change.
        """
        with copies(rows, tenant_id) as copy:
            for _ in range(TRIES):
                stage, told = self._folded(tenant_id, said)
                is_exact = self._await_rows(copy, told)
                _copy(copy, told)
                if not _is_ahead(copy, told):
                    return _shown(copy, told, stage, is_exact)
                copy.clear()
                self._stop.wait(LOOK_AGAIN_SECONDS)
            _copy(copy, told)
            stage, told = self._folded(tenant_id, said)
            _copy(copy, told)
            return _shown(copy, told, stage, is_exact=False)

    def _folded(self, tenant_id: str, said: Sequence[Sequence[Output]]) -> tuple["_Stage", Rehearsed]:
        """Fold over states that were all read before the ends of the inboxes.

        A state that is read later may know of messages beyond those ends: what is rehearsed would pass for a repeat of
        them, and seem to change nothing.
        """
        inboxes = [(each.inbox, partition) for each in TOPOLOGY for partition in range(self._settings.partitions)]
        stage = _Stage(self._changelogs, self._settings.partitions)
        if len(said) >= MANY:
            stage.read_all()
        while True:
            done = self._ends.done(inboxes)
            stage.begin(self._ends.of(inboxes), done)
            told = rehearse(TOPOLOGY, stage, tenant_id, said)
            if not stage.has_read:
                return stage, told

    def _await_rows(self, copy: Copies, told: Rehearsed) -> bool:
        """Wait until the projector has written all that was said of these entities when their states were read."""
        goal = self._ends.of({line.lane for line in told.lines})
        until = time.monotonic() + CATCH_UP_SECONDS
        while any(lag(goal, offsets.read(copy.cursor, list(goal))).values()):
            if time.monotonic() > until or self._stop.wait(LOOK_AGAIN_SECONDS):
                return False
        return True


class _Stage:
    """The plant as it was when a rehearsal began: states as they are, partitions as they end."""

    def __init__(self, changelogs: Changelogs, partitions: int) -> None:
        self.as_of = datetime.now(UTC)
        self.has_read = False
        """Whether states were read since it began."""
        self._changelogs, self._partitions = changelogs, partitions
        self._until = time.monotonic() + READING_SECONDS
        self._read: set[Lane] = set()
        self._places: dict[bytes, int] = {}
        self._ends: dict[Lane, int] = {}
        self._done: dict[Lane, int] = {}
        self._concerned: set[Lane] = set()

    def begin(self, ends: dict[Lane, int], done: dict[Lane, int]) -> None:
        """The inboxes end there, and are worked off so far. The states that were read by now stay as they are."""
        self._ends, self._done, self.has_read = ends, done, False

    def read_all(self) -> None:
        """Read all states at once."""
        self._read = {(changelog_of(each.name), number) for each in TOPOLOGY for number in range(self._partitions)}
        self._changelogs.read_on(self._read, self._until)

    def partition_of(self, key: bytes) -> int:
        """The partition that Kafka puts this key in."""
        if key not in self._places:
            self._places[key] = partition_of(key, self._partitions)
        return self._places[key]

    def state_of(self, processor: Processor, key: bytes) -> bytes | None:
        """The stored state of an entity, as it is now."""
        lane = changelog_of(processor.name), self.partition_of(key)
        if lane not in self._read:
            self._changelogs.read_on([lane], self._until)
            self._read.add(lane)
            self.has_read = True
        return self._changelogs.state_of(lane, key)

    def next_offset(self, inbox: str, partition: int) -> int:
        """Where the next message of an inbox partition would lie."""
        self._concerned.add((inbox, partition))
        return self._ends[inbox, partition]

    @property
    def records_waiting(self) -> int:
        """Messages in the partitions concerned that no worker had recorded as done."""
        ends = {lane: self._ends[lane] for lane in self._concerned}
        return sum(lag(ends, self._done).values())


def _copy(copy: Copies, told: Rehearsed) -> None:
    """Copy the rows that its events may touch. What cannot be read is refused when it is written."""
    messages = []
    for line in told.lines:
        with suppress(Unreadable):
            messages.append(decode_event(line.topic, line.value))
    copy.copy(messages)


def _is_ahead(copy: Copies, told: Rehearsed) -> bool:
    """Whether a row shows a later version of its entity than the state from which the rehearsal began."""
    for processor in TOPOLOGY:
        stands = copy.stands(processor.name)
        for (name, key), value in told.began.items():
            shown = stands.get(key.decode().partition("/")[2]) if name == processor.name else None
            kept = stored(processor, value) if shown is not None else None
            if shown is not None and kept is not None and kept.state is not None and shown > kept.state.version:
                return True
    return False


def _shown(copy: Copies, told: Rehearsed, stage: _Stage, is_exact: bool) -> Rehearsal:
    """Write the events into the copies, and tell what is different then."""
    copy.remember()
    _note_refused(told, write(copy.cursor, told.lines))
    rows = copy.changes()
    sayings = sorted(told.says.items(), key=lambda each: (-each[1], each[0]))
    return Rehearsal(
        messages=[_message(outcome) for outcome in told.outcomes],
        rows=rows[:MOST_ROWS],
        tables=_tables(rows),
        says=[
            RehearsedSaying(topic=topic, type=type_name, entity=entity, count=count)
            for (topic, type_name, entity), count in sayings[:MOST_SAYINGS]
        ],
        as_of=stage.as_of,
        records_waiting=stage.records_waiting,
        is_exact=is_exact,
        took_seconds=0,
    )


def _note_refused(told: Rehearsed, written: Written) -> None:
    """An event of which Postgres makes no row is a dead letter of its own; a message that was one is refused."""
    for output in written.refused:
        letter = decode_event(output.topic, output.value).payload
        topic, partition, offset = letter.source_address.split("/")
        details = letter.error_details
        cause = told.causes[topic, int(partition), int(offset)]
        refusal = Refusal(details.error_code, details.error_message, details.path)
        if cause.is_itself:
            told.outcomes[cause.number].refuse(refusal)
        else:
            told.outcomes[cause.number].then_refused.append(refusal)


def _message(outcome: Outcome) -> RehearsedMessage:
    code, reason, path = outcome.refusal or (None, None, None)
    then = [RehearsedRefusal(code=each.code, reason=each.reason, path=each.path) for each in outcome.then_refused]
    return RehearsedMessage(outcome=outcome.kind, code=code, reason=reason, path=path, then_refused=then)


def _tables(rows: Sequence[RehearsedRow]) -> list[RehearsedTable]:
    names = dict.fromkeys(row.table for row in rows)
    counts = {name: [row.change for row in rows if row.table == name] for name in names}
    return [
        RehearsedTable(
            table=name,
            added=changes.count("added"),
            changed=changes.count("changed"),
            removed=changes.count("removed"),
        )
        for name, changes in counts.items()
    ]
