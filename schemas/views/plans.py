"""What people ask the planner for, and its runs, orders, shortages and requisitions as the API shows them."""

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from schemas.messages.plans import ProposalCause
from schemas.messages.work_orders import Priority

Rule = Literal["EDD", "SPT", "CR", "ATCS"]
Durations = Literal["routing", "learned"]
Identity = Annotated[str, Field(min_length=1, max_length=128)]


class Asked(BaseModel):
    """What a client sends: nothing that is not known here."""

    model_config = ConfigDict(extra="forbid")


class Span(Asked):
    """A stretch of time."""

    from_at: AwareDatetime
    to_at: AwareDatetime

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> "Span":
        if self.to_at <= self.from_at:
            raise ValueError("to_at must be after from_at")
        return self


class WorkCenterWhatIf(Asked):
    """What if a work centre were closed, or open, at other times."""

    work_center_id: Identity = Field(description="its id or its code")
    closed: list[Span] = Field(default_factory=list, max_length=100)
    overtime: list[Span] = Field(default_factory=list, max_length=100)


class ExtraOrder(Asked):
    """What if this were ordered too. It is made by the product's routing."""

    name: Identity = Field(description="what it is called in the schedule")
    product_id: Identity
    quantity: float = Field(gt=0, lt=1e12)
    due_date: AwareDatetime
    priority: Priority = "normal"


class WhatIf(Asked):
    """What is different from how the shop stands."""

    reason: str = Field("what if", max_length=200)
    work_centers: list[WorkCenterWhatIf] = Field(default_factory=list, max_length=200)
    priorities: dict[Identity, Priority] = Field(default_factory=dict, description="by order number or id")
    extra_orders: list[ExtraOrder] = Field(default_factory=list, max_length=50)


class ScheduleBody(Asked):
    """What schedule is wanted.

    With a `rule` it is that dispatch rule's. Otherwise the best of all rules is improved for `seconds`, or for so many
    `iterations`, which gives the same schedule on every machine.
    """

    scenario: str = Field("plan", min_length=1, max_length=100)
    rule: Rule | None = None
    optimise: bool | None = Field(None, description="absent: unless a rule is named")
    seconds: float = Field(5, gt=0, le=60)
    iterations: int | None = Field(None, ge=0, le=10_000_000)
    seed: int = Field(1, ge=0, le=2**31 - 1)
    objective: Literal["weighted_tardiness", "makespan"] = "weighted_tardiness"
    frozen_until: AwareDatetime | None = Field(None, description="what begins before stays where it is")
    durations: Durations | None = Field(
        None, description="how long runs take: as routings plan, or the medians that were learned; absent: the setting"
    )
    horizon_days: int = Field(120, ge=1, le=730)
    what_if: WhatIf = Field(default_factory=WhatIf)

    @property
    def is_improved(self) -> bool:
        return self.rule is None if self.optimise is None else self.optimise

    @property
    def is_what_if(self) -> bool:
        return bool(self.what_if.work_centers or self.what_if.priorities or self.what_if.extra_orders)


class ProposalBody(Asked):
    """What happened.

    `breakdown`: a work centre, or a machine, is down `since` a moment, `until` another or for `repair_minutes`.
    `rush`: a production order that has runs already must be done soon. `late_material`: of a production order.
    """

    cause: ProposalCause
    work_center_id: Identity | None = Field(None, description="its id or its code")
    machine_id: Identity | None = None
    since: AwareDatetime | None = Field(None, description="absent: now")
    until: AwareDatetime | None = None
    repair_minutes: float | None = Field(None, gt=0, le=525_600)
    reason: str | None = Field(None, max_length=1000)
    production_order_id: Identity | None = Field(None, description="its id or its number")
    material_id: Identity | None = None
    available_at: AwareDatetime | None = Field(None, description="when the material is there")

    @model_validator(mode="after")
    def _names_what_it_is_about(self) -> "ProposalBody":
        if self.cause == "breakdown" and not (self.work_center_id or self.machine_id):
            raise ValueError("a breakdown names work_center_id or machine_id")
        if self.cause != "breakdown" and not self.production_order_id:
            raise ValueError(f"a {self.cause} names production_order_id")
        if self.cause == "late_material" and self.available_at is None:
            raise ValueError("late_material names available_at")
        return self

    @property
    def key(self) -> str:
        """The same for the same happening."""
        return f"{self.cause}/{self.machine_id or self.work_center_id or self.production_order_id}"


class PlanAsked(BaseModel):
    """A plan that was asked for: where to look what became of it."""

    id: str
    status: str
    status_url: str


Json = dict[str, Any]
