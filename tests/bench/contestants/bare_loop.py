"""A bare confluent-kafka loop, well tuned: decode, fold, encode, publish. Its states stay in memory only."""

import os

from confluent_kafka import Consumer, Producer

from schemas.settings import Settings
from streams.driver import Record, fold_batch
from streams.kafka.producer import producer_config
from streams.topology import processor


def main() -> None:
    settings, work_orders, out = Settings(), processor("work_orders"), os.environ["BENCH_OUT"]
    consumer = Consumer(
        settings.kafka(
            **{
                "group.id": os.environ["BENCH_GROUP"],
                "auto.offset.reset": "earliest",
                "fetch.queue.backoff.ms": 5,
                "enable.auto.commit": True,
                "fetch.wait.max.ms": 20,
            }
        )
    )
    consumer.subscribe([os.environ["BENCH_INBOX"]])
    producer = Producer(producer_config(settings))
    states: dict[int, dict[bytes, bytes]] = {}
    while True:
        by_partition: dict[int, list[Record]] = {}
        for record in [*consumer.consume(1, 0.1), *consumer.consume(4_000, 0)]:
            by_partition.setdefault(record.partition(), []).append(
                Record(record.offset(), record.key(), record.value())
            )
        for partition, records in by_partition.items():
            known = states.setdefault(partition, {})
            batch = fold_batch(work_orders, partition, known, records)
            known.update(batch.changed)
            for output in batch.outputs:
                producer.produce(out, output.value, output.key)
        producer.poll(0)


if __name__ == "__main__":
    main()
