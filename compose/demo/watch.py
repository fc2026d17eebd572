"""Looks at a running plant: what its sources say, what waits on each hop, orders, dead letters, processes."""

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import httpx2
import psycopg
from prometheus_client.parser import text_string_to_metric_families
from psycopg.rows import class_row

from compose.local.plant import Status

ORDERS_SHOWN: Final = 12
RECENT_SECONDS: Final = 10
# What the figures of the page are made of: a metric of ours, and what it may be narrowed to.
SOURCES: Final = {"MQTT": ("mqtt", "connector_received_total"), "OPC-UA": ("opcua", "connector_received_total")}
WAITING: Final = {
    "Kafka": ("connector_waiting", "connector_spool_messages"),
    "agents": ("agents_lag_records",),
    "Postgres": ("projector_lag_records",),
}

ORDERS = f"""
SELECT erp_work_order_id, coalesce(product_name, product_id) AS product, status, priority,
  quantity_produced::float8 AS produced, quantity_ordered::float8 AS ordered, due_date, is_interrupted
FROM work_orders WHERE status IN ('received', 'released', 'assigned', 'in_progress', 'on_hold')
  OR (status = 'completed' AND updated_at > now() - interval '5 seconds')
ORDER BY actual_start_at NULLS LAST, erp_work_order_id
LIMIT {ORDERS_SHOWN}
"""
STATUSES = "SELECT status, count(*)::int FROM work_orders GROUP BY status"
DEAD_LETTERS = """
SELECT error_code, count(*)::int FROM integration_failures WHERE recorded_at >= %s GROUP BY error_code
ORDER BY count(*) DESC, error_code
"""
# Deliveries that are due at some later hour do not wait.
CALLS = """
SELECT external_system AS system, delivered, waiting, failed, coalesce(failures, 0) AS failures,
  coalesce(state, 'closed') AS circuit
FROM (
  SELECT external_system, count(*) FILTER (WHERE status = 'succeeded')::int AS delivered,
    count(*) FILTER (WHERE status = 'pending' AND waits_for IS DISTINCT FROM 'time')::int AS waiting,
    count(*) FILTER (WHERE status = 'failed')::int AS failed
  FROM deliveries WHERE created_at >= %(since)s GROUP BY external_system
) AS made
LEFT JOIN (
  SELECT external_system, count(*)::int AS failures FROM integration_audit_log
  WHERE timestamp >= %(since)s AND direction = 'outbound' AND NOT success GROUP BY external_system
) AS tried USING (external_system)
LEFT JOIN ops.circuit_breakers USING (external_system)
ORDER BY array_position(ARRAY['ERP', 'WMS', 'MES', 'HR'], external_system), external_system
"""
ROWS = "SELECT count(*)::int, min(recorded_at) FROM production_logs WHERE recorded_at >= %s"
SECONDS = f"""
SELECT percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY extract(epoch FROM recorded_at - produced_at))
FROM production_logs WHERE recorded_at > now() - interval '{RECENT_SECONDS} seconds' AND NOT is_late AND units > 0
"""


@dataclass(frozen=True)
class OrderLine:
    """A work order as the screen shows it."""

    erp_work_order_id: str
    product: str
    status: str
    priority: str
    produced: float
    ordered: float
    due_date: datetime
    is_interrupted: bool


@dataclass(frozen=True)
class CallsLine:
    """Calls to another system: deliveries made and waiting, answers that failed, its circuit breaker."""

    system: str
    delivered: int
    waiting: int
    failed: int
    failures: int
    circuit: str


@dataclass(frozen=True)
class Picture:
    """The plant at one moment. None: whoever knows it does not answer just now."""

    seconds: float
    said: dict[str, int]
    per_second: dict[str, float]
    waiting: dict[str, int | None]
    processes: list[Status]
    restarts: Counter[str]
    database: "Tables | None"


@dataclass(frozen=True)
class Tables:
    """What Postgres says: readings since the demo began, orders, dead letters, recent seconds from machine to row."""

    readings: int
    first_at: datetime | None
    orders: list[OrderLine]
    statuses: dict[str, int]
    dead_letters: dict[str, int]
    recent_seconds: tuple[float, float, float] | None
    calls: list[CallsLine]


@dataclass
class Meter:
    """A counter that another process keeps, and begins again at 0 when it restarts; and its rate of late."""

    total: float = 0.0
    _last: float = 0.0
    _marks: list[tuple[float, float]] = field(default_factory=list)

    def read(self, at: float, value: float | None) -> None:
        """Take a reading; None changes nothing."""
        if value is not None:
            self.total += value - self._last if value >= self._last else value
            self._last = value
        self._marks = [mark for mark in self._marks if at - mark[0] <= RECENT_SECONDS / 2] + [(at, self.total)]

    @property
    def per_second(self) -> float:
        """How fast it grew in the last seconds."""
        (began, before), (ended, after) = self._marks[0], self._marks[-1]
        return (after - before) / (ended - began) if ended > began else 0.0


class Watcher:
    """Takes pictures of a plant."""

    def __init__(
        self,
        endpoints: dict[str, str],
        since: datetime,
        statuses: Callable[[], list[Status]],
        erp_said: Callable[[], int],
    ) -> None:
        self._database_url, self._tenant_id = endpoints["DATABASE_URL"], endpoints["TENANT_ID"]
        self._metrics = [each.partition("=")[2] for each in endpoints["METRICS_URLS"].split(",") if _is_asked(each)]
        self._since, self._statuses, self._erp_said = since, statuses, erp_said
        self._began = time.monotonic()
        self._meters = {name: Meter() for name in (*SOURCES, "ERP")}
        self._pids: dict[str, int] = {}
        self._restarts: Counter[str] = Counter()
        self._http = httpx2.Client(timeout=1.0)
        self._connection: psycopg.Connection[Any] | None = None

    def look(self) -> Picture:
        """The plant as it is now."""
        now = time.monotonic()
        figures = Figures(self._scrape())
        for name, (transport, metric) in SOURCES.items():
            self._meters[name].read(now, figures.sum(metric, transport=transport))
        self._meters["ERP"].read(now, float(self._erp_said()))
        processes = self._statuses()
        self._count_restarts(processes)
        return Picture(
            seconds=now - self._began,
            said={name: int(meter.total) for name, meter in self._meters.items()},
            per_second={name: meter.per_second for name, meter in self._meters.items()},
            waiting={hop: _whole(figures.sum(*names)) for hop, names in WAITING.items()},
            processes=processes,
            restarts=self._restarts.copy(),
            database=self._tables(),
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()
        if self._connection:
            self._connection.close()

    def _scrape(self) -> Iterable[str]:
        for url in self._metrics:
            try:
                yield self._http.get(url).text
            except httpx2.TransportError:
                continue

    def _count_restarts(self, processes: Iterable[Status]) -> None:
        for each in processes:
            if each.pid is not None:
                self._restarts[each.name] += self._pids.get(each.name, each.pid) != each.pid
                self._pids[each.name] = each.pid

    def _tables(self) -> Tables | None:
        """What the tables say; None while Postgres is away."""
        try:
            if self._connection is None:
                self._connection = psycopg.connect(self._database_url, connect_timeout=2)
            with self._connection.transaction():
                return self._ask(self._connection)
        except psycopg.OperationalError:
            if self._connection:
                self._connection.close()
            self._connection = None
            return None

    def _ask(self, connection: psycopg.Connection[Any]) -> Tables:
        connection.execute("SELECT set_config('app.current_tenant_id', %s, true)", [self._tenant_id])
        readings, first_at = connection.execute(ROWS, [self._since]).fetchone() or (0, None)
        recent = connection.execute(SECONDS).fetchone()
        with connection.cursor(row_factory=class_row(OrderLine)) as cursor:
            orders = cursor.execute(ORDERS).fetchall()
        with connection.cursor(row_factory=class_row(CallsLine)) as cursor:
            calls = cursor.execute(CALLS, {"since": self._since}).fetchall()
        return Tables(
            readings=readings,
            first_at=first_at,
            orders=orders,
            statuses=dict(connection.execute(STATUSES).fetchall()),
            dead_letters=dict(connection.execute(DEAD_LETTERS, [self._since]).fetchall()),
            recent_seconds=tuple(recent[0]) if recent and recent[0] else None,
            calls=calls,
        )


class Figures:
    """The metrics of several processes, added up."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._samples = [
            sample for text in texts for family in text_string_to_metric_families(text) for sample in family.samples
        ]

    def sum(self, *names: str, **labels: str) -> float | None:
        """The sum of all samples of these names with these labels; None if nobody told any."""
        found = [
            sample.value for sample in self._samples if sample.name in names and labels.items() <= sample.labels.items()
        ]
        return sum(found) if found else None


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)


def _is_asked(metrics_url: str) -> bool:
    """Whether the page needs the figures of this process."""
    return metrics_url.startswith(("mes-", "agents", "projector"))
