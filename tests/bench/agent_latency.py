"""How long a record takes through one agent, at 2,000/s: record in to record out, beside a bare loop doing the same."""

import sys
import threading
import time
from collections.abc import Sequence
from functools import cache

from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition

from schemas.codec import encode
from schemas.settings import Settings
from schemas.topics import key_of
from streams.kafka.admin import create_topics
from streams.kafka.producer import producer_config
from streams.topology import GROUP
from tests.bench.contest import EVENTS, INBOX, counted, running, stand_at, topic_for
from tests.bench.figures import Figure, Measure, contest
from tests.integration.workers import ends
from tests.messages import created

PER_SECOND, SECONDS, WARM_UP_SECONDS, ORDERS = 2_000, 20.0, 8.0, 200


class Clock:
    """Sends counts at a steady pace and hears what comes of them, in one process, so that one clock is enough."""

    def __init__(self, settings: Settings, out: str) -> None:
        self._producer = Producer(producer_config(settings, **{"linger.ms": 0}))
        self._consumer = Consumer(
            settings.kafka(**{"group.id": "bench-clock", "fetch.wait.max.ms": 5, "fetch.queue.backoff.ms": 5})
        )
        here = ends(settings, out)
        self._consumer.assign([TopicPartition(topic, partition, offset) for (topic, partition), offset in here.items()])
        self._run = f"{time.time():.0f}"
        self._sent_at: dict[bytes, float] = {}
        self.seconds: list[float] = []
        self._is_over = threading.Event()
        self._hears = threading.Event()

    def run(self, seconds: float) -> None:
        """Send and listen for so long."""
        hearing = threading.Thread(target=self._hear)
        hearing.start()
        keys = self._create()
        began, number = time.perf_counter(), 0
        while (passed := time.perf_counter() - began) < seconds:
            while number < passed * PER_SECOND:
                order, key = keys[number % ORDERS]
                value = counted(order, 1 + number // ORDERS)
                self._sent_at[f'"log_id":"{order}-{1 + number // ORDERS}"'.encode()] = time.perf_counter()
                self._producer.produce(INBOX, value, key)
                number += 1
            self._producer.poll(0)
            self._is_over.wait(0.0005)
        self._producer.flush()
        self._is_over.wait(1.0)
        self._is_over.set()
        hearing.join()
        self._consumer.close()

    def _create(self) -> list[tuple[str, bytes]]:
        keys = []
        for index in range(ORDERS):
            said = created(f"WO-{self._run}-{index}", 100_000_000)
            keys.append((said.payload.work_order_id, key_of(said.type, said.tenant_id, said.payload)))
            self._producer.produce(INBOX, encode(said), keys[-1][1])
        self._producer.flush()
        self._hears.wait(30)
        return keys

    def _hear(self) -> None:
        while not self._is_over.is_set():
            for record in self._consumer.consume(500, 0.002):
                if record.error() is not None:
                    assert record.error().code() == KafkaError._PARTITION_EOF
                    continue
                heard_at, value = time.perf_counter(), record.value()
                self._hears.set()
                begin = value.find(b'"log_id":')
                if begin >= 0:
                    sent_at = self._sent_at.pop(value[begin : value.index(b",", begin)], None)
                    if sent_at is not None:
                        self.seconds.append(heard_at - sent_at)


def percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


@cache
def latencies(bootstrap: str, command: tuple[str, ...], group: str, out: str) -> dict[str, float]:
    """p50, p95 and p99 in milliseconds, after warming up."""
    settings = Settings(kafka_bootstrap=bootstrap)
    stand_at(settings, group, ends(settings, INBOX))
    with running(settings, command, BENCH_GROUP=group, BENCH_INBOX=INBOX, BENCH_OUT=out):
        Clock(settings, out).run(WARM_UP_SECONDS)
        clock = Clock(settings, out)
        clock.run(SECONDS)
    if len(clock.seconds) < 0.99 * PER_SECOND * SECONDS:
        raise RuntimeError(f"Only {len(clock.seconds)} of {PER_SECOND * SECONDS:.0f} outputs were heard.")
    return {
        name: 1000 * percentile(clock.seconds, share) for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
    }


def measure(settings: Settings) -> Figure:
    """p95 in milliseconds; the ratio says how many times as long as the bare loop."""
    create_topics(settings)
    agents = (sys.executable, "-m", "streams", "agents")
    ours = latencies(settings.kafka_bootstrap, agents, GROUP, EVENTS)
    bare_loop = (sys.executable, "-m", "tests.bench.contestants.bare_loop")
    bare = latencies(settings.kafka_bootstrap, bare_loop, "bench-bare", topic_for(settings, "bare"))
    for name, found in (("agents", ours), ("bare loop", bare)):
        print(f"  {name:10}" + "".join(f"  {share} {value:.1f} ms" for share, value in found.items()))
    ratio = round(ours["p95"] / bare["p95"], 2)
    against = "bare confluent-kafka loop"
    return Figure("agent_latency_p95_vs_bare_loop", ours["p95"], "ms", against, bare["p95"], ratio, "8x", "2x")


MEASURES: dict[str, Measure] = {"agent_latency_p95_vs_bare_loop": contest(measure)}
