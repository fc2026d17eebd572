"""Routings as the API takes and shows them."""

from decimal import Decimal
from typing import Annotated, Any

from pydantic import AliasChoices, ConfigDict, Field

from schemas.views.edited import Code, EditedView, Long, Title, Told, Uuid
from schemas.views.resources import SOME_ID, Minutes, Seconds
from schemas.views.values import Number, View

Share = Annotated[Decimal, Field(ge=0, le=100, decimal_places=2)]
Sequence = Annotated[int, Field(ge=1, le=10**6)]
MOST_OPERATIONS = 500

BROCHURE: dict[str, Any] = {
    "routing_code": "BROCHURE-STD-001",
    "routing_name": "Standard brochure",
    "product_category": "brochures",
    "operations": [
        {
            "sequence_number": 10,
            "operation_id": SOME_ID,
            "work_center_id": SOME_ID,
            "setup_time_minutes": 30,
            "run_time_per_unit_seconds": 0.5,
            "yield_percentage": 98,
        },
        {
            "sequence_number": 20,
            "operation_id": SOME_ID,
            "yield_percentage": 99,
            "predecessor_sequence_number": 10,
            "transfer_quantity": 1000,
            "work_instructions": "Check the die against drawing 4711.",
        },
    ],
}


class RoutingOperationBody(Told):
    """An operation of a routing. Times and place that are absent are those of its kind of operation."""

    sequence_number: Annotated[Sequence, Field(description="10, 20, 30: room for what comes between")]
    operation_id: Uuid
    setup_time_minutes: Minutes | None = None
    run_time_per_unit_seconds: Seconds | None = None
    work_center_id: Uuid | None = None
    alternative_work_center_ids: list[Uuid] = Field(default_factory=list, max_length=50)
    yield_percentage: Annotated[Share, Field(description="of what is started, leaves good")] = Decimal(100)
    scrap_percentage: Annotated[Share, Field(description="of what is started, is thrown away")] = Decimal(0)
    is_concurrent: Annotated[bool, Field(description="may be done at the same time as the one before it")] = False
    predecessor_sequence_number: Annotated[
        Sequence | None, Field(description="must be done before; absent: the one before it in sequence")
    ] = None
    transfer_quantity: Annotated[
        Annotated[Decimal, Field(gt=0, lt=10**12, decimal_places=6)] | None,
        Field(description="units after which the next may begin; absent: all"),
    ] = None
    description: Long | None = None
    work_instructions: Long | None = None


class RoutingBody(Told):
    """A version of a routing. `routing_version` is 1 for a new code; later versions begin as copies."""

    model_config = ConfigDict(json_schema_extra={"examples": [BROCHURE]})

    routing_code: Code
    routing_name: Title
    routing_version: Annotated[int, Field(ge=1, le=10**6)] = 1
    product_category: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    product_id: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    is_active: Annotated[bool, Field(description="new orders use it; others of its code become inactive")] = True
    description: Long | None = None
    operations: list[RoutingOperationBody] = Field(default_factory=list, max_length=MOST_OPERATIONS)


class RoutingOperationView(View):
    """An operation of a routing: what is said of it, and what holds where nothing is said."""

    id: str
    sequence_number: int
    operation_id: str
    operation_code: str
    operation_name: str
    setup_time_minutes: Number | None
    run_time_per_unit_seconds: Number | None
    work_center_id: str | None
    alternative_work_center_ids: list[str]
    yield_percentage: Number
    scrap_percentage: Number
    is_concurrent: bool
    predecessor_operation_id: str | None
    predecessor_sequence_number: int | None
    transfer_quantity: Number | None
    description: str | None
    work_instructions: str | None
    effective_setup_time_minutes: Number
    effective_run_time_per_unit_seconds: Number
    effective_work_center_id: str | None


class RoutingSummary(EditedView):
    """A version of a routing without its operations."""

    id: str
    routing_code: str
    routing_name: str
    routing_version: int
    product_category: str | None
    product_id: str | None
    is_active: bool
    description: str | None
    operation_count: int


class RoutingView(RoutingSummary):
    """A version of a routing with its operations in sequence."""

    operations: list[RoutingOperationView]


class RoutingPage(View):
    """A page of routings by code and version."""

    routings: list[RoutingSummary]
    next_cursor: str | None


class VersionBody(Told):
    """A new version: a copy, with what is said here instead."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"description": "new die", "version": 3}]})

    routing_name: Title | None = None
    description: Long | None = None
    is_active: Annotated[bool, Field(description="new orders use it at once")] = True
    keep_others_active: Annotated[bool, Field(description="leave the versions active that are")] = False
    version: Annotated[int | None, Field(ge=1, description="version of the row that is copied, as it was seen")] = None


class Judgement(View):
    """Whether a routing can be expanded, and if not why not (004 section 1.2)."""

    isValid: bool  # noqa: N815 -- the document's name
    errors: list[str]


class ExpandBody(Told):
    """How many good units shall come out."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"target_quantity": 10000}]})

    target_quantity: Annotated[
        Decimal,
        Field(
            gt=0,
            lt=10**12,
            decimal_places=6,
            validation_alias=AliasChoices("target_quantity", "targetQuantity"),
        ),
    ]


class RunView(View):
    """What an operation becomes for an order: what to start, what will be lost included, and how long it takes."""

    sequence_number: int
    operation_id: str
    operation_code: str
    work_center_id: str
    alternative_work_center_ids: list[str]
    quantity: int = Field(description="units to start, rounded up")
    exact_quantity: float = Field(description="what it is rounded up from")
    setup_minutes: int
    run_minutes: int
    predecessors: list[int]
    is_concurrent: bool
    transfer_quantity: Number | None
    instructions: str | None


class Expansion(View):
    """The runs that make a quantity of a product. Nothing is kept of them."""

    routing_id: str
    target_quantity: Number
    runs: list[RunView]
