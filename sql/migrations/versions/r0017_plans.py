"""What the planner computes: MRP runs, planned orders with their pegs, shortages, requisitions, proposals."""

from alembic import op

from sql.migrations.plans import MACHINERY, TABLES
from sql.migrations.tables import create

revision = "0017"
down_revision = "0016"

# A happening has one proposal that waits or stands; one schedule is accepted.
ONE_EACH = (
    "CREATE UNIQUE INDEX uq_plan_proposals_cause ON plan_proposals (tenant_id, cause_key) "
    "WHERE status IN ('queued','running','open')",
    "CREATE UNIQUE INDEX uq_production_schedules_accepted ON production_schedules (tenant_id) "
    "WHERE status = 'accepted'",
)


def upgrade() -> None:
    """Make the tables."""
    say = op.get_bind().exec_driver_sql
    for table in (*TABLES, *MACHINERY):
        for statement in create(table):
            say(statement)
    for statement in ONE_EACH:
        say(statement)


def downgrade() -> None:
    """Drop them."""
    op.execute("DROP INDEX uq_production_schedules_accepted")
    for table in reversed((*TABLES, *MACHINERY)):
        op.execute(f"DROP TABLE {table.name}")
