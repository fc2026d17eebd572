"""Readings from before there was a time machine get the moment they were known at, and the order's totals."""

from collections.abc import Iterator

import psycopg
import pytest

from schemas.settings import DEFAULT_TENANT
from sql.__main__ import migrate_to
from sql.database import rows_of
from tests.messages import at
from tests.plants import RunningPlant
from tests.yards import Row

pytestmark = [pytest.mark.services]

READING = """
INSERT INTO production_logs (tenant_id, log_id, work_order_id, machine_id, produced_at, received_at, is_late, units,
  scrapped_units, units_reported, cumulative_units, counter_epoch, quality_status, order_version, event_topic,
  event_partition, event_offset, caused_by)
VALUES (%(tenant)s, %(log)s, %(order)s, 'M-1', %(at)s, %(at)s, false, %(units)s, %(scrap)s, 1, 1, 0, 'pass',
  %(version)s, 'work-orders', 0, 0, 'test')
"""


@pytest.fixture
def before(infra: RunningPlant) -> Iterator[RunningPlant]:
    """The tables as they were."""
    migrate_to(infra.owner_url, "0010")
    yield infra
    migrate_to(infra.owner_url, "base")


def _told(plant: RunningPlant, order: str, *readings: tuple[int, int]) -> None:
    with rows_of(plant.app_url, DEFAULT_TENANT) as rows:
        for version, (units, scrap) in enumerate(readings, 2):
            told = {"tenant": DEFAULT_TENANT, "log": f"{order}-{version}", "order": order, "at": at(version)}
            rows.execute(READING, told | {"units": units, "scrap": scrap, "version": version})


def _found(rows: psycopg.Cursor[Row], order: str) -> list[tuple[int, int, bool]]:
    rows.execute(
        "SELECT order_produced, order_scrapped, known_at = received_at AS is_known FROM production_logs "
        "WHERE work_order_id = %s ORDER BY order_version",
        [order],
    )
    return [(row["order_produced"], row["order_scrapped"], row["is_known"]) for row in rows.fetchall()]


def test_readings_get_their_moment_and_totals_and_a_way_back(before: RunningPlant) -> None:
    _told(before, "WO-1", (3, 0), (2, 1), (5, 0))
    _told(before, "WO-2", (7, 7))
    migrate_to(before.owner_url, "head")
    with rows_of(before.app_url, DEFAULT_TENANT) as rows:
        assert _found(rows, "WO-1") == [(3, 0, True), (5, 1, True), (10, 1, True)]
        assert _found(rows, "WO-2") == [(7, 7, True)]
    migrate_to(before.owner_url, "0010")
    with rows_of(before.app_url, DEFAULT_TENANT) as rows:
        rows.execute("SELECT count(*) AS readings FROM production_logs")
        assert rows.fetchall() == [{"readings": 4}]
