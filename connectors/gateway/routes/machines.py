"""Machines: the floor, one machine, its history."""

from typing import Any

from fastapi import APIRouter

from connectors.gateway.depends import Identity, Limit, Parts, Reader
from connectors.gateway.problems import Problem
from connectors.gateway.routes.erp import PROBLEMS
from schemas.views.machines import Floor, MachineHistory, MachineView
from sql.reads import machines

router = APIRouter(prefix="/api/v1/machines", tags=["machines"], responses=PROBLEMS)


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


def _there(found: dict[str, Any] | None, machine_id: str) -> dict[str, Any]:
    if found is None:
        raise Problem(404, f"No machine {machine_id} is known.")
    return found
