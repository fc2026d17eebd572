"""What the MES says of a machine's job, what was read back of an outage, and suggestions to move work elsewhere."""

from alembic import op

from sql.migrations.tables import Table, create

# The columns are lines of a table: they read better long.
# ruff: noqa: E501

revision = "0007"
down_revision = "0006"

TABLES: tuple[Table, ...] = (
    Table(
        "reallocation_suggestions",
        "One row is one suggestion: an order that a machine in breakdown cannot work on, and where it could be made instead.",
        """
    suggestion_id text NOT NULL | downtime and order
    downtime_id text NOT NULL | downtime that made it necessary: machine and start
    machine_id text NOT NULL | machine that is down
    work_order_id text NOT NULL | order to move
    suggested_machine_id text NOT NULL | machine that could make it
    suggested_operator_id text | operator who is free for it and fits best
    operators jsonb NOT NULL | operators who are free and have the skills, best first
    alternatives jsonb NOT NULL | all machines that could make it, best first, each with score and sentence
    reason text NOT NULL | the suggestion in a sentence
    score double precision NOT NULL | how well it fits, 0 to 100
    status text NOT NULL CHECK (status IN ('open','taken','dismissed','expired')) | what became of it
    created_at timestamptz NOT NULL | when the machine went down
    decided_at timestamptz | when it was taken, dismissed or expired
    decided_by text | who took or dismissed it
    """,
        "tenant_id, suggestion_id",
        ("(tenant_id, status, created_at)", "(tenant_id, machine_id) WHERE status = 'open'"),
    ),
)
ADDED = (
    ("machines", "current_product_id", "text", "product it makes, as the MES says (PartNumber)"),
    ("machines", "current_quantity_ordered", "double precision", "units to make, as the MES says (Quantity)"),
    ("machine_status_history", "is_restated", "boolean NOT NULL DEFAULT false", "became known after the next one"),
    ("machine_status_history", "recovery", "text", "of a gap: full, partial or none of the outage could be read back"),
)
COMMENTS = {
    "machine_status_history.version": (
        "version of the machine with this change; of a gap, its beginning in ms since 1970",
        "version of the machine with this change; of a gap, the position of its message",
    ),
    "machine_status_history.to_at": ("end, of a gap and of what was restated", "end, for a gap"),
    "machine_status_history.previous_status": ("status before, as it was known when this was told", "status before"),
}


def upgrade() -> None:
    """Make the tables, add the columns."""
    connection = op.get_bind()
    for table in TABLES:
        for statement in create(table):
            connection.exec_driver_sql(statement)
    for table_name, column, kind, comment in ADDED:
        op.execute(f"ALTER TABLE {table_name} ADD COLUMN {column} {kind}")
        op.execute(f"COMMENT ON COLUMN {table_name}.{column} IS '{comment}'")
    for column, (comment, _) in COMMENTS.items():
        op.execute(f"COMMENT ON COLUMN {column} IS '{comment}'")


def downgrade() -> None:
    """Drop them."""
    for column, (_, comment) in COMMENTS.items():
        op.execute(f"COMMENT ON COLUMN {column} IS '{comment}'")
    for table_name, column, _, _ in reversed(ADDED):
        op.execute(f"ALTER TABLE {table_name} DROP COLUMN {column}")
    for table in reversed(TABLES):
        op.execute(f"DROP TABLE {table.name}")
