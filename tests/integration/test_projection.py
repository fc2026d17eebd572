"""Events become the same rows, however they are cut into batches and whatever is told again."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.envelope import Message
from schemas.messages.machines import (
    ConnectionGap,
    DowntimeEnded,
    DowntimeStarted,
    Inspection,
    MachineState,
    MachineStatus,
    Stretch,
)
from schemas.messages.materials import MaterialUpserted, StockBatch, StockReported
from schemas.messages.work_orders import BomLine, WorkOrderAssign, WorkOrderCommand, WorkOrderUpdated
from sql import shadows
from sql.read_models.registry import TABLES
from streams.driver import Output
from streams.projection import Line, write
from tests import inventory
from tests.integration.events import folded, rows
from tests.messages import at, count, created, message, registered
from tests.observations import OBSERVATIONS
from tests.people import SAID_OF_PEOPLE, clocked, employed, planned
from tests.plants import RunningPlant

pytestmark = [pytest.mark.services]

MACHINES, SECONDS = st.sampled_from(["M-1", "M-2"]), st.integers(0, 600)


@pytest.fixture(scope="module")
def copy(migrated: RunningPlant) -> Iterator[psycopg.Connection[Any]]:
    """A connection with read models of its own, which nobody else sees."""
    with psycopg.connect(migrated.owner_url, autocommit=True) as connection:
        with connection.transaction(), connection.cursor() as cursor:
            shadows.create(cursor)
        yield connection


def _bill(size: int) -> tuple[BomLine, ...]:
    return tuple(BomLine(material_id=f"MAT-{line}", quantity_required=Decimal(line)) for line in range(1, size + 1))


def _stock(lots: list[int], seconds: int) -> Message[Any]:
    told = StockReported(
        material_id="MAT-1",
        on_hand_quantity=Decimal(sum(lots)),
        batch_details=tuple(
            StockBatch(batch_number=f"LOT-{lot}", quantity=Decimal(lot), expiration_date=date(2027, 1, lot))
            for lot in lots
        ),
    )
    return message("inventory.stock_reported", told, seconds)


def _gap(machine: str, seconds: int, length: int, known_after: int | None) -> Message[Any]:
    """An outage of which the status is known after so many seconds again; None: nothing was read back."""
    told = ConnectionGap(machine_id=machine, from_at=at(seconds), to_at=at(seconds + length), reason="link was down")
    if known_after is not None:
        unknown = Stretch(from_at=at(seconds), to_at=at(seconds + known_after))
        told = msgspec.structs.replace(
            told, recovery="partial" if known_after else "full", unrecovered=(unknown,) if known_after else ()
        )
    return message("mes.connection_gap", told, seconds, message_id=f"gap-{machine}-{seconds}-{length}")


def _downtime(machine: str, seconds: int, is_start: bool) -> Message[Any]:
    if is_start:
        started = DowntimeStarted(machine_id=machine, downtime_reason_code=f"R{seconds}", work_order_affected="WO-1")
        return message("mes.downtime_started", started, seconds)
    return message("mes.downtime_ended", DowntimeEnded(machine_id=machine), seconds)


def _inspection(machine: str, number: int) -> Message[Any]:
    told = Inspection(
        machine_id=machine,
        work_order_id="WO-1",
        inspection_id=f"INS-{number}",
        inspection_type="inline",
        result="fail" if number % 2 else "pass",
        defect_detected=number % 2 == 1,
    )
    return message("mes.inspection", told, number * 7)


def _command(verb: str, seconds: int) -> Message[Any]:
    return message(f"work_order.{verb}", WorkOrderCommand(work_order_id="WO-1", actor="ada"), seconds)


def _assign(order: str, seconds: int) -> Message[Any]:
    return message("work_order.assign", WorkOrderAssign(work_order_id=order, actor="ada", machine_id="M-1"), seconds)


def _update(size: int | None, quantity: int, seconds: int) -> Message[Any]:
    bill = None if size is None else _bill(size)
    told = WorkOrderUpdated(work_order_id="WO-1", quantity_ordered=Decimal(quantity), bill_of_materials=bill)
    return message("erp.work_order_updated", told, seconds)


SAID = st.one_of(
    st.builds(
        lambda cumulative, seconds, machine, order, quality: count(
            cumulative, seconds, machine=machine, order=order, quality_status=quality
        ),
        st.integers(0, 40),
        SECONDS,
        MACHINES,
        st.sampled_from(["WO-1", "WO-2"]),
        st.sampled_from(["pass", "fail"]),
    ),
    st.builds(
        lambda machine, status, seconds: message(
            "mes.machine_status", MachineStatus(machine_id=machine, status=status), seconds
        ),
        MACHINES,
        st.sampled_from(["running", "idle", "breakdown"]),
        SECONDS,
    ),
    st.builds(_downtime, MACHINES, SECONDS, st.booleans()),
    st.builds(_gap, MACHINES, st.integers(0, 5), st.integers(30, 60), st.sampled_from([None, 0, 10, 20])),
    st.builds(_inspection, MACHINES, st.integers(0, 9)),
    st.builds(_command, st.sampled_from(["start", "hold", "complete", "cancel", "archive"]), SECONDS),
    st.builds(_update, st.none() | st.integers(0, 3), st.integers(1, 60), SECONDS),
    st.builds(_stock, st.lists(st.integers(1, 5), unique=True, max_size=4), SECONDS),
    st.builds(_assign, st.sampled_from(["WO-1", "WO-2"]), SECONDS),
    st.builds(inventory.reserve, st.sampled_from(["WO-8", "WO-9"]), st.integers(1, 8), SECONDS),
    st.builds(inventory.release, st.sampled_from(["WO-8", "WO-9"]), SECONDS),
    st.builds(inventory.consume, st.sampled_from(["WO-8", "WO-9"]), st.integers(1, 4), SECONDS),
    st.builds(inventory.acknowledged, st.sampled_from(["WO-8", "WO-9"]), SECONDS),
    st.builds(inventory.corrected, st.just("on_hand_quantity"), st.integers(0, 20), SECONDS),
    st.builds(inventory.known, SECONDS, is_active=st.booleans(), safety_stock=st.just(Decimal(3))),
    SAID_OF_PEOPLE,
    OBSERVATIONS,
)
BEGINNING = [
    employed("EMP-1"),
    planned("EMP-1"),
    registered("M-1"),
    registered("M-2"),
    created("WO-1", 30, bill_of_materials=_bill(2)),
    created("WO-2", 100),
    message("erp.material_upserted", MaterialUpserted(material_id="MAT-1", part_number="P", part_name="Bolt"), -60),
]


def _projected(copy: psycopg.Connection[Any], batches: Sequence[Sequence[Output]]) -> dict[str, list[str]]:
    """The rows that these batches give, one after the other; offsets count on."""
    ends: Counter[str] = Counter()
    with copy.transaction(), copy.cursor() as cursor:
        shadows.see_all_tenants(cursor)
        for table in TABLES:
            cursor.execute(f"DELETE FROM pg_temp.{table}".encode())
    for batch in batches:
        told = []
        for output in batch:
            told.append(Line(output.topic, 0, ends[output.topic], output.key, output.value))
            ends[output.topic] += 1
        with copy.transaction(), copy.cursor() as cursor:
            assert write(cursor, told).refused == []
    with copy.transaction(), copy.cursor() as cursor:
        shadows.see_all_tenants(cursor)
        return {table: rows(copy, table, "pg_temp", "event_offset") for table in TABLES}


def _told_again(events: Sequence[Output], restarts: Sequence[tuple[int, int]]) -> list[Output]:
    """The events as a worker tells them that is killed at these places, and begins again some events before."""
    told: list[Output] = []
    begin = 0
    for end, again in sorted(restarts):
        told += events[begin:end]
        begin = max(0, min(end, len(events)) - again)
    return [*told, *events[begin:]]


def _batches(events: Sequence[Output], cuts: set[int]) -> list[Sequence[Output]]:
    ends = sorted(cut for cut in cuts if cut < len(events))
    return [events[first:end] for first, end in zip([0, *ends], [*ends, len(events)], strict=True)]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    said=st.lists(SAID, max_size=30),
    restarts=st.lists(st.tuples(st.integers(1, 60), st.integers(1, 12)), max_size=3),
    cuts=st.sets(st.integers(1, 90), max_size=8),
)
def test_any_batches_with_any_repeats_give_the_rows_that_one_batch_gives(
    copy: psycopg.Connection[Any], said: list[Message[Any]], restarts: list[tuple[int, int]], cuts: set[int]
) -> None:
    events = folded([*BEGINNING, *said])
    parts = _batches(_told_again(events, restarts), cuts)
    assert _projected(copy, parts) == _projected(copy, [events])


def _events(*said: Message[Any], of: str) -> list[Output]:
    return [each for each in folded([*BEGINNING, *said]) if each.topic == of]


def test_lots_that_are_gone_do_not_come_back_when_they_are_told_again(copy: psycopg.Connection[Any]) -> None:
    events = _events(_stock([1, 2, 3], 10), _stock([2], 20), of="inventory")
    shown = _projected(copy, [events, events[:-1]])
    assert ['"LOT-2"' in lot for lot in shown["material_batches"]] == [True]
    assert shown == _projected(copy, [events])


def test_a_bill_that_was_replaced_does_not_come_back_when_it_is_told_again(copy: psycopg.Connection[Any]) -> None:
    events = _events(_update(3, 30, 10), _update(1, 30, 20), of="work-orders")
    shown = _projected(copy, [events, events[:-1]])
    assert len([line for line in shown["work_order_bom"] if '"WO-1"' in line]) == 1
    assert shown == _projected(copy, [events])


def test_an_order_stays_with_its_latest_machine_when_an_older_count_is_told_again(
    copy: psycopg.Connection[Any],
) -> None:
    events = _events(count(1, 10, machine="M-1"), count(1, 20, machine="M-2"), of="work-orders")
    (order, _) = _projected(copy, [events, events[:-1]])["work_orders"]
    assert '"current_machine_id": "M-2"' in order


def test_a_downtime_that_ended_stays_ended_when_its_start_is_told_again(copy: psycopg.Connection[Any]) -> None:
    events = _events(_downtime("M-1", 10, True), _downtime("M-1", 70, False), of="resource-status")
    start = next(each for each in events if b'"downtime.started"' in each.value)
    (downtime,) = _projected(copy, [[*events, start]])["downtime_events"]
    assert '"duration_seconds": 60' in downtime


def test_a_reservation_that_ended_does_not_come_back_when_it_is_told_again(copy: psycopg.Connection[Any]) -> None:
    events = _events(_stock([5], 10), _assign("WO-1", 20), _command("cancel", 30), of="inventory")
    shown = _projected(copy, [events, events[:-1]])
    held = {row.split('"material_id": "')[1][:5]: row for row in shown["reservations"]}
    assert '"status": "released"' in held["MAT-1"]
    assert '"status": "refused"' in held["MAT-2"], "nobody knows it"
    assert shown == _projected(copy, [events])


def test_a_transaction_stays_confirmed_when_it_is_told_again(copy: psycopg.Connection[Any]) -> None:
    said = (inventory.reported(9, 10), inventory.consume("WO-9", 2, 20), inventory.acknowledged("WO-9", 25))
    events = _events(*said, of="inventory")
    (row,) = _projected(copy, [events, events[:-1]])["material_transactions"]
    assert '"warehouse_confirmed_at": null' not in row


def test_every_change_of_master_data_is_kept(copy: psycopg.Connection[Any]) -> None:
    said = (inventory.known(10), inventory.known(20, is_active=False), inventory.known(30, is_active=True))
    changes = _projected(copy, [_events(*said, of="inventory")])["material_changes"]
    assert len([row for row in changes if '"field": "is_active"' in row]) == 2


def test_skills_that_are_gone_do_not_come_back_when_they_are_told_again(copy: psycopg.Connection[Any]) -> None:
    said = (employed(seconds=10, skills=("CNC", "WELD-L3")), employed(seconds=20, skills=("CNC",)))
    events = _events(*said, of="hr-updates")
    shown = _projected(copy, [events, events[:-1]])
    assert ['"CNC"' in skill for skill in shown["operator_skills"]] == [True]
    assert shown == _projected(copy, [events])


def test_a_shift_that_ended_stays_ended_when_its_beginning_is_told_again(copy: psycopg.Connection[Any]) -> None:
    events = _events(clocked(seconds=5), clocked(event="clock_out", seconds=190), of="hr-updates")
    (shift,) = _projected(copy, [events, events[:-1]])["operator_shifts"]
    assert '"status": "ended"' in shift


def test_a_gap_is_one_row_as_long_as_it_was_told_at_most(copy: psycopg.Connection[Any]) -> None:
    events = _events(_gap("M-1", 0, 30, None), _gap("M-1", 0, 60, None), _gap("M-1", 0, 40, None), of="resource-status")
    (gap,) = [row for row in _projected(copy, [events])["machine_status_history"] if '"gap"' in row]
    assert at(60).isoformat() in gap


def test_what_was_read_back_is_no_gap_and_the_rest_is(copy: psycopg.Connection[Any]) -> None:
    events = _events(_gap("M-1", 0, 30, 0), _gap("M-2", 0, 30, 10), of="resource-status")
    (gap,) = [row for row in _projected(copy, [events])["machine_status_history"] if '"gap"' in row]
    assert '"M-2"' in gap
    assert at(10).isoformat() in gap
    assert '"partial"' in gap


def test_a_status_that_became_known_late_is_a_row_that_ends_and_the_machine_stays(
    copy: psycopg.Connection[Any],
) -> None:
    late: list[tuple[MachineState, int]] = [("running", 0), ("idle", 60), ("breakdown", 30)]
    statuses = [
        message("mes.machine_status", MachineStatus(machine_id="M-1", status=status), seconds)
        for status, seconds in late
    ]
    shown = _projected(copy, [_events(*statuses, of="resource-status")])
    (restated,) = [row for row in shown["machine_status_history"] if '"is_restated": true' in row]
    assert '"breakdown"' in restated
    assert at(60).isoformat() in restated
    assert any('"M-1"' in row and '"idle"' in row for row in shown["machines"])
