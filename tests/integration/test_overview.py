"""The plant in a few figures."""

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from sql.reads.overview import figures
from tests.facts import put

pytestmark = pytest.mark.services

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_a_machine_that_fell_silent_while_it_ran_is_not_counted_as_running(
    rows: psycopg.Cursor[dict[str, Any]],
) -> None:
    for machine, status, minutes in (("M-1", "running", 1), ("M-2", "running", 3), ("M-3", "idle", 1)):
        at = NOW - timedelta(minutes=minutes)
        put(rows, "machines", machine_id=machine, status=status, status_since=at, last_seen_at=at)
    found = figures(rows, NOW - timedelta(minutes=2))
    assert (found["running_machines"], found["machines"]) == (1, 3)
