"""Whether the parts that we stand on answer, and whether the machines are heard: each with the reason in a sentence."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from confluent_kafka import KafkaException
from psycopg import OperationalError
from psycopg_pool import PoolTimeout

from connectors.gateway.state import State
from connectors.machine_oee import QUIET_AFTER
from schemas.views.health import PartHealth


def postgres(parts: State) -> PartHealth:
    """Whether Postgres answers."""
    return _try("Postgres", parts.database.is_reachable)


def kafka(parts: State) -> PartHealth:
    """Whether Kafka answers."""
    return _try("Kafka", parts.lags.is_reachable)


def _try(name: str, ask: Callable[[], object]) -> PartHealth:
    try:
        ask()
    except (KafkaException, OperationalError, PoolTimeout) as error:
        return PartHealth(name=name, state="down", reason=f"does not answer: {str(error).strip()[:200]}")
    return PartHealth(name=name, state="up", reason="answers", last_at=datetime.now(UTC))


def machines(name: str, floor: Sequence[dict[str, Any]], now: datetime) -> PartHealth:
    """Machines together: heard from lately, or quiet."""
    if not floor:
        return PartHealth(name=name, state="unknown", reason="no machine is registered")
    quiet = [row["machine_id"] for row in floor if now - row["last_seen_at"] > QUIET_AFTER]
    reason = f"{len(floor) - len(quiet)} of {len(floor)} machines were heard in the last two minutes"
    last = max(row["last_seen_at"] for row in floor)
    return PartHealth(name=name, state="unknown" if quiet else "up", reason=reason + _named(quiet), last_at=last)


def _named(quiet: Sequence[str]) -> str:
    return f"; not {', '.join(quiet[:5])}{' and others' if len(quiet) > 5 else ''}" if quiet else ""


def by_transport(floor: Iterable[dict[str, Any]], over_opcua: frozenset[str]) -> dict[str, list[dict[str, Any]]]:
    """The machines by how they speak to us, as the plant's layout says."""
    found: dict[str, list[dict[str, Any]]] = {"MQTT": [], "OPC-UA": []}
    for row in floor:
        found["OPC-UA" if row["machine_id"] in over_opcua else "MQTT"].append(row)
    return {name: rows for name, rows in found.items() if rows}
