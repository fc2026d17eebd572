"""A dead letter as people see it: its message, what was done about it and by whom, and what can be done."""

import base64
from typing import Any

from connectors.repairs.acting import why_not
from connectors.repairs.edits import difference
from connectors.repairs.returning import origin_of, schema_of
from schemas.codec import Unreadable, parse
from sql.database import Rows
from sql.reads import failures
from sql.reads.failures import Row


def letter(rows: Rows, failure_id: str) -> Row | None:
    """One dead letter by its id or key, with all that is known about it; None: there is none."""
    found = failures.one(rows, failure_id)
    if found is None:
        return None
    original = base64.b64decode(found["original_bytes_base64"])
    attempts = [_attempt(each, original) for each in failures.attempts(rows, found["failure_key"])]
    latest = attempts[0] if attempts else None
    told = found | {"original_bytes": original, "tenant_id": None, **_latest(latest)}
    return found | {
        "origin": origin_of(told).name,
        "attempts": attempts,
        "schema": schema_of(told),
        "can": {
            "retry": why_not(told, "retry"),
            "edit": why_not(told, "edit_retry"),
            "resolve": why_not(told, "resolve"),
            "discard": why_not(told, "discard"),
        },
        "version": latest["attempt"] if latest else 0,
    }


def _latest(attempt: Row | None) -> Row:
    told = attempt or {}
    return {
        "latest_action": told.get("action"),
        "latest_actor": told.get("actor"),
        "latest_at": told.get("requested_at"),
    }


def _attempt(row: Row, original: bytes) -> Row:
    data = row.pop("edited_bytes")
    if data is None:
        return row | {"edited_message": None, "difference": None}
    return row | {"edited_message": _shown(bytes(data)), "difference": difference(original, bytes(data))}


def _shown(data: bytes) -> Any:
    """As JSON, or as text where it is none."""
    try:
        return parse(data)
    except Unreadable:
        return data.decode(errors="replace")
