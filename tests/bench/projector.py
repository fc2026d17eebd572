"""The projector's batches (COPY, set-based upserts) beside a loop of executemany upserts that writes the same rows."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import psycopg

from schemas.codec import decode, encode
from schemas.ids import DEFAULT_TENANT
from schemas.messages.work_orders import WorkOrderProgressed
from schemas.topics import key_of
from sql import database
from sql.__main__ import migrate_to
from sql.read_models.events import Event
from sql.read_models.work_orders import LOG, PROGRESS, _log_row
from streams.driver import Output, Record, fold_batch
from streams.projection import Line
from streams.projector import Projector
from streams.topology import processor
from tests.bench.contest import count_of
from tests.bench.figures import Figure, Measure, faster
from tests.messages import created
from tests.plants import RunningPlant

COUNTS, ORDERS, BATCH = 40_000, 200, 5_000
Batches = list[list[Line]]

UPSERT = f"""
INSERT INTO production_logs ({", ".join(LOG)}) VALUES ({", ".join(["%s"] * len(LOG))}) ON CONFLICT DO NOTHING
"""
PROGRESSED = """
UPDATE work_orders SET version = %s, status = %s, quantity_produced = %s, quantity_scrapped = %s,
  progress_percentage = %s, current_machine_id = %s, updated_at = greatest(updated_at, %s)
WHERE work_order_id = %s AND version < %s
"""


def _events(run: str, partition: int) -> tuple[list[Line], Batches]:
    """The events of some new orders, and of counts for them in turns; as the work-order fold says them."""
    orders = [f"WO-{run}-{index}" for index in range(ORDERS)]
    said = [created(order, 100_000_000) for order in orders]
    said += [count_of(orders[number % ORDERS], 1 + number // ORDERS) for number in range(COUNTS)]
    records = [
        Record(offset, key_of(each.type, each.tenant_id, each.payload), encode(each))
        for offset, each in enumerate(said)
    ]
    outputs = fold_batch(processor("work_orders"), partition, {}, records).outputs
    lines = [
        Line("work-orders", partition, offset, output.key, output.value)
        for offset, output in enumerate(each for each in outputs if each.topic == "work-orders")
    ]
    heads, counts = lines[:ORDERS], lines[ORDERS:]
    return heads, [counts[first : first + BATCH] for first in range(0, len(counts), BATCH)]


def _refuse(outputs: Sequence[Output]) -> None:
    raise AssertionError(f"{len(outputs)} events were refused")


def _by_executemany(connection: psycopg.Connection[Any]) -> Callable[[list[Line]], None]:
    """A plain loop: decode a batch, then one executemany per table."""

    def project(batch: list[Line]) -> None:
        events = [Event(decode(line.value), line.topic, line.partition, line.offset) for line in batch]
        told = [event for event in events if isinstance(event.message.payload, WorkOrderProgressed)]
        with connection.transaction(), connection.cursor() as cursor:
            database.tenant(cursor, DEFAULT_TENANT)
            cursor.executemany(UPSERT.encode(), [_log_row(DEFAULT_TENANT, event) for event in told])
            cursor.executemany(PROGRESSED.encode(), [_progress_row(event) for event in told])
            cursor.execute(
                "UPDATE ops.projection_offsets SET next_offset = %s WHERE topic = %s AND partition = %s",
                [batch[-1].offset + 1, batch[0].topic, batch[0].partition],
            )

    return project


def _progress_row(event: Event) -> tuple[Any, ...]:
    payload = event.message.payload
    return (
        *(getattr(payload, name) for name in PROGRESS[1:]),
        payload.machine_id,
        event.message.timestamp,
        payload.work_order_id,
        payload.version,
    )


def _rate(project: Callable[[list[Line]], None], batches: Batches) -> float:
    began = time.perf_counter()
    for batch in batches:
        project(batch)
    return sum(map(len, batches)) / (time.perf_counter() - began)


def measure(plant: RunningPlant) -> Figure:
    """Events per second into the same tables, one partition each, in batches of the same size."""
    migrate_to(plant.owner_url, "head")
    run = str(time.time_ns())
    with database.connect(plant.app_url) as connection:
        connection.autocommit = True
        ours, loop = Projector(connection, _refuse).project, _by_executemany(connection)
        rates = {}
        for partition, (name, project) in enumerate({"ours": ours, "loop": loop}.items(), 900):
            heads, batches = _events(f"{run}-{name}", partition)
            ours(heads)
            rates[name] = _rate(project, batches)
            _check(connection, f"WO-{run}-{name}")
    return faster(
        "projector_vs_executemany", rates["ours"], "executemany upsert loop", rates["loop"], "5x", "10x", "events/s"
    )


def _check(connection: psycopg.Connection[Any], orders: str) -> None:
    """Both ways must have written the same: each count once."""
    with connection.transaction(), connection.cursor() as cursor:
        database.tenant(cursor, DEFAULT_TENANT)
        cursor.execute(
            "SELECT (SELECT sum(quantity_produced)::bigint FROM work_orders WHERE starts_with(work_order_id, %s)), "
            "(SELECT sum(units)::bigint FROM production_logs WHERE starts_with(work_order_id, %s))",
            [orders, orders],
        )
        assert cursor.fetchone() == (COUNTS, COUNTS)


MEASURES: dict[str, Measure] = {"projector_vs_executemany": Measure(measure)}
