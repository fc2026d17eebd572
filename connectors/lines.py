"""Every line that may stop, and how people see it: running, or standing until somebody resumes it."""

from collections.abc import Mapping
from typing import Any, Final

from connectors.foreign import FOREIGN
from connectors.registry import NOWHERE_TYPE, ROUTES, filed
from schemas.topics import TOPICS
from sql import line_stops
from sql.line_stops import Row
from streams.topology import TOPOLOGY

LINES: Final[Mapping[str, str]] = {
    **{processor.inbox: TOPICS[processor.inbox].description for processor in TOPOLOGY},
    **{topic: TOPICS[topic].description for topic in FOREIGN},
    **{filed(route): f"{route.transport.upper()} messages from {route.pattern}" for route in ROUTES},
    NOWHERE_TYPE: "messages from addresses that no bridge knows",
}
"""What they carry, by name."""


def overview(rows: Any) -> list[Row]:
    """Every line; those that stand come first."""
    latest = line_stops.latest(rows)
    shown = [shown_line(line, latest.get(line)) for line in LINES]
    return sorted(shown, key=lambda line: line["status"] == "running")


def shown_line(line: str, stop: Row | None) -> Row:
    """A line with its latest stop, if it ever stood."""
    is_stopped = stop is not None and stop["resumed_at"] is None
    told = stop or {}
    return {
        "line": line,
        "description": LINES.get(line, ""),
        "status": "stopped" if is_stopped else "running",
        "since": told.get("stopped_at") if is_stopped else told.get("resumed_at"),
        "stopped_at": told.get("stopped_at"),
        "cause": told.get("cause"),
        "error_code": told.get("error_code"),
        "error_path": told.get("error_path"),
        "failures": told.get("failures"),
        "messages": told.get("messages"),
        "share": round(told["failures"] / told["messages"], 4) if told.get("messages") else None,
        "failure_key": told.get("failure_key"),
        "resumed_at": told.get("resumed_at"),
        "resumed_by": told.get("resumed_by"),
        "resume_reason": told.get("resume_reason"),
    }
