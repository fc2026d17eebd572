"""Production orders and their runs as the API shows them."""

from decimal import Decimal
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from schemas.messages.production import ProductionOrderStatus, RunStatus
from schemas.messages.work_orders import Priority
from schemas.views.values import Number, View

Text = Annotated[str, Field(min_length=1, max_length=128)]
Quantity = Annotated[Decimal, Field(gt=0, lt=10**12, max_digits=18, decimal_places=6)]


class ProductionRunView(View):
    """One operation of a production order: where, when, how much, and what machines have counted for it."""

    run_id: str
    production_order_id: str
    sequence_number: int
    predecessors: list[int] = Field(description="sequence numbers of what must be done before")
    is_concurrent: bool
    operation_id: str
    operation_code: str
    operation_name: str
    quantity: Number = Field(description="units to start, what will be lost included")
    setup_minutes: int
    run_minutes: int
    transfer_quantity: Number | None
    setup_family: str | None
    work_center_id: str
    work_center_code: str
    work_center_name: str
    machine_id: str | None
    alternative_work_center_ids: list[str]
    work_instructions: str | None
    status: RunStatus
    setup_start: AwareDatetime | None
    scheduled_start: AwareDatetime | None
    scheduled_end: AwareDatetime | None
    is_frozen: bool
    schedule_id: str | None
    work_order_id: str | None = Field(description="work order that machines count for, once it is released")
    quantity_good: Number
    quantity_scrapped: Number
    actual_start: AwareDatetime | None
    actual_end: AwareDatetime | None
    version: int


class ProductionOrderView(View):
    """A production order as it stands now."""

    production_order_id: str
    production_order_number: str
    sales_order_id: str | None
    sales_order_line: int | None
    customer: str | None
    product_id: str
    product_name: str | None
    quantity: Number = Field(description="good units that are wanted")
    quantity_completed: Number = Field(description="good units that its last operations have made")
    unit_of_measure: str
    priority: Priority
    due_date: AwareDatetime
    status: ProductionOrderStatus
    is_late: bool = Field(description="still open after its due date")
    routing_id: str | None
    routing_code: str | None
    routing_version: int | None
    material_available_at: AwareDatetime | None
    scheduled_end: AwareDatetime | None = Field(description="when its last run is done, by the schedule")
    version: int = Field(description="grows by one with each change; who changes it names the one they saw")
    created_at: AwareDatetime
    created_by: str
    updated_at: AwareDatetime | None
    updated_by: str | None


class ProductionOrderPage(View):
    """A page of production orders; `next_cursor` is absent on the last one."""

    production_orders: list[ProductionOrderView]
    next_cursor: str | None


class ProductionOrderDetail(ProductionOrderView):
    """A production order with its runs."""

    runs: list[ProductionRunView]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ProductionOrderBody(_Body):
    """A production order that somebody asks for. Without a number it gets one, without a routing its product's."""

    production_order_number: Text | None = None
    product_id: Text
    product_name: Annotated[str, Field(max_length=400)] | None = None
    quantity: Quantity
    unit_of_measure: Text = "EA"
    priority: Priority = "normal"
    due_date: AwareDatetime
    customer: Annotated[str, Field(max_length=400)] | None = None
    routing_id: Text | None = None
    material_available_at: AwareDatetime | None = None


class ProductionOrderPatch(_Body):
    """What somebody changes of a production order; `version` is the one they saw."""

    version: int
    quantity: Quantity | None = None
    priority: Priority | None = None
    due_date: AwareDatetime | None = None
    routing_id: Text | None = None
    material_available_at: AwareDatetime | None = None


class GenerateBody(_Body):
    """Sales orders to make production orders of, whole, or those that came by their topic, by id."""

    sales_order_ids: list[Text] = []
    sales_orders: list[dict[str, object]] = []


class ReasonBody(_Body):
    """Why somebody wants it; `version` is the one they saw, if that matters."""

    version: int | None = None
    reason: Annotated[str, Field(max_length=4000)] = ""


class Generated(View):
    """The production orders of sales orders, one for each line."""

    production_order_ids: list[str]
    production_orders: list[ProductionOrderView]


class Expanded(View):
    """The runs that a production order has now."""

    production_order_id: str
    version: int
    run_ids: list[str]
    runs: list[ProductionRunView]


class Released(View):
    """The work orders that were made of runs."""

    production_order_id: str
    version: int
    work_order_ids: list[str]


class Camel(View):
    """What is told in the form of document 004, whose names are written inCamelCase."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class CenterCapacityView(Camel):
    """A work centre that an order needs, from now to its due date, in the form of document 004."""

    work_center_id: str
    work_center_name: str
    available_hours: float
    required_hours: float = Field(description="the order's own")
    utilization_percent: float | None = Field(description="planned and required of available; null: never open")
    is_bottleneck: bool


class FeasibilityView(Camel):
    """Whether an order can be done by its due date, in the form of document 004."""

    is_feasible: bool
    bottlenecks: list[CenterCapacityView]
    estimated_completion_date: AwareDatetime | None
    warnings: list[str]


class LeadTimeView(Camel):
    """Days until a production order is done, at what is planned now."""

    lead_time_days: int | None
    estimated_completion_date: AwareDatetime | None
    warnings: list[str]


class MaterialRequirementView(Camel):
    """A material that a production order needs, over all levels of its bill, and what of it is there."""

    material_id: str
    material_name: str | None
    unit_of_measure: str
    required_quantity: Number
    available_quantity: Number
    shortfall_quantity: Number
    required_date: AwareDatetime
    is_known: bool = Field(description="whether there is a record of its stock")


class MaterialRequirementsView(Camel):
    """All materials that a production order needs."""

    material_requirements: list[MaterialRequirementView]


class AuditView(View):
    """One change, by whom, with each field before and after."""

    event_type: str
    version: int
    said_by: str
    changes: dict[str, object]
    happened_at: AwareDatetime


class AuditTrail(View):
    """What was changed, latest first."""

    audit: list[AuditView]
