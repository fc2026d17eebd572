"""Quix Streams: a stateful apply with RocksDB store and changelog. Runs in `.venv-bench`, whose pins are its own."""

import os
import tempfile
from typing import Any

from quixstreams import Application, State, message_context

from streams.driver import Record, fold_batch
from streams.topology import processor

WORK_ORDERS = processor("work_orders")


def fold(value: bytes, key: bytes, _timestamp: int, _headers: Any, state: State) -> list[bytes]:
    """One record: state in, state out, outputs on."""
    context = message_context()
    known = state.get_bytes("state")
    batch = fold_batch(
        WORK_ORDERS, context.partition, {key: known} if known else {}, [Record(context.offset, key, value)]
    )
    for changed in batch.changed.values():
        state.set_bytes("state", changed)
    return [output.value for output in batch.outputs]


def main() -> None:
    app = Application(
        broker_address=os.environ["KAFKA_BOOTSTRAP"],
        consumer_group=os.environ["BENCH_GROUP"],
        auto_offset_reset="earliest",
        state_dir=tempfile.mkdtemp(prefix="quix-"),
        loglevel="WARNING",
        consumer_extra_config={"fetch.queue.backoff.ms": 5},
        producer_extra_config={"linger.ms": 5, "compression.type": "lz4"},
    )
    inbox = app.topic(os.environ["BENCH_INBOX"], key_deserializer="bytes", value_deserializer="bytes")
    out = app.topic(os.environ["BENCH_OUT"], key_serializer="bytes", value_serializer="bytes")
    app.dataframe(inbox).apply(fold, stateful=True, expand=True, metadata=True).to_topic(out)
    app.run()


if __name__ == "__main__":
    main()
