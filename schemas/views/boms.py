"""Bills of materials, items, products and units as the API takes and shows them."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from schemas.messages.boms import BomStatus
from schemas.views.values import Number, View

MOST_COMPONENTS = 500

Code = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^\S(.*\S)?$")]
Short = Annotated[str, StringConstraints(min_length=1, max_length=32, pattern=r"^\S(.*\S)?$")]
Words = Annotated[str, Field(max_length=4000)]
Quantity = Annotated[Decimal, Field(gt=0, lt=10**12, max_digits=18, decimal_places=6)]
Scrap = Annotated[Decimal, Field(ge=0, lt=100, decimal_places=6)]
ItemId = Annotated[int, Field(ge=1, le=2**63 - 1)]
Version = Annotated[int, Field(ge=1, le=2**53, description="the version you saw; `If-Match` says the same")]
UNIT = AliasChoices("unit", "uom", "unit_of_measure")


class Asked(BaseModel):
    """What people send: fields that are not known are refused."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, populate_by_name=True)


class NamedItem(Asked):
    """An item, named by at least one of its names; where there are several, they must name the same item."""

    item_id: ItemId | None = Field(None, description="number in the item master")
    item_code: Code | None = Field(
        None,
        validation_alias=AliasChoices("item_code", "material_id"),
        description="its id in materials and orders",
    )
    product_id: Code | None = Field(None, description="id in the catalogue, or the product's code as orders name it")


class ComponentBody(NamedItem):
    """What goes into the bill's output quantity of one item, without what is spoiled on the way."""

    quantity: Quantity
    unit: Short | None = Field(None, validation_alias=UNIT, description="absent: the item's own")
    position: Short | None = Field(None, description="place on the drawing; absent: 10, 20, 30 and so on")
    scrap_percentage: Scrap = Field(Decimal(0), description="share of what is taken that is spoiled")
    notes: Words | None = None


Components = Annotated[list[ComponentBody], Field(max_length=MOST_COMPONENTS)]
EXAMPLE: dict[str, Any] = {
    "product_id": "PROD-WD-100",
    "product_name": "Washer Door Assembly",
    "revision": "A",
    "lifecycle_status": "active",
    "effective_from": "2026-11-21",
    "output_quantity": 1,
    "unit": "EA",
    "components": [
        {"item_code": "MAT-A-1234", "quantity": 2, "unit": "EA", "position": "10", "scrap_percentage": 1.5},
        {"item_code": "MAT-B-7", "quantity": 250, "unit": "G", "position": "20"},
    ],
}


class BomBody(NamedItem):
    """A new bill. A product that nobody knows is entered in the item master; a component must be known."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    product_name: Words | None = Field(None, min_length=1, description="enters the product in the catalogue")
    bom_number: Code | None = Field(None, description="absent: made of the product's code and the revision")
    revision: Short = "A"
    lifecycle_status: BomStatus = "active"
    effective_from: date | None = Field(None, description="first day on which it holds; absent: today")
    effective_to: date | None = Field(None, description="first day on which it does not hold any more")
    output_quantity: Quantity = Decimal(1)
    unit: Short | None = Field(None, validation_alias=UNIT, description="absent: the item's own, or EA")
    is_phantom: bool | None = Field(None, description="never made for itself; absent: as it is")
    description: Words | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)
    components: Components = Field(default_factory=list)
    reason: Words | None = Field(None, description="why, for the audit")


class BomChange(Asked):
    """What changes; what is absent stays. `components` are replaced as a whole."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"version": 3, "lifecycle_status": "obsolete"}]})

    version: Version | None = None
    bom_number: Code | None = None
    lifecycle_status: BomStatus | None = None
    effective_from: date | None = None
    effective_to: date | None = Field(None, description="null: until further notice")
    output_quantity: Quantity | None = None
    unit: Short | None = Field(None, validation_alias=UNIT)
    description: Words | None = None
    metadata: dict[str, Any] | None = None
    components: Components | None = None
    reason: Words | None = None


class BomReplacement(BomBody):
    """The whole bill as it is to be; its product and revision stay."""

    version: Version | None = None


class RevisionBody(BomChange):
    """A new revision made of an old one: what is absent is as in that. It is a draft unless it says otherwise."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"revision": "B", "effective_from": "2027-01-01", "lifecycle_status": "active"}]
        }
    )

    revision: Short


class ComponentView(View):
    """A component."""

    id: str
    line: int
    position: str
    item_id: int
    item_code: str
    product_id: str | None
    name: str | None
    quantity: Number
    unit: str
    scrap_percentage: Number
    notes: str | None


class BomHead(View):
    """A bill without its components."""

    id: str
    bom_number: str
    product_id: str | None = Field(description="id in the catalogue, if it is there")
    item_id: int
    item_code: str
    product_name: str | None
    is_phantom: bool
    revision: str
    lifecycle_status: BomStatus
    effective_from: date
    effective_to: date | None
    output_quantity: Number
    unit: str
    description: str | None
    component_count: int
    version: int = Field(description="grows by one with each change")
    created_at: AwareDatetime
    created_by: str | None
    updated_at: AwareDatetime | None
    updated_by: str | None


class BomView(BomHead):
    """A bill with its components."""

    metadata: dict[str, Any]
    components: list[ComponentView]


class BomPage(View):
    """A page of bills; `next_cursor` is absent on the last one."""

    boms: list[BomHead]
    next_cursor: str | None


class AuditEntry(View):
    """A change of a bill."""

    id: str
    bom_id: str
    event_type: Literal["created", "updated", "revised", "superseded", "deleted"]
    version: int
    user_id: str
    notes: str | None
    changes: dict[str, Any] = Field(description="of each field, what it was and what it is")
    event_at: AwareDatetime


class BomAudit(View):
    """What became of a bill, latest first."""

    audit: list[AuditEntry]


class RequirementView(View):
    """A line of an indented explosion."""

    level: int
    item_code: str
    name: str | None
    quantity: Number = Field(description="with what is spoiled, in `unit`")
    unit: str
    position: str | None
    path: list[str] = Field(description="from the product to the item")


class TotalView(View):
    """What is needed of an item over all places where it goes in."""

    item_code: str
    name: str | None
    quantity: Number
    unit: str
    low_level_code: int
    is_bought: bool = Field(description="has no bill of its own")
    available_quantity: Number | None = Field(description="on the shelf and promised to nobody; absent: not known")


class ExplosionView(View):
    """What a quantity of a product takes, over all levels."""

    bom_id: str
    item_code: str
    revision: str
    quantity: Number
    unit: str
    effective_on: date
    lines: list[RequirementView]
    totals: list[TotalView]


class UsageView(View):
    """A product that an item goes into."""

    level: int
    item_code: str
    name: str | None
    quantity: Number = Field(description="of the item, for one unit of this product by this path")
    unit: str
    path: list[str]


class WhereUsed(View):
    """Every product that an item goes into, by every path."""

    item_code: str
    effective_on: date
    usages: list[UsageView]


class CostLine(View):
    """What one unit of an item costs; absent where a cost in it is not known."""

    item_code: str
    unit: str
    material_cost: Number | None
    value_added: Number
    total_cost: Number | None
    missing: list[str]


class CostView(CostLine):
    """What one unit of a product costs, from the bottom up. Nothing is added for operations where none is told."""

    bom_id: str
    revision: str
    effective_on: date
    items: list[CostLine] = Field(description="of all that is in it, too")


class ProductBody(Asked):
    """A product of the catalogue."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"product_code": "PROD-WD-100", "name": "Washer Door"}]})

    product_code: Code
    name: Words = Field(min_length=1)
    unit: Short = Field("EA", validation_alias=UNIT)


class ProductView(View):
    """A product, and the item it is."""

    id: str
    item_id: int
    product_code: str
    name: str
    unit: str
    version: int
    created_at: AwareDatetime


class ProductPage(View):
    """A page of products; `next_cursor` is absent on the last one."""

    products: list[ProductView]
    next_cursor: str | None


class UnitView(View):
    """A unit of measure."""

    unit: str
    description: str


class ConversionView(View):
    """One `unit` is `factor` times `into`: of every item, or of one."""

    unit: str
    into: str
    factor: Number
    item_code: str | None


class UnitsView(View):
    """All units and what one of them is in others."""

    units: list[UnitView]
    conversions: list[ConversionView]


class ConversionBody(Asked):
    """One `unit` is `factor` times `into`: of every item, or of one (a box of these screws holds 200)."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"unit": "BOX", "into": "EA", "factor": 200, "item_code": "MAT-S-4"}]}
    )

    unit: Short
    into: Short
    factor: Quantity
    item_code: Code | None = None
    description: Words | None = Field(None, description="of `unit`, if it is a new one")
