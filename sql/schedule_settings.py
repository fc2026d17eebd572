"""What a tenant wants of its schedules when nobody says otherwise."""

from typing import Any, Final

from sql.database import Rows, ensure_tenant

DEFAULT: Final = {"schedule_durations": "routing", "changed_at": None, "changed_by": None}
READ: Final = """
SELECT schedule_durations, settings_changed_at AS changed_at, settings_changed_by AS changed_by FROM tenants
"""


def read(rows: Rows) -> dict[str, Any]:
    """The settings of the transaction's tenant."""
    rows.execute(READ)
    return rows.fetchone() or dict(DEFAULT)


def write(rows: Rows, tenant_id: str, durations: str, actor: str) -> None:
    """Have schedules be made with these durations from now on."""
    ensure_tenant(rows, tenant_id)
    rows.execute(
        "UPDATE tenants SET schedule_durations = %s, settings_changed_at = now(), settings_changed_by = %s "
        "WHERE id = %s",
        [durations, actor, tenant_id],
    )
