"""Watches the integrations from inside the plant, once a minute, so that alerts come without Prometheus too.

The conditions are those of document 002, sections 8.1 and 8.3; `compose/observability/rules.yml` has a rule of the same
name and severity for each, and a test holds the two together.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from connectors.age import span
from connectors.deliveries.kind import Rows
from connectors.figures import Calls, Figures, gather, gather_calls
from connectors.integration_health import (
    DOWN_SECONDS,
    LAG_SECONDS,
    MES_LOST_SECONDS,
    STOCK_SECONDS,
    late_stock,
    silent_mes,
)
from connectors.reactions import Reacted
from connectors.said import alert
from schemas.ids import milliseconds, short
from schemas.messages.failures import Severity
from schemas.settings import Settings
from sql.reads import episodes
from streams.driver import Output

# A condition ends when its figure is well below the limit: one that hovers around it is one episode.
CLEARED_AT: Final = 0.9

Found = Mapping[str, float | None]
"""A figure by what it is about: a system, or the plant."""


@dataclass(frozen=True, slots=True)
class Condition:
    """Something a person must know while it lasts; without a figure only Prometheus sees it, or others raise it."""

    name: str
    kind: str
    severity: Severity
    limit: float
    sentence: Callable[[str, float], str]
    figure: Callable[[Figures, Calls], Found] | None = None


def _of(*systems: str) -> Callable[[Figures, Calls], Found]:
    return lambda figures, _: {system: figures.down_seconds.get(system) for system in systems}


def _only(figure: Callable[[Figures, Calls], float | None]) -> Callable[[Figures, Calls], Found]:
    return lambda figures, calls: {"plant": figure(figures, calls)}


def _oldest(figures: Figures, _: Calls) -> Found:
    return {system: row["oldest_seconds"] for system, row in figures.waiting.items()}


def _elsewhere(_entity: str, _value: float) -> str:
    return ""


def _down(entity: str, value: float) -> str:
    return f"The {entity} has not been reached for {span(value)}: deliveries to it wait."


CONDITIONS: Final = (
    Condition("ErpIntegrationDown", "integration.down", "critical", DOWN_SECONDS, _down, _of("ERP")),
    Condition(
        "MesDataLag",
        "integration.lag",
        "critical",
        MES_LOST_SECONDS,
        lambda _, value: silent_mes(value),
        lambda figures, _: {"MES": figures.mes_age_seconds},
    ),
    # The deliveries raise this one themselves, at the moment it opens.
    Condition("CircuitBreakerOpen", "integration.circuit_open", "critical", 0, _elsewhere),
    Condition(
        "DeadLetterQueueDeep",
        "dead_letters.depth",
        "critical",
        100,
        lambda _, value: f"{value:.0f} dead letters wait for somebody to deal with them.",
        _only(lambda figures, _: float(sum(figures.dead_letters.values()))),
    ),
    Condition(
        "ApiLatencyHigh",
        "integration.latency",
        "warning",
        2.0,
        lambda _, value: f"Of the calls of the last five minutes, one in twenty took longer than {value:.1f} s.",
        _only(lambda _, calls: calls.p95_seconds),
    ),
    Condition(
        "ErrorRateHigh",
        "integration.error_rate",
        "warning",
        0.02,
        lambda _, value: f"{100 * value:.1f} % of the calls of the last 30 minutes failed.",
        _only(lambda _, calls: calls.error_share_long),
    ),
    Condition(
        "ErrorRateVeryHigh",
        "integration.error_rate",
        "warning",
        0.05,
        lambda _, value: f"{100 * value:.1f} % of the calls of the last 15 minutes failed.",
        _only(lambda _, calls: calls.error_share),
    ),
    Condition(
        "MaterialStockSyncDelayed",
        "stock_sync.delayed",
        "warning",
        STOCK_SECONDS,
        lambda _, value: late_stock(value),
        lambda figures, _: {"WMS": figures.stock_age_seconds},
    ),
    Condition("IntegrationDown", "integration.down", "warning", DOWN_SECONDS, _down, _of("MES", "HR", "WMS")),
    Condition(
        "IntegrationLag",
        "integration.lag",
        "warning",
        LAG_SECONDS,
        lambda entity, value: f"The oldest delivery to {entity} has waited for {span(value)}.",
        _oldest,
    ),
    Condition("ProcessingRateLow", "processing.slow", "warning", 500, _elsewhere),
    Condition("ConsumerLag", "processing.lag", "warning", 10_000, _elsewhere),
    Condition("SpoolFull", "spool.full", "critical", 0, _elsewhere),
    Condition("InboxTruncated", "log.truncated", "critical", 0, _elsewhere),
    # The process that stops raises this one itself.
    Condition("LineStopped", "line.stopped", "critical", 0, _elsewhere),
    Condition("CredentialOld", "credential.old", "warning", 90, _elsewhere),
    Condition("ProcessDown", "process.down", "critical", 0, _elsewhere),
    Condition("FiguresMissing", "figures.missing", "warning", 0, _elsewhere),
    Condition("DataQualityAnomaly", "data_quality.anomaly", "warning", 0, _elsewhere),
)


def look(rows: Rows, moment: datetime, settings: Settings) -> Reacted:
    """One look at all conditions: what begins is raised once, what has ended is forgotten."""
    figures, calls = gather(rows, moment, settings), gather_calls(rows, moment)
    lasting = episodes.lasting(rows)
    outputs: list[Output] = []
    for condition in CONDITIONS:
        if condition.figure is None:
            continue
        found = condition.figure(figures, calls)
        for entity, value in found.items():
            outputs += _judge(rows, settings.tenant_id, condition, entity, value, lasting, moment)
        for entity in {entity for name, entity in lasting if name == condition.name} - set(found):
            episodes.end(rows, condition.name, entity)
    return Reacted(outputs=outputs)


def _judge(
    rows: Rows,
    tenant_id: str,
    condition: Condition,
    entity: str,
    value: float | None,
    lasting: Mapping[tuple[str, str], dict[str, Any]],
    moment: datetime,
) -> Iterator[Output]:
    """The alert of a condition that begins; one that lasts is kept, one that is over is forgotten."""
    is_known = (condition.name, entity) in lasting
    if value is None or value <= condition.limit * (CLEARED_AT if is_known else 1.0):
        if is_known:
            episodes.end(rows, condition.name, entity)
        return
    sentence = condition.sentence(entity, value)
    episodes.keep(rows, tenant_id, condition.name, entity, value, sentence, moment)
    if not is_known:
        key = short(f"{condition.name}-{entity}-{milliseconds(moment)}")
        about = ("integration", entity)
        yield alert(tenant_id, condition.kind, condition.severity, about, sentence, moment, key=key)
