"""Materials as the API shows and takes them."""

from datetime import date, datetime
from typing import Literal

from pydantic import Field

from schemas.views.reservations import ReservationView
from schemas.views.values import Number, View


class MaterialView(View):
    """A material as it stands now."""

    material_id: str
    part_number: str
    part_name: str
    description: str | None
    category: str | None
    unit_of_measure: str
    standard_cost: Number | None
    currency: str | None
    is_active: bool
    warehouse: str | None
    location: str | None
    on_hand_quantity: Number
    reserved_quantity: Number = Field(description="what our orders hold")
    allocated_quantity: Number = Field(description="what our orders and others hold")
    available_quantity: Number
    safety_stock: Number
    is_below_safety_stock: bool
    stock_at: datetime | None = Field(description="moment of the latest count")
    version: int
    updated_at: datetime


class MaterialPage(View):
    """A page of materials."""

    materials: list[MaterialView]
    next_cursor: str | None


class LotView(View):
    """A lot on the shelf."""

    batch_number: str
    quantity: Number
    expiration_date: date | None


class MaterialChangeView(View):
    """A field of the master data that changed."""

    field: str
    old_value: str | None
    new_value: str | None
    changed_at: datetime
    changed_by: str | None = Field(description="message that told it")
    change_source: str | None = Field(description="system that told it")


class MaterialDetail(MaterialView):
    """A material with its lots, first expired first, who holds or wants it, and its latest 100 changes."""

    batches: list[LotView]
    reservations: list[ReservationView]
    changes: list[MaterialChangeView]


class StockState(View):
    """How much there was, from a moment on."""

    at: datetime
    on_hand_quantity: Number
    allocated_quantity: Number
    available_quantity: Number
    safety_stock: Number


class StockHistory(View):
    """A material's stock over time, the oldest first."""

    states: list[StockState]


class RowRefused(View):
    """A row of a batch that was not accepted, counted from 1 where it could not be read."""

    row: int | None
    material_id: str | None
    reason: str
    path: str | None


class BatchAnswer(View):
    """What became of a batch, row by row."""

    status: Literal["success", "partial"]
    accepted: int
    rejected: list[RowRefused]
