"""Tokens that are refused before they end."""

from alembic import op

from sql.migrations.tables import Table, create

revision = "0020"
down_revision = "0019"

TABLES = (
    Table(
        "ops.revocations",
        "One row is one token, or all tokens that somebody had by then, refused from then on.",
        """
    kind text NOT NULL CHECK (kind IN ('token', 'name')) | a token by its id, or all tokens of somebody by their name
    value text NOT NULL | that id (`jti`) or name (`sub`)
    revoked_at timestamptz NOT NULL DEFAULT now() | since when; of a name, tokens issued later are good
    revoked_by text NOT NULL | who did so
    """,
        "tenant_id, kind, value",
    ),
)


def upgrade() -> None:
    """Make the table."""
    connection = op.get_bind()
    for table in TABLES:
        for statement in create(table):
            connection.exec_driver_sql(statement)


def downgrade() -> None:
    """Drop it."""
    for table in reversed(TABLES):
        op.execute(f"DROP TABLE {table.name}")
