"""OEE of shifts and days: what its rows say, what was recorded since they were computed, and the one definition."""

from alembic import op

from schemas.definitions import OEE
from sql.migrations.tables import Table, create

# The columns are lines of a table: they read better long.

revision = "0018"
down_revision = "0017"

MEANING = "One row is the OEE of a machine or a line in one window: a shift or a day."
WATCHES = Table(
    "ops.oee_watches",
    "One row is how far the OEE of a machine is computed.",
    """
    machine_id text NOT NULL | the machine
    recorded_until timestamptz NOT NULL | what was recorded before this moment is in its rows
    computed_until timestamptz NOT NULL | moment of the latest run
    last_seen_at timestamptz NOT NULL | its latest sign of life then
    plan text NOT NULL | what its planned time and its ideal cycle time came from then
    """,
    "tenant_id, machine_id",
)
COLUMNS = (
    ("day", "date NOT NULL", "day on which the window begins, by the plant''s clock"),
    ("line", "text NOT NULL", "line the machine stands in, or the line itself"),
    (
        "computed_until",
        "timestamptz NOT NULL",
        "until when it is computed: the end of the window, or its latest minute",
    ),
    (
        "is_settled",
        "boolean NOT NULL DEFAULT false",
        "the window is over; whatever changes the row later is a late correction",
    ),
)
# What was recorded lately stands at the end of these tables: the least of indexes finds it.
RECORDED = ("production_logs", "machine_status_history", "downtime_events", "work_order_changes")


def upgrade() -> None:
    """Make them."""
    run = op.get_bind().exec_driver_sql
    for statement in create(WATCHES):
        run(statement)
    for name, kind, comment in COLUMNS:
        run(f"ALTER TABLE oee_calculations ADD COLUMN {name} {kind}")
        run(f"COMMENT ON COLUMN oee_calculations.{name} IS '{comment}'")
    run("ALTER TABLE oee_calculations DROP CONSTRAINT uq_oee_window")
    run(
        "ALTER TABLE oee_calculations ADD CONSTRAINT uq_oee_window "
        "UNIQUE NULLS NOT DISTINCT (tenant_id, level, subject_id, bucket, from_at, shift_name)"
    )
    run("CREATE INDEX idx_oee_calculations_line ON oee_calculations (tenant_id, line, bucket, from_at)")
    definition = f"{MEANING} {OEE}".replace("'", "''")
    run(f"COMMENT ON TABLE oee_calculations IS '{definition}'")
    for name in RECORDED:
        run(f"CREATE INDEX {name}_recorded ON {name} USING brin (recorded_at)")


def downgrade() -> None:
    """Drop them."""
    for name in RECORDED:
        op.execute(f"DROP INDEX {name}_recorded")
    op.execute(f"COMMENT ON TABLE oee_calculations IS '{MEANING}'")
    op.execute("DROP INDEX idx_oee_calculations_line")
    op.execute("ALTER TABLE oee_calculations DROP CONSTRAINT uq_oee_window")
    for name, *_ in reversed(COLUMNS):
        op.execute(f"ALTER TABLE oee_calculations DROP COLUMN {name}")
    op.execute(
        "ALTER TABLE oee_calculations ADD CONSTRAINT uq_oee_window "
        "UNIQUE (tenant_id, level, subject_id, bucket, from_at)"
    )
    op.execute("DROP TABLE ops.oee_watches")
