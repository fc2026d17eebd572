"""What runs by the clock runs once, however many look at it; what was missed is made up for by rule."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.clock import CLOCK, ClockJob
from connectors.clockwork import Clockwork
from connectors.database import Database
from connectors.deliveries.kind import Reacted, Rows
from connectors.deliveries.transactions import Transactions
from connectors.retention import records_due
from schemas.ids import DEFAULT_TENANT
from schemas.settings import Settings
from sql import clock_runs
from streams.kafka.admin import create_topics
from streams.kafka.producer import Publisher
from tests.gateways import own_gateway
from tests.integration.jobs import kept_jobs, rows
from tests.plants import RunningPlant, eventually

pytestmark = [pytest.mark.services, pytest.mark.timeout(180)]

SATURDAY = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
DAILY = "0 2 * * *"


@pytest.fixture(scope="module")
def plant(migrated: RunningPlant) -> RunningPlant:
    """Topics and tables."""
    create_topics(migrated.settings())
    return migrated


@pytest.fixture(scope="module")
def transactions(plant: RunningPlant) -> Iterator[Transactions]:
    database = Database(plant.settings())
    database.open()
    yield Transactions(database, Publisher(plant.settings()))
    database.close()


class Diary:
    """Jobs that write down what they were run for."""

    def __init__(self, plant: RunningPlant, transactions: Transactions, *jobs: tuple[str, Any]) -> None:
        self.moments: dict[str, list[datetime]] = {name: [] for name, _ in jobs}
        listed = [ClockJob(name, DAILY, name, self._of(name), catch_up) for name, catch_up in jobs]
        self.clockwork = Clockwork(plant.settings(), transactions, listed)
        self._transactions = transactions

    def _of(self, name: str) -> Any:
        def run(_rows: Rows, moment: datetime, _settings: Settings) -> Reacted:
            self.moments[name].append(moment)
            if name.startswith("broken"):
                raise RuntimeError("the ledger is closed")
            return Reacted()

        return run

    def look(self, now: datetime) -> list[str]:
        """What a process that looks at this moment asks for, and makes."""
        found = self._transactions.run(DEFAULT_TENANT, lambda rows: self.clockwork.tick(rows, now))
        for run in found:
            self.clockwork.run(DEFAULT_TENANT, run)
            self.clockwork.run(DEFAULT_TENANT, run)
        return found


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


def test_a_moment_is_run_once_and_one_that_was_missed_by_rule(plant: RunningPlant, transactions: Transactions) -> None:
    diary = Diary(plant, transactions, ("latest_one", "latest"), ("skipping_one", "skip"))
    assert diary.look(at(1, 12)) == [], "what was due before it was there is no business of it"
    assert diary.look(at(2, 1, 59)) == []
    assert len(diary.look(at(2, 2, 0))) == 2
    assert diary.look(at(2, 2, 1)) == diary.look(at(2, 3)) == []
    assert len(diary.look(at(6, 15))) == 1, "days later the latest missed moment is made up for"
    assert diary.look(at(6, 16)) == []
    assert diary.moments == {"latest_one": [at(2, 2), at(6, 2)], "skipping_one": [at(2, 2)]}


def test_a_moment_that_many_look_at_is_run_once(plant: RunningPlant, transactions: Transactions) -> None:
    diary = Diary(plant, transactions, ("crowded_one", "latest"))
    diary.look(at(1, 12))
    threads = [threading.Thread(target=diary.look, args=[at(2, 2)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert diary.moments == {"crowded_one": [at(2, 2)]}


def test_a_job_that_fails_says_why_and_is_not_run_again_before_its_time(
    plant: RunningPlant, transactions: Transactions
) -> None:
    diary = Diary(plant, transactions, ("broken_one", "latest"))
    diary.look(at(1, 12))
    (run,) = diary.look(at(2, 2))
    (row,) = rows(plant, "SELECT status, outcome FROM ops.clock_runs WHERE run_id = %s", run)
    assert row == {"status": "failed", "outcome": "RuntimeError: the ledger is closed"}
    assert diary.look(at(2, 5)) == []
    assert len(diary.look(at(3, 2))) == 1


def test_old_records_are_forgotten_and_the_clock_still_knows_where_it_was(
    plant: RunningPlant, transactions: Transactions
) -> None:
    diary = Diary(plant, transactions, ("aging_one", "latest"))
    diary.look(at(1, 12))
    diary.look(at(2, 2))
    columns = "tenant_id, timestamp, integration_type, direction, external_system, success"
    old = f"INSERT INTO integration_audit_log ({columns})"

    def fill(cursor: Rows) -> None:
        for days in (10, 400):
            cursor.execute(
                f"{old} VALUES (%s, now() - make_interval(days => %s), 'aging', 'inbound', 'ERP', true)".encode(),
                [DEFAULT_TENANT, days],
            )
        for name, days, kind in (("young", 10, "k"), ("old", 100, "k"), ("asked", 10, "hr.employees")):
            cursor.execute(
                "INSERT INTO deliveries (tenant_id, delivery_id, kind, external_system, integration_type, subject, "
                "cause, correlation_id, told, status, due_at, finished_at) VALUES (%s, %s, %s, 'ERP', 't', 's', %s, "
                "'c', '{}', 'succeeded', now(), now() - make_interval(days => %s))",
                [DEFAULT_TENANT, name, kind, name, days],
            )

    transactions.run(DEFAULT_TENANT, fill)
    moment, settings = datetime.now(UTC), plant.settings()
    told = transactions.run(DEFAULT_TENANT, lambda cursor: records_due(cursor, moment, settings)).note
    assert told is not None
    assert " 1 lines of the audit log" in told
    kept = {row["delivery_id"] for row in rows(plant, "SELECT delivery_id FROM deliveries")}
    assert "young" in kept
    assert "old" not in kept
    in_a_year = moment + timedelta(days=365)
    transactions.run(DEFAULT_TENANT, lambda cursor: clock_runs.forget(cursor, in_a_year))
    assert diary.look(at(2, 3)) == [], "the latest moment of a job is never forgotten"


def test_a_person_runs_a_job_by_hand_and_sees_what_came_of_it(plant: RunningPlant, tmp_path: Path) -> None:
    process = kept_jobs(plant, tmp_path / "jobs.log")
    try:
        with own_gateway(plant) as (client, _):
            client.headers["Authorization"] = f"Bearer {plant.endpoints['ADMIN_TOKEN']}"
            assert client.post("/api/v1/jobs/nobody/run").status_code == 404
            asked = client.post("/api/v1/jobs/forget_old_records/run")
            assert asked.status_code == 202
            run_id = asked.json()["run_id"]

            def shown() -> dict[str, Any]:
                listed = client.get("/api/v1/jobs").json()["jobs"]
                assert {each["name"] for each in listed} == {job.name for job in CLOCK}
                found: dict[str, Any] = next(each for each in listed if each["name"] == "forget_old_records")
                return found if found["last_status"] == "succeeded" and found["last_run_id"] == run_id else {}

            found = eventually(shown, 30, "the job was not run")
            assert found["last_outcome"].endswith("were forgotten.")
            assert datetime.fromisoformat(found["next_run"]) > datetime.now(UTC)
    finally:
        process.stop()
