"""What people write to an order and do with it: notes, tasks, commands."""

from alembic import op

from sql.migrations.tables import Table, create

# The columns are lines of a table: they read better long.

revision = "0012"
down_revision = "0011"

TABLES: tuple[Table, ...] = (
    Table(
        "work_order_notes",
        "One row is one note that somebody wrote to an order.",
        """
    note_id text NOT NULL | id of the note
    work_order_id text NOT NULL | the order
    body text NOT NULL CHECK (length(body) BETWEEN 1 AND 4000) | what was written
    written_by text NOT NULL | who wrote it
    written_at timestamptz NOT NULL DEFAULT clock_timestamp() | when
    """,
        "tenant_id, note_id",
        ("(tenant_id, work_order_id, written_at DESC)",),
    ),
    Table(
        "work_order_tasks",
        "One row is one thing that somebody is to do for an order.",
        """
    task_id text NOT NULL | id of the task
    work_order_id text NOT NULL | the order
    title text NOT NULL CHECK (length(title) BETWEEN 1 AND 400) | what is to be done
    assigned_to text | who is to do it
    due_at timestamptz | by when
    status text NOT NULL DEFAULT 'open' CHECK (status IN ('open','done')) | whether it is done
    created_by text NOT NULL | who asked for it
    created_at timestamptz NOT NULL DEFAULT clock_timestamp() | when
    done_by text CHECK ((status = 'done') = (done_by IS NOT NULL)) | who said that it is done
    done_at timestamptz CHECK ((status = 'done') = (done_at IS NOT NULL)) | when
    """,
        "tenant_id, task_id",
        ("(tenant_id, work_order_id, created_at)",),
    ),
    Table(
        "work_order_commands",
        "One row is one command of a person to an order that was not refused.",
        """
    command_id text NOT NULL | message id of the command
    work_order_id text NOT NULL | the order
    verb text NOT NULL | what was wanted: release, assign, start, hold, complete, cancel
    said_by text NOT NULL | who wanted it
    reason text | why, where it was told
    machine_id text | machine it was to be given to, of assign
    operator_id text | operator it was to be given to, of assign
    said_at timestamptz NOT NULL DEFAULT clock_timestamp() | when
    order_version bigint | version of the order that it led to; absent where that was not known in time
    """,
        "tenant_id, command_id",
        ("(tenant_id, work_order_id, said_at)",),
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
