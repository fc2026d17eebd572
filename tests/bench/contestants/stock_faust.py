"""Faust as its documentation shows it: one event at a time, a table, a send per output."""

import os
import tempfile

import faust

from schemas.settings import Settings
from streams.driver import Record, fold_batch
from streams.topology import processor

settings, work_orders = Settings(), processor("work_orders")
app = faust.App(
    os.environ["BENCH_GROUP"],
    broker=f"kafka://{settings.kafka_bootstrap}",
    store="memory://",
    web_enabled=False,
    topic_partitions=settings.partitions,
    topic_disable_leader=True,
    consumer_auto_offset_reset="earliest",
    datadir=tempfile.mkdtemp(prefix="stock-faust-"),
    value_serializer="raw",
)
inbox = app.topic(os.environ["BENCH_INBOX"], key_type=bytes, value_type=bytes)
out = app.topic(os.environ["BENCH_OUT"], key_type=bytes, value_type=bytes)
table = app.Table("orders", key_type=bytes, value_type=bytes, partitions=settings.partitions)


@app.agent(inbox)
async def fold(stream: faust.Stream[bytes]) -> None:
    async for event in stream.events():
        said = event.message
        known = {said.key: table[said.key]} if said.key in table else {}
        batch = fold_batch(work_orders, said.partition, known, [Record(said.offset, said.key, said.value)])
        for key, value in batch.changed.items():
            table[key] = value
        for output in batch.outputs:
            await out.send(key=output.key, value=output.value)


if __name__ == "__main__":
    app.main()
