"""Work orders as the API shows them."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AliasChoices, AwareDatetime, BaseModel, ConfigDict, Field

from schemas.messages.boms import BomStatus
from schemas.messages.work_orders import MaterialsStatus, OrderStatus, Origin, Priority
from schemas.views.reservations import ReservationView
from schemas.views.values import Number, Percent, View

TaskStatus = Literal["open", "done"]


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
    origin: Origin = Field(description="who asked for it: the ERP, or somebody here")
    bom_id: str | None = Field(description="revision of the bill of materials it is made by")
    bom_revision: str | None
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
    available_quantity: Number | None = Field(description="on the shelf and promised to nobody")
    reserved_quantity: Number | None = Field(description="of all lines with this material, reserved for this order")
    consumed_quantity: Number | None = Field(description="of all lines with this material, used up by it")
    is_available: bool = Field(description="what it has and what is free together are enough")


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


class NoteView(View):
    """A note that somebody wrote to an order."""

    note_id: str
    work_order_id: str
    body: str
    written_by: str
    written_at: AwareDatetime


class TaskView(View):
    """Something that somebody is to do for an order."""

    task_id: str
    work_order_id: str
    title: str
    assigned_to: str | None
    due_at: AwareDatetime | None
    estimated_hours: Number | None
    actual_hours: Number | None
    started_at: AwareDatetime | None
    notes: str | None
    status: TaskStatus
    created_by: str
    created_at: AwareDatetime
    done_by: str | None
    done_at: AwareDatetime | None


class OrderProductView(View):
    """The product of an order, as the item master and the catalogue have it."""

    item_id: int
    product_id: str | None = Field(description="id in the catalogue, if it is there")
    name: str | None
    unit: str


class OrderBomView(View):
    """The revision of the bill that an order is made by, as it stands now."""

    bom_id: str
    bom_number: str
    revision: str
    lifecycle_status: BomStatus
    version: int
    is_deleted: bool


class TaskState(View):
    """How far an order's tasks are."""

    open: int
    done: int
    overdue: int
    estimated_hours: Number | None
    actual_hours: Number | None


class OrderAuditView(View):
    """What was asked of an order, or became of it."""

    at: AwareDatetime
    event: str
    verb: str | None
    said_by: str | None
    reason: str | None
    status: OrderStatus | None
    version: int | None


class WorkOrderPromise(View):
    """When an order in progress will be finished, as its operation was learned: quantiles, from now on in open time."""

    lane_id: str
    provider: str
    observations: int
    units_left: float
    minutes_per_unit: float = Field(description="the median that was learned")
    p10: AwareDatetime
    p50: AwareDatetime
    p90: AwareDatetime


class WorkOrderDetail(WorkOrderView):
    """A work order with all that belongs to it."""

    promise: WorkOrderPromise | None = Field(None, description="null: not in progress, or its operation is not learned")

    product: OrderProductView | None
    bom: OrderBomView | None
    are_components_available: bool = Field(description="every material of the bill is there, for this order or free")
    task_state: TaskState
    audit: list[OrderAuditView] = Field(description="the latest 50 changes and commands, latest first")
    bill_of_materials: list[BomLineView]
    reservations: list[ReservationView]
    production_logs: list[ProductionLogView] = Field(description="the latest 100 readings")
    quality_inspections: list[InspectionView]
    downtime_events: list[OrderDowntimeView]
    alerts: list[OrderAlertView]
    notes: list[NoteView] = Field(description="what people wrote, latest first")
    tasks: list[TaskView] = Field(description="what people are to do, open ones first")


Quantity = Annotated[Decimal, Field(ge=1, lt=10**12, max_digits=18, decimal_places=6)]
Hours = Annotated[Decimal, Field(ge=0, lt=10**6, decimal_places=6)]
Id = Annotated[str, Field(min_length=1, max_length=128)]
QUANTITY = AliasChoices("quantity_ordered", "quantity", "quantity_to_build")
LINE = AliasChoices("production_line_preference", "work_center", "work_center_id")
INSTRUCTIONS = AliasChoices("special_instructions", "instructions")


class WorkOrderBody(BaseModel):
    """A new order. Its bill is the revision named, or the one that holds on `effective_on`; the order keeps it."""

    model_config = ConfigDict(
        extra="forbid",
        str_strip_whitespace=True,
        json_schema_extra={
            "examples": [{"product_id": "PROD-WD-100", "quantity_ordered": 200, "due_date": "2026-12-01T16:00:00Z"}]
        },
    )

    product_id: Id = Field(description="code of the product, or its id in the catalogue")
    quantity_ordered: Quantity = Field(validation_alias=QUANTITY)
    unit_of_measure: Id | None = Field(
        None, validation_alias=AliasChoices("unit_of_measure", "unit"), description="absent: the bill's, or EA"
    )
    due_date: AwareDatetime
    priority: Priority = "normal"
    work_order_number: Id | None = Field(None, description="a number exists once")
    bom_id: UUID | None = None
    effective_on: date | None = Field(None, description="day whose bill is taken; absent: today")
    product_name: str | None = Field(None, max_length=4000)
    customer_order_id: Id | None = None
    production_line_preference: Id | None = Field(None, validation_alias=LINE)
    special_instructions: str | None = Field(None, validation_alias=INSTRUCTIONS, max_length=4000)
    reason: str | None = Field(None, max_length=4000)


class WorkOrderChange(BaseModel):
    """What changes of an order; what is absent stays. With the quantity its bill changes, if it is one of ours."""

    model_config = ConfigDict(
        extra="forbid",
        str_strip_whitespace=True,
        json_schema_extra={"examples": [{"priority": "urgent", "due_date": "2026-11-28T16:00:00Z"}]},
    )

    priority: Priority | None = None
    due_date: AwareDatetime | None = None
    quantity_ordered: Quantity | None = Field(None, validation_alias=QUANTITY)
    special_instructions: str | None = Field(None, validation_alias=INSTRUCTIONS, max_length=4000)
    production_line_preference: Id | None = Field(None, validation_alias=LINE)
    customer_order_id: Id | None = None
    reason: str | None = Field(None, max_length=4000)


class CommandBody(BaseModel):
    """What may be said with a command."""

    reason: str | None = Field(None, max_length=4000)


class AssignBody(CommandBody):
    """Who is to make an order, and on which machine; what is absent stays as it is."""

    machine_id: str | None = Field(None, min_length=1, max_length=128)
    operator_id: str | None = Field(None, min_length=1, max_length=128)


class NoteBody(BaseModel):
    """A note to an order."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    body: str = Field(min_length=1, max_length=4000)


class TaskBody(BaseModel):
    """A task for an order."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    title: str = Field(min_length=1, max_length=400)
    assigned_to: str | None = Field(None, min_length=1, max_length=128)
    due_at: AwareDatetime | None = None
    estimated_hours: Hours | None = None
    notes: str | None = Field(None, max_length=4000)


class TaskChange(BaseModel):
    """What changes of a task; what is absent stays as it is, what is null is taken away."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    title: str = Field("", min_length=1, max_length=400)
    assigned_to: str | None = Field(None, min_length=1, max_length=128)
    due_at: AwareDatetime | None = None
    estimated_hours: Hours | None = None
    actual_hours: Hours | None = None
    started_at: AwareDatetime | None = None
    notes: str | None = Field(None, max_length=4000)
    status: TaskStatus = "open"


class Outcome(View):
    """What became of a command. `pending`: not known yet; ask at `status_url`."""

    status: Literal["done", "pending"]
    work_order_id: str
    command_id: str
    order: dict[str, object] | None = Field(None, description="the order after the command")
    status_url: str | None = None


class OrderMade(Outcome):
    """A new order, as far as it is known. Warnings say what is short, or that there is no bill."""

    bom_id: str | None
    bom_revision: str | None
    validation_warnings: list[str]


class ErpAnswer(View):
    """The acknowledgement of 002 section 3.2.1."""

    status: Literal["success", "pending"]
    mraos_work_order_id: str
    erp_work_order_id: str
    message: str
    validation_warnings: list[str]
