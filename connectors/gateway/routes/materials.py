"""Materials: the list, and one with its lots, reservations and changes."""

from typing import Any

from fastapi import APIRouter

from connectors.gateway.depends import Cursor, Identity, Limit, Parts, Reader, Text
from connectors.gateway.problems import Problem
from connectors.gateway.routes.erp import PROBLEMS
from schemas.views.materials import MaterialDetail, MaterialPage
from sql.reads import materials

router = APIRouter(prefix="/api/v1/materials", tags=["materials"], responses=PROBLEMS)


@router.get("", response_model=MaterialPage, summary="Materials with their stock")
def page(parts: Parts, reader: Reader, q: Text = None, limit: Limit = 100, cursor: Cursor = None) -> Any:
    """By id."""
    with parts.database.tenant(reader.tenant_id) as rows:
        found, next_cursor = materials.page(rows, q, limit, cursor)
    return {"materials": found, "next_cursor": next_cursor}


@router.get("/{material_id}", response_model=MaterialDetail, summary="One material with its lots and reservations")
def one(parts: Parts, reader: Reader, material_id: Identity) -> Any:
    """Lots are sorted first expired first."""
    with parts.database.tenant(reader.tenant_id) as rows:
        found = materials.one(rows, material_id)
    if found is None:
        raise Problem(404, f"No material {material_id} is known.")
    return found
