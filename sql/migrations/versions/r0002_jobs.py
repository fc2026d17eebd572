"""What runs by the clock (procrastinate's own tables, in `ops`), and material ids that are taken."""

from alembic import op
from procrastinate.schema import SchemaManager

from sql.migrations.tables import Table, create

revision = "0002"
down_revision = "0001"

MATERIAL_KEYS = Table(
    "ops.material_keys",
    "One row is one material that was accepted; orders may name it before its row is projected.",
    """
    material_id text NOT NULL | the material
    created_at timestamptz NOT NULL DEFAULT now() | when it was accepted first
    """,
    "tenant_id, material_id",
)
COMMENTS = {
    "procrastinate_workers": {
        "": "One row is one process that works off jobs.",
        "id": "the process",
        "last_heartbeat": "its latest sign of life",
    },
    "procrastinate_jobs": {
        "": "One row is one job, waiting, running or done.",
        "id": "the job",
        "queue_name": "queue it waits in",
        "task_name": "what is to be done",
        "priority": "higher goes first",
        "lock": "jobs with the same lock run one after the other",
        "queueing_lock": "only one job with this lock may wait",
        "args": "what it is to be done with",
        "status": "todo, doing, succeeded, failed, cancelled, aborting or aborted",
        "scheduled_at": "not before this moment",
        "attempts": "how often it was begun",
        "abort_requested": "whether somebody asked it to stop",
        "worker_id": "process that works on it",
    },
    "procrastinate_periodic_defers": {
        "": "One row is one tick of the clock that became a job.",
        "id": "number of the tick",
        "task_name": "what was to be done",
        "defer_timestamp": "the tick, in seconds since 1970",
        "job_id": "the job it became",
        "periodic_id": "which clock, where a task has several",
    },
    "procrastinate_events": {
        "": "One row is one thing that happened to a job.",
        "id": "number of the event",
        "job_id": "the job",
        "type": "what happened",
        "at": "when",
    },
}


def upgrade() -> None:
    """Make the tables."""
    cursor = op.get_bind().connection.cursor()
    for statement in create(MATERIAL_KEYS):
        cursor.execute(statement)
    cursor.execute("SET LOCAL search_path TO ops")
    cursor.execute(SchemaManager.get_schema())
    for table, comments in COMMENTS.items():
        for column, comment in comments.items():
            kind, name = ("COLUMN", f"{table}.{column}") if column else ("TABLE", table)
            cursor.execute(f"COMMENT ON {kind} {name} IS '{comment}'")
        cursor.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO plant_app")
    cursor.execute("GRANT USAGE ON ALL SEQUENCES IN SCHEMA ops TO plant_app")
    cursor.execute("SET LOCAL search_path TO public")


def downgrade() -> None:
    """Drop them, with procrastinate's types and functions."""
    cursor = op.get_bind().connection.cursor()
    cursor.execute("DROP TABLE ops.material_keys")
    for table in (
        "procrastinate_events",
        "procrastinate_periodic_defers",
        "procrastinate_jobs",
        "procrastinate_workers",
    ):
        cursor.execute(f"DROP TABLE ops.{table} CASCADE")
    cursor.execute(
        "SELECT format('DROP FUNCTION %s', p.oid::regprocedure) FROM pg_proc p "
        "JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = 'ops' AND p.proname LIKE 'procrastinate%'"
    )
    for (statement,) in cursor.fetchall():
        cursor.execute(statement)
    for name in ("procrastinate_job_to_defer_v1", "procrastinate_job_event_type", "procrastinate_job_status"):
        cursor.execute(f"DROP TYPE ops.{name}")
