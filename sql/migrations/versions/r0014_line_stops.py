"""Lines that stand still because most of what they deliver fails with one cause."""

from alembic import op

from sql.migrations.tables import Table, create

# The columns are lines of a table: they read better long.
# ruff: noqa: E501

revision = "0014"
down_revision = "0013"

TABLES: tuple[Table, ...] = (
    Table(
        "line_stops",
        "One row is one stop of a line: most of what it delivered failed with one cause, so it stood until somebody resumed it.",
        """
    stop_id text NOT NULL | id of the stop
    line text NOT NULL | the line: an inbox, a foreign topic, or what the messages of an address pattern are filed under
    stopped_at timestamptz NOT NULL | when it stopped
    stopped_by text NOT NULL | the process that saw it first
    cause text NOT NULL | why the messages failed, with ids and numbers left out
    error_code text NOT NULL | code of the refusals
    error_path text | field they are about
    failures bigint NOT NULL | failures with this cause among the latest messages
    messages bigint NOT NULL | so many latest messages were looked at
    failure_key text NOT NULL | the dead letter of the last of them
    resumed_at timestamptz | when somebody resumed it; absent while it stands
    resumed_by text | who
    resume_reason text | why, as they said
    """,
        "tenant_id, stop_id",
        ("(tenant_id, line, stopped_at DESC)",),
    ),
)


def upgrade() -> None:
    """Make the tables."""
    connection = op.get_bind()
    for table in TABLES:
        for statement in create(table):
            connection.exec_driver_sql(statement)
    # A line stands once, whichever process sees it first.
    connection.exec_driver_sql(
        "CREATE UNIQUE INDEX line_stops_open ON line_stops (tenant_id, line) WHERE resumed_at IS NULL"
    )


def downgrade() -> None:
    """Drop them."""
    for table in reversed(TABLES):
        op.execute(f"DROP TABLE {table.name}")
