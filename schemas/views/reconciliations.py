"""Reconciliation reports as the API shows them."""

from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.views.values import Json, View


class ReconciliationView(View):
    """A comparison of the ERP's orders with ours. `text` is the report in the form of 002 section 3.4."""

    report_id: str
    delivery_id: str
    report_date: date
    window_from: datetime
    window_to: datetime
    compared_at: datetime
    orders_in_erp: int
    orders_in_ours: int
    discrepancies: int
    auto_synced: int
    manual_review: int
    in_transit: int
    counts: dict[str, int]
    status: str
    text: str
    requested_by: str


class ReconciliationItem(View):
    """One thing that differed, with what each side knows of the order."""

    item: int
    erp_work_order_id: str
    work_order_id: str | None
    class_: str = Field(alias="class", description="kind of difference")
    risk: str
    field: str
    erp_value: Json
    our_value: Json
    action: str
    reason: str
    erp_timeline: list[Json]
    our_timeline: list[Json]
    message_id: str | None
    resolution: str | None
    resolved_by: str | None
    resolved_at: datetime | None
    note: str | None


class ReconciliationDetail(ReconciliationView):
    """A report with all that differed."""

    items: list[ReconciliationItem]


class ReconciliationPage(View):
    """A page of reports, latest first."""

    reconciliations: list[ReconciliationView]
    next_cursor: str | None


class Resolution(BaseModel):
    """What a person decides: the ERP is right, we are, or only a note for the next who looks."""

    model_config = ConfigDict(extra="forbid")

    choice: Literal["accept_erp", "keep_ours", "note"]
    note: str | None = Field(None, max_length=2000)


class Resolved(View):
    """A decided item. `pending`: the order was told, and what became of it is not known yet."""

    status: Literal["done", "pending"]
    item: ReconciliationItem


class ReconciliationAsked(View):
    """A reconciliation that was asked for and will run in a moment."""

    status: Literal["waiting"]
    run_id: str
    moment: datetime
    reports_url: str
