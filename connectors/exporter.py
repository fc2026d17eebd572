"""Figures that live in Postgres, for Prometheus: asked for when somebody scrapes, at most every few seconds."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Final

import psycopg
import structlog
from prometheus_client import REGISTRY
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from connectors.figures import Figures, gather
from connectors.integration_health import COLORS, judge
from schemas.settings import Settings
from sql.database import rows_of

log = structlog.get_logger()

FRESH_SECONDS: Final = 5.0
PATIENCE: Final = "-c statement_timeout=5000"


def measured(settings: Settings) -> Figures:
    """The figures of this moment. Raises psycopg.Error."""
    with rows_of(settings.database_url, settings.tenant_id, connect_timeout=3, options=PATIENCE) as rows:
        return gather(rows, datetime.now(UTC), settings)


class FigureCollector(Collector):
    """Tells the figures of Postgres; while it is away, only that it is."""

    def __init__(self, ask: Callable[[], Figures]) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._known: list[Metric] = []
        self._known_at = float("-inf")

    def describe(self) -> Iterable[Metric]:
        """Nothing: registering must not ask Postgres."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """The figures, some seconds old at most."""
        with self._lock:
            if time.monotonic() - self._known_at > FRESH_SECONDS:
                self._known = list(self._metrics())
                self._known_at = time.monotonic()
            return self._known

    def _metrics(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("integration_figures_up", "1 while Postgres tells the figures of the integrations")
        try:
            figures = self._ask()
        except psycopg.Error as error:
            log.warning("postgres_is_away", reason=str(error).strip())
            up.add_metric([], 0)
            yield up
            return
        up.add_metric([], 1)
        yield up
        yield from families(figures)


def families(figures: Figures) -> Iterator[Metric]:
    """The figures as metrics."""
    yield _last_success(figures)
    health = GaugeMetricFamily(
        "integration_health", "0 green, 1 yellow, 2 red; -1 nothing has been exchanged yet", labels=["system"]
    )
    down = GaugeMetricFamily(
        "integration_down_seconds", "for how long calls to a system have reached nobody; 0: they do", labels=["system"]
    )
    failed = GaugeMetricFamily("deliveries_failed_recently", "deliveries given up within a day", labels=["system"])
    for each in judge(figures):
        health.add_metric([each.system], COLORS.index(each.state) if each.state in COLORS else -1)
        down.add_metric([each.system], figures.down_seconds.get(each.system, 0.0))
        failed.add_metric([each.system], each.failed_deliveries)
    yield from (health, down, failed)
    letters = GaugeMetricFamily("dead_letters_pending", "dead letters to be dealt with", labels=["integration"])
    for integration, pending in (figures.dead_letters or {"none": 0}).items():
        letters.add_metric([integration], pending)
    yield letters
    yield _ages(figures)
    anomalies = GaugeMetricFamily("data_quality_anomalies", "machines with an anomaly now", labels=["signal"])
    for signal in ("cycle_time", "rate", "jitter", "silence", "counter"):
        anomalies.add_metric([signal], figures.anomalies.get(signal, 0))
    yield anomalies


def _last_success(figures: Figures) -> Metric:
    family = GaugeMetricFamily(
        "integration_last_success_timestamp_seconds",
        "when a kind of call last worked, in seconds since 1970",
        labels=["system", "integration", "direction"],
    )
    for row in figures.latest:
        if row["succeeded_at"]:
            labels = [row["external_system"], row["integration_type"], row["direction"]]
            family.add_metric(labels, row["succeeded_at"].timestamp())
    if figures.mes["heard_at"]:
        family.add_metric(["MES", "mes_machines", "inbound"], figures.mes["heard_at"].timestamp())
    return family


def _ages(figures: Figures) -> Metric:
    """How old the newest word is where one is owed: 0 while nothing is."""
    family = GaugeMetricFamily(
        "integration_data_age_seconds", "age of the newest word of a source that owes us one", labels=["system", "data"]
    )
    family.add_metric(["MES", "machines"], figures.mes_age_seconds or 0.0)
    family.add_metric(["WMS", "stock"], figures.stock_age_seconds or 0.0)
    return family


def export(settings: Settings) -> None:
    """Tell the figures at `/metrics` of this process."""
    REGISTRY.register(FigureCollector(lambda: measured(settings)))
