"""What is forgotten after a time: answered deliveries, lines of the audit log, runs of jobs."""

from datetime import datetime, timedelta
from typing import Final

from connectors.deliveries.kind import Rows
from connectors.deliveries.registry import KINDS
from connectors.reactions import Reacted
from schemas.settings import Settings
from sql import clock_runs, deliveries
from sql.reads import revocations

ASKED_DAYS: Final = 7.0
# Longer than any token lives (`python -m connectors token` makes those of a month).
REVOKED_DAYS: Final = 400.0
RUNS_DAYS: Final = 30.0


def records_due(rows: Rows, moment: datetime, settings: Settings) -> Reacted:
    """Delete what is older than AUDIT_RETENTION_DAYS and DELIVERIES_RETENTION_DAYS; questions go after a week."""
    asking = [kind.name for kind in KINDS.values() if kind.is_asking]
    kept_days = settings.deliveries_retention_days
    gone = deliveries.forget(rows, _ago(moment, kept_days), _ago(moment, min(kept_days, ASKED_DAYS)), asking)
    rows.execute(
        'DELETE FROM integration_audit_log WHERE "timestamp" < %s', [_ago(moment, settings.audit_retention_days)]
    )
    lines = rows.rowcount
    runs = clock_runs.forget(rows, _ago(moment, RUNS_DAYS))
    revocations.forget(rows, _ago(moment, REVOKED_DAYS))
    return Reacted(note=f"{gone} deliveries, {lines} lines of the audit log and {runs} runs of jobs were forgotten.")


def _ago(moment: datetime, days: float) -> datetime:
    return moment - timedelta(days=days)
