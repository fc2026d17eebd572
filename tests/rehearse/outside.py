"""What the plant shows to those outside: rows and dead letters in Postgres, records in Kafka."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import msgspec
import psycopg
from confluent_kafka import Consumer, KafkaException, TopicPartition

from tests.rehearse.expected import NEIGHBOUR

TOPICS: Final = ("machine-inbox", "work-order-inbox", "material-inbox", "work-orders", "resource-status", "inventory")
HISTORY: Final = "work-orders"
MACHINE_INBOX: Final = "machine-inbox"
READ_AT_ONCE: Final = 10_000
PATIENCE_SECONDS: Final = 30.0


class Row(NamedTuple):
    """A row of the production log."""

    order: str
    machine: str
    cumulative: int
    units: int
    scrapped: int
    is_late: bool


class Letter(NamedTuple):
    """A dead letter, by every name that its message may have."""

    names: frozenset[str]
    code: str
    key: str
    status: str
    material: str = ""


class Head(NamedTuple):
    """An order as it stands."""

    order: str
    quantity: int
    status: str
    priority: str
    produced: int
    scrapped: int


class Stock(NamedTuple):
    """A material as it stands, and what orders hold of it by their reservations."""

    on_hand: float
    allocated: float
    held: dict[str, float]


class Step(NamedTuple):
    """One event of an order's history: its version and its message."""

    version: int
    message_id: str


@dataclass
class Outside:
    """All that is seen. `rows`: how often each statement stands. `heads`: by the ERP's id.

    `histories`: an order's events as the log has them, repeats included. `partitions`: where each key of a topic was
    found. `heard`: how often the machines' inbox has each message.
    """

    rows: Counter[str] = field(default_factory=Counter)
    readings: dict[str, Row] = field(default_factory=dict)
    letters: list[Letter] = field(default_factory=list)
    heads: dict[str, list[Head]] = field(default_factory=dict)
    stocks: dict[str, Stock] = field(default_factory=dict)
    histories: dict[str, list[Step]] = field(default_factory=dict)
    partitions: dict[str, frozenset[int]] = field(default_factory=dict)
    heard: Counter[str] = field(default_factory=Counter)
    behind: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)


TENANT: Final = "SELECT set_config('app.current_tenant_id', %s, true)"
# Each name is that of the statement that the row stands for.
ROWS: Final = """
SELECT 'inspection-' || inspection_id FROM quality_inspections
UNION ALL SELECT 'downtime-' || machine_id || '-started-' || round(extract(epoch FROM started_at) * 1000)::bigint
  FROM downtime_events
UNION ALL SELECT 'downtime-' || machine_id || '-closed-' || round(extract(epoch FROM started_at) * 1000)::bigint
  FROM downtime_events WHERE ended_at IS NOT NULL
UNION ALL SELECT erp_work_order_id FROM work_orders WHERE erp_work_order_id IS NOT NULL
UNION ALL SELECT 'updated-' || erp_work_order_id FROM work_orders WHERE special_instructions LIKE 'Revision 2%'
UNION ALL SELECT 'cancelled-' || erp_work_order_id FROM work_orders WHERE status = 'cancelled'
UNION ALL SELECT 'material-' || material_id FROM materials
UNION ALL SELECT 'sale-' || sales_order_id || '-' || sales_order_line FROM production_orders
  WHERE sales_order_id IS NOT NULL
UNION ALL SELECT 'observation-' || run_id || '-' || task_id FROM estimate_observations WHERE source = 'run'
UNION ALL SELECT 'clk_in-' || employee_id || '-' || to_char(shift_date, 'YYYYMMDD') || '-'
  || round(extract(epoch FROM actual_clock_in) * 1000)::bigint
  FROM operator_shifts WHERE actual_clock_in IS NOT NULL
"""
NEIGHBOURS: Final = "SELECT 'neighbour-' || erp_work_order_id FROM work_orders WHERE erp_work_order_id IS NOT NULL"
COUNTS: Final = "SELECT 'run', count(*) FROM project_runs UNION ALL SELECT 'project', count(*) FROM projects"
READINGS: Final = """
SELECT log_id, work_order_id, machine_id, cumulative_units, units, scrapped_units, is_late FROM production_logs
"""
LETTERS: Final = """
SELECT failure_key, original_message_id, original_message #>> '{payload,log_id}',
  original_message #>> '{work_order,erp_work_order_id}', error_code, status,
  coalesce(original_message #>> '{payload,material_id}', '')
FROM integration_failures
"""
HEADS: Final = """
SELECT erp_work_order_id, work_order_id, quantity_ordered::bigint, status, priority, quantity_produced::bigint,
  quantity_scrapped::bigint
FROM work_orders WHERE erp_work_order_id IS NOT NULL
"""
STOCKS: Final = "SELECT material_id, on_hand_quantity::float8, allocated_quantity::float8 FROM materials"
HELD: Final = """
SELECT material_id, work_order_id, quantity::float8 FROM reservations WHERE status IN ('reserved', 'partial')
"""
# Rows of one order in the order of the log, where the order's version does not grow.
BEHIND: Final = """
SELECT work_order_id || ' version ' || order_version FROM (
  SELECT work_order_id, order_version, order_version <= lag(order_version) OVER (
    PARTITION BY work_order_id ORDER BY event_partition, event_offset) AS is_behind FROM production_logs) AS steps
WHERE is_behind
"""


def look_at_rows(endpoints: Mapping[str, str], found: Outside) -> None:
    """Read Postgres, everything of one moment. Raises psycopg.OperationalError."""
    with psycopg.connect(endpoints["DATABASE_URL"], connect_timeout=5) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        connection.execute(TENANT, [endpoints["TENANT_ID"]])
        ask = connection.execute
        found.rows = Counter(name for (name,) in ask(ROWS.encode()))
        found.readings = {log_id: Row(*rest) for log_id, *rest in ask(READINGS)}
        found.rows.update(found.readings.keys())
        found.letters = [
            Letter(frozenset(str(name) for name in names if name is not None), code, names[0], status, material)
            for *names, code, status, material in ask(LETTERS)
        ]
        heads: dict[str, list[Head]] = defaultdict(list)
        for erp_id, *rest in ask(HEADS):
            heads[erp_id].append(Head(*rest))
        found.heads = dict(heads)
        found.stocks = {name: Stock(on_hand, allocated, {}) for name, on_hand, allocated in ask(STOCKS)}
        for name, order, quantity in ask(HELD):
            found.stocks[name].held[order] = found.stocks[name].held.get(order, 0) + quantity
        found.counts = dict(ask(COUNTS).fetchall())
        found.behind = [where for (where,) in ask(BEHIND)]
        connection.execute(TENANT, [NEIGHBOUR])
        found.rows.update(name for (name,) in ask(NEIGHBOURS))


class _Payload(msgspec.Struct):
    work_order_id: str | None = None
    version: int | None = None


class _Message(msgspec.Struct):
    type: str
    message_id: str
    payload: _Payload


_message = msgspec.json.Decoder(_Message)


class Log:
    """The records of the topics, read once; each look reads what has come since."""

    def __init__(self, endpoints: Mapping[str, str]) -> None:
        self._consumer = Consumer(
            {
                "bootstrap.servers": endpoints["KAFKA_BOOTSTRAP"],
                "group.id": "rehearsal",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "isolation.level": "read_committed",
                "fetch.queue.backoff.ms": 5,
                "enable.partition.eof": False,
                "log_level": 2,
            }
        )
        self._next: dict[tuple[str, int], int] = {}
        self._histories: dict[str, list[Step]] = defaultdict(list)
        self._partitions: dict[str, set[int]] = defaultdict(set)
        self._heard: Counter[str] = Counter()

    def look(self, found: Outside) -> None:
        """Read up to where the topics end now. Raises KafkaException, TimeoutError."""
        ends = self._ends()
        waiting = {lane: end for lane, end in ends.items() if self._next.get(lane, 0) < end}
        if waiting:
            self._consumer.assign([TopicPartition(*lane, self._next.get(lane, 0)) for lane in waiting])
        while waiting:
            records = self._consumer.consume(READ_AT_ONCE, PATIENCE_SECONDS)
            if not records:
                raise TimeoutError(
                    f"Kafka said nothing for {PATIENCE_SECONDS:g} s; {sorted(waiting)} are not read yet."
                )
            for record in records:
                self._take(record)
            waiting = {lane: end for lane, end in waiting.items() if self._next.get(lane, 0) < end}
        found.histories = {order: list(steps) for order, steps in self._histories.items()}
        found.partitions = {key: frozenset(where) for key, where in self._partitions.items()}
        found.heard = Counter(self._heard)

    def close(self) -> None:
        """Let go."""
        self._consumer.close()

    def _ends(self) -> dict[tuple[str, int], int]:
        topics = self._consumer.list_topics(timeout=10).topics
        return {lane: end for lane, (first, end) in self._bounds(topics).items() if end > first}

    def _bounds(self, topics: Any) -> dict[tuple[str, int], tuple[int, int]]:
        lanes = [(topic, partition) for topic in TOPICS if topic in topics for partition in topics[topic].partitions]
        return {lane: self._consumer.get_watermark_offsets(TopicPartition(*lane), timeout=30) for lane in lanes}

    def _take(self, record: Any) -> None:
        if record.error() is not None:
            raise KafkaException(record.error())
        topic, partition = record.topic(), record.partition()
        self._next[topic, partition] = record.offset() + 1
        self._partitions[f"{topic} {(record.key() or b'').decode(errors='replace')}"].add(partition)
        if topic not in (HISTORY, MACHINE_INBOX):
            return
        message = _message.decode(record.value())
        if topic == MACHINE_INBOX:
            self._heard[message.message_id] += 1
        elif message.payload.work_order_id and message.payload.version is not None:
            self._histories[message.payload.work_order_id].append(Step(message.payload.version, message.message_id))


def first_times(steps: list[Step]) -> Iterator[Step]:
    """The steps without the repeats that a restarted worker says."""
    seen: set[str] = set()
    for step in steps:
        if step.message_id not in seen:
            seen.add(step.message_id)
            yield step
