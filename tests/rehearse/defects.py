"""Planted defects: mistakes that the certificate must find. `python -m tests.rehearse.defects MODULE ARGUMENTS`.

It runs one of our processes with the mistake that PLANTED_DEFECT names. Production code knows nothing of it: each
mistake is put in from outside, after the modules are loaded and before they run.
"""

import asyncio
import os
import runpy
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, Final, NamedTuple
from uuid import uuid4

import msgspec
from confluent_kafka import TopicPartition

VARIABLE: Final = "PLANTED_DEFECT"
LATE_SECONDS: Final = 0.5
"""How late comes what nobody awaits: on a loopback it would come too soon for a kill to meet it."""


class Defect(NamedTuple):
    """A mistake: in which processes (by the first word of their name), how it is put in, and what brings it to light.

    `finding` is the one that it must lead to, whatever else it does.
    `faults` are kinds of the timeline, `victims` whom they meet, `seconds` how long; none: it shows without any.
    """

    processes: tuple[str, ...]
    plant: Callable[[], None]
    finding: str
    faults: tuple[str, ...] = ()
    victims: tuple[str, ...] = ()
    seconds: float = 0.0


def random_message_ids() -> None:
    """What comes twice has two names."""
    from connectors import bridge

    said: Any = vars(bridge)["said"]
    _put(bridge, "said", lambda *told, **more: said(*told, **more | {"message_id": uuid4().hex}))


def acknowledged_before_durable() -> None:
    """The broker may forget a message that only our memory holds."""
    from connectors.outbox import Item, Outbox

    put = Outbox.put

    def acknowledge_first(self: Outbox, item: Item) -> None:
        if item.output is None:
            put(self, item)
            return
        if item.acknowledge:
            item.acknowledge()
        _later(lambda: put(self, item._replace(acknowledge=None)))

    _put(Outbox, "put", acknowledge_first)


def dead_letters_not_awaited() -> None:
    """A refused message is acknowledged before its dead letter is anywhere."""
    from connectors.outbox import Item, Outbox
    from schemas.codec import DEAD_LETTERS

    put = Outbox.put

    def forget_letters(self: Outbox, item: Item) -> None:
        if item.output is None or item.output.topic != DEAD_LETTERS:
            put(self, item)
            return
        if item.acknowledge:
            item.acknowledge()
        _later(lambda: put(self, item._replace(acknowledge=None)), 5 * LATE_SECONDS)

    _put(Outbox, "put", forget_letters)


def offsets_of_kafka() -> None:
    """The projector begins where Kafka, and not Postgres, says; it says so there as soon as it has read."""
    from sql import offsets
    from streams.kafka.consumer import LogReader
    from streams.projector import Projector

    read, read_from = LogReader.read, LogReader.read_from

    def read_and_commit(self: LogReader, limit: int, seconds: float) -> Any:
        records = read(self, limit, seconds)
        newest = {(each.topic(), each.partition()): each.offset() + 1 for each in records}
        if newest:
            self._consumer.commit(offsets=_partitions(newest), asynchronous=False)
        return records

    def read_from_kafka(self: LogReader, wanted: Mapping[Any, int]) -> None:
        told = self._consumer.committed(_partitions(dict.fromkeys(wanted, 0)), 10)
        read_from(self, {(each.topic, each.partition): max(0, each.offset) for each in told})

    _put(LogReader, "read", read_and_commit)
    _put(LogReader, "read_from", read_from_kafka)
    _put(Projector, "offsets", lambda _, lanes: dict.fromkeys(lanes, 0))
    _put(offsets, "move", lambda *_, **__: None)


def table_before_outputs() -> None:
    """A state says that a message was folded though nothing that follows from it was said."""
    from streams.rounds import Round, Rounds

    def remember_first(self: Rounds, fresh: Round) -> None:
        self._log(fresh)
        if fresh.next_offsets or fresh.changed:
            self._in_flight.append(fresh)
        _later(lambda: self._publisher.send_all(fresh.outputs))

    _put(Rounds, "_hand_over", remember_first)


def changelog_not_awaited() -> None:
    """Records count as done though the states that reflect them are in no changelog yet."""
    from streams.kafka.producer import Publisher

    send = Publisher.send

    def send_states_later(self: Publisher, topic: str, key: bytes, value: bytes | None, partition: int = -1) -> None:
        if topic.endswith("-changelog"):
            _later(lambda: send(self, topic, key, value, partition), 16 * LATE_SECONDS)
        else:
            send(self, topic, key, value, partition)

    _put(Publisher, "send", send_states_later)


def default_partitioner() -> None:
    """One process spreads keys as librdkafka does by default, and all the others as Java does."""
    from streams.kafka import producer

    config = producer.producer_config
    other = {"partitioner": "consistent_random"}
    _put(producer, "producer_config", lambda settings, **options: config(settings, **options) | other)


def adding_differences() -> None:
    """Counts are added up as they come, whatever the counter says."""
    from streams.domain import machines
    from streams.domain.counters import Reading

    read: Any = vars(machines)["read"]

    def add(counter: Any, at: Any, cumulative: int, units_reported: int, *, starts_at_zero: bool) -> Reading:
        told: Reading = read(counter, at, cumulative, units_reported, starts_at_zero=starts_at_zero)
        return told._replace(units=units_reported, filled=0)

    _put(machines, "read", add)


def reservation_outside_its_agent() -> None:
    """Whoever reserves looks at what lies on the shelf, and not at what others have reserved meanwhile."""
    from streams.domain import stock

    settled = stock.settled

    def let_them_be(material: stock.Material, today: date, trusted: str | None = None) -> stock.Settled:
        return stock.Settled(material, ()) if material.reservations else settled(material, today, trusted)

    _put(stock, "promisable", lambda material, _: stock.on_hand(material))
    _put(stock, "settled", let_them_be)


def tenant_of_the_session() -> None:
    """A connection belongs for good to the tenant that had it first: its transactions no longer say whose they are."""
    from connectors import database as pooled
    from sql import database

    def for_the_session(cursor: Any, tenant_id: str) -> None:
        first = "coalesce(nullif(current_setting('app.current_tenant_id', true), ''), %s::uuid::text)"
        cursor.execute(f"SELECT set_config('app.current_tenant_id', {first}, false)".encode(), [tenant_id])

    _put(database, "tenant", for_the_session)
    _put(pooled, "tenant", for_the_session)


def retry_with_another_key() -> None:
    """A call that is tried again has another Idempotency-Key."""
    from connectors.transports.rest import Rest

    call = Rest.call

    def under_a_new_key(self: Rest, system: Any, asked: Any, delivery_id: str, correlation_id: str) -> Any:
        return call(self, system, asked, f"{delivery_id}-{uuid4().hex[:8]}", correlation_id)

    _put(Rest, "call", under_a_new_key)


def edit_with_another_identity() -> None:
    """What is sent again has a name and a number of its own each time; that it was sent is noted later."""
    from connectors.repairs.dispatcher import Dispatcher
    from schemas.codec import decode
    from streams.driver import REPAIRS, Output, output_of, repair_of

    begin = vars(Dispatcher)["__init__"]

    def under_a_new_name(output: Output) -> Output:
        message = decode(output.value)
        if message.source != REPAIRS:
            return output
        fresh = repair_of(message)._replace(action_id=time.time_ns() // 1000)
        return output_of(msgspec.structs.replace(message, message_id=fresh.message_id, position=fresh.action_id))

    def send_and_dawdle(self: Dispatcher, settings: Any, connection: Any, publish: Any) -> None:
        def publish_under_new_names(outputs: Sequence[Output]) -> None:
            publish([under_a_new_name(each) for each in outputs])
            if outputs:
                time.sleep(10 * LATE_SECONDS)

        begin(self, settings, connection, publish_under_new_names)

    _put(Dispatcher, "__init__", send_and_dawdle)


DEFECTS: Final[dict[str, Defect]] = {
    "random message ids": Defect(("mes-mqtt",), random_message_ids, "invented"),
    "acknowledged before durable": Defect(("mes-mqtt",), acknowledged_before_durable, "lost", ("kill",), ("mes-mqtt",)),
    "offsets of Kafka": Defect(("projector",), offsets_of_kafka, "lost", ("kill",), ("projector",)),
    "table before outputs": Defect(("agents",), table_before_outputs, "lost", ("kill",), ("agents", "agents-2")),
    "changelog not awaited": Defect(("agents",), changelog_not_awaited, "doubled", ("kill",), ("agents", "agents-2")),
    "default partitioner": Defect(("mes-mqtt",), default_partitioner, "out_of_order"),
    "adding differences": Defect(("agents",), adding_differences, "doubled", ("kill",), ("mes-mqtt",)),
    "dead letters not awaited": Defect(("mes-mqtt",), dead_letters_not_awaited, "lost", ("kill",), ("mes-mqtt",)),
    "edit with another identity": Defect(("jobs",), edit_with_another_identity, "doubled", ("kill",), ("jobs",)),
    "reservation outside its agent": Defect(("agents",), reservation_outside_its_agent, "oversold"),
    "tenant of the session": Defect(("gateway", "jobs"), tenant_of_the_session, "invented"),
    "retry with another key": Defect(("jobs",), retry_with_another_key, "doubled", ("lost answers",), ("erp",), 20.0),
}


def concerns(defect: str, process: str) -> bool:
    """Whether a process carries a defect."""
    return any(process == name or process.startswith(f"{name}-") for name in DEFECTS[defect].processes)


def _put(owner: Any, name: str, mistake: Any) -> None:
    """Put a mistake in the place of what a module or a class has under this name."""
    assert hasattr(owner, name), f"{owner} has no {name} any more"
    setattr(owner, name, mistake)


def _later(work: Callable[[], None], seconds: float = LATE_SECONDS) -> None:
    asyncio.get_running_loop().call_later(seconds, work)


def _partitions(offsets: Mapping[Any, int]) -> list[TopicPartition]:
    return [TopicPartition(*lane, offset) for lane, offset in offsets.items()]


def main(arguments: Sequence[str]) -> None:
    """Become the process that is named, with the defect."""
    DEFECTS[os.environ[VARIABLE]].plant()
    sys.argv = list(arguments)
    runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:])
