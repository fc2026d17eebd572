"""What the MES and its machines say (002 section 4), translated: counts, inspections, downtime, machine status."""

import hashlib
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, NoReturn

import msgspec
from msgspec import Meta, field

from connectors.systems.statement import Context, Statement, in_utc, milliseconds, read
from schemas.codec import Unreadable
from schemas.envelope import Moment
from schemas.ids import short, work_order_id
from schemas.messages import machines as says
from schemas.messages.machines import MachineState, Units
from schemas.messages.values import Count, Minutes, Name, Percentage, Seconds, Text

# Status has three sources and one meaning (002 sections 4.2.1 and 4.3).
STATUSES: Final[dict[str, MachineState]] = {
    "running": "running",
    "producing": "running",
    "idle": "idle",
    "stopped": "stopped",
    "faulted": "breakdown",
    "down": "breakdown",
    "breakdown": "breakdown",
}
OFFLINE: Final = frozenset({"offline", "disconnected", "connection_lost"})


class CountPayload(msgspec.Struct, frozen=True, kw_only=True):
    """`mes/production/+/machine/+/count`."""

    machine_id: Name
    work_order_id: Name | None = None
    job_number: Name | None = field(default=None, name="JobNumber")
    timestamp: Moment
    units_produced: Count
    cumulative_units: Count
    quality_status: Literal["pass", "fail", "unknown"] | None = None
    cycle_time_seconds: Seconds | None = None
    machine_status: str | None = field(default=None, name="MachineStatus")
    part_number: Name | None = field(default=None, name="PartNumber")
    quantity: Units | None = field(default=None, name="Quantity")
    overall_equipment_effectiveness: Percentage | None = field(default=None, name="OEE")


class InspectionPayload(msgspec.Struct, frozen=True, kw_only=True):
    """`mes/quality/+/machine/+/inspection`."""

    machine_id: Name
    work_order_id: Name | None = None
    job_number: Name | None = field(default=None, name="JobNumber")
    timestamp: Moment
    inspection_id: Name
    inspection_type: Name | None = None
    result: Literal["pass", "fail"]
    defect_detected: bool | None = None
    defect_type: Text | None = None
    inspector: Name | None = None


class DowntimePayload(msgspec.Struct, frozen=True, kw_only=True):
    """`mes/downtime/+/machine/+/event`."""

    event_type: Literal["downtime.started", "downtime.ended"]
    machine_id: Name
    timestamp: Moment
    downtime_reason_code: Name | None = None
    downtime_reason_description: Text | None = None
    severity: Literal["low", "medium", "high", "critical"] | None = None
    estimated_repair_time_minutes: Minutes | None = None
    work_order_affected: Name | None = None
    job_number: Name | None = field(default=None, name="JobNumber")


class StatusVariables(msgspec.Struct, frozen=True, kw_only=True):
    """The seven variables below `MES.Machines.<id>.Status`, and the MES's own five of 002 section 4.3."""

    current_status: str | None = field(default=None, name="CurrentStatus")
    utilization_percentage: Percentage | None = field(default=None, name="UtilizationPercentage")
    current_work_order_id: Annotated[str, Meta(max_length=128)] | None = field(default=None, name="CurrentWorkOrderId")
    units_produced_this_cycle: Count | None = field(default=None, name="UnitsProducedThisCycle")
    cycle_time_seconds: Seconds | None = field(default=None, name="CycleTimeSeconds")
    downtime_seconds: Seconds | None = field(default=None, name="DowntimeSeconds")
    last_update_timestamp: Moment | None = field(default=None, name="LastUpdateTimestamp")
    machine_status: str | None = field(default=None, name="MachineStatus")
    job_number: Annotated[str, Meta(max_length=128)] | None = field(default=None, name="JobNumber")
    part_number: Annotated[str, Meta(max_length=128)] | None = field(default=None, name="PartNumber")
    quantity: Units | None = field(default=None, name="Quantity")
    overall_equipment_effectiveness: Percentage | None = field(default=None, name="OEE")


class StatusReading(msgspec.Struct, frozen=True, kw_only=True):
    """One machine's variables as the OPC-UA transport read them; `source_timestamp` is the newest among them.

    `is_historical`: read back from the server's history, as they were at `source_timestamp`.
    """

    machine_id: Name
    read_at: Moment
    source_timestamp: Moment | None = None
    is_snapshot: bool = False
    is_historical: bool = False
    variables: StatusVariables


_count = msgspec.json.Decoder(CountPayload)
_inspection = msgspec.json.Decoder(InspectionPayload)
_downtime = msgspec.json.Decoder(DowntimePayload)
_reading = msgspec.json.Decoder(StatusReading)
_will = msgspec.json.Decoder(dict[str, Any])
VARIABLES: Final[dict[str, Any]] = {each.encode_name: each.type for each in msgspec.structs.fields(StatusVariables)}


def count(address: str, data: bytes, context: Context) -> Statement:
    """A production count. Raises Unreadable."""
    told: CountPayload = _read(_count, data, context)
    _check_machine(address, told.machine_id)
    order = _order(told.work_order_id, told.job_number, context) or _missing("work_order_id")
    at = in_utc(told.timestamp)
    payload = says.ProductionCount(
        machine_id=told.machine_id,
        work_order_id=order,
        units_produced=told.units_produced,
        cumulative_units=told.cumulative_units,
        quality_status=told.quality_status or "unknown",
        cycle_time_seconds=told.cycle_time_seconds,
        status=machine_state(told.machine_status) if told.machine_status is not None else None,
        product_id=told.part_number,
        quantity_ordered=told.quantity,
        overall_equipment_effectiveness=told.overall_equipment_effectiveness,
    )
    natural_key = f"count-{told.machine_id}-{order}-{milliseconds(at)}-{told.cumulative_units}"
    return Statement("mes.production_count", payload, at, short(natural_key))


def inspection(address: str, data: bytes, context: Context) -> Statement:
    """A quality inspection; what is not said of defects follows from the result. Raises Unreadable."""
    told: InspectionPayload = _read(_inspection, data, context)
    _check_machine(address, told.machine_id)
    payload = says.Inspection(
        machine_id=told.machine_id,
        work_order_id=_order(told.work_order_id, told.job_number, context) or _missing("work_order_id"),
        inspection_id=told.inspection_id,
        inspection_type=told.inspection_type or "unspecified",
        result=told.result,
        defect_detected=told.result == "fail" if told.defect_detected is None else told.defect_detected,
        defect_type=told.defect_type,
        inspector=told.inspector,
    )
    return Statement("mes.inspection", payload, in_utc(told.timestamp), short(f"inspection-{told.inspection_id}"))


def downtime(address: str, data: bytes, context: Context) -> Statement:
    """The start or the end of a downtime. Raises Unreadable."""
    told: DowntimePayload = _read(_downtime, data, context)
    _check_machine(address, told.machine_id)
    at = in_utc(told.timestamp)
    affected = _order(told.work_order_affected, told.job_number, context)
    what = told.event_type.removeprefix("downtime.")
    payload: says.DowntimeStarted | says.DowntimeEnded
    if told.event_type == "downtime.started":
        payload = says.DowntimeStarted(
            machine_id=told.machine_id,
            downtime_reason_code=told.downtime_reason_code or "UNSPECIFIED",
            downtime_reason_description=told.downtime_reason_description or "",
            severity=told.severity or "medium",
            estimated_repair_time_minutes=told.estimated_repair_time_minutes,
            work_order_affected=affected,
        )
    else:
        payload = says.DowntimeEnded(
            machine_id=told.machine_id,
            downtime_reason_code=told.downtime_reason_code,
            work_order_affected=affected,
        )
    message_id = short(f"downtime-{told.machine_id}-{what}-{milliseconds(at)}")
    return Statement(f"mes.downtime_{what}", payload, at, message_id)


def status(_address: str, data: bytes, context: Context) -> Statement:
    """A machine's OPC-UA variables, as `StatusReading` in JSON.

    A snapshot says what is now, so it carries the moment it was read; a change carries its source timestamp,
    else LastUpdateTimestamp, else the moment it was read. Raises Unreadable.
    """
    told: StatusReading = read(_reading, data, context)
    values = told.variables
    newest = told.read_at if told.is_snapshot else told.source_timestamp or values.last_update_timestamp
    at = in_utc(newest or told.read_at, "variables.LastUpdateTimestamp")
    payload = says.MachineStatus(
        machine_id=told.machine_id,
        status=machine_state(values.current_status or values.machine_status, "variables.CurrentStatus"),
        utilization_percentage=values.utilization_percentage,
        current_work_order_id=_order(values.current_work_order_id, values.job_number, context),
        units_produced_this_cycle=values.units_produced_this_cycle,
        cycle_time_seconds=values.cycle_time_seconds,
        downtime_seconds=values.downtime_seconds,
        overall_equipment_effectiveness=values.overall_equipment_effectiveness,
        is_snapshot=told.is_snapshot,
        is_historical=told.is_historical,
        product_id=values.part_number or None,
        quantity_ordered=values.quantity,
    )
    digest = hashlib.sha256(msgspec.json.encode(payload)).hexdigest()[:12]
    microsecond = milliseconds(at) * 1000 + at.microsecond % 1000
    return Statement("mes.machine_status", payload, at, short(f"status-{told.machine_id}-{microsecond}-{digest}"))


def machine_state(told: str | None, path: str = "MachineStatus") -> MachineState:
    """Our word for a machine's status, whoever says it; nothing said is `unknown`. Raises Unreadable."""
    if told is None:
        return "unknown"
    known = STATUSES.get(told.strip().lower())
    if known is None:
        expected = "Running, Idle, Stopped, Faulted, Producing or Down"
        raise Unreadable("UNKNOWN_STATUS", f"{told[:100]!r} is no machine status; expected {expected}.", path)
    return known


def sound(variables: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Variables that are what they should be, and for each other one a sentence: one bad figure hides no status."""
    good: dict[str, Any] = {}
    bad: dict[str, str] = {}
    for name, value in variables.items():
        try:
            good[name] = _convert(name, value)
        except msgspec.ValidationError as error:
            bad[name] = str(error)
    return good, bad


def _convert(name: str, value: Any) -> Any:
    wanted = VARIABLES[name]
    if wanted == VARIABLES["UnitsProducedThisCycle"] and isinstance(value, float) and value.is_integer():
        value = int(value)
    if name == "LastUpdateTimestamp" and value == "":
        value = None
    if isinstance(value, float) and value != value:
        raise msgspec.ValidationError("it is not a number (NaN)")
    return msgspec.to_builtins(msgspec.convert(value, wanted))


def _read(decoder: Any, data: bytes, context: Context) -> Any:
    try:
        return read(decoder, data, context)
    except Unreadable as refusal:
        if refusal.code == "VALIDATION_ERROR" and _is_will(data):
            sentence = "A will message: the machine lost its connection to the broker. It says nothing else."
            raise Unreadable("WILL_MESSAGE", sentence) from refusal
        raise


def _is_will(data: bytes) -> bool:
    """Whether the broker says this in a machine's name: its last will."""
    try:
        told = _will.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return str(told.get("status", told.get("state", ""))).lower() in OFFLINE


def _check_machine(address: str, machine_id: str) -> None:
    """The machine of the topic `mes/<subject>/<line>/machine/<id>/<what>` must be the one that speaks."""
    levels = address.split("/")
    if len(levels) < 2 or levels[-2] != machine_id:
        named = levels[-2] if len(levels) > 1 else address
        sentence = f"The topic names machine {named}, the payload machine {machine_id}."
        raise Unreadable("MACHINE_MISMATCH", sentence, "machine_id")


def _order(ours: str | None, job_number: str | None, context: Context) -> str | None:
    """The work order's id: as told, or from the MES's JobNumber, which is the ERP's id."""
    if ours:
        return ours
    return work_order_id(context.tenant_id, job_number) if job_number else None


def _missing(name: str) -> NoReturn:
    raise Unreadable("VALIDATION_ERROR", f"Object missing required field `{name}`", name)
