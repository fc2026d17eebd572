"""The bill of a work order: made of the revision of the product's bill that holds, or of the one that was named."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple
from uuid import UUID

from connectors.database import Rows
from connectors.gateway import structures
from connectors.gateway.problems import Problem
from connectors.systems import erp
from schemas.messages.work_orders import BomLine
from sql.reads import boms, work_orders
from streams.domain.bom import bill_of_order, rounded_up
from streams.production import RunBill

Row = dict[str, Any]


class Bill(NamedTuple):
    """What an order takes, and which revision says so; none where the product has no bill."""

    lines: tuple[BomLine, ...] = ()
    revision: Row | None = None


def product_code(rows: Rows, named: str) -> str:
    """The code of a product that was named by it, or by its id in the catalogue. Raises Problem 400."""
    try:
        UUID(named)
    except ValueError:
        return named
    found = boms.product(rows, named)
    if found is None:
        raise Problem(400, f"No product {named} is known.", path="product_id")
    return str(found["product_code"])


def chosen(rows: Rows, code: str, bom_id: UUID | None, day: date) -> Row | None:
    """The bill an order is to be made by. Raises Problem: it is not there, of another product, or not active."""
    if bom_id is None:
        return boms.effective(rows, code, day)
    found = boms.one(rows, str(bom_id))
    if found is None:
        raise Problem(400, f"No bill of materials {bom_id} is known.", path="bom_id")
    if found["item_code"] != code:
        raise Problem(400, f"{found['bom_number']} is a bill of {found['item_code']}, not of {code}.", path="bom_id")
    if found["lifecycle_status"] != "active":
        raise Problem(409, f"{found['bom_number']} is {found['lifecycle_status']}; orders are made by active bills.")
    return found


def made_of(rows: Rows, revision: Row, quantity: Decimal, unit: str, day: date) -> Bill:
    """What a quantity takes by a revision, one level deep, phantoms dissolved. Raises Problem."""
    built = structures.below(rows, revision, day)
    code = revision["item_code"]
    try:
        ratio = structures.units_of(rows).ratio(code, unit, built.structure.units[code])
    except ValueError as error:
        raise Problem(400, str(error), path="unit_of_measure") from error
    try:
        lines = bill_of_order(built.structure, code, rounded_up(Fraction(quantity) * ratio))
    except ValueError as error:
        raise Problem(409, str(error)) from error
    return Bill(
        tuple(
            BomLine(
                material_id=line.material_id,
                part_name=built.name(line.material_id),
                quantity_required=line.quantity_required,
                unit_of_measure=line.unit_of_measure,
            )
            for line in lines
        ),
        revision,
    )


def of_runs(rows: Rows, product_id: str, quantity: Decimal, unit: str, day: date) -> RunBill:
    """What the runs of a production order take, by the bill of its product that holds on a day. Raises Problem."""
    revision = chosen(rows, product_id, None, day)
    if revision is None:
        return RunBill()
    return RunBill(made_of(rows, revision, quantity, unit, day).lines, revision["id"], revision["revision"])


def warnings(rows: Rows, code: str, bill: Bill) -> list[str]:
    """A sentence for each shortage, or that there is no bill."""
    if bill.revision is None:
        return [f"{code} has no bill of materials that holds; no materials are planned."]
    return [sentence for sentence in _shortages(rows, bill.lines) if sentence]


def _shortages(rows: Rows, lines: Sequence[BomLine]) -> list[str | None]:
    asked = [
        {"line": number, "material_id": each.material_id, "part_number": None, "required": str(each.quantity_required)}
        for number, each in enumerate(lines)
    ]
    return [
        erp.shortage(row["material_id"], row["available_quantity"] or Decimal(0), row["required"])
        for row in (work_orders.requirements(rows, asked) if asked else [])
    ]
