"""Work orders as the API shows them."""

from datetime import datetime
from typing import Literal

from pydantic import AwareDatetime, BaseModel, Field

from schemas.messages.work_orders import MaterialsStatus, OrderStatus, Priority
from schemas.views.reservations import ReservationView
from schemas.views.values import Number, Percent, View


class WorkOrderView(View):
    """A work order as it stands now."""

    work_order_id: str
    erp_work_order_id: str
    work_order_number: str | None
    product_id: str
    product_name: str | None
    product_variant: str | None
    quantity_ordered: Number
    quantity_produced: Number = Field(description="units made, scrap included")
    quantity_scrapped: Number
    quantity_good: Number = Field(description="produced less scrapped")
    progress_percentage: Percent
    unit_of_measure: str
    status: OrderStatus
    priority: Priority
    due_date: AwareDatetime
    is_late: bool = Field(description="still open after its due date")
    customer_order_id: str | None
    production_line_preference: str | None
    special_instructions: str | None
    actual_start_at: AwareDatetime | None
    actual_end_at: AwareDatetime | None
    is_interrupted: bool
    inspection_count: int
    defect_count: int
    current_machine_id: str | None
    assigned_machine_id: str | None
    assigned_operator_id: str | None
    materials_status: MaterialsStatus = Field(description="how far its materials are reserved")
    erp_synchronized_at: AwareDatetime | None = Field(description="when the ERP accepted the completion report")
    archived_at: AwareDatetime | None
    version: int = Field(description="grows by one with each change")
    created_at: AwareDatetime
    updated_at: AwareDatetime


class WorkOrderPage(View):
    """A page of orders; `next_cursor` is absent on the last one."""

    work_orders: list[WorkOrderView]
    next_cursor: str | None


class BomLineView(View):
    """A material the order needs, against what is there."""

    line: int
    material_id: str
    part_number: str | None
    part_name: str | None
    quantity_required: Number
    unit_of_measure: str
    available_quantity: Number | None
    is_available: bool


class ProductionLogView(View):
    """A counter reading, with the place in the log it came from."""

    log_id: str
    machine_id: str
    produced_at: datetime
    received_at: datetime
    is_late: bool
    units: int
    scrapped_units: int
    units_reported: int
    cumulative_units: int
    counter_epoch: int
    quality_status: str
    cycle_time_seconds: float | None
    order_version: int
    event_topic: str
    event_partition: int
    event_offset: int


class InspectionView(View):
    """A quality inspection."""

    inspection_id: str
    machine_id: str
    inspected_at: datetime
    inspection_type: str
    result: str
    defect_detected: bool
    defect_type: str | None
    inspector: str | None


class OrderDowntimeView(View):
    """A downtime that interrupted the order."""

    downtime_id: str
    machine_id: str
    downtime_reason_code: str
    downtime_reason_description: str
    severity: str
    started_at: datetime
    ended_at: datetime | None
    duration_seconds: float | None


class OrderAlertView(View):
    """An alert about the order."""

    alert_id: str
    kind: str
    severity: str
    message: str
    raised_at: datetime
    acknowledged_at: datetime | None


class WorkOrderDetail(WorkOrderView):
    """A work order with all that belongs to it."""

    bill_of_materials: list[BomLineView]
    reservations: list[ReservationView]
    production_logs: list[ProductionLogView] = Field(description="the latest 100 readings")
    quality_inspections: list[InspectionView]
    downtime_events: list[OrderDowntimeView]
    alerts: list[OrderAlertView]


class CommandBody(BaseModel):
    """What may be said with a command."""

    reason: str | None = Field(None, max_length=4000)


class AssignBody(CommandBody):
    """Who is to make an order, and on which machine; what is absent stays as it is."""

    machine_id: str | None = Field(None, min_length=1, max_length=128)
    operator_id: str | None = Field(None, min_length=1, max_length=128)


class Outcome(View):
    """What became of a command. `pending`: not known yet; ask at `status_url`."""

    status: Literal["done", "pending"]
    work_order_id: str
    command_id: str
    order: dict[str, object] | None = Field(None, description="the order after the command")
    status_url: str | None = None


class ErpAnswer(View):
    """The acknowledgement of 002 section 3.2.1."""

    status: Literal["success", "pending"]
    mraos_work_order_id: str
    erp_work_order_id: str
    message: str
    validation_warnings: list[str]
