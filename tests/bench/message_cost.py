"""What one count costs each process on its way from MQTT to its row, beside what the same bytes cost the bare parts.

Processor time, not the clock's: it says the same whether the cores are free or not. A bare part is what cannot be left
out without other software: a loopback socket, librdkafka, msgspec, one COPY. Messages come faster than they are worked
off, so that everybody works in full batches.
"""

import socket
import time
from collections.abc import Callable, Sequence
from threading import Thread
from typing import Any, Final, NamedTuple

import psycopg
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from schemas.codec import decode, encode
from schemas.settings import Settings
from sql.read_models.registry import READ_MODELS
from streams.kafka.producer import producer_config
from streams.kafka.reader import reader_config
from streams.topology import TOPOLOGY
from tests.bench.contest import count_of, topic_for
from tests.bench.figures import Figure, Measure, whole
from tests.bench.integrations import OURS as BESIDE
from tests.bench.integrations import SERVERS, cpu_seconds
from tests.bench.seam import machines_say, units_in_rows
from tests.e2e.load import count_message, create_orders
from tests.integration.workers import ends
from tests.plants import RunningPlant, eventually

OFFERED_PER_SECOND, SECONDS = 5_000, 10.0
WARM_UP_PER_SECOND, WARM_UP_SECONDS = 1_000, 5.0
ORDERS = 20
BARE = 50_000
"""Records by which the bare parts are measured."""
BATCH = 5_000
TO_MICROSECONDS = 1_000_000
OURS: Final = (*BESIDE, "planner")
INBOXES: Final = frozenset(processor.inbox for processor in TOPOLOGY)


class Bare(NamedTuple):
    """Microseconds of a processor that one record costs."""

    loopback: float
    produced: float
    """Here, and at the broker."""
    broker_takes: float
    consumed: float
    broker_gives: float
    decoded: float
    encoded: float
    copied: float
    postgres_copies: float


class Traffic(NamedTuple):
    """Records of Kafka for one count: into inboxes, into event topics, into changelogs."""

    inboxes: float
    events: float
    changelogs: float


def cost(plant: RunningPlant) -> Figure:
    """Microseconds of our processes for one count, all together; the ratio is to the bare parts of the same path."""
    _drive(plant, WARM_UP_PER_SECOND, WARM_UP_SECONDS)
    used, traffic = _drive(plant, OFFERED_PER_SECOND, SECONDS)
    bare = _bare(plant)
    least = _least(bare, traffic)
    told = "  ".join(f"{name} {each:.2f}" for name, each in traffic._asdict().items())
    print(f"  Kafka records for one count: {told}")
    print("  one record bare, us: " + "  ".join(f"{name} {each:.1f}" for name, each in bare._asdict().items()))
    for name, microseconds in used.items():
        limit = f"{least[name]:8.1f} bare  {microseconds / least[name]:6.1f} x" if name in least else ""
        print(f"  {name:10} {microseconds:8.1f} us {limit}")
    ours, beside = sum(used[name] for name in OURS), sum(least.get(name, 0) for name in OURS)
    return Figure(
        "message_cost_microseconds",
        round(ours, 1),
        "us",
        "bare parts",
        round(beside, 1),
        round(ours / beside, 2),
        "-",
        "-",
    )


def _drive(plant: RunningPlant, rate: int, seconds: float) -> tuple[dict[str, float], Traffic]:
    """Microseconds by process and records for one count, from the first message to the last row."""
    settings, topics = plant.settings(), _topics(plant.settings())
    orders = create_orders(plant.endpoints, [f"COST-{time.time_ns()}-{index}" for index in range(ORDERS)])
    began_with, before = ends(settings, *topics), _used(plant)
    machines = machines_say(plant, orders, rate, seconds)
    sent = int(machines.communicate()[0])
    eventually(lambda: units_in_rows(plant, orders) == sent, 300, f"not all of {sent} counts became rows")
    used = {name: TO_MICROSECONDS * (now - before[name]) / sent for name, now in _used(plant).items()}
    written = {lane: end - began_with[lane] for lane, end in ends(settings, *topics).items()}

    def share(is_one: Callable[[str], bool]) -> float:
        return sum(records for (topic, _), records in written.items() if is_one(topic)) / sent

    is_event = READ_MODELS.__contains__
    return used, Traffic(
        share(INBOXES.__contains__), share(is_event), share(lambda topic: topic not in INBOXES and not is_event(topic))
    )


def _used(plant: RunningPlant) -> dict[str, float]:
    return {name: cpu_seconds(plant.pid(name)) for name in (*OURS, *SERVERS)}


def _topics(settings: Settings) -> list[str]:
    """Inboxes, event topics and changelogs."""
    known = AdminClient(settings.kafka()).list_topics(timeout=10).topics
    return [topic for topic in known if topic in INBOXES or topic in READ_MODELS or topic.endswith("-changelog")]


def _least(bare: Bare, traffic: Traffic) -> dict[str, float]:
    """What the path cannot do without, by process: every record is written once and read by whoever works with it."""
    ours = traffic.inboxes - 1  # an inbox record of each count comes from the connector
    written = traffic.inboxes + traffic.events + traffic.changelogs
    read = traffic.inboxes + traffic.events
    return {
        "mes-mqtt": bare.loopback + bare.decoded + bare.encoded + bare.produced,
        "agents": traffic.inboxes * (bare.consumed + bare.decoded)
        + (ours + traffic.events) * (bare.encoded + bare.produced)
        + traffic.changelogs * bare.produced,
        "projector": traffic.events * (bare.consumed + bare.decoded) + bare.copied,
        "kafka": written * bare.broker_takes + read * bare.broker_gives,
        "postgres": bare.postgres_copies,
        "mqtt": 2 * bare.loopback,
    }


# -- bare parts --------------------------------------------------------------------------------------------------------


def _bare(plant: RunningPlant) -> Bare:
    settings = plant.settings()
    said = count_of("WO-BARE", 1)
    record = encode(said)
    produced, broker_takes, consumed, broker_gives = _log(plant, settings, [record] * BARE)
    return Bare(
        _loopback(count_message("M-201", "WO-BARE", 1)[1]),
        produced,
        broker_takes,
        consumed,
        broker_gives,
        _timed(lambda: [decode(record) for _ in range(BARE)]),
        _timed(lambda: [encode(said) for _ in range(BARE)]),
        *_copy(plant),
    )


def _timed(work: Callable[[], Any]) -> float:
    """Microseconds of this process for one of `BARE`."""
    began = time.process_time()
    work()
    return TO_MICROSECONDS * (time.process_time() - began) / BARE


def _loopback(payload: bytes) -> float:
    """One end sends, the other receives; each message is a packet, as it is for a machine. Both ends' work, halved."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        sender = socket.create_connection(server.getsockname())
        receiver, _ = server.accept()
    with sender, receiver:
        sender.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def receive() -> None:
            while receiver.recv(65_536):
                pass

        def both() -> None:
            listening = Thread(target=receive)
            listening.start()
            for _ in range(BARE):
                sender.sendall(payload)
            sender.shutdown(socket.SHUT_WR)
            listening.join()

        return _timed(both) / 2


def _log(plant: RunningPlant, settings: Settings, records: Sequence[bytes]) -> tuple[float, float, float, float]:
    """librdkafka writes and reads records: microseconds here and at the broker, for writing and for reading."""
    topic, kafka = topic_for(settings, "bare"), plant.pid("kafka")
    producer, found = Producer(producer_config(settings)), list[float]()

    def write() -> None:
        for number, record in enumerate(records):
            producer.produce(topic, record, b"tenant/%d" % (number % ORDERS))
        producer.flush()

    def read() -> None:
        consumer = Consumer(reader_config(settings))
        consumer.assign([TopicPartition(*lane, 0) for lane in ends(settings, topic)])
        left = len(records)
        while left > 0:
            left -= len(consumer.consume(2_000, 1.0))
        consumer.close()

    for work in (write, read):
        before = cpu_seconds(kafka)
        found.append(_timed(work))
        found.append(TO_MICROSECONDS * (cpu_seconds(kafka) - before) / len(records))
    return found[0], found[1], found[2], found[3]


def _copy(plant: RunningPlant) -> tuple[float, float]:
    """One COPY a batch into a table like `production_logs`: microseconds here and at Postgres."""
    with psycopg.connect(plant.owner_url) as connection:
        connection.execute("SELECT set_config('app.current_tenant_id', %s, false)", [plant.endpoints["TENANT_ID"]])
        connection.execute("CREATE TEMPORARY TABLE bare_logs (LIKE production_logs INCLUDING ALL)")
        with connection.cursor().copy("COPY (SELECT * FROM production_logs LIMIT %s) TO STDOUT", [BARE]) as copy:
            rows = [bytes(row) for row in copy]
        connection.commit()

        def write() -> None:
            for first in range(0, len(rows), BATCH):
                with connection.transaction(), connection.cursor().copy("COPY bare_logs FROM STDIN") as copy:
                    copy.write(b"".join(rows[first : first + BATCH]))

        before = cpu_seconds(connection.info.backend_pid)
        here = _timed(write)
        there = TO_MICROSECONDS * (cpu_seconds(connection.info.backend_pid) - before)
    return here * BARE / len(rows), there / len(rows)


MEASURES: dict[str, Measure] = {"message_cost_microseconds": whole(cost)}
