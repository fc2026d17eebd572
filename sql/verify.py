"""Verifies the planning tables: the ten checks of document 004, section 2.2, and what must not be possible.

The catalogue is read as the owner; rows are written and read as the application, in transactions that are rolled back.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple
from uuid import uuid4

import psycopg
from psycopg import Cursor, errors

from schemas.ids import DEFAULT_TENANT
from sql import database
from sql.database import connect

ISOLATED: Final = [
    "work_centers",
    "production_orders",
    "production_runs",
    "operations",
    "changeover_details",
    "equipment_status_log",
    "maintenance_records",
    "asset_hierarchy",
    "oee_calculations",
    "production_schedules",
    "capacity_planning",
    "routing_templates",
    "routing_operations",
]
INDEXES: Final = [
    "idx_routing_templates_tenant",
    "idx_routing_templates_active",
    "idx_routing_templates_category",
    "idx_routing_operations_tenant",
    "idx_routing_operations_routing",
    "idx_routing_operations_sequence",
    "idx_routing_operations_operation",
    "idx_routing_operations_predecessor",
]
FOREIGN_KEYS: Final = [
    "fk_routing_tenant",
    "fk_routing_op_tenant",
    "fk_routing_op_routing",
    "fk_routing_op_operation",
    "fk_routing_op_work_center",
    "fk_routing_op_predecessor",
]
UNIQUE: Final = ["uq_routing_code", "uq_routing_op_sequence"]
CHECKS: Final = ["chk_routing_op_yield", "chk_routing_op_scrap"]
NEIGHBOUR: Final = "00000000-0000-7000-8000-0000000000ff"


class Checked(NamedTuple):
    """A check: what was looked at, whether it is as it must be, and what was seen."""

    name: str
    is_passed: bool
    seen: str

    def __str__(self) -> str:
        return f"{'✓' if self.is_passed else '✗'} {self.name}: {self.seen}"


def verify(owner_url: str, app_url: str) -> list[Checked]:
    """All checks, in the document's order, and then what must not be possible."""
    with connect(owner_url) as connection, connection.cursor() as cursor:
        found = [check(cursor) for check in CATALOGUE]
    found.append(_enforced(app_url))
    return [*found, *(check(app_url) for check in FORBIDDEN), _owner_sees_nothing(owner_url)]


def _table(name: str) -> Callable[[Cursor[Any]], Checked]:
    def check(cursor: Cursor[Any]) -> Checked:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [name])
        return Checked(f"{name} table", *_seen(cursor, "Table exists", "Table is missing"))

    return check


def _column(cursor: Cursor[Any]) -> Checked:
    cursor.execute(
        "SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass('production_orders') "
        "AND attname = 'routing_id' AND NOT attisdropped)"
    )
    return Checked("production_orders.routing_id column", *_seen(cursor, "Column exists", "Column is missing"))


def _forced(cursor: Cursor[Any]) -> Checked:
    cursor.execute(
        "SELECT coalesce(bool_and(relrowsecurity AND relforcerowsecurity), false) FROM pg_class "
        "WHERE oid = to_regclass('routing_templates')"
    )
    return Checked("RLS on routing_templates", *_seen(cursor, "RLS enabled", "RLS is not enabled and forced"))


def _policies(cursor: Cursor[Any]) -> Checked:
    cursor.execute("SELECT policyname FROM pg_policies WHERE schemaname = 'public'")
    wanted = [f"{table}_tenant_isolation" for table in ISOLATED]
    return _named("RLS policies", "policies", wanted, cursor)


def _indexes(cursor: Cursor[Any]) -> Checked:
    cursor.execute("SELECT indexname FROM pg_indexes WHERE tablename IN ('routing_templates', 'routing_operations')")
    return _named("routing_templates indexes", "indexes", INDEXES, cursor)


def _constraints(name: str, kind: str, wanted: list[str]) -> Callable[[Cursor[Any]], Checked]:
    def check(cursor: Cursor[Any]) -> Checked:
        cursor.execute(
            "SELECT conname FROM pg_constraint WHERE contype = %s "
            "AND conrelid IN (to_regclass('routing_templates'), to_regclass('routing_operations'))",
            [kind],
        )
        return _named(name, "constraints", wanted, cursor)

    return check


CATALOGUE: Final[list[Callable[[Cursor[Any]], Checked]]] = [
    _table("routing_templates"),
    _table("routing_operations"),
    _column,
    _forced,
    _policies,
    _indexes,
    _constraints("Foreign key constraints", "f", FOREIGN_KEYS),
    _constraints("Unique constraints", "u", UNIQUE),
    _constraints("Check constraints", "c", CHECKS),
]


def _enforced(app_url: str) -> Checked:
    """A row that a tenant writes is the tenant's, and is seen by it."""
    with _routing(app_url) as cursor:
        seen = _count(cursor)
    name = "RLS policy enforcement"
    return Checked(name, seen == 1, "Query with tenant context succeeded" if seen == 1 else f"{seen} rows, not 1")


def _without_tenant(app_url: str) -> Checked:
    with _routing(app_url) as cursor:
        cursor.execute("SELECT set_config('app.current_tenant_id', '', true)")
        seen = _count(cursor)
        cursor.execute("SELECT count(*) FROM operations WHERE tenant_id IS NOT NULL")
        ((others,),) = cursor.fetchall()
    return _none("no tenant set", seen + others)


def _wrong_tenant(app_url: str) -> Checked:
    with _routing(app_url) as cursor:
        database.tenant(cursor, NEIGHBOUR)
        return _none("wrong tenant", _count(cursor))


def _written_for_another(app_url: str) -> Checked:
    with _routing(app_url) as cursor:
        try:
            cursor.execute(
                "INSERT INTO routing_templates (tenant_id, routing_code, routing_name) VALUES (%s, 'x', 'x')",
                [NEIGHBOUR],
            )
        except errors.InsufficientPrivilege:
            return Checked("row for another tenant", True, "refused")
        except errors.ForeignKeyViolation:
            return Checked("row for another tenant", False, "passed the policy, and failed only for want of the tenant")
    return Checked("row for another tenant", False, "was written")


def _leaked(app_url: str) -> Checked:
    """What a transaction said of its tenant is forgotten with it, also where a connection is used again."""
    with connect(app_url) as connection:
        with connection.transaction(), connection.cursor() as cursor:
            database.tenant(cursor, DEFAULT_TENANT)
        with connection.transaction(), connection.cursor() as cursor:
            cursor.execute("SELECT nullif(current_setting('app.current_tenant_id', true), '')")
            ((left,),) = cursor.fetchall()
    return Checked("leaked setting", left is None, "forgotten with its transaction" if left is None else "still set")


FORBIDDEN: Final[list[Callable[[str], Checked]]] = [_without_tenant, _wrong_tenant, _written_for_another, _leaked]


def _owner_sees_nothing(owner_url: str) -> Checked:
    """The owner of the tables, who passes by policies that are not forced, sees nobody's rows without a tenant."""
    with _routing(owner_url) as cursor:
        cursor.execute("SELECT set_config('app.current_tenant_id', '', true)")
        return _none("owner", _count(cursor))


@contextmanager
def _routing(url: str) -> Iterator[Cursor[Any]]:
    """A transaction of a tenant that has written one routing; it is rolled back."""
    code = f"verify-{uuid4().hex}"
    with psycopg.connect(url.partition("?")[0], connect_timeout=5) as connection, connection.cursor() as cursor:
        database.tenant(cursor, DEFAULT_TENANT)
        cursor.execute(
            "INSERT INTO routing_templates (tenant_id, routing_code, routing_name) VALUES (%s, %s, 'to verify')",
            [DEFAULT_TENANT, code],
        )
        cursor.execute("SELECT set_config('app.verified_code', %s, true)", [code])
        try:
            yield cursor
        finally:
            connection.rollback()


def _count(cursor: Cursor[Any]) -> int:
    cursor.execute("SELECT count(*) FROM routing_templates WHERE routing_code = current_setting('app.verified_code')")
    ((count,),) = cursor.fetchall()
    return int(count)


def _none(name: str, seen: int) -> Checked:
    return Checked(name, seen == 0, "no rows" if seen == 0 else f"{seen} rows")


def _seen(cursor: Cursor[Any], well: str, badly: str) -> tuple[bool, str]:
    ((is_there,),) = cursor.fetchall()
    return bool(is_there), well if is_there else badly


def _named(name: str, what: str, wanted: list[str], cursor: Cursor[Any]) -> Checked:
    there = {found for (found,) in cursor.fetchall()}
    missing = [each for each in wanted if each not in there]
    return Checked(
        name, not missing, f"{len(wanted)} {what} found" if not missing else f"missing: {', '.join(missing)}"
    )
