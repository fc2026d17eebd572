"""What a tenant wants of its schedules when nobody says otherwise."""

from typing import Any, Final

from sql.database import Rows, ensure_tenant
from sql.edited import audits

SUBJECT: Final = "schedule_settings"
DEFAULT: Final = {"schedule_durations": "routing", "changed_at": None, "changed_by": None}
READ: Final = """
SELECT schedule_durations, settings_changed_at AS changed_at, settings_changed_by AS changed_by FROM tenants
"""


def read(rows: Rows) -> dict[str, Any]:
    """The settings of the transaction's tenant."""
    rows.execute(READ)
    return rows.fetchone() or dict(DEFAULT)


def write(rows: Rows, tenant_id: str, durations: str, actor: str) -> None:
    """Have schedules be made with these durations from now on; who changed them is kept. The same again is nothing."""
    ensure_tenant(rows, tenant_id)
    rows.execute("SELECT schedule_durations FROM tenants WHERE id = %s FOR UPDATE", [tenant_id])
    before = (rows.fetchone() or DEFAULT)["schedule_durations"]
    if before == durations:
        return
    rows.execute(
        "UPDATE tenants SET schedule_durations = %s, settings_changed_at = now(), settings_changed_by = %s "
        "WHERE id = %s",
        [durations, actor, tenant_id],
    )
    # The row of the tenant is locked, so nobody else numbers a change meanwhile.
    earlier = audits.history(rows, SUBJECT, tenant_id, 1)
    version = earlier[0]["version"] + 1 if earlier else 1
    changes = {"schedule_durations": {"before": before, "after": durations}}
    audits.keep(rows, tenant_id, (SUBJECT, tenant_id, version), "updated", actor, changes)
