"""Dead letters and alerts as the API shows them."""

from datetime import datetime

from schemas.views.values import Json, View


class FailureView(View):
    """A dead letter."""

    failure_id: str
    failure_key: str
    integration_type: str
    error_code: str
    error_message: str
    error_path: str | None
    trace_id: str
    inbox: str
    source_address: str
    original_message_id: str | None
    correlation_id: str
    status: str
    retry_count: int
    last_retry_at: datetime | None
    failed_at: datetime


class FailureGroup(View):
    """Dead letters of one cause."""

    error_code: str
    error_path: str | None
    integration_type: str
    failures: int
    first_at: datetime
    last_at: datetime
    example: str
    example_failure_id: str


class FailurePage(View):
    """A page of dead letters, latest first, and the causes among all that match."""

    failures: list[FailureView]
    groups: list[FailureGroup]
    next_cursor: str | None


class FailureDetail(FailureView):
    """A dead letter with the message it is about."""

    original_message: Json
    original_bytes_base64: str
    event_topic: str
    event_partition: int
    event_offset: int
    recorded_at: datetime


class AlertView(View):
    """Something a person should look at."""

    alert_id: str
    kind: str
    severity: str
    entity_type: str
    entity_id: str
    message: str
    raised_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str | None


class AlertList(View):
    """Alerts, latest first."""

    alerts: list[AlertView]


class AlertAcknowledged(View):
    """An alert somebody has taken on."""

    alert_id: str
    kind: str
    severity: str
    message: str
    raised_at: datetime
    acknowledged_at: datetime
    acknowledged_by: str
