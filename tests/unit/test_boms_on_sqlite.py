"""The tables of document 003 come and go on SQLite, and the models write and read there what they do on Postgres."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import pytest
from sqlalchemy import Engine, create_engine, event, inspect, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from schemas.ids import DEFAULT_TENANT
from schemas.messages.boms import BomStatus
from schemas.messages.work_orders import OrderStatus, Priority
from sql.__main__ import migrate_to
from sql.edited.base import Base, new_id
from sql.edited.models import BomRow, ComponentRow, Item, Uom
from sql.migrations.boms import TABLES, WORK_ORDERS
from sql.migrations.tables import lines_of

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
BORN = {"tenant_id": DEFAULT_TENANT, "version": 1} | {
    "created_at": NOW,
    "created_by": "anna",
    "updated_at": NOW,
    "updated_by": "anna",
}


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'plant.db'}"


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    """A database with the tables, which minds its foreign keys."""
    migrate_to(url, "head")
    made = create_engine(url)
    event.listen(made, "connect", lambda connection, _: connection.execute("PRAGMA foreign_keys = ON"))
    yield made
    made.dispose()


def tables(url: str) -> dict[str, list[str]]:
    """The tables there are, with their columns."""
    made = create_engine(url)
    try:
        found = inspect(made)
        return {
            name: [column["name"] for column in found.get_columns(name)]
            for name in found.get_table_names()
            if name != "alembic_version"
        }
    finally:
        made.dispose()


def test_the_migration_goes_up_and_down_and_up_again(url: str) -> None:
    migrate_to(url, "head")
    first = tables(url)
    assert first == {table.name: [name for name, _, _ in lines_of(table)] for table in (*TABLES, *WORK_ORDERS)}
    migrate_to(url, "base")
    assert tables(url) == {}
    migrate_to(url, "head")
    assert tables(url) == first


def test_models_have_the_columns_of_their_tables(url: str) -> None:
    migrate_to(url, "head")
    there = tables(url)
    modelled = {table.name for table in TABLES}
    assert modelled <= Base.metadata.tables.keys()
    for name in modelled:
        assert sorted(column.name for column in Base.metadata.tables[name].columns) == sorted(there[name]), name


def item(number: int) -> Item:
    code = f"I-{number}"
    told: dict[str, Any] = {"item_code": code, "description": None, "uom": "EA", "is_phantom": False}
    return Item(tenant_id=DEFAULT_TENANT, inventory_item_id=number, created_at=NOW, **told)


def bill(**changes: Any) -> BomRow:
    told: dict[str, Any] = {
        "id": new_id(),
        "item_master_id": 1,
        "bom_number": "B-1",
        "revision": "A",
        "lifecycle_status": "active",
        "effective_from": date(2026, 1, 1),
        "output_quantity": Decimal("2.5"),
        "uom": "EA",
        "details": {"drawing": "D-7"},
    }
    return BomRow(**(BORN | told | changes))


def line(number: int, quantity: str, **changes: Any) -> ComponentRow:
    told: dict[str, Any] = {"component_item_id": 2, "uom": "EA", "scrap_percentage": Decimal(0)}
    told |= {"line": number, "position": str(10 * number), "quantity": Decimal(quantity)}
    return ComponentRow(**({"id": new_id(), "created_at": NOW, "updated_at": NOW} | told | changes))


def known(session: Session) -> None:
    session.add(Uom(tenant_id=DEFAULT_TENANT, uom="EA", description="each"))
    session.flush()
    session.add_all([item(1), item(2)])
    session.flush()


def test_a_bill_is_read_as_it_was_written(engine: Engine) -> None:
    with Session(engine) as session, session.begin():
        known(session)
        session.add(bill(components=[line(1, "0.000001"), line(2, "123456.654321")]))
    with Session(engine) as session:
        kept = session.scalars(select(BomRow)).one()
        assert [each.quantity for each in kept.components] == [Decimal("0.000001"), Decimal("123456.654321")]
        assert (kept.output_quantity, kept.details) == (Decimal("2.5"), {"drawing": "D-7"})
        assert kept.effective_from == date(2026, 1, 1)


WRONG: dict[str, Callable[[], dict[str, Any]]] = {
    "status": lambda: {"lifecycle_status": "frozen"},
    "output": lambda: {"output_quantity": Decimal(0)},
    "ends before it begins": lambda: {"effective_to": date(2026, 1, 1)},
    "unknown item": lambda: {"item_master_id": 9},
    "unknown unit": lambda: {"uom": "FURLONG"},
    "nothing of it": lambda: {"components": [line(1, "0")]},
    "of what": lambda: {"components": [line(1, "1", component_item_id=None)]},
    "same place": lambda: {"components": [line(1, "1"), line(2, "1", position="10")]},
    "all spoiled": lambda: {"components": [line(1, "1", scrap_percentage=Decimal(100))]},
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_bill_that_makes_no_sense_is_refused(engine: Engine, wrong: str) -> None:
    with Session(engine) as session, session.begin():
        known(session)
    with pytest.raises(IntegrityError), Session(engine) as session, session.begin():
        session.add(bill(**WRONG[wrong]()))


def test_a_revision_exists_once(engine: Engine) -> None:
    with Session(engine) as session, session.begin():
        known(session)
        session.add(bill())
    with pytest.raises(IntegrityError), Session(engine) as session, session.begin():
        session.add(bill(bom_number="B-2"))
    with Session(engine) as session, session.begin():
        session.add(bill(bom_number="B-2", revision="B"))


def allowed(table: str, column: str) -> set[str]:
    """The values that a column's check names."""
    (found,) = [each for each in (*TABLES, *WORK_ORDERS) if each.name == table]
    (kind,) = [kind for name, kind, _ in lines_of(found) if name == column]
    return set(kind.partition(" IN ")[2].strip("()").replace("'", "").split(","))


def test_database_and_api_know_the_same_words() -> None:
    assert allowed("manufacturing_boms", "lifecycle_status") == set(get_args(BomStatus))
    assert allowed("manufacturing_work_orders", "status") == set(get_args(OrderStatus))
    assert allowed("manufacturing_work_orders", "priority") == set(get_args(Priority))
