"""Projects, runs, and what estimates learn from them (document 001)."""

from alembic import op

from sql.migrations.estimates import TABLES
from sql.migrations.tables import TENANT, create

revision = "0019"
down_revision = "0018"

LATEST = (
    "CREATE UNIQUE INDEX uq_estimate_versions_latest ON estimate_versions (tenant_id, lane_id, provider) "
    "WHERE is_latest"
)
SETTINGS = """
ALTER TABLE tenants
  ADD schedule_durations text NOT NULL DEFAULT 'routing' CHECK (schedule_durations IN ('routing', 'learned')),
  ADD settings_changed_at timestamptz,
  ADD settings_changed_by text
"""
MEANINGS = {
    "schedule_durations": "what schedules are made with: times of routings, or medians that were learned",
    "settings_changed_at": "when a setting was changed last",
    "settings_changed_by": "who changed it",
}
NUMBERS = "GRANT USAGE ON SEQUENCE projects_project_id_seq TO plant_app"
OF_THE_TENANT = "ALTER TABLE {} ALTER COLUMN tenant_id SET DEFAULT " + TENANT
"""Projects and their tasks may be entered by SQL as well: they are the tenant's who is named for the transaction."""
SYSTEMS = ("ERP", "MES", "HR", "WMS", "FILES", "MAIL", "NOTIFY")


def _called(*systems: str) -> tuple[str, str]:
    """The statements that let deliveries go to these systems and to no other."""
    names = ", ".join(f"'{name}'" for name in systems)
    rule = "deliveries_external_system_check"
    return (
        f"ALTER TABLE deliveries DROP CONSTRAINT {rule}",
        f"ALTER TABLE deliveries ADD CONSTRAINT {rule} CHECK (external_system IN ({names}))",
    )


def upgrade() -> None:
    """Make the tables."""
    say = op.get_bind().exec_driver_sql
    for table in TABLES:
        for statement in create(table):
            say(statement)
    for statement in (LATEST, NUMBERS, SETTINGS, *_called(*SYSTEMS, "PAS")):
        say(statement)
    for name in ("projects", "task_estimates"):
        say(OF_THE_TENANT.format(name))
    for column, meaning in MEANINGS.items():
        say(f"COMMENT ON COLUMN tenants.{column} IS '{meaning}'")


def downgrade() -> None:
    """Drop them, and what was to be told to the PAS."""
    for column in MEANINGS:
        op.execute(f"ALTER TABLE tenants DROP {column}")
    op.execute("SELECT set_config('app.is_rebuilding', 'on', true)")
    op.execute("DELETE FROM deliveries WHERE external_system = 'PAS'")
    for statement in _called(*SYSTEMS):
        op.execute(statement)
    for table in reversed(TABLES):
        op.execute(f"DROP TABLE {table.name}")
