"""Processes that keep OEE current at the same time, or die while they do: real transactions, kept."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from connectors import oee_calculations
from schemas.settings import DEFAULT_TENANT
from sql import oee
from sql.database import rows_of, tenant
from tests.integration.oee_lines import SETTLED, Line, at
from tests.plants import RunningPlant
from tests.yards import Row, Yard

pytestmark = [pytest.mark.services, pytest.mark.timeout(180)]
LOOK = "SELECT * FROM oee_calculations ORDER BY level, subject_id, bucket, from_at"


@pytest.fixture(scope="module")
def line(migrated: RunningPlant) -> Iterator[Line]:
    """A line whose shift is over; its rows are committed."""
    with rows_of(migrated.app_url, DEFAULT_TENANT) as rows:
        found = Line(Yard(rows, migrated.settings(wms_url=None, erp_url=None)))
        found.shift()
        rows.connection.commit()
        tenant(rows, DEFAULT_TENANT)
        yield found


def run(plant: RunningPlant, line: Line, minutes: float) -> str:
    """What a process does in a transaction of its own."""
    with rows_of(plant.app_url, DEFAULT_TENANT) as rows:
        note = oee_calculations.due(rows, at(minutes), line.settings).note
        rows.connection.commit()
    assert note is not None
    return note


def kept(plant: RunningPlant) -> list[Row]:
    with rows_of(plant.app_url, DEFAULT_TENANT) as rows:
        rows.execute(LOOK)
        return rows.fetchall()


def test_a_process_that_is_killed_in_the_middle_leaves_nothing(
    migrated: RunningPlant, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(rows: psycopg.Cursor[Row], told: Row) -> Any:
        written.append(told["subject_id"])
        if len(written) == 3:
            with psycopg.connect(migrated.app_url, autocommit=True) as other:
                other.execute("SELECT pg_terminate_backend(%s)", [rows.connection.info.backend_pid])
        return keep(rows, told)

    written, keep = list[str](), oee.keep
    monkeypatch.setattr(oee, "keep", killed)
    with pytest.raises(psycopg.OperationalError):
        run(migrated, line, SETTLED)
    assert len(written) == 3
    assert kept(migrated) == []


def test_two_processes_at_once_write_each_row_once(migrated: RunningPlant, line: Line) -> None:
    together = threading.Barrier(2)

    def process(_: int) -> str:
        together.wait(30)
        return run(migrated, line, SETTLED)

    with ThreadPoolExecutor(2) as pool:
        notes = sorted(pool.map(process, range(2)))
    assert [note.split(", ")[1] for note in notes] == ["0 of them new or changed", "6 of them new or changed"]
    assert {(each["version"], each["restated_at"]) for each in kept(migrated)} == {(1, None)}


def test_what_commits_after_a_run_has_looked_is_seen_by_the_next(migrated: RunningPlant, line: Line) -> None:
    """A projector recorded a count before the run, and commits behind it: the clock alone would leave it out."""
    run(migrated, line, SETTLED + 1)
    before = {each["id"]: each["version"] for each in kept(migrated)}
    line.count("M-WELDER", 115, 7)
    run(migrated, line, SETTLED + 2)
    assert {
        each["id"]: each["version"] for each in kept(migrated) if each["bucket"] == "shift"
    }.items() <= before.items()
    line.rows.connection.commit()
    assert run(migrated, line, SETTLED + 3).endswith("2 restated.")
