"""What machines say, and what is known about them afterwards."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from schemas.envelope import Moment
from schemas.messages.values import Count, Minutes, Name, Percentage, Seconds, Text

MachineState = Literal["running", "idle", "stopped", "breakdown", "unknown"]
CounterScope = Literal["order", "machine"]
QualityStatus = Literal["pass", "fail", "unknown"]
Recovery = Literal["full", "partial", "none"]
Units = Annotated[float, Meta(ge=0, le=1e12)]


class MachineRegistered(msgspec.Struct, frozen=True, kw_only=True):
    """A machine of the plant layout. `counter_scope` says whether its counter restarts with each order."""

    machine_id: Name
    machine_name: Name
    line: Name
    counter_scope: CounterScope = "order"
    ideal_cycle_time_seconds: Seconds | None = None


class ProductionCount(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One counter reading (002 section 4.2.1).

    `cumulative_units` is the counter's total, `units_produced` this message's share of it.
    """

    machine_id: Name
    work_order_id: Name
    units_produced: Count
    cumulative_units: Count
    quality_status: QualityStatus = "unknown"
    cycle_time_seconds: Seconds | None = None
    status: MachineState | None = None
    product_id: Name | None = None
    quantity_ordered: Units | None = None
    overall_equipment_effectiveness: Percentage | None = None


class Inspection(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One quality inspection (002 section 4.2.1)."""

    machine_id: Name
    work_order_id: Name
    inspection_id: Name
    inspection_type: Name
    result: Literal["pass", "fail"]
    defect_detected: bool
    defect_type: Text | None = None
    inspector: Name | None = None


class DowntimeStarted(msgspec.Struct, frozen=True, kw_only=True):
    """A machine stands still, with its reason (002 section 4.2.1)."""

    machine_id: Name
    downtime_reason_code: Name
    downtime_reason_description: Text = ""
    severity: Literal["low", "medium", "high", "critical"] = "medium"
    estimated_repair_time_minutes: Minutes | None = None
    work_order_affected: Name | None = None


class DowntimeEnded(msgspec.Struct, frozen=True, kw_only=True):
    """A machine is available again."""

    machine_id: Name
    downtime_reason_code: Name | None = None
    work_order_affected: Name | None = None


class MachineStatus(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The seven OPC-UA variables of 002 section 4.2.1, and those of section 4.3, in our words.

    `is_snapshot`: read after a reconnect. `is_historical`: read back from the server's history of an outage.
    """

    machine_id: Name
    status: MachineState
    utilization_percentage: Percentage | None = None
    current_work_order_id: Name | None = None
    units_produced_this_cycle: Count | None = None
    cycle_time_seconds: Seconds | None = None
    downtime_seconds: Seconds | None = None
    overall_equipment_effectiveness: Percentage | None = None
    is_snapshot: bool = False
    is_historical: bool = False
    product_id: Name | None = None
    quantity_ordered: Units | None = None


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of time."""

    from_at: Moment
    to_at: Moment


class ConnectionGap(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing was heard from the machine between two moments.

    `recovery` says what the server's history could tell of it afterwards, in `recovered_readings`. What happened to the
    status in the `unrecovered` stretches is not known; None: in all of it.
    """

    machine_id: Name
    from_at: Moment
    to_at: Moment
    reason: Text
    recovery: Recovery = "none"
    recovered_readings: Count = 0
    unrecovered: tuple[Stretch, ...] | None = None


class MachineChanged(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The machine after a change (registered, status changed, seen). `version` grows by one with each."""

    machine_id: Name
    version: Count
    machine_name: Name
    line: Name
    status: MachineState
    previous_status: MachineState | None = None
    status_since: Moment
    utilization_percentage: Percentage | None = None
    overall_equipment_effectiveness: Percentage | None = None
    current_work_order_id: Name | None = None
    cycle_time_seconds: Seconds | None = None
    total_units: Count = 0
    last_seen_at: Moment
    reason: Text | None = None
    current_product_id: Name | None = None
    current_quantity_ordered: Units | None = None


class StatusRestated(msgspec.Struct, frozen=True, kw_only=True):
    """A status that is known only now, and was followed by others already: `machines` stays, its history is restated.

    It held from `from_at` until `to_at`, where the next one known began.
    """

    machine_id: Name
    version: Count
    status: MachineState
    previous_status: MachineState
    from_at: Moment
    to_at: Moment
    reason: Text | None = None


class DowntimeRecorded(msgspec.Struct, frozen=True, kw_only=True):
    """One downtime from its start; `ended_at` and `duration_seconds` are there once it is over."""

    machine_id: Name
    downtime_id: Name
    downtime_reason_code: Name
    downtime_reason_description: Text
    severity: Name
    started_at: Moment
    ended_at: Moment | None = None
    duration_seconds: Seconds | None = None
    estimated_repair_time_minutes: Minutes | None = None
    work_order_affected: Name | None = None


class GapMarked(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch in which nobody observed a machine, and what could be read back of it afterwards."""

    machine_id: Name
    from_at: Moment
    to_at: Moment
    reason: Text
    recovery: Recovery = "none"
    recovered_readings: Count = 0
    unrecovered: tuple[Stretch, ...] | None = None
