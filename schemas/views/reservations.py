"""Reservations as the API shows them."""

from datetime import date, datetime

from pydantic import Field

from schemas.messages.materials import ReservationStatus
from schemas.views.values import Number, View


class ReservedLotView(View):
    """So much of a lot."""

    batch_number: str
    quantity: Number
    expiration_date: date | None
    location: str | None


class ReservationView(View):
    """What an order holds of a material, with the place in the log of the latest word about it."""

    reservation_id: str
    work_order_id: str
    material_id: str
    part_number: str | None
    part_name: str | None
    unit_of_measure: str | None
    quantity: Number = Field(description="reserved now; 0 once it is released or consumed")
    quantity_requested: Number
    shortage: Number = Field(description="what is missing of what was asked for")
    status: ReservationStatus
    batches: list[ReservedLotView]
    inventory_reservation_id: str | None = Field(description="the warehouse's own reservation for it")
    reason: str | None
    version: int
    created_at: datetime
    updated_at: datetime
    event_topic: str
    event_partition: int
    event_offset: int


class ReservationPage(View):
    """A page of reservations."""

    reservations: list[ReservationView]
    next_cursor: str | None
