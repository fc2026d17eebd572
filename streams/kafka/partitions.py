"""Where Kafka puts a key: the spreading that Java's producer, librdkafka (`murmur2_random`) and Faust agree on."""

from typing import cast

from aiokafka.partitioner import murmur2


def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key among so many."""
    return cast(int, (murmur2(key) & 0x7FFFFFFF) % partitions)
