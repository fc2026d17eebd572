"""What is said of a material: its master data and its stock."""

from datetime import date
from decimal import Decimal

import msgspec

from schemas.envelope import Moment
from schemas.messages.values import Count, Name, Text, check_quantity


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


class MaterialChanged(msgspec.Struct, frozen=True, kw_only=True):
    """A material after a change. `available_quantity` is on hand less allocated, never below 0."""

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
