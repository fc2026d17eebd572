"""How the plant is: for supervisors of processes, for monitoring, for people."""

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from connectors.figures import gather
from connectors.gateway import parts_health
from connectors.gateway.depends import Parts, Reader
from connectors.gateway.problems import Problem
from connectors.integration_health import judge
from connectors.machine_oee import QUIET_AFTER
from schemas.views.health import Health, Lag, Overview, PartHealth, SystemHealth
from sql.reads import machines, overview

router = APIRouter(tags=["health"])


@router.get("/healthz", summary="Whether the gateway lives")
def healthz() -> dict[str, str]:
    """Nothing else is asked."""
    return {"status": "ok"}


@router.get("/readyz", summary="Whether the gateway can do its work")
def readyz(parts: Parts) -> dict[str, str]:
    """503 while Kafka or Postgres is away."""
    found = [parts_health.postgres(parts), parts_health.kafka(parts)]
    for part in found:
        if part.state != "up":
            raise Problem(503, f"{part.name}: {part.reason}", {"Retry-After": "5"})
    return {"status": "ok"}


@router.get("/metrics", response_class=PlainTextResponse, summary="Figures for Prometheus")
def metrics() -> Response:
    """Of this process."""
    return Response(generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})


@router.get("/api/v1/overview", response_model=Overview, summary="The plant in a few figures")
def figures(parts: Parts, reader: Reader) -> Any:
    """Counts of orders, machines, dead letters, alerts."""
    with parts.database.tenant(reader.tenant_id) as rows:
        return overview.figures(rows, datetime.now(UTC) - QUIET_AFTER)


@router.get("/api/v1/integrations/health", response_model=Health, summary="Every part, every hop, every system outside")
def health(parts: Parts, reader: Reader) -> Any:
    """Kafka, Postgres, the machines and systems heard from, how far each reader of the log is behind it, and for each
    system outside green, yellow or red with the reason."""
    found, lag, systems = [parts_health.postgres(parts), parts_health.kafka(parts)], [], []
    postgres, kafka = found
    if postgres.state == "up":
        with parts.database.tenant(reader.tenant_id) as rows:
            figures = gather(rows, datetime.now(UTC), parts.settings)
            projected, reacted = overview.offsets(rows)
            found.append(parts_health.machines("MES", machines.floor(rows), figures.at))
        found += [_system(row) for row in figures.latest if row["direction"] == "inbound"]
        systems = [SystemHealth(**each._asdict()) for each in judge(figures)]
        if kafka.state == "up":
            readers = parts.lags.of_readers(projected, reacted) or {}
            lag = [
                Lag(topic=topic, reader=reader, records=records)
                for reader, topics in readers.items()
                for topic, records in topics.items()
            ]
    is_up = all(part.state != "down" for part in found)
    return Health(state="up" if is_up else "down", parts=found, lag=lag, systems=systems)


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
