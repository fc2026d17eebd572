"""Machines: the floor, one machine, its history, its work between two moments and its OEE."""

from datetime import UTC, date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from connectors.gateway.depends import Identity, Limit, Parts, Reader
from connectors.gateway.machine_work import bucket_seconds, oee_document, window
from connectors.gateway.oee_shown import shift_window
from connectors.gateway.problems import Problem
from connectors.gateway.routes.erp import PROBLEMS
from connectors.machine_oee import Plans, worked
from schemas.definitions import OEE, OEE_TOGETHER
from schemas.views.machines import Floor, MachineHistory, MachineView, MachineWork, OeeView
from sql.reads import machine_work, machines

router = APIRouter(prefix="/api/v1/machines", tags=["machines"], responses=PROBLEMS)
From = Annotated[AwareDatetime | None, Query(alias="from", description="beginning; eight hours before `to` if absent")]
ShiftName = Annotated[str | None, Query(max_length=128, description="a shift of its calendar, the latest")]
Day = Annotated[date | None, Query(description="the day on which that shift began")]
To = Annotated[AwareDatetime | None, Query(alias="to", description="end; now if absent or later than now")]


@router.get("", response_model=Floor, summary="Every machine as it stands now")
def floor(parts: Parts, reader: Reader) -> Any:
    """By line, each with the progress of the order it works on."""
    with parts.database.tenant(reader.tenant_id) as rows:
        return {"machines": machines.floor(rows)}


@router.get("/{machine_id}", response_model=MachineView, summary="One machine as it stands now")
def one(parts: Parts, reader: Reader, machine_id: Identity) -> Any:
    """Its status, order and latest figures."""
    with parts.database.tenant(reader.tenant_id) as rows:
        return _there(machines.one(rows, machine_id), machine_id)


@router.get("/{machine_id}/history", response_model=MachineHistory, summary="What a machine did")
def history(parts: Parts, reader: Reader, machine_id: Identity, limit: Limit = 200) -> Any:
    """Changes of status with the gaps in which nobody saw it, and downtimes; latest first."""
    with parts.database.tenant(reader.tenant_id) as rows:
        _there(machines.one(rows, machine_id), machine_id)
        return machines.history(rows, machine_id, limit)


@router.get(
    "/{machine_id}/oee",
    response_model=OeeView,
    summary="OEE of a machine between two moments, or in a shift",
    description=f"{OEE} {OEE_TOGETHER} At most 31 days.",
)
def oee(
    parts: Parts,
    reader: Reader,
    machine_id: Identity,
    from_: From = None,
    to: To = None,
    shift: ShiftName = None,
    day: Day = None,
) -> Any:
    """Each factor and each loss with what it was computed from."""
    if shift is not None and (from_ or to):
        raise Problem(400, "Ask for a `shift`, or for what lies between `from` and `to`.", path="shift")
    if day is not None and shift is None:
        raise Problem(400, "`day` belongs to a `shift`.", path="day")
    with parts.database.tenant(reader.tenant_id) as rows:
        machine = _there(machines.one(rows, machine_id), machine_id)
        plan = Plans(rows, parts.settings).of(machine_id)
        if shift is not None:
            of_shift = shift_window(plan, parts.settings.plant_timezone, shift, day, datetime.now(UTC))
            from_, to = of_shift.from_at, of_shift.to_at
        from_at, to_at = window(from_, to)
        found = worked(rows, machine, plan, from_at, to_at, datetime.now(UTC))
    return oee_document(machine_id, found.oee)


@router.get("/{machine_id}/work", response_model=MachineWork, summary="What a machine did between two moments")
def work(parts: Parts, reader: Reader, machine_id: Identity, from_: From = None, to: To = None) -> Any:
    """Its stretches of status, its cycle times in buckets, its downtime by reason; at most 31 days."""
    from_at, to_at = window(from_, to)
    bucket = bucket_seconds(from_at, to_at)
    with parts.database.tenant(reader.tenant_id) as rows:
        machine = _there(machines.one(rows, machine_id), machine_id)
        reads = machine_work.Work(rows, machine_id, from_at, to_at)
        plan = Plans(rows, parts.settings).of(machine_id)
        return {
            "machine_id": machine_id,
            "from_at": from_at,
            "to_at": to_at,
            "stretches": [each._asdict() for each in worked(rows, machine, plan, from_at, to_at).stretches],
            "bucket_seconds": bucket,
            "cycles": reads.cycles(bucket),
            "reasons": reads.reasons(),
            "ideal_cycle_time_seconds": plan.ideal_cycle_time_seconds,
        }


def _there(found: dict[str, Any] | None, machine_id: str) -> dict[str, Any]:
    if found is None:
        raise Problem(404, f"No machine {machine_id} is known.")
    return found
