"""The time machine: an order, a machine or a material as the system knew it at a given moment."""

from datetime import UTC, datetime
from typing import Any, Final

from connectors.database import Rows
from connectors.gateway.problems import Problem
from connectors.gateway.state import State
from sql.reads import history
from sql.reads.history import Kind, Then
from streams.domain.work_orders import progress

NAMES: Final[dict[Kind, str]] = {"order": "work order", "machine": "machine", "material": "material"}
FIELDS: Final[dict[Kind, str]] = {"order": "work_order", "machine": "machine", "material": "material"}
_READS: Final = {"order": history.order, "machine": history.machine, "material": history.material}


def as_of(parts: State, tenant_id: str, kind: Kind, identity: str, at: datetime) -> dict[str, Any]:
    """It as it was, with the moments of the changes before and after. Raises Problem 400 and 404."""
    if at > datetime.now(UTC):
        raise Problem(400, f"{at.isoformat()} has not come yet; ask for a moment that has passed.")
    with parts.database.tenant(tenant_id) as rows:
        then = _READS[kind](rows, identity, at)
        if then is None:
            raise _unknown(rows, kind, identity, at)
        previous_at, next_at = history.around(rows, kind, identity, at)
    return {
        "at": at,
        "known_at": then.event["known_at"],
        "event": {name: then.event[f"event_{name}"] for name in ("topic", "partition", "offset")},
        "previous_at": previous_at,
        "next_at": next_at,
        FIELDS[kind]: _state(kind, then),
        **then.parts,
    }


def _state(kind: Kind, then: Then) -> dict[str, Any]:
    """Its fields; the progress of an order is computed as the fold of orders computes it."""
    if kind != "order":
        return then.state
    produced, ordered = int(then.state["quantity_produced"]), then.state["quantity_ordered"]
    return then.state | {"progress_percentage": progress(produced, ordered)}


def _unknown(rows: Rows, kind: Kind, identity: str, at: datetime) -> Problem:
    """Why nothing can be shown of that moment."""
    _, first = history.around(rows, kind, identity, at)
    if first is not None:
        return Problem(
            404,
            f"At {at.isoformat()} nobody knew {identity} yet: it was first heard of at {first.isoformat()}.",
            first_known_at=first,
        )
    if history.is_here_now(rows, kind, identity):
        return Problem(
            404,
            f"What {identity} was is not kept yet: it was projected before this release. "
            "`python -m streams rebuild` makes its past from the log.",
        )
    return Problem(404, f"No {NAMES[kind]} {identity} is known.")
