"""Credentials for other systems, sealed."""

from alembic import op

from sql.migrations.tables import Table, create

revision = "0009"
down_revision = "0008"

TABLES = (
    Table(
        "ops.credentials",
        "One row is one secret for another system, sealed with AES-256-GCM; the key is not in the database.",
        """
    name text NOT NULL | name of the secret
    key_id text NOT NULL | which key of the key file sealed it
    nonce bytea NOT NULL | 12 random bytes, used once
    box bytea NOT NULL | the sealed secret with its tag
    set_at timestamptz NOT NULL DEFAULT now() | since when it is this secret
    """,
        "tenant_id, name",
    ),
)


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
