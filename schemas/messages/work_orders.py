"""What is said to a work order, and what becomes of it."""

from decimal import Decimal
from typing import Literal

import msgspec

from schemas.envelope import Moment
from schemas.messages.machines import QualityStatus
from schemas.messages.materials import ReservationStatus
from schemas.messages.values import Count, Name, Seconds, Text, check_quantity

OrderStatus = Literal["received", "released", "assigned", "in_progress", "on_hold", "completed", "cancelled"]
Priority = Literal["low", "normal", "high", "urgent"]
Origin = Literal["erp", "plant"]
"""erp: the ERP asked for it and hears of its completion; plant: made here, the ERP does not know it."""
MaterialsStatus = Literal["none", "pending", "partial", "reserved", "consumed"]
"""none: nothing is needed (any more); pending: not all is asked for or answered; partial: all is answered and some of
it is missing; reserved: all is there; consumed: used up by completion."""


class BomLine(msgspec.Struct, frozen=True, kw_only=True):
    """One material of an order's bill of materials, in the order's total quantity."""

    material_id: Name
    part_number: Name | None = None
    part_name: Text | None = None
    quantity_required: Decimal
    unit_of_measure: Name = "EA"

    def __post_init__(self) -> None:
        check_quantity("quantity_required", self.quantity_required)


class WorkOrderCreated(msgspec.Struct, frozen=True, kw_only=True):
    """The ERP, or a person or a plan of ours (`origin`), asks for a product (002 section 3.2.1).

    `bom_id` and `bom_revision`: the bill of ours that `bill_of_materials` was made of; the order keeps them.
    """

    work_order_id: Name
    erp_work_order_id: Name
    work_order_number: Name | None = None
    product_id: Name
    product_name: Text | None = None
    product_variant: Text | None = None
    quantity_ordered: Decimal
    unit_of_measure: Name = "EA"
    priority: Priority = "normal"
    due_date: Moment
    customer_order_id: Name | None = None
    production_line_preference: Name | None = None
    bill_of_materials: tuple[BomLine, ...] = ()
    special_instructions: Text | None = None
    origin: Origin = "erp"
    bom_id: Name | None = None
    bom_revision: Name | None = None

    def __post_init__(self) -> None:
        check_quantity("quantity_ordered", self.quantity_ordered, least=Decimal(1))


class WorkOrderUpdated(msgspec.Struct, frozen=True, kw_only=True):
    """The ERP changes an order; what is absent stays as it is."""

    work_order_id: Name
    product_name: Text | None = None
    product_variant: Text | None = None
    quantity_ordered: Decimal | None = None
    priority: Priority | None = None
    due_date: Moment | None = None
    customer_order_id: Name | None = None
    production_line_preference: Name | None = None
    bill_of_materials: tuple[BomLine, ...] | None = None
    special_instructions: Text | None = None

    def __post_init__(self) -> None:
        check_quantity("quantity_ordered", self.quantity_ordered, least=Decimal(1))


class WorkOrderCommand(msgspec.Struct, frozen=True, kw_only=True):
    """A person or a system asks an order to move: release, start, hold, complete, cancel, archive."""

    work_order_id: Name
    actor: Name
    reason: Text | None = None


class WorkOrderAssign(msgspec.Struct, frozen=True, kw_only=True):
    """A supervisor gives an order to a machine and an operator; what is absent stays. Its materials are reserved."""

    work_order_id: Name
    actor: Name
    machine_id: Name | None = None
    operator_id: Name | None = None
    reason: Text | None = None


class ReservationDecided(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a material is reserved for an order, of how much it asked for."""

    work_order_id: Name
    material_id: Name
    reservation_id: Name
    quantity_requested: Decimal
    quantity_reserved: Decimal
    status: ReservationStatus
    reason: Text | None = None


class ProductionCounted(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Units a machine made for an order since it last spoke. `scrapped_units` are part of `units`.

    `units` may be 0 with `scrapped_units` above 0: a late reading told the quality of units counted before.
    """

    work_order_id: Name
    machine_id: Name
    log_id: Name
    units: Count
    scrapped_units: Count
    units_reported: Count
    cumulative_units: Count
    counter_epoch: Count
    quality_status: QualityStatus
    cycle_time_seconds: Seconds | None = None


class InspectionRecorded(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One inspection, as told to the order it belongs to."""

    work_order_id: Name
    machine_id: Name
    inspection_id: Name
    inspection_type: Name
    result: Literal["pass", "fail"]
    defect_detected: bool
    defect_type: Text | None = None
    inspector: Name | None = None


class ProductionInterrupted(msgspec.Struct, frozen=True, kw_only=True):
    """The machine an order runs on broke down or came back."""

    work_order_id: Name
    machine_id: Name
    is_interrupted: bool
    reason: Text


class WorkOrderChanged(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The whole head of an order after a change. `version` grows by one with each change."""

    work_order_id: Name
    version: Count
    erp_work_order_id: Name
    work_order_number: Name | None
    product_id: Name
    product_name: Text | None
    product_variant: Text | None
    quantity_ordered: Decimal
    quantity_produced: Count
    quantity_scrapped: Count
    progress_percentage: float
    unit_of_measure: Name
    status: OrderStatus
    priority: Priority
    due_date: Moment
    customer_order_id: Name | None
    production_line_preference: Name | None
    special_instructions: Text | None
    actual_start_at: Moment | None
    actual_end_at: Moment | None
    is_interrupted: bool
    defect_count: Count
    inspection_count: Count
    changed_at: Moment
    reason: Text | None = None
    bill_of_materials: tuple[BomLine, ...] | None = None
    assigned_machine_id: Name | None = None
    assigned_operator_id: Name | None = None
    materials_status: MaterialsStatus = "none"
    origin: Origin = "erp"
    bom_id: Name | None = None
    bom_revision: Name | None = None


class WorkOrderProgressed(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One counted reading and the order's totals after it: the row of a production log."""

    work_order_id: Name
    version: Count
    status: OrderStatus
    quantity_produced: Count
    quantity_scrapped: Count
    progress_percentage: float
    log_id: Name
    machine_id: Name
    units: Count
    scrapped_units: Count
    units_reported: Count
    cumulative_units: Count
    counter_epoch: Count
    quality_status: QualityStatus
    cycle_time_seconds: Seconds | None = None


class WorkOrderInspected(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One inspection and the order's quality totals after it."""

    work_order_id: Name
    version: Count
    defect_count: Count
    inspection_count: Count
    machine_id: Name
    inspection_id: Name
    inspection_type: Name
    result: Literal["pass", "fail"]
    defect_detected: bool
    defect_type: Text | None = None
    inspector: Name | None = None


class WorkOrderArchived(msgspec.Struct, frozen=True, kw_only=True):
    """A closed order has left the workers' memory; nothing can be said to it any more."""

    work_order_id: Name
    version: Count
    archived_at: Moment
