"""OEE of shifts and days as the API shows it, with the one definition."""

from datetime import date
from typing import Literal

from pydantic import AwareDatetime, Field

from schemas.views.values import View

Level = Literal["machine", "line"]
Bucket = Literal["shift", "day"]


class Losses(View):
    """The six big losses in seconds; what needs an ideal cycle time is absent without one."""

    breakdowns: float
    setup_and_adjustments: float
    idling_and_minor_stops: float
    reduced_speed: float | None = Field(description="negative where it was faster than its ideal")
    process_defects: float | None
    startup_rejects: float | None


class LossMeaning(View):
    """What one of the six losses is."""

    loss: str
    title: str
    meaning: str


class OeeDefinition(View):
    """What OEE means here, in words."""

    oee: str
    together: str
    losses: list[LossMeaning]


class OeeRow(View):
    """OEE of one machine or line in one window."""

    level: Level
    subject_id: str = Field(description="the machine or the line")
    line: str
    work_center_id: str | None
    bucket: Bucket
    shift_name: str | None
    day: date = Field(description="on which the window begins, by the plant's clock")
    from_at: AwareDatetime
    to_at: AwareDatetime
    computed_until: AwareDatetime = Field(description="the end of the window, or its latest minute")
    is_settled: bool = Field(description="the window is over; what changes it now is a late correction")
    availability_percentage: float | None
    performance_percentage: float | None
    quality_percentage: float | None
    oee_percentage: float | None
    is_faster_than_ideal: bool
    planned_seconds: float
    run_seconds: float
    productive_seconds: float | None
    closed_seconds: float = Field(description="the calendar has it closed")
    unobserved_seconds: float = Field(description="nobody saw it; no idle time")
    idle_without_order_seconds: float
    planned_stop_seconds: float
    losses: Losses
    units: int
    good_units: int
    scrapped_units: int
    startup_scrapped_units: int
    unobserved_units: int
    unscheduled_units: int
    machines: int = Field(description="how many machines it is the sum of")
    version: int
    calculated_at: AwareDatetime
    restated_at: AwareDatetime | None = Field(description="when something late changed it")


class OeeRows(View):
    """OEE of shifts or days, latest first, with what it means."""

    definition: OeeDefinition
    rows: list[OeeRow]
    next_cursor: str | None
