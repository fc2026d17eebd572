"""How the integrations are, in figures from Postgres: what the alerts, the metrics and the health page are made of."""

from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from connectors.deliveries.kind import Rows
from schemas.settings import Settings
from sql import circuits
from sql.reads import data_quality, integrations

SYSTEMS: Final = ("ERP", "MES", "HR", "WMS")
LATENCY_OVER: Final = timedelta(minutes=5)
ERRORS_OVER: Final = timedelta(minutes=15)
ERRORS_OVER_LONG: Final = timedelta(minutes=30)
LEAST_CALLS: Final = 20


class Figures(NamedTuple):
    """All figures of one moment. By system: `down_seconds`, `waiting`, `failed`, `breakers`."""

    at: datetime
    latest: list[dict[str, Any]]
    down_seconds: dict[str, float]
    waiting: dict[str, dict[str, Any]]
    failed: dict[str, int]
    breakers: dict[str, dict[str, Any]]
    dead_letters: dict[str, int]
    mes: dict[str, Any]
    anomalies: dict[str, int]
    stock_is_asked_for: bool

    @property
    def mes_age_seconds(self) -> float | None:
        """How old the newest word of the machines is, while one is said to run."""
        return self.mes["seconds"] if self.mes["running"] else None

    @property
    def stock_age_seconds(self) -> float | None:
        """How long ago stock levels last came; None if nobody asks for them, or they never came."""
        moments = [
            row["succeeded_at"] or row["failed_at"]
            for row in self.latest
            if row["external_system"] == "WMS" and "stock" in row["integration_type"]
        ]
        return (self.at - max(moments)).total_seconds() if moments and self.stock_is_asked_for else None


class Calls(NamedTuple):
    """What the audit log says of the calls lately: None where there were too few to say anything."""

    p95_seconds: float | None
    error_share: float | None
    error_share_long: float | None


def gather(rows: Rows, at: datetime, settings: Settings) -> Figures:
    """The figures of a moment."""
    return Figures(
        at=at,
        latest=integrations.latest(rows),
        down_seconds=integrations.down(rows, at, list(SYSTEMS)),
        waiting=integrations.waiting(rows, at),
        failed=integrations.failed(rows, at),
        breakers={row["external_system"]: row for row in circuits.states(rows)},
        dead_letters=integrations.dead_letters(rows),
        mes=integrations.mes(rows, at),
        anomalies={row["signal"]: row["machines"] for row in data_quality.anomalies(rows)},
        stock_is_asked_for=settings.wms_url is not None,
    )


def gather_calls(rows: Rows, at: datetime) -> Calls:
    """Latency and error shares of the calls of the last minutes."""
    short = integrations.calls(rows, at, LATENCY_OVER)
    return Calls(
        short["p95_seconds"] if short["calls"] >= LEAST_CALLS else None,
        _share(integrations.calls(rows, at, ERRORS_OVER)),
        _share(integrations.calls(rows, at, ERRORS_OVER_LONG)),
    )


def _share(found: dict[str, Any]) -> float | None:
    return found["errors"] / found["calls"] if found["calls"] >= LEAST_CALLS else None
