"""A rebuild brings damaged read models back to what the log says, under the eyes of those who read them."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from schemas.settings import DEFAULT_TENANT
from streams.driver import Output
from streams.kafka.admin import create_topics
from streams.kafka.consumer import LogTruncated
from streams.rebuild import Report, rebuild
from tests.integration.events import NEIGHBOUR, an_afternoon, await_projected, ends, everything, kept_projector, publish
from tests.integration.kept import Kept
from tests.plants import RunningPlant

pytestmark = [pytest.mark.services, pytest.mark.timeout(180)]
Start = Callable[[], Kept]


@pytest.fixture(scope="module")
def plant_with_tables(migrated: RunningPlant) -> RunningPlant:
    create_topics(migrated.settings())
    return migrated


@pytest.fixture
def start(plant_with_tables: RunningPlant, tmp_path: Path) -> Iterator[Start]:
    running: list[Kept] = []

    def start_projector() -> Kept:
        running.append(kept_projector(plant_with_tables, tmp_path))
        return running[-1]

    yield start_projector
    for each in running:
        each.stop()


def tell(plant: RunningPlant, start: Start, events: list[Output]) -> Kept:
    """Publish events and have them projected."""
    publish(plant.settings(), events)
    projector = start()
    await_projected(plant, events)
    return projector


def as_owner(plant: RunningPlant, *statements: str) -> list[int]:
    """Do what only the owner can: change rows of any tenant behind the projector's back; rows changed."""
    with psycopg.connect(plant.owner_url) as connection:
        connection.execute("SELECT set_config('app.is_rebuilding', 'on', true)")
        return [connection.execute(statement.encode()).rowcount for statement in statements]


DAMAGE = (
    "UPDATE work_orders SET quantity_produced = 7777, status = 'cancelled'",
    "DELETE FROM production_logs WHERE units = 1 AND cumulative_units % 2 = 0",
    "DELETE FROM machines",
    "INSERT INTO machines SELECT '" + NEIGHBOUR + "', 'M-BOGUS', 'Bogus', 'line9', 'idle', now(), "
    "NULL, NULL, NULL, 0, 0, now(), 1, now()",
    "UPDATE integration_failures SET error_message = 'nothing happened'",
)


def run_rebuild(plant: RunningPlant, *options: str) -> subprocess.CompletedProcess[str]:
    """The command, as a person types it."""
    environment = os.environ | plant.endpoints | {"COLUMNS": "160"}
    command = [sys.executable, "-m", "streams", "rebuild", *options]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)


def rebuilt(plant: RunningPlant, *, is_change_wanted: bool = True) -> Report:
    return rebuild(plant.settings(), plant.owner_url, is_change_wanted=is_change_wanted)


def test_damaged_rows_come_back_and_what_people_wrote_stays(plant_with_tables: RunningPlant, start: Start) -> None:
    plant = plant_with_tables
    tell(plant, start, [*an_afternoon(), *an_afternoon(tenant=NEIGHBOUR)])
    as_owner(
        plant,
        "UPDATE alerts SET acknowledged_by = 'ada', acknowledged_at = now()",
        "UPDATE integration_failures SET status = 'resolved', retry_count = 2",
    )
    before = everything(plant.owner_url)
    assert all(as_owner(plant, *DAMAGE))
    assert everything(plant.owner_url) != before
    report = rebuilt(plant)
    assert everything(plant.owner_url) == before
    assert any('"ada"' in alert for alert in before["alerts"])
    found = {each.table: (each.missing, each.different, each.superfluous) for each in report.tables}
    assert found["work_orders"] == (0, 6, 0)
    assert found["production_logs"] == (60, 0, 0)
    assert found["machines"] == (2, 0, 1)
    assert found["alerts"] == (0, 0, 0)


def test_a_comparison_names_what_differs_and_changes_nothing(plant_with_tables: RunningPlant, start: Start) -> None:
    plant = plant_with_tables
    tell(plant, start, an_afternoon())
    assert run_rebuild(plant, "--compare").returncode == 0
    as_owner(plant, *DAMAGE)
    damaged = everything(plant.owner_url)
    done = run_rebuild(plant, "--compare")
    assert done.returncode == 1
    assert "production_logs" in done.stdout
    assert everything(plant.owner_url) == damaged
    done = run_rebuild(plant)
    assert done.returncode == 0, done.stderr
    assert run_rebuild(plant, "--compare").returncode == 0


def test_readers_never_see_an_empty_or_half_rebuilt_table(plant_with_tables: RunningPlant, start: Start) -> None:
    plant = plant_with_tables
    tell(plant, start, an_afternoon(orders=5, counts=200))
    query = "SELECT count(*), count(*) FILTER (WHERE quantity_produced = 7777) FROM work_orders"
    as_owner(plant, *DAMAGE)
    seen: list[tuple[int, int]] = []
    has_ended = threading.Event()

    def look() -> None:
        with psycopg.connect(plant.analyst_url, autocommit=True) as connection:
            connection.execute("SET statement_timeout = '1s'")
            connection.execute("SELECT set_config('app.current_tenant_id', %s, false)", [DEFAULT_TENANT])
            while not has_ended.is_set():
                seen.extend(connection.execute(query).fetchall())

    reader = threading.Thread(target=look)
    reader.start()
    rebuilt(plant)
    has_ended.set()
    reader.join()
    total = seen[0][0]
    assert len(seen) > 10
    assert {orders for orders, _ in seen} == {total}
    assert {damaged for _, damaged in seen} <= {0, total}


def test_a_running_projector_goes_on_under_load_and_its_rows_equal_the_log(
    plant_with_tables: RunningPlant, start: Start
) -> None:
    plant = plant_with_tables
    projector = tell(plant, start, an_afternoon())
    starts = projector.starts
    as_owner(plant, *DAMAGE)
    has_ended = threading.Event()

    def load() -> None:
        while not has_ended.is_set():
            publish(plant.settings(), an_afternoon(orders=1, counts=50))

    loading = threading.Thread(target=load)
    loading.start()
    for _ in range(3):
        rebuilt(plant)
        assert rebuilt(plant, is_change_wanted=False).rows == 0
    has_ended.set()
    loading.join()
    more = an_afternoon()
    publish(plant.settings(), more)
    await_projected(plant, more)
    assert rebuilt(plant, is_change_wanted=False).rows == 0
    assert projector.starts == starts


def test_a_rebuild_reads_to_the_end_where_no_projector_does(plant_with_tables: RunningPlant, start: Start) -> None:
    plant = plant_with_tables
    tell(plant, start, an_afternoon()).stop()
    events = [*an_afternoon(), Output("work-orders", b"t/WO-1", b"no message")]
    publish(plant.settings(), events)
    assert rebuilt(plant, is_change_wanted=False).rows == 0
    report = rebuilt(plant)
    assert report.rows > 0
    assert report.refused == 1
    await_projected(plant, [each for each in events if each.topic != "integration-failures"], seconds=1)
    tell(plant, start, an_afternoon())
    letters = everything(plant.owner_url)["integration_failures"]
    assert len([letter for letter in letters if "INVALID_JSON" in letter]) == 1
    assert rebuilt(plant, is_change_wanted=False).rows == 0


def test_a_log_whose_beginning_is_gone_changes_nothing(plant_with_tables: RunningPlant, start: Start) -> None:
    plant = plant_with_tables
    tell(plant, start, an_afternoon())
    before = everything(plant.owner_url)
    shortened = [TopicPartition(*lane, 1) for lane, end in ends(plant, ["alerts"]).items() if end]
    admin = AdminClient(plant.settings().kafka())
    for future in admin.delete_records(shortened).values():
        future.result(30)
    with pytest.raises(LogTruncated):
        rebuilt(plant)
    assert everything(plant.owner_url) == before
    done = run_rebuild(plant)
    assert (done.returncode, "Data are missing from the log" in done.stderr) == (1, True)
