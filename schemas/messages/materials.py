"""What is said of a material: its master data, its stock, who reserves and who consumes it."""

from datetime import date
from decimal import Decimal
from typing import Literal

import msgspec

from schemas.envelope import Moment
from schemas.messages.values import Count, Name, Text, check_quantity

ReservationStatus = Literal["reserved", "partial", "refused", "released", "consumed"]
SMALLEST_QUANTITY = Decimal("0.000001")


class MaterialUpserted(msgspec.Struct, frozen=True, kw_only=True):
    """Master data of a material from the ERP (002 section 3.2.1)."""

    material_id: Name
    part_number: Name
    part_name: Text
    description: Text | None = None
    category: Text | None = None
    unit_of_measure: Name = "EA"
    standard_cost: Decimal | None = None
    currency: Name | None = None
    safety_stock: Decimal | None = None
    is_active: bool = True

    def __post_init__(self) -> None:
        check_quantity("standard_cost", self.standard_cost)
        check_quantity("safety_stock", self.safety_stock)


class StockBatch(msgspec.Struct, frozen=True, kw_only=True):
    """A lot on the shelf."""

    batch_number: Name
    quantity: Decimal
    expiration_date: date | None = None

    def __post_init__(self) -> None:
        check_quantity("quantity", self.quantity)


class StockReported(msgspec.Struct, frozen=True, kw_only=True):
    """Stock on hand of a material as the warehouse counts it (002 section 6.2.1): totals, never differences."""

    material_id: Name
    warehouse: Name | None = None
    location: Text | None = None
    on_hand_quantity: Decimal
    allocated_quantity: Decimal = Decimal(0)
    unit_of_measure: Name = "EA"
    batch_details: tuple[StockBatch, ...] = ()

    def __post_init__(self) -> None:
        check_quantity("on_hand_quantity", self.on_hand_quantity)
        check_quantity("allocated_quantity", self.allocated_quantity)


class StockCorrected(msgspec.Struct, frozen=True, kw_only=True):
    """One figure of a material's stock has a new total (002 section 6.3, the warehouse's change data capture)."""

    material_id: Name
    field_changed: Literal["on_hand_quantity", "allocated_quantity", "safety_stock"]
    new_value: Decimal
    old_value: Decimal | None = None
    change_reason: Text | None = None
    transaction_id: Name | None = None

    def __post_init__(self) -> None:
        check_quantity("new_value", self.new_value)
        check_quantity("old_value", self.old_value)


class MaterialReserve(msgspec.Struct, frozen=True, kw_only=True):
    """An order asks for a quantity in total: asked again for more it gets what is missing, for less it gives back."""

    material_id: Name
    reservation_id: Name
    work_order_id: Name
    quantity: Decimal
    allow_partial: bool = True

    def __post_init__(self) -> None:
        check_quantity("quantity", self.quantity, least=SMALLEST_QUANTITY)


class MaterialRelease(msgspec.Struct, frozen=True, kw_only=True):
    """An order gives back what it reserved."""

    material_id: Name
    reservation_id: Name
    work_order_id: Name
    reason: Text | None = None


class MaterialConsume(msgspec.Struct, frozen=True, kw_only=True):
    """An order has used a quantity up; its reservation, if it has one, ends with it."""

    material_id: Name
    transaction_id: Name
    work_order_id: Name
    reservation_id: Name | None = None
    quantity: Decimal

    def __post_init__(self) -> None:
        check_quantity("quantity", self.quantity, least=SMALLEST_QUANTITY)


class AllocatedBatch(msgspec.Struct, frozen=True, kw_only=True):
    """So much of a lot, and where the warehouse keeps it."""

    batch_number: Name
    quantity: Decimal
    location: Text | None = None

    def __post_init__(self) -> None:
        check_quantity("quantity", self.quantity, least=SMALLEST_QUANTITY)


class ReservationConfirmed(msgspec.Struct, frozen=True, kw_only=True):
    """The warehouse has reserved too (002 section 6.2.2); its lots replace ours. No lots: it names none."""

    material_id: Name
    reservation_id: Name
    inventory_reservation_id: Name
    batches: tuple[AllocatedBatch, ...] = ()
    confirmed_at: Moment


class ConsumptionConfirmed(msgspec.Struct, frozen=True, kw_only=True):
    """The warehouse has taken a consumption off its own stock."""

    material_id: Name
    transaction_id: Name
    confirmed_at: Moment


class FieldChange(msgspec.Struct, frozen=True, kw_only=True):
    """A field of the master data before and after; absent values are null."""

    field: Name
    old: Text | None
    new: Text | None


class MaterialChanged(msgspec.Struct, frozen=True, kw_only=True):
    """A material after a change.

    `reserved_quantity` is what our orders reserve, `allocated_quantity` that and what others do by the warehouse's
    word; `available_quantity` is on hand less allocated, never below 0. `stock_at` is the moment of the latest count.
    `changes` names the master data that changed, and by which message of whom.
    """

    material_id: Name
    version: Count
    part_number: Name
    part_name: Text
    description: Text | None
    category: Text | None
    unit_of_measure: Name
    standard_cost: Decimal | None
    currency: Name | None
    is_active: bool
    warehouse: Name | None
    location: Text | None
    on_hand_quantity: Decimal
    allocated_quantity: Decimal
    available_quantity: Decimal
    safety_stock: Decimal
    batches: tuple[StockBatch, ...]
    changed_at: Moment
    reserved_quantity: Decimal = Decimal(0)
    stock_at: Moment | None = None
    changes: tuple[FieldChange, ...] = ()
    changed_by: Name | None = None
    change_source: Name | None = None


class ReservedBatch(msgspec.Struct, frozen=True, kw_only=True):
    """So much of a lot."""

    batch_number: Name
    quantity: Decimal
    expiration_date: date | None = None
    location: Text | None = None


class ReservationChanged(msgspec.Struct, frozen=True, kw_only=True):
    """A reservation after a change. `quantity_reserved` is what is reserved now: 0 once it is released or consumed."""

    reservation_id: Name
    material_id: Name
    work_order_id: Name
    quantity_requested: Decimal
    quantity_reserved: Decimal
    shortage: Decimal
    status: ReservationStatus
    batches: tuple[ReservedBatch, ...] = ()
    inventory_reservation_id: Name | None = None
    version: Count
    reason: Text | None = None


class MaterialConsumed(msgspec.Struct, frozen=True, kw_only=True):
    """Material that an order used up, with the lots it came from as far as they are known."""

    transaction_id: Name
    material_id: Name
    work_order_id: Name
    reservation_id: Name | None
    quantity: Decimal
    batches: tuple[ReservedBatch, ...]
    unit_of_measure: Name
    part_number: Name
    occurred_at: Moment
    version: Count


class ConsumptionAcknowledged(msgspec.Struct, frozen=True, kw_only=True):
    """The warehouse knows of a consumption since `confirmed_at`."""

    transaction_id: Name
    material_id: Name
    confirmed_at: Moment
    version: Count
