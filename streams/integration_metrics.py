"""What is counted of the exchange with other systems, by whichever process sees it (002 section 8.1)."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from prometheus_client import Counter, Histogram

from schemas.envelope import Message

MESSAGES: Final = Counter("integration_messages", "messages taken in from other systems", ["system", "direction"])
ERRORS: Final = Counter("integration_errors", "messages that were not taken, by reason", ["system", "type"])
LAG: Final = Histogram(
    "integration_lag_seconds",
    "from the moment a source names to the row that says so, for the oldest event of each transaction",
    ["system"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600),
)
OURS: Final = "MRAOS"
SYSTEMS: Final = {"mes": "MES", "erp": "ERP", "hr": "HR", "wms": "WMS", "inventory": "WMS", "pas": "PAS"}
# Who moved an event, by its type's beginning; commands of people and our own decisions are nobody's lag.
MOVED_BY: Final = {
    "machine.": "MES",
    "downtime.": "MES",
    "work_order.progressed": "MES",
    "work_order.inspected": "MES",
    "work_order.received": "ERP",
    "operator.": "HR",
}


def system_of(integration_type: str) -> str:
    """The system that an integration type names first: `erp_work_order_inbound` is the ERP's."""
    return SYSTEMS.get(integration_type.partition("_")[0], OURS)


def observe(written: Sequence[Message[Any]]) -> None:
    """Count the dead letters among events that are rows now, and tell how old the oldest event of each system is.

    What a source or an outage held back is known to be late; a failed delivery is counted where it failed.
    """
    now, oldest = datetime.now(UTC), dict[str, datetime]()
    for message in written:
        if message.type == "integration.failed":
            told = message.payload
            if not told.integration_type.endswith("_outbound"):
                ERRORS.labels(system_of(told.integration_type), told.error_details.error_code).inc()
        elif not message.late and (system := _moved_by(message.type)):
            oldest[system] = min(message.timestamp, oldest.get(system, message.timestamp))
    for system, moment in oldest.items():
        LAG.labels(system).observe(max(0.0, (now - moment).total_seconds()))


def _moved_by(type_name: str) -> str | None:
    return MOVED_BY.get(type_name) or MOVED_BY.get(type_name.partition(".")[0] + ".")
