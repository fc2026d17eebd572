"""What the planner is asked for, and what it tells of finished plans. The plan itself is in Postgres, by its id."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from schemas.messages.values import Count, Name, Text

PlanId = Annotated[str, Meta(pattern="^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
PlanKind = Literal["mrp", "schedule", "proposal"]
MrpKind = Literal["full", "net_change"]
ProposalCause = Literal["breakdown", "rush", "late_material"]


class MrpRequested(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody asks for material requirements planning; the row of this id in `mrp_runs` waits for it."""

    plan_id: PlanId
    kind: MrpKind
    requested_by: Name


class ScheduleRequested(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody asks for a schedule; the row of this id in `production_schedules` says what is wanted."""

    plan_id: PlanId
    scenario: Name
    requested_by: Name


class ProposalRequested(msgspec.Struct, frozen=True, kw_only=True):
    """Something happened; the row of this id in `plan_proposals` says what."""

    plan_id: PlanId
    cause: ProposalCause
    requested_by: Name


class CancelRequested(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody wants a computation to stop; its row says so already."""

    plan_id: PlanId
    kind: PlanKind
    requested_by: Name


class MrpFinished(msgspec.Struct, frozen=True, kw_only=True):
    """A run of MRP is done. `replanned`: the items that were computed anew for it."""

    plan_id: PlanId
    kind: MrpKind
    items: Count
    replanned: Count
    demands: Count
    planned_orders: Count
    shortages: Count
    requisitions: Count


class ScheduleFinished(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule is computed and can be accepted; nothing has moved yet."""

    plan_id: PlanId
    scenario: Name
    engine: Name
    operations: Count
    late_orders: Count
    weighted_tardiness_minutes: Count
    makespan_minutes: Count
    setup_minutes: Count


class ScheduleAccepted(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule holds from now on: the runs have its times."""

    plan_id: PlanId
    scenario: Name
    accepted_by: Name
    operations: Count
    superseded_plan_id: PlanId | None = None


class Proposed(msgspec.Struct, frozen=True, kw_only=True):
    """What could be done about something that happened. Costs are weighted tardiness in minutes."""

    plan_id: PlanId
    schedule_id: PlanId
    cause: ProposalCause
    cause_text: Text
    moves: Count
    late_orders: Count
    cost_of_doing_nothing_minutes: Count
    cost_of_proposal_minutes: Count


class PlanFailed(msgspec.Struct, frozen=True, kw_only=True):
    """A plan could not be computed, for the reason given, or somebody cancelled it."""

    plan_id: PlanId
    kind: PlanKind
    status: Literal["failed", "cancelled"]
    reason: Text
