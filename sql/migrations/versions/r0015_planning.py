"""Planning (document 004): its thirteen tables with their keys and policies, and what they stand on."""

from alembic import op

from schemas.ids import DEFAULT_TENANT
from sql.migrations import planning_ground, planning_orders
from sql.migrations.tables import TENANT, Table, create

revision = "0015"
down_revision = "0014"

TABLES = (*planning_ground.TABLES, *planning_orders.TABLES)
TENANTS = Table(
    "tenants",
    "One row is one tenant.",
    "id uuid NOT NULL | the tenant\n    name text | its name",
    "id",
    is_of_tenant=False,
)
# RFC 9562, version 7: 48 bits of milliseconds, then chance; Postgres has a function of its own from 18 on.
UUID7 = """
CREATE FUNCTION uuid_generate_v7() RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE AS $$
  SELECT encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
    PLACING substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) FROM 1 FOR 6),
    52, 1), 53, 1), 'hex')::uuid
$$
"""
CATALOGUE = """
INSERT INTO operations (tenant_id, operation_code, operation_name, operation_type) VALUES
  (NULL, 'PRINTING', 'Printing', 'printing'), (NULL, 'DIE_CUTTING', 'Die cutting', 'cutting'),
  (NULL, 'FOLDING', 'Folding', 'folding'), (NULL, 'PACKAGING', 'Packaging', 'packing'),
  (NULL, 'PRESSING', 'Pressing', 'forming'), (NULL, 'WELDING', 'Welding', 'joining'),
  (NULL, 'ASSEMBLY', 'Assembly', 'joining'), (NULL, 'BALANCING', 'Balancing', 'finishing'),
  (NULL, 'PAINTING', 'Painting', 'finishing'), (NULL, 'INSPECTION', 'Inspection', 'testing')
"""


def upgrade() -> None:
    """Make the tables; the catalogue of operations that everybody has comes with them."""
    connection = op.get_bind()
    run = connection.exec_driver_sql
    run("CREATE EXTENSION IF NOT EXISTS btree_gist")
    run(UUID7)
    for statement in create(TENANTS):
        run(statement)
    run("ALTER TABLE tenants ENABLE ROW LEVEL SECURITY")
    run("ALTER TABLE tenants FORCE ROW LEVEL SECURITY")
    run(f"CREATE POLICY tenants_tenant_isolation ON tenants USING (id = {TENANT}) WITH CHECK (id = {TENANT})")
    run("GRANT SELECT ON tenants TO plant_analyst")
    for table in TABLES:
        for statement in create(table):
            run(statement)
    run(f"SELECT set_config('app.current_tenant_id', '{DEFAULT_TENANT}', true)")
    run(f"INSERT INTO tenants (id, name) VALUES ('{DEFAULT_TENANT}', 'the plant')")
    run("ALTER TABLE operations DISABLE ROW LEVEL SECURITY")
    run(CATALOGUE)
    run("ALTER TABLE operations ENABLE ROW LEVEL SECURITY")


def downgrade() -> None:
    """Drop them."""
    for table in reversed((TENANTS, *TABLES)):
        op.execute(f"DROP TABLE {table.name}")
    op.execute("DROP FUNCTION uuid_generate_v7()")
    op.execute("DROP EXTENSION btree_gist")
