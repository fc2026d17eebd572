"""Deliveries, jobs by the clock and the audit log as the API shows them."""

from datetime import datetime
from typing import Literal

from schemas.views.values import Json, View

DeliveryStatus = Literal["pending", "succeeded", "failed", "cancelled"]
ExternalSystem = Literal["ERP", "MES", "HR", "WMS", "FILES", "MAIL", "NOTIFY", "PAS"]


class DeliveryView(View):
    """One thing that another system is told or asked. `due_at` is when the next attempt is due, while it is pending."""

    delivery_id: str
    kind: str
    external_system: ExternalSystem
    integration_type: str
    subject: str
    cause: str
    correlation_id: str
    status: DeliveryStatus
    waits_for: Literal["time", "data", "retry", "circuit"] | None
    attempts: int
    due_at: datetime
    last_attempt_at: datetime | None
    last_status_code: int | None
    last_error: str | None
    failure_key: str | None
    created_at: datetime
    finished_at: datetime | None


class DeliveryPage(View):
    """A page of deliveries, newest first."""

    deliveries: list[DeliveryView]
    next_cursor: str | None


class DeliveryCall(View):
    """One call that was made for a delivery."""

    log_id: int
    at: datetime
    http_status_code: int | None
    processing_time_ms: int | None
    success: bool
    error_message: str | None
    request_payload: Json
    response_payload: Json


class DeliveryDetail(DeliveryView):
    """A delivery with its request, its last answer and its calls, latest first; secrets are removed."""

    told: Json
    request: Json
    last_answer: Json
    failures: dict[str, int]
    rounds: int
    calls: list[DeliveryCall]


class JobView(View):
    """A job by the clock, its latest run and its next one."""

    name: str
    cron: str
    description: str
    catch_up: Literal["latest", "skip"]
    next_run: datetime
    last_run: datetime | None
    last_run_id: str | None
    last_status: Literal["waiting", "succeeded", "failed"] | None
    last_outcome: str | None


class JobList(View):
    """Every job by the clock; `cron` is on the clock of `timezone`."""

    timezone: str
    jobs: list[JobView]


class JobAsked(View):
    """A run that was asked for."""

    run_id: str
    name: str
    status_url: str


class AuditLine(View):
    """One call between us and another system; secrets are removed."""

    log_id: int
    timestamp: datetime
    integration_type: str
    direction: Literal["inbound", "outbound"]
    external_system: str
    request_payload: Json
    response_payload: Json
    http_status_code: int | None
    processing_time_ms: int | None
    success: bool
    error_message: str | None
    user_id: str | None
    correlation_id: str | None
    delivery_id: str | None


class AuditPage(View):
    """A page of the audit log, newest first."""

    lines: list[AuditLine]
    next_cursor: str | None
