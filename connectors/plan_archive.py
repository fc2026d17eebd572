"""Old MRP runs, schedules and proposals: their details go, what they were computed from and came to stays."""

from datetime import datetime, timedelta

from connectors.deliveries.kind import Rows
from connectors.reactions import Reacted
from schemas.settings import Settings
from sql import plan_archive


def old_plans_due(rows: Rows, moment: datetime, settings: Settings) -> Reacted:
    """Archive what was asked for PLANS_RETENTION_DAYS before a moment, and is neither accepted nor computed now."""
    gone = plan_archive.archive(rows, moment - timedelta(days=settings.plans_retention_days))
    told = ", ".join(f"{count} {name}" for name, count in gone.items())
    return Reacted(note=f"{told} were archived.")
