"""Rehearsals on a real Kafka and Postgres: they tell which rows change and how, and change none."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import uuid4

import msgspec
import psycopg
import pytest
from confluent_kafka import Producer

from connectors.gateway import rehearsing
from connectors.gateway.problems import Problem
from connectors.gateway.rehearsing import Rehearser
from schemas.envelope import Message
from schemas.messages.machines import DowntimeEnded, DowntimeStarted, Inspection, MachineStatus
from schemas.messages.materials import MaterialUpserted, StockBatch, StockReported
from schemas.messages.work_orders import BomLine, WorkOrderAssign, WorkOrderCommand, WorkOrderUpdated
from schemas.settings import DEFAULT_TENANT
from schemas.topics import TOPICS, changelog_of
from schemas.views.rehearsals import RehearsedRow
from sql import rehearsal
from sql.database import rows_of
from sql.read_models.registry import READ_MODELS, TABLES
from streams.driver import Output, output_of
from streams.kafka.admin import create_topics
from streams.kafka.producer import producer_config
from streams.topology import TOPOLOGY
from tests.integration.events import everything, folded, kept_projector
from tests.integration.rehearsals import Yard
from tests.integration.workers import kept_agents
from tests.messages import count, created, message, registered
from tests.people import clocked, employed, planned
from tests.plants import RunningPlant, eventually

pytestmark = [pytest.mark.services, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def yard(migrated: RunningPlant, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    folder = tmp_path_factory.mktemp("yard")
    create_topics(migrated.settings())
    workers = [kept_agents(migrated.kafka_bootstrap, folder, "agents"), kept_projector(migrated, folder)]
    made = Yard(migrated)
    yield made
    made.close()
    for worker in workers:
        worker.stop()


@pytest.fixture
def name() -> str:
    """What the machines, orders and people of one test are called after."""
    return uuid4().hex[:6]


def _order(name: str, *materials: str, quantity: int = 20) -> Message[Any]:
    bill = tuple(BomLine(material_id=f"{each}-{name}", quantity_required=Decimal(30)) for each in materials)
    return created(f"WO-{name}", quantity, bill_of_materials=bill)


def _command(name: str, verb: str, seconds: float) -> Message[Any]:
    told = WorkOrderCommand(work_order_id=f"WO-{name}", actor="eva")
    return message(f"work_order.{verb}", told, seconds)


def _assign(name: str, seconds: float) -> Message[Any]:
    told = WorkOrderAssign(work_order_id=f"WO-{name}", actor="eva", machine_id=f"M-{name}")
    return message("work_order.assign", told, seconds)


def _known(name: str) -> Message[Any]:
    told = MaterialUpserted(material_id=f"BOLT-{name}", part_number="B", part_name="Bolt", safety_stock=Decimal(15))
    return message("erp.material_upserted", told, -3000)


def _stock(name: str, seconds: float, *lots: int) -> Message[Any]:
    batches = tuple(
        StockBatch(batch_number=f"LOT-{lot}", quantity=Decimal(lot), expiration_date=date(2027, 1, lot)) for lot in lots
    )
    told = StockReported(material_id=f"BOLT-{name}", on_hand_quantity=Decimal(sum(lots)), batch_details=batches)
    return message("inventory.stock_reported", told, seconds)


def _inspection(name: str, seconds: float) -> Message[Any]:
    told = Inspection(
        machine_id=f"M-{name}",
        work_order_id=f"WO-{name}",
        inspection_id=f"INS-{name}-{seconds}",
        inspection_type="inline",
        result="fail",
        defect_detected=True,
    )
    return message("mes.inspection", told, seconds)


def _down(name: str, seconds: float) -> Message[Any]:
    told = DowntimeStarted(machine_id=f"M-{name}", downtime_reason_code="JAM", work_order_affected=f"WO-{name}")
    return message("mes.downtime_started", told, seconds)


def _up(name: str, seconds: float) -> Message[Any]:
    return message("mes.downtime_ended", DowntimeEnded(machine_id=f"M-{name}"), seconds)


def _late_status(name: str, seconds: float) -> Message[Any]:
    return message("mes.machine_status", MachineStatus(machine_id=f"M-{name}", status="idle"), seconds)


def _units(name: str, *totals: int) -> list[Message[Any]]:
    return [count(total, total * 60, machine=f"M-{name}", order=f"WO-{name}") for total in totals]


def _update(name: str, quantity: int) -> Message[Any]:
    bill = (BomLine(material_id=f"BOLT-{name}", quantity_required=Decimal(40)),)
    told = WorkOrderUpdated(work_order_id=f"WO-{name}", quantity_ordered=Decimal(quantity), bill_of_materials=bill)
    return message("erp.work_order_updated", told, 3000)


def _history(name: str, quantity: int = 20) -> list[Message[Any]]:
    """What was said before: a machine, an order with materials, an operator."""
    return [
        registered(f"M-{name}"),
        _known(name),
        _stock(name, -2000, 3, 20),
        _order(name, "BOLT", "NUT", quantity=quantity),
        employed(f"EMP-{name}"),
        planned(f"EMP-{name}"),
    ]


def _begin(yard: Yard, name: str, quantity: int = 20) -> None:
    """What was said before, and two units of the order are made."""
    yard.publish(*_history(name, quantity))
    yard.publish(*_units(name, 1, 2))


def _afternoon(name: str) -> list[Message[Any]]:
    """What is rehearsed: something of every subject, a refusal, and something that says nothing new."""
    return [
        _assign(name, 400),
        *_units(name, 5, 5),
        _down(name, 700),
        _stock(name, 800, 4, 20),
        _up(name, 900),
        _late_status(name, 750),
        _inspection(name, 1000),
        clocked(f"EMP-{name}", seconds=5),
        employed(f"EMP-{name}", 2000, skills=("CNC",)),
        count(1, 1200, machine=f"M-404-{name}"),
        _update(name, 30),
        *_units(name, 25),
        _command(name, "complete", 4000),
        _command(name, "hold", 5000),
    ]


def _plain(rows: Sequence[RehearsedRow]) -> dict[str, dict[str, Any]]:
    """Rows by table and key: how they changed, and each column before and after."""
    return {
        f"{row.table} {row.key}": {"": row.change} | {each.name: (each.before, each.after) for each in row.columns}
        for row in rows
    }


def test_it_names_exactly_the_rows_and_columns_that_then_change(yard: Yard, name: str) -> None:
    _begin(yard, name)
    before = yard.snapshot()
    told = yard.rehearse(*_afternoon(name))
    assert yard.changed(before, yard.snapshot()) == [], "a rehearsal changed rows"
    for each in _afternoon(name):
        yard.publish(each)
    happened = yard.changed(before, yard.snapshot())
    assert _plain(told.rows) == _plain(happened)
    assert {row.table for row in told.rows} >= {
        *("work_orders", "work_order_bom", "production_logs", "quality_inspections", "machines", "downtime_events"),
        *("machine_status_history", "materials", "material_batches", "material_transactions", "reservations"),
        *("operators", "operator_skills", "operator_shifts", "alerts", "integration_failures"),
    }
    assert {row.change for row in told.rows} == {"added", "changed", "removed"}
    assert (told.is_exact, [each.outcome for each in told.messages].count("refused")) == (True, 2)


def test_each_message_alone_names_what_then_changes(yard: Yard, name: str) -> None:
    _begin(yard, name)
    for each in (_assign(name, 400), *_units(name, 9), _command(name, "cancel", 600)):
        before = yard.snapshot()
        told = yard.rehearse(each)
        yard.publish(each)
        happened = yard.changed(before, yard.snapshot())
        assert _plain(told.rows) == _plain(happened)
        assert told.is_exact
        assert happened


def test_a_rehearsal_touches_nothing(yard: Yard, name: str) -> None:
    _begin(yard, name)
    topics = [*TOPICS, *(changelog_of(each.name) for each in TOPOLOGY)]
    lanes = [(topic, partition) for topic in topics for partition in range(yard.settings.partitions)]
    before = everything(yard.plant.owner_url), yard.ends(lanes)
    told = yard.rehearse(*_afternoon(name))
    assert told.rows
    assert (everything(yard.plant.owner_url), yard.ends(lanes)) == before


def test_the_callers_transaction_goes_on_as_it_was(yard: Yard, name: str) -> None:
    _begin(yard, name)
    with rows_of(yard.plant.app_url, DEFAULT_TENANT) as rows:
        said = [[output_of(each)] for each in _afternoon(name)]
        assert yard.rehearser.rehearse(rows, DEFAULT_TENANT, said).rows == yard.rehearse(*_afternoon(name)).rows
        rows.execute("SELECT status FROM work_orders WHERE work_order_id = %s", [f"WO-{name}"])
        assert [row["status"] for row in rows.fetchall()] == ["in_progress"]
        rows.execute("SELECT relname FROM pg_class WHERE relnamespace = pg_my_temp_schema()")
        assert rows.fetchall() == []


def test_rows_under_lock_are_neither_waited_for_nor_locked(yard: Yard, name: str) -> None:
    _begin(yard, name)
    with psycopg.connect(yard.plant.owner_url) as other:
        other.execute("SELECT set_config('app.is_rebuilding', 'on', true)")
        other.execute("SELECT 1 FROM work_orders, machines, materials FOR UPDATE")
        told = yard.rehearse(*_afternoon(name))
        assert told.rows
        assert told.took_seconds < 10


def test_a_repair_that_took_effect_is_a_repeat(yard: Yard, name: str) -> None:
    _begin(yard, name)
    (said,) = _units(name, 7)
    repair = msgspec.structs.replace(said, source="repairs", position=41, message_id=f"repair-{name}-41")
    assert [each.outcome for each in yard.rehearse(repair).messages] == ["applied"]
    yard.publish(repair)
    told = yard.rehearse(repair)
    assert [each.outcome for each in told.messages] == ["repeated"]
    assert (told.rows, told.says) == ([], [])


def test_an_event_of_which_postgres_makes_no_row_is_refused(yard: Yard, name: str) -> None:
    (event,) = [each for each in folded([registered(f"M-{name}")]) if each.topic == "resource-status"]
    broken = event._replace(value=event.value.replace(b'"line1"', b'"\\u0000"'))
    with rows_of(yard.plant.app_url, DEFAULT_TENANT) as rows:
        told = yard.rehearser.rehearse(rows, DEFAULT_TENANT, [[event], [broken]])
    assert [each.outcome for each in told.messages] == ["applied", "refused"]


def test_rows_of_other_tenants_are_never_seen(yard: Yard, name: str) -> None:
    _begin(yard, name)
    neighbour = "00000000-0000-4000-8000-000000000002"
    said = [msgspec.structs.replace(each, tenant_id=neighbour) for each in _history(name)]
    ours = [[output_of(each)] for each in _units(name, 9)]
    with rows_of(yard.plant.app_url, neighbour) as rows:
        told = yard.rehearser.rehearse(rows, neighbour, [*([output_of(each)] for each in said), *ours])
    assert {row.change for row in told.rows} == {"added"}
    assert [each.code for each in told.messages][-1] == "WRONG_TENANT"


@contextmanager
def _counting(yard: Yard, name: str, made: list[int]) -> Iterator[None]:
    """A machine counts some 40 times a second."""
    stop, producer = threading.Event(), Producer(producer_config(yard.settings))

    def work() -> None:
        while not stop.wait(0.025):
            made.append(len(made) + 3)
            said = output_of(count(made[-1], made[-1], machine=f"M-{name}", order=f"WO-{name}"))
            producer.produce(said.topic, said.value, said.key)
            producer.poll(0)
        assert producer.flush(30) == 0

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def test_rehearsing_while_the_plant_counts_disturbs_nobody_and_hides_nothing(yard: Yard, name: str) -> None:
    quiet = f"Q{name}"
    _begin(yard, name, 1_000_000)
    _begin(yard, quiet)
    made: list[int] = []
    with _counting(yard, name, made):
        eventually(lambda: len(made) > 20, 20, "nothing is counted")
        for _ in range(8):
            busy, still = yard.rehearse(_command(name, "hold", 400)), yard.rehearse(_command(quiet, "hold", 400))
            (row,) = [row for row in busy.rows if row.table == "work_orders"]
            assert ("status", "in_progress", "on_hold") in [
                (each.name, each.before, each.after) for each in row.columns
            ]
            assert [(row.table, [each.name for each in row.columns]) for row in still.rows] == [
                ("work_orders", ["status"])
            ]
            assert still.is_exact
            # What a machine says goes on to its order, which has heard other readings of that machine by then.
            (log,) = [row for row in yard.rehearse(*_units(name, 500_000)).rows if row.table == "production_logs"]
            assert log.change == "added"
    yard.settle()
    (order,) = [row for key, row in yard.snapshot()["work_orders"].items() if key == (f"WO-{name}",)]
    assert order["quantity_produced"] == made[-1]


def test_states_that_had_to_leave_the_memory_are_read_again(
    yard: Yard, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _begin(yard, name)
    expected = yard.rehearse(*_afternoon(name)).rows
    monkeypatch.setattr(rehearsing, "MOST_STATE_BYTES", 1)
    forgetful = Rehearser(yard.settings)
    try:
        with rows_of(yard.plant.app_url, DEFAULT_TENANT) as rows:
            said: Sequence[Sequence[Output]] = [[output_of(each)] for each in _afternoon(name)]
            told = forgetful.rehearse(rows, DEFAULT_TENANT, said)
            again = forgetful.rehearse(rows, DEFAULT_TENANT, said)
    finally:
        forgetful.close()
    assert told.rows == expected
    assert again.rows == expected


def test_states_that_are_not_read_in_time_are_asked_for_again(
    yard: Yard, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _begin(yard, name)
    impatient = Rehearser(yard.settings)
    try:
        with rows_of(yard.plant.app_url, DEFAULT_TENANT) as rows:
            said = [[output_of(each)] for each in _units(name, 9)]
            with monkeypatch.context() as patch:
                patch.setattr(rehearsing, "READING_SECONDS", -1.0)
                with pytest.raises(Problem, match="Try again"):
                    impatient.rehearse(rows, DEFAULT_TENANT, said)
            assert impatient.rehearse(rows, DEFAULT_TENANT, said).rows
    finally:
        impatient.close()


def test_every_event_topic_can_be_written_into_copies(yard: Yard) -> None:
    """Whoever lets a read model write a new table names it in the registry, where rehearsals find it."""
    assert set(READ_MODELS) - set(rehearsal.CONCERNED) <= {"repairs"}
    assert {table for tables in rehearsal.CONCERNED.values() for table in tables} == {*TABLES, "failure_actions"}
    with rows_of(yard.plant.app_url, DEFAULT_TENANT) as rows, rehearsal.copies(rows, DEFAULT_TENANT) as copy:
        copy.copy([])
        with pytest.raises(psycopg.errors.UndefinedTable):
            copy.cursor.execute("SELECT 1 FROM work_orders")
