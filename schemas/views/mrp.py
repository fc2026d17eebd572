"""Material requirements planning as the API shows it: runs, planned orders with their pegs, shortages, requisitions."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, model_validator

from schemas.messages.plans import MrpKind
from schemas.views.plans import Asked, Identity
from schemas.views.values import Json, Number, Percent, View

MrpStatus = Literal["queued", "running", "finished", "cancelled", "failed"]
RequisitionStatus = Literal["proposed", "ordered", "received", "cancelled", "superseded"]
LotPolicy = Literal["lot_for_lot", "fixed", "min_multiple", "period"]
Quantity = Annotated[Decimal, Field(ge=0, lt=10**12, max_digits=18, decimal_places=6)]
Above0 = Annotated[Decimal, Field(gt=0, lt=10**12, max_digits=18, decimal_places=6)]


class MrpBody(Asked):
    """Plan everything anew, or only what has changed since the run before, with the same result."""

    kind: MrpKind = "full"


class MrpRunView(View):
    """A run without what it found."""

    mrp_run_id: str
    kind: MrpKind
    status: MrpStatus
    progress_percentage: Percent
    failure: str | None = Field(description="why there is none, in a sentence")
    inputs: dict[str, Json] = Field(description="what it was computed from: the moment, counts, a digest")
    figures: dict[str, Json] = Field(description="how many orders, shortages and requisitions it found")
    asked_at: AwareDatetime
    asked_by: str
    started_at: AwareDatetime | None
    finished_at: AwareDatetime | None


class MrpRunList(View):
    """Runs, latest first."""

    mrp_runs: list[MrpRunView]
    next_cursor: str | None


class PegView(View):
    """A demand that a planned order is there for, however many levels above it; none: for stock."""

    demand_id: str | None
    quantity: Number


class PlannedOrderView(View):
    """An order that is planned. `quantity` is started or bought, `good_quantity` is left of it without scrap."""

    item_id: str
    start_date: date
    due_date: date
    quantity: Number
    good_quantity: Number
    low_level_code: int
    is_purchased: bool
    pegs: list[PegView]


class PlannedOrderPage(View):
    """Planned orders: products before what they contain, by item and due day."""

    orders: list[PlannedOrderView]
    next_cursor: str | None


class ShortageView(View):
    """What had to be started before the day of the run. `possible_on`: when it can be there if started at once."""

    item_id: str
    quantity: Number
    due_date: date
    start_date: date
    possible_on: date


class ShortagePage(View):
    """Shortages by the day they are needed on."""

    shortages: list[ShortageView]
    next_cursor: str | None


class RequisitionView(View):
    """A request to purchasing."""

    requisition_id: str
    mrp_run_id: str | None
    item_id: str
    quantity: Number
    order_on: date
    due_date: date
    supplier: str | None
    status: RequisitionStatus
    version: int
    created_at: AwareDatetime
    updated_at: AwareDatetime | None
    updated_by: str | None


class RequisitionPage(View):
    """Requisitions by the day to order on."""

    requisitions: list[RequisitionView]
    next_cursor: str | None


class RequisitionBody(Asked):
    """What became of a requisition: what is ordered counts as coming from then on."""

    status: Literal["ordered", "received", "cancelled"]
    version: int | None = Field(None, ge=1, description="the version that you saw")


class MrpRunDetail(MrpRunView):
    """A run with the first page of each thing it found; the further pages have addresses of their own."""

    orders: PlannedOrderPage
    shortages: ShortagePage
    requisitions: RequisitionPage


class ItemPlanningBody(Asked):
    """How an item is ordered: `fixed` by `lot_size`, `min_multiple` by `minimum` and `multiple`, `period` by days."""

    item_id: Identity
    lot_policy: LotPolicy = "lot_for_lot"
    lot_size: Above0 = Decimal(1)
    minimum: Quantity = Decimal(0)
    multiple: Above0 = Decimal(1)
    period_days: int = Field(1, ge=1, le=3650)
    smallest: Above0 = Field(Decimal(1), description="what quantities are rounded up to")
    lead_time_days: int = Field(0, ge=0, le=3650, description="working days from an order's start to its due day")
    safety_stock: Quantity | None = Field(None, description="absent: as its master data say")
    scrap_percentage: Decimal = Field(Decimal(0), ge=0, lt=100, max_digits=5, decimal_places=2)
    is_purchased: bool | None = Field(None, description="absent: if it has no bill of materials")
    supplier: str | None = Field(None, max_length=200)


class ItemPlanningChange(Asked):
    """What is to change; what is not named stays."""

    version: int | None = Field(None, ge=1, description="the version that you saw")
    lot_policy: LotPolicy | None = None
    lot_size: Above0 | None = None
    minimum: Quantity | None = None
    multiple: Above0 | None = None
    period_days: int | None = Field(None, ge=1, le=3650)
    smallest: Above0 | None = None
    lead_time_days: int | None = Field(None, ge=0, le=3650)
    safety_stock: Quantity | None = None
    scrap_percentage: Decimal | None = Field(None, ge=0, lt=100, max_digits=5, decimal_places=2)
    is_purchased: bool | None = None
    supplier: str | None = Field(None, max_length=200)

    @model_validator(mode="after")
    def _changes_something(self) -> "ItemPlanningChange":
        named = self.model_fields_set - {"version"}
        if not named:
            raise ValueError("nothing is to change")
        absent = {"safety_stock", "is_purchased", "supplier"}
        if empty := sorted(name for name in named - absent if getattr(self, name) is None):
            raise ValueError(f"{empty[0]} cannot be absent")
        return self


class ItemPlanningView(View):
    """How an item is ordered."""

    item_id: str
    lot_policy: LotPolicy
    lot_size: Number
    minimum: Number
    multiple: Number
    period_days: int
    smallest: Number
    lead_time_days: int
    safety_stock: Number | None
    scrap_percentage: Number
    is_purchased: bool | None
    supplier: str | None
    version: int
    created_at: AwareDatetime
    created_by: str | None
    updated_at: AwareDatetime | None
    updated_by: str | None


class ItemPlanningPage(View):
    """Items that anything is said of, by id."""

    items: list[ItemPlanningView]
    next_cursor: str | None
