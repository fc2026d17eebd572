"""Products of the catalogue, and units with what one of them is in others (003)."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from connectors.database import Edit
from connectors.gateway import structures
from connectors.gateway.depends import Body, Cursor, Limit, Parts, Planner, Reader, Text, json_body
from connectors.gateway.editing import once, told
from connectors.gateway.problems import Problem
from connectors.gateway.requests import Reply
from connectors.gateway.routes.erp import PROBLEMS
from schemas.views.boms import ConversionBody, ProductBody, ProductPage, ProductView, UnitsView
from sql.edited import items
from sql.edited.items import Named
from sql.reads import boms

router = APIRouter(prefix="/api/v1", tags=["items"], responses=PROBLEMS)


@router.get("/products", response_model=ProductPage, summary="Products of the catalogue, latest first")
def products(parts: Parts, reader: Reader, q: Text = None, limit: Limit = 100, cursor: Cursor = None) -> Any:
    """Each is an item of the item master, which orders and bills name by its code."""
    with parts.database.tenant(reader.tenant_id) as rows:
        found, next_cursor = boms.products(rows, q, limit, cursor)
    return {"products": found, "next_cursor": next_cursor}


@router.post(
    "/products",
    response_model=ProductView,
    status_code=201,
    openapi_extra=json_body(ProductBody),
    summary="Enter a product in the catalogue",
)
def add_product(request: Request, parts: Parts, planner: Planner, body: Body) -> Response:
    """409 where the catalogue has it."""
    asked = told(parts, body, ProductBody)

    def write(edit: Edit) -> Reply:
        if items.unknown_units(edit, [asked.unit]):
            raise Problem(400, f"No unit is called {asked.unit}. GET /api/v1/units tells those there are.")
        items.new_product(edit, asked.product_code, asked.name, asked.unit)
        found = boms.product(edit.rows, asked.product_code)
        assert found is not None, "it was entered by this transaction"
        return Reply(201, found)

    return once(request, parts, planner, body, write)


@router.get("/products/{product_id}", response_model=ProductView, summary="One product, by its id or its code")
def product(parts: Parts, reader: Reader, product_id: Annotated[str, Path(max_length=128)]) -> Any:
    """404 where the catalogue does not have it."""
    with parts.database.tenant(reader.tenant_id) as rows:
        found = boms.product(rows, product_id)
    if found is None:
        raise Problem(404, f"No product {product_id} is known.")
    return found


@router.get("/units", response_model=UnitsView, summary="Units of measure and their conversions")
def units(parts: Parts, reader: Reader) -> Any:
    """A tenant begins with the usual ones."""
    with parts.database.editing(reader.tenant_id, reader.name) as edit:
        items.units(edit)
        return {"units": boms.units(edit.rows), "conversions": boms.conversions(edit.rows)}


@router.post(
    "/units/conversions",
    response_model=UnitsView,
    status_code=201,
    openapi_extra=json_body(ConversionBody),
    summary="Say what one unit is in another, of every item or of one",
)
def convert(request: Request, parts: Parts, planner: Planner, body: Body) -> Response:
    """A unit that nobody knows is entered. 409 where it disagrees with the conversions there are."""
    asked = told(parts, body, ConversionBody)

    def write(edit: Edit) -> Reply:
        for unit in items.unknown_units(edit, [asked.unit, asked.into]):
            items.add_unit(edit, unit, asked.description if asked.description and unit == asked.unit else unit)
        item_id = _item_id(edit, asked.item_code)
        edit.session.flush()
        items.add_conversion(edit, asked.unit, asked.into, asked.factor, item_id)
        edit.session.flush()
        try:
            structures.units_of(edit.rows)
        except ValueError as error:
            raise Problem(409, str(error)) from error
        return Reply(201, {"units": boms.units(edit.rows), "conversions": boms.conversions(edit.rows)})

    return once(request, parts, planner, body, write)


def _item_id(edit: Edit, item_code: str | None) -> int | None:
    if item_code is None:
        return None
    (found,) = items.find(edit, [Named(item_code=item_code)])
    if isinstance(found, str):
        raise Problem(400, found, path="item_code", missing_items=[item_code])
    return found.item.inventory_item_id
