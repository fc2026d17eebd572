"""Checks the catalogue: every tenant table isolated, everything commented, the application owning nothing."""

from typing import Any

from psycopg import Cursor

from sql.database import connect

CHECKS = {
    "row-level security is not enabled and forced": """
        SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p') AND n.nspname IN ('public', 'ops')
          AND NOT (c.relrowsecurity AND c.relforcerowsecurity)
          AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id')""",
    "no policy names the tenant": """
        SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relrowsecurity AND n.nspname IN ('public', 'ops') AND NOT EXISTS (
          SELECT FROM pg_policies p WHERE p.schemaname = n.nspname AND p.tablename = c.relname
          AND p.qual LIKE '%app.current_tenant_id%' AND p.with_check LIKE '%app.current_tenant_id%')""",
    "a policy shows other tenants' rows to others than its owner": """
        SELECT format('%I.%I', p.schemaname, p.tablename) FROM pg_policies p
        JOIN pg_tables t ON t.schemaname = p.schemaname AND t.tablename = p.tablename
        WHERE p.schemaname IN ('public', 'ops') AND p.permissive = 'PERMISSIVE' AND p.roles <> ARRAY[t.tableowner]
          AND (coalesce(p.qual, '') NOT LIKE '%app.current_tenant_id%'
            OR coalesce(p.with_check, '') NOT LIKE '%app.current_tenant_id%')""",
    "a view reads with the rights of its owner": """
        SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname IN ('public', 'ops')
          AND c.relkind IN ('v', 'm')
          AND NOT 'security_invoker=true' = ANY (coalesce(c.reloptions, '{}'))""",
    "has no comment": """
        SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p', 'v') AND n.nspname IN ('public', 'ops') AND c.relname <> 'alembic_version'
          AND obj_description(c.oid) IS NULL
        UNION ALL
        SELECT format('%I.%I.%I', n.nspname, c.relname, a.attname) FROM pg_attribute a
        JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p', 'v') AND n.nspname IN ('public', 'ops') AND c.relname <> 'alembic_version'
          AND a.attnum > 0 AND NOT a.attisdropped AND col_description(c.oid, a.attnum) IS NULL""",
    "a unique key leaves out the tenant": """
        SELECT i.indexrelid::regclass::text FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE i.indisunique AND n.nspname IN ('public', 'ops') AND c.relrowsecurity AND NOT EXISTS (
          SELECT FROM pg_attribute a
          WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND a.attnum = ANY(i.indkey))
        -- What begins with an id that nobody can guess tells nobody of another tenant's rows.
        AND NOT EXISTS (
          SELECT FROM pg_attribute a
          WHERE a.attrelid = c.oid AND a.attnum = i.indkey[0] AND a.atttypid = 'uuid'::regtype)""",
    "the application owns it": """
        SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
        WHERE tableowner IN ('plant_app', 'plant_analyst') AND schemaname NOT LIKE 'pg_temp%'""",
    "may pass by row-level security": """
        SELECT rolname FROM pg_roles WHERE rolname IN ('plant_app', 'plant_analyst') AND (rolbypassrls OR rolsuper)""",
    "analysts may write it": """
        SELECT format('%I.%I', table_schema, table_name) FROM information_schema.table_privileges
        WHERE grantee = 'plant_analyst' AND privilege_type <> 'SELECT'""",
}


def findings(url: str) -> list[str]:
    """One sentence for each thing that is not as it must be."""
    with connect(url) as connection, connection.cursor() as cursor:
        return findings_of(cursor)


def findings_of(cursor: Cursor[Any]) -> list[str]:
    """The same, as this transaction sees the catalogue."""
    found = []
    for complaint, query in CHECKS.items():
        cursor.execute(query.encode())
        found += [f"{name}: {complaint}" for (name,) in cursor.fetchall()]
    return found
