"""Schedules, moves in them and proposals to change them, as the API shows them. Ids are UUIDs as text."""

from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from schemas.messages.work_orders import Priority
from schemas.views.edited import Told
from schemas.views.plans import Durations
from schemas.views.values import Json, Number, Percent, View

ScheduleStatus = Literal["queued", "running", "proposed", "accepted", "superseded", "cancelled", "failed"]
"""proposed: it is computed and can be accepted; superseded: another one was accepted after it."""
ProposalStatus = Literal["queued", "running", "open", "accepted", "dismissed", "outdated", "cancelled", "failed"]
"""outdated: the schedule that it changes, or what it was made for, is not there any more."""
Cause = Literal["breakdown", "rush", "late_material"]
RunStatus = Literal["planned", "scheduled", "released", "in_progress", "on_hold", "completed", "cancelled"]


class Objective(View):
    """What a schedule is judged by. `gap` is how far it may be from the best one: 0.05 is 5 %."""

    weighted_tardiness_minutes: float
    late_orders: int
    makespan_minutes: float
    setup_minutes: float
    lower_bound: float | None = Field(description="of weighted tardiness in minutes; absent where none was computed")
    gap: float | None


class Closed(View):
    """A stretch in which a work centre does not work."""

    from_at: AwareDatetime
    to_at: AwareDatetime


class ScheduledWorkCenter(View):
    """A row of the schedule, with the times within the horizon in which it is closed."""

    work_center_id: str
    code: str
    name: str
    machine_id: str | None
    closed: list[Closed] = Field(description="by time, without overlaps")


class Planned(View):
    """Where and when an operation was planned."""

    work_center_id: str
    start_at: AwareDatetime
    end_at: AwareDatetime


class Actual(View):
    """What became of a run until now."""

    start_at: AwareDatetime | None
    end_at: AwareDatetime | None
    quantity_good: Number
    quantity_planned: Number
    status: RunStatus


class ScheduledOperation(View):
    """A run at its work centre: a changeover from `setup_from` to `start_at`, then work until `end_at`."""

    run_id: str
    production_order_id: str
    order_number: str
    product_id: str
    work_order_id: str | None
    sequence_number: int
    operation: str
    work_center_id: str
    alternatives: list[str] = Field(description="all work centres that can do it, this one too")
    family: str | None = Field(description="what changeovers go by")
    changeover_minutes: float
    setup_from: AwareDatetime = Field(description="`start_at` where nothing is changed over")
    start_at: AwareDatetime
    end_at: AwareDatetime
    due_at: AwareDatetime | None = Field(description="of its order")
    late_minutes: float = Field(description="how late its order gets, 0 if it is in time")
    priority: Priority
    is_frozen: bool
    is_critical: bool = Field(description="a minute later here is a minute later at the end")
    predecessors: list[str] = Field(description="runs that come before it in its order")
    baseline: Planned | None
    actual: Actual | None
    reason: str | None = Field(description="why it is where it is, in a sentence")


class ScheduleHead(View):
    """A schedule without its operations."""

    schedule_id: str
    status: ScheduleStatus
    scenario: str
    created_at: AwareDatetime
    created_by: str
    rule: str | None = Field(description="dispatch rule it began with: EDD, SPT, CR or ATCS")
    engine: str | None = Field(description="what it was improved by")
    seed: int
    horizon_from: AwareDatetime | None = Field(description="absent until it is computed")
    horizon_to: AwareDatetime | None
    frozen_until: AwareDatetime | None
    objective: Objective | None = Field(description="absent until it is computed")
    operation_count: int
    progress_percentage: Percent = 100.0
    is_what_if: bool = Field(False, description="computed for a shop that is not so: it cannot be accepted")
    failure: str | None = Field(None, description="why there is none, in a sentence")
    accepted_at: AwareDatetime | None = None
    accepted_by: str | None = None
    inputs: dict[str, Json] = Field(default_factory=dict, description="what it was computed from")


class ScheduleList(View):
    """Schedules, latest first."""

    schedules: list[ScheduleHead]
    next_cursor: str | None = None


class ScheduleView(ScheduleHead):
    """A schedule with every operation, by work centre and time."""

    work_centers: list[ScheduledWorkCenter]
    operations: list[ScheduledOperation]


class Move(View):
    """An operation that changes its place."""

    run_id: str
    order_number: str
    from_work_center_id: str | None = Field(description="absent where it had no place")
    from_start_at: AwareDatetime | None
    to_work_center_id: str
    to_start_at: AwareDatetime


class AffectedOrder(View):
    """An order whose end changes. An end is absent where the order has none in that plan."""

    production_order_id: str
    order_number: str
    due_at: AwareDatetime | None
    end_before: AwareDatetime | None
    end_after: AwareDatetime | None
    late_minutes_after: float
    reason: str = Field(description="why it ends then, in a sentence")


class MoveBody(BaseModel):
    """Where somebody wants an operation to be, and from when its work runs; its changeover comes before that."""

    model_config = ConfigDict(extra="forbid")

    run_id: str = Field(min_length=1, max_length=128)
    work_center_id: str = Field(min_length=1, max_length=128)
    start_at: AwareDatetime


class MoveCheck(View):
    """What a move would do. `moved` holds all that moves with it, the operation itself first."""

    is_allowed: bool
    violations: list[str] = Field(description="what forbids it, in sentences")
    moved: list[Move]
    late_orders: list[AffectedOrder] = Field(description="orders that get late by it, or later than they were")


class MoveAccepted(View):
    """The version of the schedule that a move made."""

    schedule_id: str
    moved: list[Move]
    late_orders: list[AffectedOrder]


class ScheduleSettingsBody(Told):
    """What schedules are made with: times of routings, or the medians that were learned of their operations."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"schedule_durations": "learned"}]})

    schedule_durations: Durations


class ScheduleSettingsView(View):
    """What schedules are made with unless one is asked for otherwise, and who said so."""

    schedule_durations: Durations
    changed_at: AwareDatetime | None
    changed_by: str | None


class ProposalView(View):
    """What could be done about something that happened, and what it costs to do nothing.

    Both costs are weighted tardiness in minutes, of the schedule as it would come without and with the proposal.
    """

    proposal_id: str
    schedule_id: str | None = Field(description="the schedule it changes; absent until it is computed")
    cause: Cause
    cause_text: str = Field(description="what happened, in a sentence")
    created_at: AwareDatetime
    status: ProposalStatus
    decided_at: AwareDatetime | None
    decided_by: str | None
    moves: list[Move]
    orders: list[AffectedOrder] = Field(description="those that get late first, the latest of them first")
    cost_of_doing_nothing_minutes: float
    cost_of_proposal_minutes: float
    failure: str | None = Field(None, description="why there is none, in a sentence")


class ProposalList(View):
    """Proposals, latest first."""

    proposals: list[ProposalView]
    next_cursor: str | None = None
