"""Dead letters and alerts: what went wrong, kept whole, with where to send it back."""

from typing import Any, Literal

import msgspec

from schemas.envelope import Moment
from schemas.messages.values import Count, Name, Text

FailureStatus = Literal["pending_manual_review", "retried", "resolved", "discarded"]
Severity = Literal["info", "warning", "critical"]


class ErrorDetails(msgspec.Struct, frozen=True, kw_only=True):
    """Why: a code, a sentence, the field it is about, and the id under which the log has more."""

    error_code: Name
    error_message: Text
    path: Text | None = None
    trace_id: Name


class IntegrationFailure(msgspec.Struct, frozen=True, kw_only=True):
    """A dead letter (002 section 7.2). `failure_key` is the same for the same failed message, however often it fails.

    `original_message` is the message as JSON where it can be read; `original_bytes_base64` is always exact.
    `inbox` is the topic a repaired message returns to. `source_address` is the MQTT topic, node or route it came by.
    """

    failure_id: Name
    failure_key: Name
    timestamp: Moment
    integration_type: Name
    original_message: Any
    original_bytes_base64: str
    error_details: ErrorDetails
    inbox: Name
    source_address: Text
    original_message_id: Name | None = None
    retry_count: Count = 0
    last_retry_at: Moment | None = None
    status: FailureStatus = "pending_manual_review"


class AlertRaised(msgspec.Struct, frozen=True, kw_only=True):
    """Something a person should look at. `alert_key` is the same for the same cause."""

    alert_id: Name
    alert_key: Name
    kind: Name
    severity: Severity
    entity_type: Name
    entity_id: Name
    message: Text
    raised_at: Moment
