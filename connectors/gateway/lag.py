"""How far each reader of the log is behind it: the agents by their commits, the projector by Postgres."""

import threading
from collections.abc import Iterable

from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from schemas.settings import Settings
from sql.read_models.registry import READ_MODELS
from streams.kafka.consumer import Lane, lag
from streams.topology import TOPOLOGY

GROUP = "mfg"
PATIENCE_SECONDS = 3.0


class Lags:
    """Asks Kafka; every call raises KafkaException while it is away."""

    def __init__(self, settings: Settings) -> None:
        self._admin = AdminClient(settings.kafka(**{"log_level": 0}))
        self._lock = threading.Lock()

    def of_agents(self) -> dict[str, int]:
        """Records of each inbox that no worker has finished."""
        with self._lock:
            ends = self._ends(processor.inbox for processor in TOPOLOGY)
            asked = ConsumerGroupTopicPartitions(GROUP, [TopicPartition(*lane) for lane in ends])
            answer = self._admin.list_consumer_group_offsets([asked], request_timeout=PATIENCE_SECONDS)
            found = answer[GROUP].result(PATIENCE_SECONDS).topic_partitions
        return lag(ends, {(each.topic, each.partition): max(0, each.offset) for each in found})

    def of_projector(self, offsets: dict[Lane, int]) -> dict[str, int]:
        """Records of each event topic that are no rows yet."""
        with self._lock:
            return lag(self._ends(READ_MODELS), offsets)

    def is_reachable(self) -> bool:
        """Whether a broker answers. Raises KafkaException."""
        return bool(self._admin.list_topics(timeout=PATIENCE_SECONDS).brokers)

    def _ends(self, topics: Iterable[str]) -> dict[Lane, int]:
        known = self._admin.list_topics(timeout=PATIENCE_SECONDS).topics
        lanes = [(topic, number) for topic in topics if topic in known for number in known[topic].partitions]
        asked = {TopicPartition(*lane): OffsetSpec.latest() for lane in lanes}
        found = self._admin.list_offsets(asked, request_timeout=PATIENCE_SECONDS)
        return {(each.topic, each.partition): told.result(PATIENCE_SECONDS).offset for each, told in found.items()}
