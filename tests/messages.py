"""Makes messages and records for tests, in one line each."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zlib import crc32

from schemas.codec import decode, encode
from schemas.envelope import Message
from schemas.messages.machines import MachineRegistered, ProductionCount
from schemas.messages.work_orders import ProductionCounted, WorkOrderCreated
from schemas.settings import DEFAULT_TENANT
from schemas.topics import key_of
from streams.driver import Batch, Record, fold_batch
from streams.topology import processor

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    """A moment, in seconds after noon."""
    return NOON + timedelta(seconds=seconds)


def units_counted(order: str, units: int, log_id: str, **fields: Any) -> ProductionCounted:
    """A machine made units of an order, all good unless the fields say otherwise."""
    complete: dict[str, Any] = {
        "work_order_id": order,
        "machine_id": "M-1",
        "log_id": log_id,
        "units": units,
        "scrapped_units": 0,
        "units_reported": units,
        "cumulative_units": units,
        "counter_epoch": 0,
        "quality_status": "pass",
    }
    return ProductionCounted(**(complete | fields))


def message(
    type_name: str, payload: Any, seconds: float = 0, *, tenant: str = DEFAULT_TENANT, **fields: Any
) -> Message[Any]:
    """A message said some seconds after noon."""
    envelope: dict[str, Any] = {
        "message_id": f"{type_name}-{seconds}-{crc32(repr(payload).encode()):x}",
        "source_system": "TEST",
        "correlation_id": "test",
        "source": "test",
        "position": 0,
        "timestamp": at(seconds),
        "received_at": at(seconds),
    }
    return Message(type=type_name, tenant_id=tenant, payload=payload, **(envelope | fields))


def registered(machine_id: str = "M-1", **fields: Any) -> Message[Any]:
    told = MachineRegistered(machine_id=machine_id, machine_name=f"Machine {machine_id}", line="line1", **fields)
    return message("machine.register", told, -3600)


def count(cumulative: int, seconds: float, *, units: int = 1, order: str = "WO-1", machine: str = "M-1", **fields: Any):
    told = ProductionCount(
        machine_id=machine, work_order_id=order, units_produced=units, cumulative_units=cumulative, **fields
    )
    return message("mes.production_count", told, seconds, message_id=f"count-{machine}-{order}-{seconds}-{cumulative}")


def created(order: str = "WO-1", quantity: int = 100, **fields: Any) -> Message[Any]:
    told = WorkOrderCreated(
        work_order_id=order,
        erp_work_order_id=f"ERP-{order}",
        product_id="PROD-1",
        quantity_ordered=Decimal(quantity),
        due_date=at(86_400),
        **fields,
    )
    return message("erp.work_order_created", told, -1800)


def records(messages: Sequence[Message[Any]], first: int = 0) -> list[Record]:
    """Messages as the records of one partition."""
    return [
        Record(first + index, key_of(said.type, said.tenant_id, said.payload), encode(said))
        for index, said in enumerate(messages)
    ]


def run(name: str, messages: Sequence[Message[Any]], states: dict[bytes, bytes] | None = None, first: int = 0) -> Batch:
    """Fold messages with the processor of that name."""
    return fold_batch(processor(name), 0, states or {}, records(messages, first))


def emitted(batch: Batch, type_name: str | None = None) -> list[Message[Any]]:
    """What a batch says, of one type or all."""
    said = [decode(output.value) for output in batch.outputs]
    return [each for each in said if type_name is None or each.type == type_name]


def refusals(batch: Batch) -> list[str]:
    """The error codes of a batch's dead letters."""
    return [each.payload.error_details.error_code for each in emitted(batch, "integration.failed")]
