"""Sends letters again in the order in which people asked for it; part of the process `jobs`.

First it is decided what an action sends, and that is kept; then it is published; then that is marked. Whoever takes
over from a process that died publishes the same bytes under the same position, which receivers recognise. One
process does this at a time. An action that cannot be read, or whose checks fail, is settled as refused.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import msgspec
import psycopg
import structlog
from prometheus_client import Counter, Gauge
from psycopg.rows import dict_row

from connectors.deliveries.transactions import KafkaIsAway, passes
from connectors.repairs.origin import Letter
from connectors.repairs.returning import carry_out, origin_of
from schemas.codec import Unreadable
from schemas.settings import Settings
from sql import database, repairs
from sql.database import Rows
from sql.repairs import Decided, Settled
from streams.driver import Output, Rejected, Repair, repair_settled

log = structlog.get_logger()

SENT = Counter("repairs_sent", "letters sent again")
REFUSED = Counter("repairs_refused_before_sending", "letters that could not be sent again")
READY = Gauge("repairs_ready", "1 while this process sends letters again")

LOCK: Final = 7_201_011
BATCH: Final = 250
LOOK_AGAIN_SECONDS: Final = 0.5
PAUSE_SECONDS: Final = 1.0

Publish = Callable[[Sequence[Output]], None]
_sends = msgspec.msgpack.Decoder(list[tuple[str, bytes, bytes]])


class _Turn(NamedTuple):
    """What one action came to: what it sends, or its outcome already."""

    action_id: int
    outputs: Sequence[Output] = ()
    decided: Decided | None = None
    settled: Settled | None = None


class Dispatcher:
    """Sends over one connection, whose lock keeps others out. `publish` returns when its records are in Kafka."""

    def __init__(self, settings: Settings, connection: psycopg.Connection[Any], publish: Publish) -> None:
        self._settings, self._connection, self._publish = settings, connection, publish

    def dispatch(self) -> int:
        """Send the next actions; how many there were. Raises KafkaIsAway, psycopg.Error for weather."""
        with self._transaction() as rows:
            actions = repairs.waiting(rows, BATCH)
            turns = [self._decide(rows, each) for each in actions]
            repairs.decide(rows, [turn.decided for turn in turns if turn.decided])
            repairs.settle(rows, [turn.settled for turn in turns if turn.settled])
        self._publish([output for turn in turns for output in turn.outputs])
        answered = {each["action_id"] for each in actions if origin_of(each).is_answered}
        with self._transaction() as rows:
            sent = [turn for turn in turns if turn.settled is None]
            repairs.published(rows, [turn.action_id for turn in sent if turn.action_id in answered])
            keys = {each["action_id"]: each["failure_key"] for each in actions}
            done = [
                Settled(keys[turn.action_id], turn.action_id, "applied")
                for turn in sent
                if turn.action_id not in answered
            ]
            repairs.settle(rows, done)
        SENT.inc(len(sent))
        self._tell([*(turn.settled for turn in turns if turn.settled), *done])
        return len(actions)

    def _transaction(self) -> contextlib.AbstractContextManager[Rows]:
        return _transaction(self._connection, self._settings.tenant_id)

    def _decide(self, rows: Rows, action: Letter) -> _Turn:
        """What an action sends: as decided before, or decided now."""
        action_id, key = action["action_id"], action["failure_key"]
        if action["sends"] is not None:
            return _Turn(action_id, [Output(*each) for each in _sends.decode(action["sends"])])
        try:
            data = bytes(action["original_bytes"] if action["edited_bytes"] is None else action["edited_bytes"])
            if origin_of(action).carry_out is None:
                returned = carry_out(rows, self._settings, action, data, action_id)
            else:
                with rows.connection.transaction():
                    returned = carry_out(rows, self._settings, action, data, action_id)
        except (Unreadable, Rejected) as refusal:
            REFUSED.inc()
            settled = Settled(key, action_id, "refused", refusal.code, refusal.reason[:4000], refusal.path)
            return _Turn(action_id, settled=settled)
        except Exception as error:
            if passes(error):
                raise
            log.exception("a letter could not be sent again", failure_key=key, action_id=action_id)
            sentence = "Something went wrong here before anything was sent; the log has more."
            return _Turn(action_id, settled=Settled(key, action_id, "failed", "FAILED", sentence))
        sends = msgspec.msgpack.encode([tuple(output) for output in returned.outputs])
        decided = Decided(action_id, sends, origin_of(action).is_answered, returned.claimed)
        return _Turn(action_id, returned.outputs, decided)

    def _tell(self, settled: Sequence[Settled]) -> None:
        """Say at once what came of actions: the tables have it already, this is for those who look on."""
        now = datetime.now(UTC)
        self._publish(
            [
                repair_settled(
                    Repair(each.failure_key, each.action_id),
                    self._settings.tenant_id,
                    now,
                    refusal=None
                    if each.outcome == "applied"
                    else Rejected(each.code or "FAILED", each.reason or "", each.path),
                )
                for each in settled
            ]
        )


@contextlib.contextmanager
def _transaction(connection: psycopg.Connection[Any], tenant_id: str) -> Iterator[Rows]:
    with connection.transaction(), connection.cursor(row_factory=dict_row) as rows:
        database.tenant(rows, tenant_id)
        yield rows


def run(settings: Settings, stop: threading.Event, publish: Publish) -> None:
    """Send until told to stop; Postgres, Kafka and another process that sends are waited out."""
    while not stop.is_set():
        try:
            with database.locked(settings.database_url, LOCK, stop, LOOK_AGAIN_SECONDS) as connection:
                _follow(Dispatcher(settings, connection, publish), connection, stop)
        except KafkaIsAway as error:
            log.warning("repairs_wait", reason=str(error))
        except psycopg.Error as error:
            if not database.is_weather(error):
                raise
            log.warning("postgres_is_away", reason=str(error).strip())
        finally:
            READY.set(0)
        stop.wait(PAUSE_SECONDS)


def _follow(dispatcher: Dispatcher, connection: psycopg.Connection[Any], stop: threading.Event) -> None:
    """Send what waits; then wait to be woken."""
    if stop.is_set():
        return
    connection.execute(f"LISTEN {repairs.CHANNEL}".encode())
    READY.set(1)
    while not stop.is_set():
        while dispatcher.dispatch() and not stop.is_set():
            pass
        for _ in connection.notifies(timeout=LOOK_AGAIN_SECONDS, stop_after=1):
            pass
