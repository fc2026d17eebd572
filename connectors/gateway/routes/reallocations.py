"""Where work could go while a machine is down: the suggestions, and what people decide."""

from typing import Any

from fastapi import APIRouter

from connectors.gateway.commands import tell_order
from connectors.gateway.depends import Identity, Limit, Operator, Parts, Reader
from connectors.gateway.problems import Problem
from connectors.gateway.routes.erp import PROBLEMS
from schemas.ids import short
from schemas.messages.work_orders import WorkOrderAssign
from schemas.views.reallocations import SuggestionList, SuggestionStatus, SuggestionView
from sql.reads import reallocations

router = APIRouter(prefix="/api/v1/reallocations", tags=["machines"], responses=PROBLEMS)


@router.get("", response_model=SuggestionList, summary="Where orders could be made while a machine is down")
def page(
    parts: Parts,
    reader: Reader,
    status: SuggestionStatus | None = None,
    machine: str | None = None,
    limit: Limit = 100,
) -> Any:
    """Latest first; each with all machines that could make the order, and a sentence for each."""
    with parts.database.tenant(reader.tenant_id) as rows:
        return {"suggestions": reallocations.page(rows, status, machine, limit)}


@router.post("/{suggestion_id}/take", response_model=SuggestionView, summary="Assign the order as suggested")
def take(parts: Parts, operator: Operator, suggestion_id: Identity) -> Any:
    """409 with the reason if the order cannot be assigned, or somebody has decided already."""
    with parts.database.tenant(operator.tenant_id) as rows:
        found = _open(reallocations.one(rows, suggestion_id), suggestion_id)
        payload = WorkOrderAssign(
            work_order_id=found["work_order_id"],
            actor=operator.name,
            machine_id=found["suggested_machine_id"],
            operator_id=found["suggested_operator_id"],
            reason=f"{found['machine_id']} is down",
        )
        tell_order(parts, operator.tenant_id, "work_order.assign", payload, short(f"take-{suggestion_id}"))
        return reallocations.decide(rows, suggestion_id, "taken", operator.name)


@router.post("/{suggestion_id}/dismiss", response_model=SuggestionView, summary="Leave the order where it is")
def dismiss(parts: Parts, operator: Operator, suggestion_id: Identity) -> Any:
    """409 if somebody has decided already."""
    with parts.database.tenant(operator.tenant_id) as rows:
        _open(reallocations.one(rows, suggestion_id), suggestion_id)
        return reallocations.decide(rows, suggestion_id, "dismissed", operator.name)


def _open(found: dict[str, Any] | None, suggestion_id: str) -> dict[str, Any]:
    if found is None:
        raise Problem(404, f"No suggestion {suggestion_id} is known.")
    if found["status"] != "open":
        raise Problem(409, f"{suggestion_id} is {found['status']} already.")
    return found
