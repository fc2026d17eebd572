"""A real Postgres keeps what the migrations promise: isolated tenants, narrow rights, everything explained."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from psycopg import errors

from schemas.ids import DEFAULT_TENANT
from sql import database
from sql.__main__ import migrate_to
from sql.check import findings, findings_of
from sql.migrations.tables import TENANT
from sql.read_models.registry import TABLES
from sql.verify import ISOLATED, verify
from tests.integration.events import NEIGHBOUR
from tests.plants import RunningPlant

pytestmark = [pytest.mark.services, pytest.mark.timeout(120)]

CATALOGUE = {
    "columns": """
        SELECT c.oid::regclass::text, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
          a.attgenerated, pg_get_expr(d.adbin, d.adrelid), col_description(c.oid, a.attnum)
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
        LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
        WHERE c.relnamespace IN (SELECT oid FROM pg_namespace WHERE nspname IN ('public', 'ops'))""",
    "tables": """
        SELECT c.oid::regclass::text, c.relkind, c.relrowsecurity, c.relforcerowsecurity, c.relacl::text,
          obj_description(c.oid), c.relowner::regrole::text
        FROM pg_class c WHERE c.relnamespace IN (SELECT oid FROM pg_namespace WHERE nspname IN ('public', 'ops'))""",
    "constraints": """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace IN (SELECT oid FROM pg_namespace WHERE nspname IN ('public', 'ops'))""",
    "policies": "SELECT schemaname, tablename, policyname, roles::text, cmd, qual, with_check FROM pg_policies",
    "indexes": "SELECT indexdef FROM pg_indexes WHERE schemaname IN ('public', 'ops')",
    "functions": """
        SELECT oid::regprocedure::text, prosrc FROM pg_proc
        WHERE pronamespace IN (SELECT oid FROM pg_namespace WHERE nspname IN ('public', 'ops'))""",
    "types": """
        SELECT typname, typtype FROM pg_type
        WHERE typnamespace IN (SELECT oid FROM pg_namespace WHERE nspname IN ('public', 'ops'))""",
    "schemas": "SELECT nspname, nspacl::text FROM pg_namespace WHERE nspname NOT LIKE 'pg_%'",
    "role settings": "SELECT setrole::regrole::text, setconfig::text FROM pg_db_role_setting",
}
MACHINE = """
INSERT INTO machines
  (tenant_id, machine_id, machine_name, line, status, status_since, last_seen_at, version, updated_at)
VALUES (%s, 'M-1', 'Press', 'line1', 'idle', now(), now(), 1, now())
"""


@pytest.fixture(scope="module")
def plant(infra: RunningPlant) -> RunningPlant:
    """A plant with tables, and one machine of each of two tenants."""
    migrate_to(infra.owner_url, "head")
    for tenant in (DEFAULT_TENANT, NEIGHBOUR):
        with as_tenant(infra.app_url, tenant) as cursor:
            cursor.execute(MACHINE, [tenant])
    return infra


ROLES = ("app_url", "analyst_url", "owner_url")


@contextmanager
def as_tenant(url: str, tenant: str | None, *, writes: bool | None = None) -> Iterator[psycopg.Cursor[Any]]:
    """One transaction that names a tenant, or none: the tenant that an analyst's address names by itself is cut off."""
    with database.connect(url.partition("?")[0]) as connection, connection.cursor() as cursor:
        connection.read_only = None if writes is None else not writes
        if tenant is not None:
            database.tenant(cursor, tenant)
        yield cursor


def tenants_seen(cursor: psycopg.Cursor[Any]) -> set[str]:
    cursor.execute("SELECT tenant_id::text FROM machines")
    return {tenant for (tenant,) in cursor.fetchall()}


def catalogue(url: str) -> dict[str, list[str]]:
    """Everything that the migrations make, as text."""
    with psycopg.connect(url) as connection:
        return {
            kind: sorted(map(str, connection.execute(query.encode()).fetchall())) for kind, query in CATALOGUE.items()
        }


def tenant_tables(url: str) -> list[str]:
    """Every table with a tenant."""
    query = """
        SELECT attrelid::regclass::text FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
        WHERE attname = 'tenant_id' AND relkind IN ('r', 'p')
          AND relnamespace IN (SELECT oid FROM pg_namespace WHERE nspname IN ('public', 'ops'))
    """
    with psycopg.connect(url) as connection:
        return [name for (name,) in connection.execute(query).fetchall()]


def test_migrations_up_down_and_up_again_leave_the_same_catalogue(infra: RunningPlant) -> None:
    empty = catalogue(infra.owner_url)
    migrate_to(infra.owner_url, "head")
    first = catalogue(infra.owner_url)
    migrate_to(infra.owner_url, "base")
    gone = catalogue(infra.owner_url)
    migrate_to(infra.owner_url, "head")
    assert catalogue(infra.owner_url) == first
    for kind, left in gone.items():
        assert [each for each in left if "alembic_version" not in each] == empty[kind], f"{kind} stay behind"


def test_the_check_of_the_catalogue_finds_nothing(plant: RunningPlant) -> None:
    assert findings(plant.owner_url) == []
    command = [sys.executable, "-m", "sql", "check"]
    done = subprocess.run(command, env=os.environ | plant.endpoints, capture_output=True, text=True, check=False)
    *checks, summary, last = done.stdout.splitlines()
    assert (done.returncode, summary, last) == (0, "Summary: 15 passed, 0 failed, 0 warnings", "0 findings."), done
    assert [line for line in checks if "✓" not in line] == []
    assert "[5/10] ✓ RLS policies: 13 policies found" in checks


@pytest.mark.parametrize(
    ("broken", "mended", "names"),
    [
        (
            "ALTER TABLE routing_templates NO FORCE ROW LEVEL SECURITY",
            "ALTER TABLE routing_templates FORCE ROW LEVEL SECURITY",
            {"RLS on routing_templates", "owner"},
        ),
        (
            "ALTER POLICY routing_templates_tenant_isolation ON routing_templates USING (true)",
            f"ALTER POLICY routing_templates_tenant_isolation ON routing_templates USING (tenant_id = {TENANT})",
            {"no tenant set", "wrong tenant", "owner"},
        ),
        (
            "ALTER POLICY routing_templates_tenant_isolation ON routing_templates WITH CHECK (true)",
            f"ALTER POLICY routing_templates_tenant_isolation ON routing_templates WITH CHECK (tenant_id = {TENANT})",
            {"row for another tenant"},
        ),
        (
            "DROP INDEX idx_routing_operations_sequence",
            "CREATE INDEX idx_routing_operations_sequence ON routing_operations (routing_id, sequence_number) "
            "WHERE deleted_at IS NULL",
            {"routing_templates indexes"},
        ),
    ],
)
def test_the_verification_of_planning_sees_what_is_broken(
    plant: RunningPlant, broken: str, mended: str, names: set[str]
) -> None:
    with psycopg.connect(plant.owner_url, autocommit=True) as connection:
        connection.execute(broken)
        try:
            assert {each.name for each in verify(plant.owner_url, plant.app_url) if not each.is_passed} == names
        finally:
            connection.execute(mended)
    assert all(each.is_passed for each in verify(plant.owner_url, plant.app_url))


def test_the_verification_sees_a_connection_that_always_names_a_tenant(plant: RunningPlant) -> None:
    leaking = f"{plant.app_url}?options=-c%20app.current_tenant_id%3D{DEFAULT_TENANT}"
    assert [each.name for each in verify(plant.owner_url, leaking) if not each.is_passed] == ["leaked setting"]


def test_every_table_that_people_read_is_rebuilt_from_events_or_known_not_to_be(plant: RunningPlant) -> None:
    """Whoever adds a table decides here: a read model (`sql/read_models/registry.py`), or kept by itself."""
    with psycopg.connect(plant.owner_url) as connection:
        found = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    kept_by_themselves = {
        "alembic_version",
        "data_quality_scores",
        "deliveries",
        "failure_actions",
        "failure_bulks",
        "integration_audit_log",
        "inventory_uom_conversions",
        "inventory_uoms",
        "item_master",
        "item_planning",
        "kpi_results",
        "lane_overrides",
        "line_stops",
        "manufacturing_bom_audits",
        "manufacturing_bom_components",
        "manufacturing_boms",
        "mrp_runs",
        "mrp_shortages",
        "plan_archives",
        "plan_proposals",
        "planned_order_pegs",
        "planned_orders",
        "products",
        "project_runs",
        "projects",
        "purchase_requisitions",
        "reallocation_suggestions",
        "reconciliation_items",
        "reconciliation_reports",
        "run_tasks",
        "sync_runs",
        "task_estimates",
        "transaction_reports",
        "work_order_commands",
        "work_order_notes",
        "work_order_tasks",
        "tenants",
        "work_calendars",
        "edit_audits",
        *ISOLATED,
    }
    assert {name for (name,) in found} - set(TABLES) == kept_by_themselves


@pytest.mark.parametrize(
    ("damage", "finding"),
    [
        ("ALTER TABLE machines NO FORCE ROW LEVEL SECURITY", "public.machines: row-level security is not enabled"),
        ("DROP POLICY machines_tenant_isolation ON machines", "public.machines: no policy names the tenant"),
        ("CREATE POLICY p ON machines USING (true)", "public.machines: a policy shows other tenants' rows"),
        ("ALTER VIEW work_order_materials RESET (security_invoker)", "public.work_order_materials: a view reads with"),
        ("COMMENT ON COLUMN machines.line IS NULL", "public.machines.line: has no comment"),
        ("CREATE UNIQUE INDEX leak ON alerts (alert_id)", "leak: a unique key leaves out the tenant"),
        ("GRANT INSERT ON machines TO plant_analyst", "public.machines: analysts may write it"),
    ],
)
def test_the_check_names_what_is_missing(plant: RunningPlant, damage: str, finding: str) -> None:
    """The damage is done in a transaction that nobody commits; the check looks from inside it."""
    with psycopg.connect(plant.owner_url) as connection, connection.cursor() as cursor:
        cursor.execute(damage.encode())
        assert [found for found in findings_of(cursor) if found.startswith(finding)]
        connection.rollback()


@pytest.mark.parametrize("tenant", [DEFAULT_TENANT, NEIGHBOUR])
@pytest.mark.parametrize("url", ROLES)
def test_everybody_sees_the_rows_of_the_tenant_they_name_and_no_others(
    plant: RunningPlant, url: str, tenant: str
) -> None:
    with as_tenant(getattr(plant, url), tenant) as cursor:
        assert tenants_seen(cursor) == {tenant}


@pytest.mark.parametrize("url", ROLES)
def test_who_names_no_tenant_sees_nothing(plant: RunningPlant, url: str) -> None:
    with as_tenant(getattr(plant, url), None) as cursor:
        assert tenants_seen(cursor) == set()


def test_a_tenant_is_forgotten_when_its_transaction_ends(plant: RunningPlant) -> None:
    with database.connect(plant.app_url) as connection, connection.cursor() as cursor:
        database.tenant(cursor, DEFAULT_TENANT)
        assert tenants_seen(cursor) == {DEFAULT_TENANT}
        connection.commit()
        assert tenants_seen(cursor) == set()


def test_the_application_writes_no_row_of_another_tenant(plant: RunningPlant) -> None:
    with pytest.raises(errors.InsufficientPrivilege), as_tenant(plant.app_url, DEFAULT_TENANT) as cursor:
        cursor.execute(MACHINE, [NEIGHBOUR])
    with pytest.raises(errors.InsufficientPrivilege), as_tenant(plant.app_url, DEFAULT_TENANT) as cursor:
        cursor.execute("UPDATE machines SET tenant_id = %s", [NEIGHBOUR])
    with as_tenant(plant.app_url, DEFAULT_TENANT) as cursor:
        cursor.execute("DELETE FROM machines WHERE tenant_id = %s", [NEIGHBOUR])
        assert cursor.rowcount == 0


def test_a_taken_key_of_another_tenant_cannot_be_noticed(plant: RunningPlant) -> None:
    with as_tenant(plant.app_url, DEFAULT_TENANT) as cursor:
        cursor.execute(MACHINE.replace("'M-1'", "'M-2'"), [DEFAULT_TENANT])
    with as_tenant(plant.app_url, NEIGHBOUR) as cursor:
        cursor.execute(MACHINE.replace("'M-1'", "'M-2'"), [NEIGHBOUR])


def test_what_is_no_tenant_at_all_is_refused(plant: RunningPlant) -> None:
    for tenant in ("", "acme", "' OR true --"):
        with pytest.raises(psycopg.DataError), as_tenant(plant.app_url, tenant):
            pytest.fail("it was taken for a tenant")


@pytest.mark.parametrize("role", ["app_url", "analyst_url"])
def test_only_the_owner_may_look_across_tenants_as_a_rebuild_does(plant: RunningPlant, role: str) -> None:
    with as_tenant(getattr(plant, role), None) as cursor:
        cursor.execute("SELECT set_config('app.is_rebuilding', 'on', true)")
        assert tenants_seen(cursor) == set()
    with as_tenant(plant.owner_url, None) as cursor:
        cursor.execute("SELECT set_config('app.is_rebuilding', 'on', true)")
        assert tenants_seen(cursor) == {DEFAULT_TENANT, NEIGHBOUR}


def test_the_application_can_change_neither_tables_nor_policies(plant: RunningPlant) -> None:
    for statement in (
        "ALTER TABLE machines DISABLE ROW LEVEL SECURITY",
        "DROP POLICY machines_tenant_isolation ON machines",
        "TRUNCATE machines",
        "SET ROLE plant_owner",
        "CREATE TABLE public.mine (id int)",
    ):
        with pytest.raises(errors.InsufficientPrivilege), as_tenant(plant.app_url, DEFAULT_TENANT) as cursor:
            cursor.execute(statement.encode())


def test_analysts_read_every_table_and_write_none(plant: RunningPlant) -> None:
    for table in tenant_tables(plant.owner_url):
        if table.startswith("ops."):
            continue
        with as_tenant(plant.analyst_url, DEFAULT_TENANT) as cursor:
            cursor.execute(f"SELECT * FROM {table} LIMIT 1".encode())
        with (
            pytest.raises(errors.InsufficientPrivilege),
            as_tenant(plant.analyst_url, DEFAULT_TENANT, writes=True) as cursor,
        ):
            cursor.execute(f"DELETE FROM {table}".encode())
    with pytest.raises(errors.ReadOnlySqlTransaction), as_tenant(plant.analyst_url, DEFAULT_TENANT) as cursor:
        cursor.execute("DELETE FROM machines")


def test_every_table_of_a_tenant_is_isolated_even_from_its_owner(plant: RunningPlant) -> None:
    tables = tenant_tables(plant.owner_url)
    assert len(tables) >= 14
    query = "SELECT relrowsecurity AND relforcerowsecurity FROM pg_class WHERE oid = %s::regclass"
    with psycopg.connect(plant.owner_url) as connection:
        assert {connection.execute(query, [table]).fetchone() for table in tables} == {(True,)}
