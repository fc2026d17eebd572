"""Deliveries to other systems, how far reactions are, circuit breakers, and runs of the jobs by the clock."""

from alembic import op

from sql.migrations.tables import Table, create

# The columns are lines of a table: they read better long.
# ruff: noqa: E501

revision = "0005"
down_revision = "0004"

TABLES: tuple[Table, ...] = (
    Table(
        "deliveries",
        "One row is one thing to tell or ask another system, from its cause to its answer.",
        """
    delivery_id text NOT NULL | id of the delivery, and its Idempotency-Key at each attempt
    kind text NOT NULL | kind of delivery
    external_system text NOT NULL CHECK (external_system IN ('ERP','MES','HR','WMS','FILES','MAIL','NOTIFY')) | the other system
    integration_type text NOT NULL | which integration
    subject text NOT NULL | id of what it is about
    cause text NOT NULL | what caused it; kind, tenant and cause are made once
    correlation_id text NOT NULL | what it belongs to
    told jsonb NOT NULL | what its kind needs to know
    request jsonb | the request as it was first made; the same at each attempt
    status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending','succeeded','failed','cancelled')) | where it stands
    waits_for text CHECK (waits_for IN ('time','data','retry','circuit')) | what a pending one waits for
    attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0) | calls made and answered or given up
    failures jsonb NOT NULL DEFAULT '{}' | failed attempts by kind of trouble, since somebody last retried it by hand
    waits integer NOT NULL DEFAULT 0 | how often what it is made of was not there yet
    rounds integer NOT NULL DEFAULT 0 | how often somebody retried it by hand
    due_at timestamptz NOT NULL | when the next attempt is due
    last_attempt_at timestamptz | when it was last tried
    last_status_code integer | HTTP status of the last attempt
    last_error text | why the last attempt did not work, or why there was none
    last_answer jsonb | the last answer, secrets removed
    failure_key text | its dead letter, if it failed
    created_at timestamptz NOT NULL DEFAULT now() | when it was made
    finished_at timestamptz | when it succeeded, failed or was cancelled
    """,
        "tenant_id, delivery_id",
        (
            "(tenant_id, created_at DESC, delivery_id DESC)",
            "(tenant_id, external_system, status, due_at)",
            "(tenant_id, subject)",
            "(tenant_id, kind, subject) WHERE status = 'pending'",
        ),
    ),
    Table(
        "ops.clock_runs",
        "One row is one run of a job by the clock, or by hand.",
        """
    run_id text NOT NULL | the run: the job and its moment, or a random id where somebody asked for it
    name text NOT NULL | the job
    moment timestamptz NOT NULL | the moment that was due
    asked_by text | who asked for it; nobody where the clock did
    status text NOT NULL CHECK (status IN ('waiting','succeeded','failed','skipped')) | where it stands
    outcome text | what came of it, in a sentence
    created_at timestamptz NOT NULL DEFAULT now() | when it was asked for
    started_at timestamptz | when it began
    finished_at timestamptz | when it ended
    """,
        "tenant_id, run_id",
        ("(tenant_id, name, moment DESC)",),
    ),
    Table(
        "ops.reaction_offsets",
        "One row is one partition of an event topic, and how far our reactions to it are.",
        """
    topic text NOT NULL | topic
    partition integer NOT NULL | partition
    next_offset bigint NOT NULL | offset of the next record to react to
    updated_at timestamptz NOT NULL DEFAULT now() | when last
    """,
        "topic, partition",
        is_of_tenant=False,
    ),
    Table(
        "ops.circuit_breakers",
        "One row is one external system's circuit breaker, shared by all processes that call it.",
        """
    external_system text NOT NULL | the system
    state text NOT NULL DEFAULT 'closed' CHECK (state IN ('closed','opened','half-opened')) | closed: calls go out; opened: none; half-opened: one probe
    failure_count integer NOT NULL DEFAULT 0 | failures in a row
    opened_at timestamptz | when it was last opened
    probe_at timestamptz | when its probe went out
    openings bigint NOT NULL DEFAULT 0 | how often it was opened from closed
    refusals integer NOT NULL DEFAULT 0 | deliveries in a row that failed for want of authentication
    last_error text | what failed last
    last_success_at timestamptz | when it last answered well
    updated_at timestamptz NOT NULL DEFAULT now() | when last
    """,
        "external_system",
        is_of_tenant=False,
    ),
)
CHANGES = (
    "ALTER TABLE work_orders ADD COLUMN mes_job_id text",
    "COMMENT ON COLUMN work_orders.mes_job_id IS 'job at the MES, as it answered the start signal'",
    "ALTER TABLE integration_audit_log ADD COLUMN delivery_id text",
    "COMMENT ON COLUMN integration_audit_log.delivery_id IS 'delivery that the call was an attempt of'",
    "CREATE INDEX integration_audit_log_delivery ON integration_audit_log (tenant_id, delivery_id)"
    " WHERE delivery_id IS NOT NULL",
    # What was projected before anything reacted is history: nobody is told of it now.
    "INSERT INTO ops.reaction_offsets (topic, partition, next_offset)"
    " SELECT topic, partition, next_offset FROM ops.projection_offsets",
)
UNDONE = (
    "DROP INDEX integration_audit_log_delivery",
    "ALTER TABLE integration_audit_log DROP COLUMN delivery_id",
    "ALTER TABLE work_orders DROP COLUMN mes_job_id",
)


def upgrade() -> None:
    """Make the tables."""
    connection = op.get_bind()
    for table in TABLES:
        for statement in create(table):
            connection.exec_driver_sql(statement)
    for statement in CHANGES:
        connection.exec_driver_sql(statement)


def downgrade() -> None:
    """Drop them."""
    for statement in UNDONE:
        op.execute(statement)
    for table in reversed(TABLES):
        op.execute(f"DROP TABLE {table.name}")
