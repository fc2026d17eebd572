"""What is said of deliveries that nobody can make: a dead letter, and alerts."""

from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from connectors.resilience import CODES, COUNTS, Trouble
from connectors.said import alert
from schemas.codec import encode
from schemas.messages.failures import Severity
from schemas.settings import Settings
from streams.driver import Output, Rejected, failure_output

INBOX = "deliveries"


def failure_key(delivery_id: str, rounds: int) -> str:
    """The key of a delivery's dead letter; a delivery that somebody retried may have another."""
    return sha256(f"{INBOX}/{delivery_id}/{rounds}".encode()).hexdigest()[:32]


def dead_letter(row: dict[str, Any], trouble: Trouble, sentence: str, at: datetime) -> Output:
    """The dead letter of a delivery that has failed (002 section 7.2); the original message is the request."""
    return failure_output(
        tenant_id=str(row["tenant_id"]),
        failure_key=failure_key(row["delivery_id"], row["rounds"]),
        moment=at,
        integration_type=row["integration_type"],
        data=encode(row["request"] if row["request"] is not None else row["told"]),
        refusal=Rejected(CODES[trouble], sentence),
        inbox=INBOX,
        address=f"{INBOX}/{row['delivery_id']}",
        message_id=row["delivery_id"],
        correlation_id=row["correlation_id"],
    )


def failed_alert(row: dict[str, Any], trouble: Trouble, sentence: str, at: datetime) -> Output:
    """The alert that a delivery has failed: for good, or after all retries."""
    severity: Severity = "critical" if trouble in COUNTS else "warning"
    words = f"{row['kind']} of {row['subject']} did not reach {row['external_system']}: {sentence}"
    key = failure_key(row["delivery_id"], row["rounds"])
    return _alert(str(row["tenant_id"]), "integration.failed", severity, "delivery", row["delivery_id"], key, words, at)


def unauthorized_alert(row: dict[str, Any], refusals: int, at: datetime) -> Output:
    """The alert to the integration's administrator that a system refuses us (002 section 7.1: after three failures)."""
    system = row["external_system"]
    words = f"{system} refused our credentials for {refusals} deliveries in a row; check them."
    return _alert(
        str(row["tenant_id"]), "integration.unauthorized", "critical", "system", system, row["delivery_id"], words, at
    )


def circuit_open_alert(settings: Settings, system: str, opening: int, last_error: str) -> Output:
    """The alert that a circuit breaker has opened; one for each opening."""
    words = (
        f"The circuit breaker of {system} is open after {settings.breaker_failures} failures in a row; "
        f"the last: {last_error}"
    )
    now = datetime.now(UTC)
    return _alert(
        settings.tenant_id, "integration.circuit_open", "critical", "system", system, str(opening), words, now
    )


def job_failed_alert(tenant_id: str, name: str, run_id: str, sentence: str, at: datetime) -> Output:
    """The alert that a job by the clock did not get through."""
    return _alert(tenant_id, "job.failed", "warning", "job", name, run_id, f"The job {name} failed: {sentence}", at)


def _alert(
    tenant_id: str,
    kind: str,
    severity: Severity,
    entity_type: str,
    entity_id: str,
    cause: str,
    words: str,
    at: datetime,
) -> Output:
    """An alert; told again of the same cause, it is the same."""
    key = f"{kind}/{entity_id}/{cause}"
    identity = sha256(f"{tenant_id}/{key}".encode()).hexdigest()[:32]
    return alert(
        tenant_id,
        kind,
        severity,
        (entity_type, entity_id),
        words[:2000],
        at,
        key=sha256(key.encode()).hexdigest()[:32] if len(key) > 128 else key,
        alert_id=f"alert-{identity}",
        correlation_id=cause,
    )
