"""The projector as a process on real Kafka and Postgres: every event becomes its row once, whatever is done to it."""

import base64
import json
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import pytest

from schemas.ids import DEFAULT_TENANT
from sql.offsets import Superseded
from sql.read_models.registry import READ_MODELS
from streams.driver import Output
from streams.kafka.admin import create_topics
from streams.kafka.consumer import LogReader, LogTruncated
from streams.projection import Line
from streams.projector import Projector
from streams.rebuild import rebuild
from tests.integration.events import an_afternoon, await_projected, everything, kept_projector, publish
from tests.integration.kept import Kept
from tests.plants import RunningPlant, eventually

pytestmark = [pytest.mark.services, pytest.mark.chaos, pytest.mark.timeout(180)]
Start = Callable[..., Kept]
TOTALS = "SELECT count(*), count(DISTINCT log_id), coalesce(sum(units), 0)::int FROM production_logs"


@pytest.fixture(scope="module")
def plant(migrated: RunningPlant) -> RunningPlant:
    """A plant with topics and tables, and no projector yet."""
    create_topics(migrated.settings())
    return migrated


@pytest.fixture
def start(plant: RunningPlant, tmp_path: Path) -> Iterator[Start]:
    running: list[Kept] = []

    def start_projector(**env: str) -> Kept:
        folder = tmp_path / str(len(running))
        folder.mkdir()
        running.append(kept_projector(plant, folder, **env))
        return running[-1]

    yield start_projector
    for each in running:
        each.stop()


def totals(plant: RunningPlant) -> tuple[int, int, int]:
    """Rows, readings and units of all production logs."""
    ((rows, readings, units),) = plant.await_rows(TOTALS)
    return rows, readings, units


def position(plant: RunningPlant) -> int:
    """How many event records were projected so far."""
    with psycopg.connect(plant.app_url) as connection:
        query = "SELECT coalesce(sum(next_offset), 0)::bigint FROM ops.projection_offsets"
        ((position,),) = connection.execute(query).fetchall()
    return int(position)


def await_progress(plant: RunningPlant, records: int) -> None:
    """Return when some more records were projected."""
    begun = position(plant)
    eventually(lambda: position(plant) >= begun + records, 30, "the projector does not go on")


def assert_rows_equal_the_log(plant: RunningPlant) -> None:
    report = rebuild(plant.settings(), plant.owner_url, is_change_wanted=False)
    assert [each for each in report.tables if each.rows] == []


def nothing_refused(letters: Sequence[Output]) -> None:
    """What a projector calls with dead letters; here none may come."""
    assert letters == []


def in_the_background(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_events_become_rows_and_what_is_told_again_changes_nothing(plant: RunningPlant, start: Start) -> None:
    events = an_afternoon(orders=2, counts=30)
    before = totals(plant)
    projector = start()
    publish(plant.settings(), events)
    await_projected(plant, events)
    assert [after - first for after, first in zip(totals(plant), before, strict=True)] == [60, 60, 60]
    shown = everything(plant.owner_url)
    publish(plant.settings(), [*events[10:], *events[:40]])
    await_projected(plant, events)
    assert everything(plant.owner_url) == shown
    assert projector.stop() == 0


def test_an_older_version_does_not_overwrite_a_newer_one(plant: RunningPlant, start: Start) -> None:
    events = an_afternoon(orders=1, counts=3)
    publish(plant.settings(), events)
    start()
    await_projected(plant, events)
    shown = everything(plant.owner_url)
    forged = [
        each._replace(value=each.value.replace(b'"version":1,', b'"version":0,').replace(b'"EA"', b'"KG"'))
        for each in events
        if b'"work_order.received"' in each.value
    ]
    assert b'"KG"' in forged[0].value
    publish(plant.settings(), forged)
    await_projected(plant, forged)
    assert everything(plant.owner_url) == shown


def test_a_zombie_projector_is_refused_and_writes_nothing(plant: RunningPlant) -> None:
    reader = LogReader(plant.settings())
    lanes = reader.lanes(READ_MODELS)
    reader.close()
    events = [each for each in an_afternoon(orders=1, counts=5) if each.topic == "work-orders"]
    with (
        psycopg.connect(plant.app_url, autocommit=True) as alive,
        psycopg.connect(plant.app_url, autocommit=True) as asleep,
    ):
        first = Projector(alive, nothing_refused).offsets(lanes)["work-orders", 0]
        batch = [Line("work-orders", 0, first + index, each.key, each.value) for index, each in enumerate(events)]
        with psycopg.connect(plant.owner_url) as connection:
            Projector(alive, nothing_refused).project(batch[:3])
            shown = everything(plant.owner_url)
            for stale in (batch[:3], batch[2:5], batch[4:]):
                with pytest.raises(Superseded):
                    Projector(asleep, nothing_refused).project(stale)
            assert everything(plant.owner_url) == shown
            # What was projected here never was in Kafka: put things back for the tests that follow.
            connection.execute("SELECT set_config('app.is_rebuilding', 'on', true)")
            moved = "UPDATE ops.projection_offsets SET next_offset = %s WHERE topic = 'work-orders' AND partition = 0"
            connection.execute(moved, [first])
    rebuild(plant.settings(), plant.owner_url)


def test_a_hole_in_an_event_topic_is_not_passed_over(plant: RunningPlant) -> None:
    events = [each for each in an_afternoon(orders=1, counts=2) if each.topic == "work-orders"]
    batch = [
        Line("work-orders", 0, offset, each.key, each.value) for offset, each in zip((0, 1, 3), events, strict=False)
    ]
    with (
        psycopg.connect(plant.app_url, autocommit=True) as connection,
        pytest.raises(LogTruncated, match="2 comes next"),
    ):
        Projector(connection, nothing_refused).project(batch)


def test_kill_9_while_it_works_loses_and_doubles_nothing(plant: RunningPlant, start: Start) -> None:
    before = totals(plant)
    events = an_afternoon(orders=4, counts=1500)
    projector = start(PROJECTOR_BATCH="40")
    loading = in_the_background(lambda: publish(plant.settings(), events))
    for _ in range(5):
        await_progress(plant, 200)
        projector.signal(signal.SIGKILL)
    loading.join()
    await_projected(plant, events, 60)
    assert [after - first for after, first in zip(totals(plant), before, strict=True)] == [6000, 6000, 6000]
    assert projector.starts == 6
    assert_rows_equal_the_log(plant)


@pytest.mark.parametrize("service", ["postgres", "kafka"])
def test_a_restart_of_a_service_is_survived_by_the_same_process(
    plant: RunningPlant, start: Start, service: str
) -> None:
    before = totals(plant)
    first, second = an_afternoon(orders=2, counts=500), an_afternoon(orders=2, counts=500)
    projector = start(PROJECTOR_BATCH="20")
    publish(plant.settings(), first)
    await_progress(plant, 1)
    plant.kill(service)
    plant.local.wait_until_ready(service)
    publish(plant.settings(), second)
    await_projected(plant, second, 60)
    assert [after - first for after, first in zip(totals(plant), before, strict=True)] == [2000, 2000, 2000]
    assert projector.starts == 1
    assert_rows_equal_the_log(plant)


def test_a_projector_that_slept_while_another_took_over_writes_nothing_more(plant: RunningPlant, start: Start) -> None:
    sleeper = start()
    events = an_afternoon(orders=1, counts=10)
    publish(plant.settings(), events)
    await_projected(plant, events)
    sleeper.signal(signal.SIGSTOP)
    with psycopg.connect(plant.app_url, autocommit=True) as connection:
        query = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted"
        ended = connection.execute(query)
        assert ended.fetchall() == [(True,)]
    start()
    before = totals(plant)
    more = an_afternoon(orders=1, counts=100)
    publish(plant.settings(), more)
    await_projected(plant, more)
    sleeper.signal(signal.SIGCONT)
    again = an_afternoon(orders=1, counts=100)
    publish(plant.settings(), again)
    await_projected(plant, again)
    assert [after - first for after, first in zip(totals(plant), before, strict=True)] == [200, 200, 200]
    assert_rows_equal_the_log(plant)


def _as_event(topic: str, told: dict[str, Any], **payload: Any) -> bytes:
    return json.dumps({**told, "payload": told["payload"] | payload}).encode()


def _example(topic: str, type_name: str) -> dict[str, Any]:
    path = Path(__file__).parents[2] / "schemas" / "examples" / topic / f"{type_name}.json"
    document: dict[str, Any] = json.loads(path.read_text())
    return document


RECEIVED = _example("work-orders", "work_order.received")
FAILED = _example("integration-failures", "integration.failed")
BAD = {
    "no JSON": ("work-orders", b"\xff\xfe nothing", "INVALID_JSON"),
    "nothing at all": ("resource-status", b"", "EMPTY_MESSAGE"),
    "a type nobody knows": ("alerts", json.dumps({**RECEIVED, "type": "x.y"}).encode(), "UNKNOWN_TYPE"),
    "a message of another topic": ("alerts", json.dumps(RECEIVED).encode(), "WRONG_TOPIC"),
    "too large": ("inventory", b'{"a": "' + b"x" * 300_000 + b'"}', "MESSAGE_TOO_LARGE"),
    "a quantity no column takes": (
        "work-orders",
        _as_event("work-orders", RECEIVED, quantity_ordered=10**15, work_order_id="WO-HUGE"),
        "REFUSED_BY_DATABASE",
    ),
    "an original that is no base64": (
        "integration-failures",
        _as_event("integration-failures", FAILED, original_bytes_base64="a", failure_key="no-base64"),
        "REFUSED_BY_DATABASE",
    ),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_a_record_that_cannot_become_a_row_is_one_dead_letter_and_disturbs_nobody(
    plant: RunningPlant, start: Start, bad: tuple[str, bytes, str]
) -> None:
    topic, value, code = bad
    before = totals(plant)
    events = an_afternoon(orders=1, counts=20)
    key = f"{DEFAULT_TENANT}/WO-1".encode()
    publish(plant.settings(), [*events[:10], Output(topic, key, value), *events[10:]])
    projector = start()
    query = """
        SELECT original_bytes, inbox FROM integration_failures
        WHERE error_code = %s AND source_address LIKE %s AND original_bytes = %s
    """
    assert plant.await_rows(query, code, f"{topic}/%", value) == [(value, topic)]
    await_projected(plant, events)
    assert [after - first for after, first in zip(totals(plant), before, strict=True)] == [20, 20, 20]
    assert projector.starts == 1
    assert_rows_equal_the_log(plant)


def test_a_dead_letter_of_the_largest_and_deepest_message_becomes_its_row(plant: RunningPlant, start: Start) -> None:
    deep: Any = "x" * 200_000
    for _ in range(31):
        deep = [deep]
    original = json.dumps(deep).encode()
    told = _as_event(
        "integration-failures",
        FAILED,
        failure_key="largest",
        original_message=deep,
        original_bytes_base64=base64.b64encode(original).decode(),
    )
    publish(plant.settings(), [Output("integration-failures", f"{DEFAULT_TENANT}/largest".encode(), told)])
    start()
    query = "SELECT length(original_bytes) FROM integration_failures WHERE failure_key = 'largest'"
    assert plant.await_rows(query) == [(len(original),)]


def test_a_log_that_ends_before_postgres_says_stops_the_projector_with_a_sentence(
    plant: RunningPlant, start: Start
) -> None:
    change = "UPDATE ops.projection_offsets SET next_offset = next_offset + %s WHERE topic = 'work-orders'"
    with psycopg.connect(plant.owner_url, autocommit=True) as connection:
        connection.execute(change, [1000])
        try:
            projector = start()
            eventually(lambda: projector.starts > 1, 30, "it goes on as if nothing were missing")
            assert "Data are missing from the log" in projector.log
            projector.stop()
        finally:
            connection.execute(change, [-1000])


def test_lag_is_what_is_not_projected_yet(plant: RunningPlant, start: Start) -> None:
    events = an_afternoon(orders=1, counts=10)
    publish(plant.settings(), events)
    start().stop()
    port = str(plant.local.folder.path.stat().st_ino % 1000 + 19000)
    start(METRICS_PORT=port)
    await_projected(plant, events)

    def lag() -> list[str]:
        try:
            text = httpx2.get(f"http://127.0.0.1:{port}/metrics").text
        except httpx2.TransportError:
            return []
        return [line for line in text.splitlines() if line.startswith("projector_lag_records{")]

    assert {line.split()[-1] for line in eventually(lag, 20, "no lag is told")} == {"0.0"}
