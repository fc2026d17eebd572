"""The tables of document 003; work orders are tables here, since SQLite has no read models to make views of."""

from alembic import op

from sql.migrations.boms import TABLES, WORK_ORDERS
from sql.migrations.portable import create_on_sqlite

revision = "0016"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    for table in (*TABLES, *WORK_ORDERS):
        for statement in create_on_sqlite(table):
            op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    """Drop them."""
    for table in reversed((*TABLES, *WORK_ORDERS)):
        op.execute(f"DROP TABLE {table.name}")
