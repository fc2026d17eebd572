"""One, two and three workers side by side: what they fold, and what CPU time a thousand messages take by process."""

import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from itertools import pairwise
from threading import Event
from typing import Final

import psutil
from confluent_kafka import ConsumerGroupState
from confluent_kafka.admin import AdminClient

from compose.local import processes
from schemas.topics import TOPICS, changelog_of
from streams.topology import GROUP, TOPOLOGY
from tests.bench.contest import COUNTS, EVENTS, ORDERS, PATIENCE_SECONDS, Odometer, fresh_load, running, stand_at
from tests.bench.figures import Figure, Measure, faster, whole
from tests.bench.integrations import cpu_seconds
from tests.bench.seam import machines_say, units_in_rows
from tests.e2e.load import create_orders, scalar
from tests.integration.workers import ends
from tests.plants import RunningPlant, eventually

WORKERS: Final = (1, 2, 3)
AGENTS: Final = (sys.executable, "-m", "streams", "agents")
PER_SECOND, SECONDS, IDLE_SECONDS = 500, 15.0, 5.0
ENOUGH: Final = 0.95
"""The last records of a run are left out: partitions do not end at the same moment."""
THE_PATH: Final = ("mqtt", "mes-mqtt", "kafka", "agents", "projector", "postgres", "jobs", "gateway")


def _joined(admin: AdminClient, workers: int) -> bool:
    """Whether so many workers have shared out the partitions."""
    group = admin.describe_consumer_groups([GROUP])[GROUP].result(30)
    return len(group.members) == workers and group.state == ConsumerGroupState.STABLE


def _rate(plant: RunningPlant, workers: int) -> float:
    """Records a second that so many workers fold and publish, from when all have joined."""
    settings = plant.settings()
    admin = AdminClient(settings.kafka())
    stand_at(settings, GROUP, fresh_load(settings))
    odometer, kafka = Odometer(settings, EVENTS), plant.pid("kafka")
    with ExitStack() as stack:
        ours = [stack.enter_context(running(settings, AGENTS)).pid for _ in range(workers)]
        eventually(lambda: _joined(admin, workers), 120, f"{workers} workers did not share the partitions")
        eventually(lambda: odometer.read() > 0.05 * COUNTS, 120, "nothing is folded")
        before, first, began = {pid: cpu_seconds(pid) for pid in (*ours, kafka)}, odometer.read(), time.monotonic()
        while (done := odometer.read()) < ENOUGH * (COUNTS + ORDERS):
            assert time.monotonic() - began < PATIENCE_SECONDS, f"{workers} workers stand still at {done} records"
            Event().wait(0.1)
        elapsed, records = time.monotonic() - began, done - first
        used = {pid: cpu_seconds(pid) - before[pid] for pid in before}
    odometer.close()
    folded = sum(used[pid] for pid in ours)
    print(
        f"  {workers} workers: {records / elapsed:,.0f} records/s over {elapsed:.1f} s; per 1,000 records "
        f"{1e6 * folded / records:.1f} ms of CPU in workers, {1e6 * used[kafka] / records:.1f} ms in Kafka; "
        f"cores in use: workers {folded / elapsed:.2f}, Kafka {used[kafka] / elapsed:.2f}"
    )
    return records / elapsed


def folded_by_workers(plant: RunningPlant) -> Figure:
    """Folds of work orders by three workers beside one, on the same cores."""
    rates = {workers: _rate(plant, workers) for workers in WORKERS}
    return faster("three_workers_vs_one", rates[3], "one worker", rates[1], "-", "-")


def _names(workers: int) -> dict[str, list[str]]:
    """The processes on the path of a count, with those that are there several times taken together."""
    agents = ["agents", *processes.workers(workers)]
    return {name: agents if name == "agents" else [name] for name in THE_PATH}


def _cpu(plant: RunningPlant, names: Mapping[str, list[str]]) -> dict[str, float]:
    return {name: sum(cpu_seconds(plant.pid(each)) for each in several) for name, several in names.items()}


def _written(plant: RunningPlant) -> dict[str, int]:
    """What was written so far: bytes of a broker's log, of tables and indexes, of the WAL; records by topic."""
    log = plant.local.folder.data / "kafka"
    written = {
        "bytes in Kafka's log": sum(each.stat().st_size for each in log.glob("*/*.log")),
        "bytes in tables": scalar(plant.endpoints, "SELECT pg_database_size(current_database())"),
        "bytes in the WAL": int(scalar(plant.endpoints, "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')")),
    }
    for (topic, _), end in ends(plant.settings(), *TOPICS, *(changelog_of(each.name) for each in TOPOLOGY)).items():
        written[topic] = written.get(topic, 0) + end
    return written


def _cost(plant: RunningPlant, workers: int) -> float:
    """CPU seconds that 1,000 counts take from MQTT to a row, beyond what all take while nothing is said."""
    plant.ensure_workers(workers)
    names, admin = _names(workers), AdminClient(plant.settings().kafka())
    orders = create_orders(plant.endpoints, [f"COST-{workers}-{time.time_ns()}-{number}" for number in range(20)])
    eventually(lambda: _joined(admin, workers), 60, f"{workers} workers did not share the partitions")
    moments = [(time.monotonic(), _cpu(plant, names))]
    Event().wait(IDLE_SECONDS)
    moments.append((time.monotonic(), _cpu(plant, names)))
    written = _written(plant)
    sent = int(machines_say(plant, orders, PER_SECOND, SECONDS).communicate()[0])
    eventually(lambda: units_in_rows(plant, orders) == sent, 120, f"not all of {sent} counts became rows")
    moments.append((time.monotonic(), _cpu(plant, names)))
    (idle_for, idle), (busy_for, busy) = (
        (after - before, {name: more[name] - some[name] for name in names})
        for (before, some), (after, more) in pairwise(moments)
    )
    each = {name: 1e6 * (busy[name] - idle[name] * busy_for / idle_for) / sent for name in names}
    print(f"  {workers} workers, {sent / busy_for:.0f}/s; ms of CPU per 1,000 counts (idle: ms a second; MB resident)")
    for name, several in names.items():
        memory = sum(psutil.Process(plant.pid(one)).memory_info().rss for one in several) / 2**20
        print(f"    {name:10} {each[name]:8.1f}   ({1000 * idle[name] / idle_for:6.1f}; {memory:5.0f})")
    grown = {what: (now - written[what]) / sent for what, now in _written(plant).items() if now > written[what]}
    print("    per count: " + "  ".join(f"{what} {much:,.2f}" for what, much in grown.items()))
    return sum(each.values()) / 1000


def cost_of_a_count(plant: RunningPlant) -> Figure:
    """What a thousand counts cost with three workers beside one."""
    costs = {workers: _cost(plant, workers) for workers in WORKERS}
    return Figure(
        "cpu_seconds_per_1000_counts",
        round(costs[1], 3),
        "s",
        "the same with three workers",
        round(costs[3], 3),
        round(costs[1] / costs[3], 2),
        "-",
        "-",
    )


MEASURES: dict[str, Measure] = {
    "three_workers_vs_one": Measure(folded_by_workers),
    "cpu_seconds_per_1000_counts": whole(cost_of_a_count),
}
