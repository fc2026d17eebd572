"""Machines as the API shows them."""

from datetime import datetime

from pydantic import AwareDatetime, Field

from schemas.messages.machines import MachineState, Recovery
from schemas.views.oee import Losses
from schemas.views.values import Percent, View


class MachineView(View):
    """A machine as it stands now."""

    machine_id: str
    machine_name: str
    line: str
    status: MachineState
    status_since: AwareDatetime
    utilization_percentage: Percent | None
    overall_equipment_effectiveness: Percent | None
    current_work_order_id: str | None
    current_product_id: str | None = Field(description="the MES's PartNumber")
    current_quantity_ordered: float | None = Field(description="the MES's Quantity")
    cycle_time_seconds: float = Field(description="0 where none was given (002 section 4.4)")
    total_units: int
    last_seen_at: AwareDatetime
    version: int
    updated_at: AwareDatetime


class GapView(View):
    """A stretch in which nobody saw a machine."""

    from_at: AwareDatetime
    to_at: AwareDatetime
    reason: str | None


class FloorMachine(MachineView):
    """A machine on the floor, with the order it works on."""

    current_progress_percentage: float | None
    product_name: str | None
    gap: GapView | None = Field(description="the latest one, if it ended within the hour")


class Floor(View):
    """Every machine."""

    machines: list[FloorMachine]


class StatusChange(View):
    """A change of status; `gap`: nobody saw the machine from `from_at` to `to_at`, nor could it be read back.

    `is_restated`: it became known after the next one, and held until `to_at`.
    """

    status: str
    previous_status: str | None
    from_at: datetime
    to_at: datetime | None
    reason: str | None
    is_restated: bool
    recovery: Recovery | None = Field(description="of a gap: what could be read back of the outage it is part of")
    version: int
    event_topic: str
    event_partition: int
    event_offset: int


class DowntimeView(View):
    """A downtime; `ended_at` is absent while it lasts."""

    downtime_id: str
    downtime_reason_code: str
    downtime_reason_description: str
    severity: str
    started_at: datetime
    ended_at: datetime | None
    duration_seconds: float | None
    estimated_repair_time_minutes: float | None
    work_order_affected: str | None


class MachineHistory(View):
    """What a machine did, latest first."""

    changes: list[StatusChange]
    downtimes: list[DowntimeView]


class OeeView(View):
    """OEE between two moments, with what it was computed from.

    `performance_percentage` is as computed: above 100 the machine was faster than its ideal cycle time, or units were
    read that were made before.
    """

    machine_id: str
    from_at: AwareDatetime
    to_at: AwareDatetime
    availability_percentage: float | None = Field(description="run time of planned time")
    performance_percentage: float | None = Field(description="ideal cycle time x units, of run time")
    quality_percentage: float | None = Field(description="good units of all units")
    oee_percentage: float | None
    is_faster_than_ideal: bool
    run_seconds: float
    planned_seconds: float = Field(description="open by the calendar, observed, with work, and not stopped by plan")
    unobserved_seconds: float = Field(description="gaps and unknown status; no part of planned time")
    idle_without_order_seconds: float
    closed_seconds: float = Field(description="the calendar has it closed")
    planned_stop_seconds: float = Field(description="stopped by plan: maintenance, meetings, breaks")
    productive_seconds: float | None = Field(description="ideal time of good units: planned time less all losses")
    losses: Losses
    seconds_by_status: dict[str, float]
    units: int
    unobserved_units: int = Field(description="units read in unobserved time; no part of performance")
    unscheduled_units: int = Field(description="units read while the calendar has it closed; no part of performance")
    scrapped_units: int
    startup_scrapped_units: int = Field(description="scrap told while it was starting up")
    good_units: int
    ideal_cycle_time_seconds: float | None = Field(description="of the plant layout")
    passport_url: str


class StretchView(View):
    """A machine had a status for a while; `gap`: nobody saw it."""

    status: str
    from_at: AwareDatetime
    to_at: AwareDatetime
    has_order: bool


class CycleBucket(View):
    """The readings of a piece of time; a piece without readings is absent."""

    at: AwareDatetime = Field(description="its beginning")
    readings: int
    units: int
    scrapped_units: int
    median_seconds: float | None
    least_seconds: float | None
    most_seconds: float | None


class DowntimeReason(View):
    """Downtime for one reason."""

    downtime_reason_code: str
    downtime_reason_description: str
    downtimes: int
    seconds: float


class MachineWork(View):
    """What a machine did between two moments."""

    machine_id: str
    from_at: AwareDatetime
    to_at: AwareDatetime
    stretches: list[StretchView]
    bucket_seconds: float
    cycles: list[CycleBucket]
    reasons: list[DowntimeReason] = Field(description="the longest first")
    ideal_cycle_time_seconds: float | None
