"""What the agents count, for Prometheus."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

from streams.driver import Batch

READ: Final = Counter("agents_records_read", "records folded, per processor", ["processor"])
FOLDED: Final = Counter("agents_records_folded", "messages that a fold accepted", ["processor"])
REPEATED: Final = Counter("agents_records_repeated", "messages that were known already", ["processor"])
DEAD_LETTERS: Final = Counter("agents_dead_letters", "messages refused or unreadable", ["processor"])
OUTPUTS: Final = Counter("agents_outputs", "records published by folds", ["processor"])
BATCHES: Final = Counter("agents_batches", "batches folded", ["processor"])
HOLES: Final = Counter("agents_holes", "batches refused because offsets before them had not been folded")
READ_TWICE: Final = Counter("agents_records_read_twice", "records left out because they had been folded")
MISSING: Final = Counter("agents_offsets_missing", "offsets that are not in the log any more and were passed over")
CRASH_LOOPS: Final = Counter("agents_crash_loops", "messages given up because the process died over them")
REBALANCES: Final = Counter("agents_rebalances", "how often partitions were shared out anew")
ROUND_SECONDS: Final = Histogram(
    "agents_round_seconds",
    "from taking records in hand until they count as done",
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30),
)
READY: Final = Gauge("agents_ready", "1 while partitions are ours and their states are loaded")
PARTITIONS: Final = Gauge("agents_partitions", "inbox partitions that are ours")
ENTITIES: Final = Gauge("agents_entities", "entities remembered", ["processor"])
LAG: Final = Gauge("agents_lag_records", "records of our partitions that are not folded yet")


def count(processor: str, records: int, batch: Batch) -> None:
    """Count what a batch came to."""
    READ.labels(processor).inc(records)
    BATCHES.labels(processor).inc()
    FOLDED.labels(processor).inc(batch.folded)
    REPEATED.labels(processor).inc(batch.repeated)
    DEAD_LETTERS.labels(processor).inc(batch.dead_letters)
    OUTPUTS.labels(processor).inc(len(batch.outputs))
