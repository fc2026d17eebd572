"""The plant in a few figures."""

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from schemas.settings import DEFAULT_TENANT
from sql.reads.overview import figures

pytestmark = pytest.mark.services

MACHINE = """
INSERT INTO machines (tenant_id, machine_id, machine_name, line, status, status_since, last_seen_at, version,
  updated_at)
VALUES (%(tenant)s, %(machine)s, %(machine)s, 'line1', %(status)s, %(at)s, %(at)s, 1, %(at)s)
"""
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_a_machine_that_fell_silent_while_it_ran_is_not_counted_as_running(
    rows: psycopg.Cursor[dict[str, Any]],
) -> None:
    for machine, status, minutes in (("M-1", "running", 1), ("M-2", "running", 3), ("M-3", "idle", 1)):
        told = {"tenant": DEFAULT_TENANT, "machine": machine, "status": status, "at": NOW - timedelta(minutes=minutes)}
        rows.execute(MACHINE, told)
    found = figures(rows, NOW - timedelta(minutes=2))
    assert (found["running_machines"], found["machines"]) == (1, 3)
