"""What the ERP says (002 section 3), checked and translated: work orders and material master data."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from schemas.codec import Unreadable
from schemas.ids import work_order_id
from schemas.messages.materials import MaterialUpserted
from schemas.messages.work_orders import BomLine, Priority, WorkOrderCommand, WorkOrderCreated, WorkOrderUpdated

Id = Annotated[str, Field(min_length=1, max_length=128)]
Words = Annotated[str, Field(max_length=4000)]
Quantity = Annotated[Decimal, Field(ge=0, lt=10**12, max_digits=18, decimal_places=6)]
Model = TypeVar("Model", bound=BaseModel)
PRIORITIES: dict[str, Priority] = {
    "low": "low",
    "normal": "normal",
    "medium": "normal",
    "high": "high",
    "urgent": "urgent",
    "critical": "urgent",
}


class _Strict(BaseModel):
    """Numbers are numbers; unknown fields of the ERP are of no concern to us."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class ErpBomLine(_Strict):
    """A line of an ERP bill of materials; the quantity is for the whole order."""

    material_id: Id
    part_number: Id | None = None
    part_name: Words | None = None
    quantity_required: Quantity
    unit_of_measure: Id = "EA"


class ErpWorkOrder(_Strict):
    """The `work_order` of a webhook. Its id is always needed; a new one needs the four fields of 002 section 3.3."""

    erp_work_order_id: Id
    work_order_number: Id | None = None
    product_id: Id | None = None
    product_name: Words | None = None
    product_variant: Words | None = None
    quantity_ordered: Annotated[Decimal, Field(ge=1, lt=10**12, max_digits=18, decimal_places=6)] | None = None
    unit_of_measure: Id | None = None
    priority: Literal["low", "normal", "medium", "high", "urgent", "critical"] | None = None
    due_date: AwareDatetime | None = None
    customer_order_id: Id | None = None
    production_line_preference: Id | None = None
    bill_of_materials: list[ErpBomLine] | None = Field(None, max_length=2000)
    special_instructions: Words | None = None
    cancellation_reason: Words | None = None


class ErpEvent(_Strict):
    """The body of `POST /api/v1/integrations/erp/work-orders`."""

    event_type: Literal["work_order.created", "work_order.updated", "work_order.cancelled"]
    timestamp: AwareDatetime
    work_order: ErpWorkOrder

    @model_validator(mode="after")
    def _a_new_order_is_complete(self) -> "ErpEvent":
        if self.event_type == "work_order.created":
            needed = ("product_id", "quantity_ordered", "due_date")
            missing = [name for name in needed if getattr(self.work_order, name) is None]
            if missing:
                raise ValueError(f"a new work order needs work_order.{', work_order.'.join(missing)}")
        return self


class ErpMaterial(_Strict):
    """A material of the master data sync."""

    material_id: Id
    part_number: Id
    part_name: Words
    description: Words | None = None
    category: Words | None = None
    unit_of_measure: Id = "EA"
    standard_cost: Quantity | None = None
    currency: Annotated[str, Field(min_length=3, max_length=3)] | None = None
    safety_stock: Quantity | None = None
    is_active: bool = True


class ErpMaterials(_Strict):
    """The body of `POST /api/v1/integrations/erp/materials`; CSV has the same names in its header."""

    materials: list[ErpMaterial]


def read_event(document: Any) -> ErpEvent:
    """The ERP's event. Raises Unreadable naming the fields."""
    return validated(ErpEvent, document)


def validated(model: type[Model], document: Any) -> Model:
    """A document as a model; quantities must be JSON numbers. Raises Unreadable naming the fields."""
    if not isinstance(document, dict):
        raise Unreadable("VALIDATION_ERROR", "The body must be a JSON object.")
    if text := _quantity_as_text(document, ""):
        raise Unreadable("VALIDATION_ERROR", f"{text} must be a number, not text.", text)
    try:
        return model.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        path = ".".join(map(str, first["loc"]))
        reasons = "; ".join(
            f"{'.'.join(map(str, each['loc'])) or 'body'}: {each['msg']}" for each in error.errors()[:5]
        )
        raise Unreadable("VALIDATION_ERROR", f"{reasons}.", path or None) from error


def _quantity_as_text(value: Any, path: str) -> str | None:
    """The path of the first quantity or cost that came as text or truth value."""
    if isinstance(value, dict):
        for name, item in value.items():
            here = f"{path}.{name}" if path else str(name)
            is_number = str(name).startswith("quantity") or str(name).endswith(("_quantity", "_cost", "_stock"))
            if is_number and isinstance(item, str | bool):
                return here
            if found := _quantity_as_text(item, here):
                return found
    elif isinstance(value, list):
        for index, item in enumerate(value):
            if found := _quantity_as_text(item, f"{path}.{index}"):
                return found
    return None


def created(tenant_id: str, order: ErpWorkOrder) -> WorkOrderCreated:
    """A new order, under the id that follows from the ERP's."""
    assert order.product_id is not None
    assert order.quantity_ordered is not None
    assert order.due_date is not None
    return WorkOrderCreated(
        work_order_id=work_order_id(tenant_id, order.erp_work_order_id),
        erp_work_order_id=order.erp_work_order_id,
        work_order_number=order.work_order_number,
        product_id=order.product_id,
        product_name=order.product_name,
        product_variant=order.product_variant,
        quantity_ordered=order.quantity_ordered,
        unit_of_measure=order.unit_of_measure or "EA",
        priority=PRIORITIES[order.priority or "normal"],
        due_date=order.due_date,
        customer_order_id=order.customer_order_id,
        production_line_preference=order.production_line_preference,
        bill_of_materials=_bill(order) or (),
        special_instructions=order.special_instructions,
    )


def updated(tenant_id: str, order: ErpWorkOrder) -> WorkOrderUpdated:
    """What changes of an order."""
    return WorkOrderUpdated(
        work_order_id=work_order_id(tenant_id, order.erp_work_order_id),
        product_name=order.product_name,
        product_variant=order.product_variant,
        quantity_ordered=order.quantity_ordered,
        priority=PRIORITIES[order.priority] if order.priority else None,
        due_date=order.due_date,
        customer_order_id=order.customer_order_id,
        production_line_preference=order.production_line_preference,
        bill_of_materials=_bill(order),
        special_instructions=order.special_instructions,
    )


def cancelled(tenant_id: str, order: ErpWorkOrder, client: str) -> WorkOrderCommand:
    """The end of an order."""
    return WorkOrderCommand(
        work_order_id=work_order_id(tenant_id, order.erp_work_order_id),
        actor=client,
        reason=order.cancellation_reason or "Cancelled by the ERP.",
    )


def _bill(order: ErpWorkOrder) -> tuple[BomLine, ...] | None:
    if order.bill_of_materials is None:
        return None
    return tuple(BomLine(**line.model_dump()) for line in order.bill_of_materials)


def material(told: ErpMaterial) -> MaterialUpserted:
    """Master data of a material."""
    return MaterialUpserted(**told.model_dump())


def shortage(part: str, available: Decimal, required: Decimal) -> str | None:
    """The warning of 002 section 3.2.1, if less is available than required."""
    if available >= required:
        return None
    have, need, lack = (f"{number.normalize():f}" for number in (available, required, required - available))
    return f"Part {part} has only {have} units available ({need} required). Shortage of {lack} units."


def natural_message_id(order_id: str, event: ErpEvent, body_hash: str) -> str:
    """A creation follows from its order alone; a change also from its moment and content."""
    if event.event_type == "work_order.created":
        return f"erp-created-{order_id}"
    return f"erp-{event.event_type.removeprefix('work_order.')}-{order_id}-{_micros(event.timestamp)}-{body_hash[:12]}"


def _micros(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000)
