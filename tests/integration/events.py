"""Event topics as the agents would fill them, a projector as a process, and rows to look at."""

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
from confluent_kafka import KafkaException, Producer

from schemas.codec import encode
from schemas.envelope import Message
from schemas.ids import DEFAULT_TENANT
from schemas.messages.machines import DowntimeStarted, MachineStatus
from schemas.settings import Settings
from schemas.topics import MESSAGES, key_of
from sql.read_models.registry import TABLES
from streams.driver import Output, Record, fold_batch
from streams.kafka.consumer import Lane, LogReader
from streams.kafka.producer import producer_config
from streams.topology import TOPOLOGY
from tests.integration.kept import Kept
from tests.messages import count, created, message, registered
from tests.plants import RunningPlant, eventually

NOT_COMPARED = ("recorded_at",)
NEIGHBOUR = "00000000-0000-4000-8000-000000000002"


def folded(said: Sequence[Message[Any]]) -> list[Output]:
    """The events that the whole topology says of these messages, heard one after the other."""
    states: dict[str, dict[bytes, bytes]] = {each.name: {} for each in TOPOLOGY}
    by_inbox = {each.inbox: each for each in TOPOLOGY}
    offsets: Counter[str] = Counter()
    waiting, events = deque(event(each) for each in said), list[Output]()
    while waiting:
        heard = waiting.popleft()
        if (processor := by_inbox.get(heard.topic)) is None:
            events.append(heard)
            continue
        record = Record(offsets[heard.topic], heard.key, heard.value)
        offsets[heard.topic] += 1
        batch = fold_batch(processor, 0, states[processor.name], [record])
        states[processor.name].update(batch.changed)
        waiting.extendleft(reversed(batch.outputs))
    return events


def an_afternoon(orders: int = 3, counts: int = 20, tenant: str = DEFAULT_TENANT) -> list[Output]:
    """Events about orders and a machine of their own, and a dead letter: nobody knows the machine M-404."""
    name = uuid4().hex[:6]
    machine = f"M-{name}"
    said: list[Message[Any]] = [registered(machine)]
    for order in range(orders):
        said.append(created(f"WO-{name}-{order}", counts * 2))
        said += [
            count(number, order * 100 + number, machine=machine, order=f"WO-{name}-{order}")
            for number in range(1, counts + 1)
        ]
    said += [
        message("mes.machine_status", MachineStatus(machine_id=machine, status="idle"), 900),
        message("mes.downtime_started", DowntimeStarted(machine_id=machine, downtime_reason_code="JAM"), 950),
        message("mes.machine_status", MachineStatus(machine_id="M-404", status="idle"), 960, message_id=f"404-{name}"),
    ]
    told = [each._replace(value=each.value.replace(DEFAULT_TENANT.encode(), tenant.encode())) for each in folded(said)]
    return [each._replace(key=each.key.replace(DEFAULT_TENANT.encode(), tenant.encode())) for each in told]


def event(said: Message[Any]) -> Output:
    """A message as the record it is in its topic."""
    return Output(MESSAGES[said.type].topic, key_of(said.type, said.tenant_id, said.payload), encode(said))


def publish(settings: Settings, outputs: Iterable[Output]) -> None:
    """Put records into their topics and return when Kafka has them."""
    producer = Producer(producer_config(settings))
    for output in outputs:
        producer.produce(output.topic, output.value, output.key)
        producer.poll(0)
    assert producer.flush(30) == 0


def kept_projector(plant: RunningPlant, folder: Path, **env: str) -> Kept:
    """One projector process."""
    return Kept(folder / "projector.log", ["streams", "projector"], plant.endpoints | env)


def rows(connection: psycopg.Connection[Any], table: str, schema: str = "public", *hidden: str) -> list[str]:
    """All rows of a table as text, sorted, but for the moment they were written; the connection may see all tenants."""
    left_out = [*NOT_COMPARED, *hidden]
    query = f"SELECT (to_jsonb(kept) - %s::text[])::text FROM {schema}.{table} AS kept ORDER BY 1"
    return [text for (text,) in connection.execute(query, [left_out]).fetchall()]


def everything(owner_url: str, *hidden: str) -> dict[str, list[str]]:
    """All rows of all read models, of every tenant."""
    with psycopg.connect(owner_url) as connection:
        connection.execute("SELECT set_config('app.is_rebuilding', 'on', true)")
        return {table: rows(connection, table, "public", *hidden) for table in TABLES}


def ends(plant: RunningPlant, topics: Iterable[str]) -> dict[Lane, int]:
    """Where these topics end now; a partition that was just made has no leader for a moment."""
    reader, wanted = LogReader(plant.settings()), set(topics)

    def ask() -> dict[Lane, int]:
        try:
            return reader.ends_now(reader.lanes(wanted))
        except KafkaException:
            return {}

    try:
        return eventually(ask, 30, f"Kafka does not say where {wanted} end")
    finally:
        reader.close()


def await_projected(plant: RunningPlant, outputs: Sequence[Output], seconds: float = 30) -> None:
    """Return when the read models stand at the end of the topics that these records are in."""
    goal = ends(plant, (output.topic for output in outputs))

    def is_there() -> bool:
        with psycopg.connect(plant.app_url) as connection:
            found = connection.execute("SELECT topic, partition, next_offset FROM ops.projection_offsets").fetchall()
        known = {(topic, partition): next_offset for topic, partition, next_offset in found}
        return all(known.get(lane, 0) >= end for lane, end in goal.items())

    eventually(is_there, seconds, f"the projector is not at the end of the log after {seconds} s")
