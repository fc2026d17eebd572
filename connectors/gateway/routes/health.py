"""How the plant is: for supervisors of processes, for monitoring, for people."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from confluent_kafka import KafkaException
from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from psycopg import OperationalError
from psycopg_pool import PoolTimeout

from connectors.figures import gather
from connectors.gateway.depends import Parts, Reader
from connectors.gateway.problems import Problem
from connectors.gateway.state import State
from connectors.integration_health import judge
from schemas.views.health import Health, Lag, Overview, PartHealth, SystemHealth
from sql.reads import machines, overview

router = APIRouter(tags=["health"])
QUIET_AFTER = timedelta(minutes=2)


@router.get("/healthz", summary="Whether the gateway lives")
def healthz() -> dict[str, str]:
    """Nothing else is asked."""
    return {"status": "ok"}


@router.get("/readyz", summary="Whether the gateway can do its work")
def readyz(parts: Parts) -> dict[str, str]:
    """503 while Kafka or Postgres is away."""
    found = [_postgres(parts), _kafka(parts)]
    for part in found:
        if part.state != "up":
            raise Problem(503, f"{part.name}: {part.reason}", {"Retry-After": "5"})
    return {"status": "ok"}


@router.get("/metrics", summary="Figures for Prometheus")
def metrics() -> Response:
    """Of this process."""
    return Response(generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})


@router.get("/api/v1/overview", response_model=Overview, summary="The plant in a few figures")
def figures(parts: Parts, reader: Reader) -> Any:
    """Counts of orders, machines, dead letters, alerts."""
    with parts.database.tenant(reader.tenant_id) as rows:
        return overview.figures(rows)


@router.get("/api/v1/integrations/health", response_model=Health, summary="Every part, every hop, every system outside")
def health(parts: Parts, reader: Reader) -> Any:
    """Kafka, Postgres, the machines and systems heard from, how far each reader of the log is behind it, and for each
    system outside green, yellow or red with the reason."""
    found, lag, systems = [_postgres(parts), _kafka(parts)], [], []
    postgres, kafka = found
    if postgres.state == "up":
        with parts.database.tenant(reader.tenant_id) as rows:
            figures = gather(rows, datetime.now(UTC), parts.settings)
            offsets = {(row["topic"], row["partition"]): row["next_offset"] for row in overview.offsets(rows)}
            found.append(_floor(machines.floor(rows)))
        found += [_system(row) for row in figures.latest if row["direction"] == "inbound"]
        systems = [SystemHealth(**each._asdict()) for each in judge(figures)]
        if kafka.state == "up":
            agents, projector = parts.lags.of_agents(), parts.lags.of_projector(offsets)
            lag = [Lag(topic=topic, reader="agents", records=records) for topic, records in agents.items()]
            lag += [Lag(topic=topic, reader="projector", records=records) for topic, records in projector.items()]
    is_up = all(part.state != "down" for part in found)
    return Health(state="up" if is_up else "down", parts=found, lag=lag, systems=systems)


def _try(name: str, ask: Callable[[], object]) -> PartHealth:
    try:
        ask()
    except (KafkaException, OperationalError, PoolTimeout) as error:
        return PartHealth(name=name, state="down", reason=f"does not answer: {str(error).strip()[:200]}")
    return PartHealth(name=name, state="up", reason="answers", last_at=datetime.now(UTC))


def _postgres(parts: State) -> PartHealth:
    return _try("Postgres", parts.database.is_reachable)


def _kafka(parts: State) -> PartHealth:
    return _try("Kafka", parts.lags.is_reachable)


def _floor(floor: list[dict[str, Any]]) -> PartHealth:
    """The machines together: heard from lately, or quiet."""
    heard = [row["last_seen_at"] for row in floor]
    if not heard:
        return PartHealth(name="MES", state="unknown", reason="no machine is registered")
    quiet = [row["machine_id"] for row in floor if datetime.now(UTC) - row["last_seen_at"] > QUIET_AFTER]
    reason = f"{len(heard) - len(quiet)} of {len(heard)} machines were heard in the last two minutes"
    return PartHealth(name="MES", state="unknown" if quiet else "up", reason=reason, last_at=max(heard))


def _system(row: dict[str, Any]) -> PartHealth:
    """A system that calls us: its last call, and whether that worked."""
    moments = [moment for moment in (row["succeeded_at"], row["failed_at"]) if moment]
    worked = row["succeeded_at"] is not None and row["succeeded_at"] == max(moments)
    word = "worked" if worked else f"was answered with {row['http_status_code']}"
    return PartHealth(
        name=f"{row['external_system']} · {row['integration_type']}",
        state="up" if worked else "unknown",
        reason=f"its last call {word}",
        last_at=max(moments),
    )
