"""What is watched: how unusual each machine's figures are, what is remembered for that, and conditions that last."""

from alembic import op

from sql.migrations.tables import Table, create

# The columns are lines of a table: they read better long.
# ruff: noqa: E501

revision = "0008"
down_revision = "0007"

TABLES: tuple[Table, ...] = (
    Table(
        "data_quality_scores",
        "One row is one signal of a machine, and how unusual it was when it was looked at last.",
        """
    machine_id text NOT NULL | the machine
    signal text NOT NULL CHECK (signal IN ('cycle_time','rate','jitter','silence','counter')) | cycle time, units a minute, spread of the gaps between messages, silence, counter that stands still
    value double precision NOT NULL | the figure: seconds, units a minute, share of the usual gap, seconds, seconds
    median double precision | what is usual; absent while too little is known; of silence and counter the usual gap in seconds
    spread double precision | the usual spread, as a standard deviation; of silence and counter the longest ordinary pause in seconds
    score double precision | distance from the median in spreads; 8 and more is unusual
    readings integer NOT NULL | readings that tell what is usual
    is_anomaly boolean NOT NULL | whether it has been unusual long enough to be an anomaly
    since timestamptz | since when it is an anomaly
    sentence text NOT NULL | the score explained
    updated_at timestamptz NOT NULL | when it was looked at
    """,
        "tenant_id, machine_id, signal",
        ("(tenant_id, score DESC NULLS LAST)",),
    ),
    Table(
        "ops.machine_watches",
        "One row is what is remembered of a machine to judge its figures by.",
        """
    machine_id text NOT NULL | the machine
    state jsonb NOT NULL | past figures by signal and product, pauses, and what is thought of each signal
    updated_at timestamptz NOT NULL | when it was looked at
    """,
        "tenant_id, machine_id",
    ),
    Table(
        "ops.watch_episodes",
        "One row is one condition that an alert was raised for and that lasts.",
        """
    condition text NOT NULL | name of the condition, as in the alert rules
    entity_id text NOT NULL | what it is about: a system, or the plant
    since timestamptz NOT NULL | when it was seen first
    value double precision NOT NULL | the figure at the latest look
    sentence text NOT NULL | the condition explained
    updated_at timestamptz NOT NULL | when it was looked at
    """,
        "tenant_id, condition, entity_id",
    ),
)
# The latest call of each integration, without reading a year of calls.
INDEXES = (
    "CREATE INDEX integration_audit_log_latest ON integration_audit_log "
    "(tenant_id, external_system, direction, integration_type, success, timestamp DESC)",
    "CREATE INDEX integration_audit_log_outbound ON integration_audit_log "
    "(tenant_id, external_system, timestamp DESC) WHERE direction = 'outbound'",
)


def upgrade() -> None:
    """Make the tables."""
    connection = op.get_bind()
    for table in TABLES:
        for statement in create(table):
            connection.exec_driver_sql(statement)
    for statement in INDEXES:
        connection.exec_driver_sql(statement)


def downgrade() -> None:
    """Drop them."""
    op.execute("DROP INDEX integration_audit_log_outbound")
    op.execute("DROP INDEX integration_audit_log_latest")
    for table in reversed(TABLES):
        op.execute(f"DROP TABLE {table.name}")
