"""The load of work centres as the API shows it."""

from pydantic import AwareDatetime, Field

from schemas.views.values import View


class CapacityBucket(View):
    """A work centre in a stretch of time. Above 90 % of its open time it is a bottleneck."""

    work_center_id: str
    code: str
    name: str
    from_at: AwareDatetime
    to_at: AwareDatetime
    available_minutes: int
    required_minutes: int
    utilization_percent: float | None = Field(description="absent: it is never open then")
    is_bottleneck: bool


class CapacityView(View):
    """The load of every work centre between two moments, by work centre and time."""

    from_at: AwareDatetime
    to_at: AwareDatetime
    buckets: list[CapacityBucket]
    bottlenecks: list[str] = Field(description="codes of the work centres that are one in some bucket")
