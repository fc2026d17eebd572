"""What orders, machines and materials were at a moment, and figures with the messages they were computed from."""

from typing import Literal

from pydantic import AwareDatetime, Field

from schemas.messages.materials import ReservationStatus
from schemas.views.machines import MachineView
from schemas.views.materials import LotView, MaterialView
from schemas.views.reservations import ReservedLotView
from schemas.views.values import Number, View
from schemas.views.work_orders import NoteView, WorkOrderView


class PlaceView(View):
    """Where a message stands in the log."""

    topic: str
    partition: int
    offset: int


class AsOf(View):
    """Something as the system knew it at `at`: all that stood in its log by then, and nothing that came later."""

    at: AwareDatetime
    known_at: AwareDatetime = Field(description="when the latest event about it by then stood in the log")
    event: PlaceView = Field(description="that event")
    previous_at: AwareDatetime | None = Field(description="the last moment before `at` at which something changed")
    next_at: AwareDatetime | None = Field(description="the first moment after `at` at which something changed")


class BomLineThen(View):
    """A material that the order needed then."""

    line: int
    material_id: str
    part_number: str | None
    part_name: str | None
    quantity_required: Number
    unit_of_measure: str


class ReservationThen(View):
    """What an order held of a material then."""

    reservation_id: str
    work_order_id: str
    material_id: str
    quantity: Number
    quantity_requested: Number
    shortage: Number
    status: ReservationStatus
    batches: list[ReservedLotView]
    inventory_reservation_id: str | None
    reason: str | None
    version: int
    known_at: AwareDatetime
    event_topic: str
    event_partition: int
    event_offset: int


class WorkOrderAsOf(AsOf):
    """A work order as it was."""

    work_order: WorkOrderView
    bill_of_materials: list[BomLineThen]
    reservations: list[ReservationThen]
    notes: list[NoteView] = Field(description="what people had written by then, latest first, at most 200")


class MachineAsOf(AsOf):
    """A machine as it was."""

    machine: MachineView


class MaterialAsOf(AsOf):
    """A material as it was, its lots, and who held or waited for it."""

    material: MaterialView
    batches: list[LotView]
    reservations: list[ReservationThen]


class InputView(View):
    """One value that a figure is computed from; `figure` names its own passport, where it has one."""

    name: str
    title: str
    value: Number | None
    unit: str
    figure: str | None


class EvidenceView(PlaceView):
    """A message that a figure was computed from, and what it contributed."""

    message_id: str | None = Field(description="None where the record could not be read")
    type: str | None
    happened_at: AwareDatetime | None
    contributions: dict[str, Number | None] = Field(description="how much it counts for what goes into the figure")
    contributed: str = Field(description="what it says, in words")
    came_from: PlaceView | None = Field(description="the message that led to it, where it was no first message itself")


class Passport(View):
    """A figure, its formula, and the exact messages it was computed from.

    `recomputed` was computed now from these messages, as they were read from the log. `is_equal`: it is `value`, every
    row agrees with its message, and none is missing; otherwise `differences` says what does not fit. None where it
    could not be recomputed; `differences` says why.
    """

    entity: Literal["order", "machine", "material"]
    entity_id: str
    figure: str
    title: str
    value: Number | None
    unit: str
    formula: str = Field(description="in symbols")
    explanation: str = Field(description="in words")
    inputs: list[InputView]
    recomputed: Number | None
    is_equal: bool | None
    differences: list[str]
    messages: list[EvidenceView] = Field(description="a page of them, in the order of the log")
    messages_total: int
    next_cursor: str | None
    figures: list[str] = Field(description="all figures that have a passport here")
    from_at: AwareDatetime | None = None
    to_at: AwareDatetime | None = None
    took_seconds: float
