"""What people do about dead letters, and what became of it."""

from typing import Any

from alembic import op
from sqlalchemy import Connection

from schemas.causes import cause_of
from sql.migrations.tables import Table, create

# The columns are lines of a table: they read better long.
# ruff: noqa: E501

revision = "0010"
down_revision = "0009"

ROWS_AT_ONCE = 5_000
TABLES: tuple[Table, ...] = (
    Table(
        "failure_actions",
        "One row is one thing that somebody did about a dead letter, and what became of it.",
        """
    action_id bigint GENERATED ALWAYS AS IDENTITY | number of the action; what is sent again is sent in this order
    failure_key text NOT NULL | the dead letter
    attempt integer NOT NULL | which action on this letter it is, from 1
    action text NOT NULL CHECK (action IN ('retry','edit_retry','resolve','discard')) | what was done
    actor text NOT NULL | who did it
    reason text | why, in their words
    requested_at timestamptz NOT NULL DEFAULT clock_timestamp() | when
    bulk_id text | the action on many letters that it is part of
    edits jsonb | the edits as operations, where they were told as such
    edited_bytes bytea | the message as it was sent instead of the original
    sends bytea | what goes to Kafka, from the moment that is decided until Kafka has it
    claimed text | id of ours that the message took
    is_answered boolean NOT NULL DEFAULT true | whether somebody else tells the outcome: a fold, or the delivery
    outcome text NOT NULL CHECK (outcome IN ('waiting','published','applied','refused','failed','done')) | waiting for its turn, in Kafka, took effect, refused again, failed before anything was sent; done: nothing had to be sent
    outcome_code text | code of the refusal
    outcome_reason text | the refusal in a sentence
    outcome_path text | the field it is about
    outcome_cause_key text | key of the cause of the refusal
    outcome_cause text | the refusal without what names one message only
    published_at timestamptz | when Kafka had it
    settled_at timestamptz | when its outcome was known
    """,
        "tenant_id, action_id",
    ),
    Table(
        "failure_bulks",
        "One row is one action on many dead letters.",
        """
    bulk_id text NOT NULL | id of it
    action text NOT NULL | what was done
    actor text NOT NULL | who did it
    reason text | why, in their words
    requested_at timestamptz NOT NULL DEFAULT clock_timestamp() | when
    selected integer NOT NULL | letters that were meant
    accepted integer NOT NULL | letters that it was done to
    """,
        "tenant_id, bulk_id",
    ),
)
COLUMNS = {
    "reason_code": ("text", "code of the latest refusal, where it was tried again and refused"),
    "reason": ("text", "the latest refusal in a sentence"),
    "reason_path": ("text", "the field that the latest refusal is about"),
    "cause_key": (
        "text NOT NULL DEFAULT ''",
        "the same for all letters of one cause: integration, code, field and sentence without ids and numbers",
    ),
    "cause": ("text NOT NULL DEFAULT ''", "the reason without what names one message only"),
    "resolved_at": ("timestamptz", "when it was done with"),
    "resolution": (
        "text CHECK (resolution IN ('repaired','resolved','discarded'))",
        "how: it took effect after all, somebody said that it is resolved, or discarded it",
    ),
    "resolved_by": ("text", "who did that"),
}
INDEXES = (
    "CREATE UNIQUE INDEX failure_actions_attempt ON failure_actions (tenant_id, failure_key, attempt)",
    "CREATE INDEX failure_actions_waiting ON failure_actions (tenant_id, action_id) WHERE outcome = 'waiting'",
    "CREATE INDEX failure_actions_bulk ON failure_actions (tenant_id, bulk_id, outcome) WHERE bulk_id IS NOT NULL",
    "CREATE INDEX integration_failures_latest ON integration_failures (tenant_id, failed_at DESC, failure_key DESC)",
    "CREATE INDEX integration_failures_cause ON integration_failures (tenant_id, cause_key, failed_at DESC, failure_key DESC)",
    "CREATE INDEX integration_failures_resolved ON integration_failures (tenant_id, resolved_at) WHERE resolved_at IS NOT NULL",
)
LETTERS = (
    "SELECT tenant_id::text, failure_key, integration_type, error_code, error_message, error_path "
    "FROM integration_failures WHERE cause_key = '' LIMIT %s"
)
CAUSES = (
    "UPDATE integration_failures AS kept SET cause_key = told.key, cause = told.cause "
    "FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::text[]) AS told(tenant_id, failure_key, key, cause) "
    "WHERE kept.tenant_id = told.tenant_id AND kept.failure_key = told.failure_key"
)


def upgrade() -> None:
    """Make the tables, and tell the letters that are there already by their causes."""
    connection = op.get_bind()
    for table in TABLES:
        for statement in create(table):
            connection.exec_driver_sql(statement)
    for name, (kind, comment) in COLUMNS.items():
        connection.exec_driver_sql(f"ALTER TABLE integration_failures ADD COLUMN {name} {kind}")
        connection.exec_driver_sql(f"COMMENT ON COLUMN integration_failures.{name} IS '{comment}'")
    connection.exec_driver_sql("GRANT USAGE ON SEQUENCE failure_actions_action_id_seq TO plant_app")
    _tell_causes(connection)
    for statement in INDEXES:
        connection.exec_driver_sql(statement)


def _tell_causes(connection: Connection) -> None:
    connection.exec_driver_sql("SELECT set_config('app.is_rebuilding', 'on', true)")
    while letters := connection.exec_driver_sql(LETTERS, (ROWS_AT_ONCE,)).fetchall():
        connection.exec_driver_sql(CAUSES, _told(letters))
    connection.exec_driver_sql(
        "UPDATE integration_failures SET resolved_at = coalesce(last_retry_at, recorded_at), "
        "resolution = CASE status WHEN 'discarded' THEN 'discarded' ELSE 'repaired' END "
        "WHERE status IN ('resolved', 'discarded')"
    )


def _told(letters: Any) -> tuple[list[Any], ...]:
    causes = [cause_of(kind, code, reason, path) for _, _, kind, code, reason, path in letters]
    tenants, keys = [letter[0] for letter in letters], [letter[1] for letter in letters]
    return tenants, keys, [each.key for each in causes], [each.sentence for each in causes]


def downgrade() -> None:
    """Drop them."""
    for name in COLUMNS:
        op.execute(f"ALTER TABLE integration_failures DROP COLUMN {name}")
    op.execute("DROP INDEX integration_failures_latest")
    for table in reversed(TABLES):
        op.execute(f"DROP TABLE {table.name}")
