"""Dead letters and alerts as the API shows them."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from schemas.views.rehearsals import Rehearsal
from schemas.views.values import Json, View

Action = Literal["retry", "edit_retry", "resolve", "discard"]
Outcome = Literal["waiting", "published", "applied", "refused", "failed", "done"]


class FailureView(View):
    """A dead letter. Code, sentence and field are those of the latest refusal."""

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
    cause_key: str
    cause: str
    resolved_at: datetime | None
    resolution: Literal["repaired", "resolved", "discarded"] | None
    resolved_by: str | None


class FailureGroup(View):
    """Dead letters of one cause: the reason is the same but for ids, numbers and quoted texts."""

    cause_key: str
    cause: str
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


class FailureChange(View):
    """A field that an edit changed."""

    op: Literal["add", "remove", "replace", "move", "copy"]
    path: str
    before: Json
    after: Json


class FailureAttempt(View):
    """What somebody did about a dead letter, and what became of it.

    `done`: nothing had to be sent. `failed`: something went wrong here before anything was sent.
    """

    action_id: int
    attempt: int
    action: Action
    actor: str
    reason: str | None
    requested_at: datetime
    bulk_id: str | None
    outcome: Outcome
    outcome_code: str | None
    outcome_reason: str | None
    outcome_path: str | None
    published_at: datetime | None
    settled_at: datetime | None
    edited_message: Json = Field(description="the message that was sent instead, or its text where it is no JSON")
    edits: Json = Field(description="the operations that made it, where it was told by operations")
    difference: list[FailureChange] | None = Field(description="what the edit changed, where both are JSON")


class FailureChoices(View):
    """What can be done about a dead letter: null, or the reason why not."""

    retry: str | None
    edit: str | None
    resolve: str | None
    discard: str | None


class FailureDetail(FailureView):
    """A dead letter with the message it is about, what was done about it, and what can be done."""

    first_error_code: str
    first_error_message: str
    first_error_path: str | None
    original_message: Json
    original_bytes_base64: str
    event_topic: str
    event_partition: int
    event_offset: int
    recorded_at: datetime
    origin: str = Field(description="how it came, which says how it returns")
    attempts: list[FailureAttempt] = Field(description="latest first")
    message_schema: Json = Field(alias="schema", description="JSON Schema of the message that was expected, if known")
    can: FailureChoices
    version: int = Field(description="how often something was done about it")


class FailureActed(View):
    """What was done, and what became of it so far."""

    failure_id: str
    failure_key: str
    status: str
    action_id: int
    outcome: Outcome
    outcome_code: str | None = None
    outcome_reason: str | None = None
    outcome_path: str | None = None


class FailureRehearsed(View):
    """What it would do; nothing was done."""

    rehearsal: Rehearsal


class FailureNotDone(View):
    """A dead letter that it was not done to, and why."""

    failure_id: str
    reason: str


class BulkAccepted(View):
    """What was begun with many dead letters. `refused` names the first hundred that it was not done to."""

    bulk_id: str
    selected: int
    accepted: int
    refused_count: int
    refused: list[FailureNotDone]


class BulkProgress(View):
    """How far it is."""

    bulk_id: str
    action: Action
    actor: str
    reason: str | None
    requested_at: datetime
    selected: int
    total: int
    waiting: int
    applied: int
    refused: int
    failed: int
    is_done: bool


class FailureFigures(View):
    """Dead letters of one integration. What is pending or being retried is counted whenever it failed."""

    integration_type: str
    failures: int
    per_hour: float
    pending: int
    retried: int
    resolved: int
    discarded: int
    mean_seconds_to_resolution: float | None


class FailureTrend(View):
    """How many failed, and how many were done with, from a moment on."""

    at: datetime
    integration_type: str
    failures: int
    resolved: int


class FailureMetrics(View):
    """Figures of the latest hours."""

    integrations: list[FailureFigures]
    trend: list[FailureTrend]


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
