"""reallocation (to be filled)."""

from alembic import op

from sql.migrations.tables import Table, create

revision = "0007"
down_revision = "0006"

TABLES: tuple[Table, ...] = ()


def upgrade() -> None:
    """Make the tables."""
    connection = op.get_bind()
    for table in TABLES:
        for statement in create(table):
            connection.exec_driver_sql(statement)


def downgrade() -> None:
    """Drop them."""
    for table in reversed(TABLES):
        op.execute(f"DROP TABLE {table.name}")
