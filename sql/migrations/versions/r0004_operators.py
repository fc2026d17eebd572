"""Operators, their skills and shifts; who was accepted from the HR system; what each sync did; keys of webhooks."""

from alembic import op

from sql.migrations.tables import Table, create

# The columns are lines of a table: they read better long.
# ruff: noqa: E501

revision = "0004"
down_revision = "0003"

TABLES: tuple[Table, ...] = (
    Table(
        "operators",
        "One row is one operator as they stand now.",
        """
    operator_id text NOT NULL | our id: O- and the employee id without EMP-
    employee_id text NOT NULL | the HR system's id
    first_name text NOT NULL | first name
    last_name text NOT NULL | last name
    email text | e-mail address
    phone text | telephone number
    department text | department
    job_title text | job
    hire_date date | hired on
    location text | where in the plant
    is_active boolean NOT NULL | whether the HR system still names them
    current_status text NOT NULL CHECK (current_status IN ('available','on_break','off_duty')) | what their latest clock event says
    status_since timestamptz | when that was
    synced_at timestamptz NOT NULL | moment of the sync that the latest change rests on
    version bigint NOT NULL | grows by one with each change of the operator or a shift of theirs
    updated_at timestamptz NOT NULL | moment of the latest change, by the clock of its cause
    """,
        "tenant_id, operator_id",
        ("(tenant_id, employee_id)", "(tenant_id, current_status) WHERE is_active"),
    ),
    Table(
        "operator_skills",
        "One row is one thing an operator is certified to do.",
        """
    operator_id text NOT NULL | the operator
    skill_code text NOT NULL | the skill
    skill_name text | its name
    proficiency_level integer | level of proficiency
    certification_date date | certified on
    certification_expiry date | certified until this day, itself included; NULL: for good
    version bigint NOT NULL | version of the operator that brought it
    """,
        "tenant_id, operator_id, skill_code",
        ("(tenant_id, skill_code)",),
    ),
    Table(
        "operator_shifts",
        "One row is one shift of one operator: as it was planned, and what really happened.",
        """
    operator_id text NOT NULL | the operator
    shift_date date NOT NULL | the plant's day on which it begins
    shift_name text NOT NULL | its name; "Unscheduled" where nobody planned it
    shift_id text NOT NULL | the name under which attendance names it, as SH-20251118-A
    employee_id text NOT NULL | the HR system's id of the operator
    status text NOT NULL CHECK (status IN ('scheduled','working','ended','withdrawn')) | where it stands; withdrawn: it does not take place
    is_scheduled boolean NOT NULL | whether it was planned
    is_overtime boolean NOT NULL | whether it was planned as overtime
    scheduled_start timestamptz | planned start
    scheduled_end timestamptz | planned end
    break_start timestamptz | planned start of the break
    break_end timestamptz | planned end of the break
    actual_clock_in timestamptz | first coming
    actual_clock_out timestamptz | going after the last coming
    away_seconds double precision NOT NULL | clocked absence between coming and going, in seconds
    reported_in text | delivery that reported its hours to the HR system
    version bigint NOT NULL | version of the operator
    updated_at timestamptz NOT NULL | moment of the latest change, by the clock of its cause
    event_topic text NOT NULL | topic of the event this row came from
    event_partition integer NOT NULL | partition of that event
    event_offset bigint NOT NULL | offset of that event
    caused_by text NOT NULL | message id of the event: processor, inbox partition and offset, number
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp() | when the row was written first
    """,
        "tenant_id, operator_id, shift_date, shift_name",
        ("(tenant_id, shift_date, operator_id)",),
    ),
    Table(
        "sync_runs",
        "One row is one answered exchange of data with another system, and what it came to.",
        """
    run_id text NOT NULL | the delivery that asked
    integration_type text NOT NULL | which integration
    added integer NOT NULL DEFAULT 0 | what is new
    updated integer NOT NULL DEFAULT 0 | what is other than before
    deactivated integer NOT NULL DEFAULT 0 | what the other system names no more
    rejected integer NOT NULL DEFAULT 0 | rows that could not be read: each is a dead letter
    summary text NOT NULL | the same as a sentence
    finished_at timestamptz NOT NULL | when
    """,
        "tenant_id, run_id",
        ("(tenant_id, finished_at DESC)",),
    ),
    Table(
        "ops.operator_keys",
        "One row is one employee that was accepted; attendance may name them before their row is projected.",
        """
    employee_id text NOT NULL | the HR system's id
    created_at timestamptz NOT NULL DEFAULT now() | when they were accepted first
    """,
        "tenant_id, employee_id",
    ),
    Table(
        "ops.api_keys",
        "One row is one key that a system signs its webhooks with; the key itself is not kept.",
        """
    key_id text NOT NULL | the key's name
    key_hash text NOT NULL | SHA-256 of the key, which is random and long
    description text | what it is for
    created_at timestamptz NOT NULL DEFAULT now() | when it was made, or seen first
    created_by text NOT NULL | who made it
    last_used_at timestamptz | when it was used last, to the minute
    revoked_at timestamptz | when it was revoked
    revoked_by text | who did
    """,
        "tenant_id, key_id",
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
