"""Machines as the API shows them."""

from datetime import datetime

from pydantic import AwareDatetime, Field

from schemas.messages.machines import MachineState, Recovery
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


class FloorMachine(MachineView):
    """A machine on the floor, with the order it works on."""

    current_progress_percentage: float | None
    product_name: str | None


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
