"""Rows of bills of materials as the product structure that the domain computes with."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from connectors.database import Rows
from connectors.gateway.problems import Problem
from sql.reads import boms
from streams.domain import units
from streams.domain.bom import Bom, Component, Cycle, Structure, effective, refuse_cycles, structure
from streams.domain.units import Conversion, Units

Row = dict[str, Any]


class Built(NamedTuple):
    """A structure, and what its items are called."""

    structure: Structure
    items: Mapping[str, Row]
    day: date

    def name(self, item_code: str) -> str | None:
        """What an item is called."""
        found = self.items.get(item_code)
        return None if found is None else found["name"]


def bill_of(row: Row) -> Bom:
    """A bill with its components, as the domain knows it."""
    return Bom(
        product_id=row["item_code"],
        revision=row["revision"],
        effective_from=row["effective_from"],
        effective_to=row["effective_to"],
        output_quantity=row["output_quantity"],
        unit=row["unit"],
        components=tuple(
            Component(
                item_id=line["item_code"],
                quantity=line["quantity"],
                unit=line["unit"],
                position=line["position"],
                scrap_percentage=line["scrap_percentage"],
            )
            for line in row["components"]
        ),
    )


def units_of(rows: Rows) -> Units:
    """The tenant's table of conversions."""
    return units.of(
        Conversion(row["unit"], row["into"], row["factor"], row["item_code"]) for row in boms.conversions(rows)
    )


def built(rows: Rows, bills: Iterable[Bom], day: date) -> Built:
    """Bills that hold together. Raises Problem: a circle, a unit that cannot be converted."""
    told = {bill.product_id: bill for bill in bills}
    codes = {*told, *(line.item_id for bill in told.values() for line in bill.components)}
    items = boms.items(rows, sorted(codes))
    counted = {code: row["unit"] for code, row in items.items()}
    # A phantom without a bill that holds on this day is an item like any other.
    phantoms = [code for code, row in items.items() if row["is_phantom"] and code in told]
    try:
        return Built(structure(told, units_of(rows), counted, phantoms), items, day)
    except Cycle as cycle:
        raise refused(cycle) from cycle
    except ValueError as error:
        raise Problem(409, str(error)) from error


def below(rows: Rows, top: Row, day: date) -> Built:
    """A bill, of whatever day and status, over the bills of what it contains that hold on a day."""
    lines = [line["item_id"] for line in top["components"]]
    own = bill_of(top)
    others = [bill_of(row) for row in boms.below(rows, lines, day) if row["item_code"] != own.product_id]
    return built(rows, [own, *_of_day(others, day)], day)


def above(rows: Rows, item_id: int, day: date) -> Built:
    """The bills of all that contains an item on a day."""
    return built(rows, _of_day([bill_of(row) for row in boms.above(rows, [item_id], day)], day), day)


def _of_day(bills: Sequence[Bom], day: date) -> list[Bom]:
    try:
        return list(effective(bills, day).values())
    except ValueError as error:
        raise Problem(409, str(error)) from error


def refuse(rows: Rows, row: Row) -> None:
    """Raise Problem 409 if a bill would close a circle on any day, or cannot be computed with.

    Whoever asks holds the lock of the bills. A draft is looked at as if it held already.
    """
    own = bill_of(row)
    under = [bill_of(each) for each in boms.below(rows, [line["item_id"] for line in row["components"]], None)]
    others = [each for each in under if each.product_id != own.product_id or not _meet(each, own)]
    try:
        refuse_cycles([own, *others])
    except Cycle as cycle:
        raise refused(cycle) from cycle
    built(rows, [own], own.effective_from)


def _meet(one: Bom, other: Bom) -> bool:
    """Whether two bills hold on the same day."""
    return (one.effective_to is None or other.effective_from < one.effective_to) and (
        other.effective_to is None or one.effective_from < other.effective_to
    )


def refused(cycle: Cycle) -> Problem:
    """The problem of a product that contains itself."""
    return Problem(409, str(cycle), reason="BOM_CYCLE", cycle=list(cycle.path))
