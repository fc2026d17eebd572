"""How far each reader of the log is behind it: the agents by their commits, the projector by Postgres."""

import threading
from collections.abc import Iterable

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from schemas.settings import Settings
from sql.read_models.registry import READ_MODELS
from streams.kafka.changelogs import Ends
from streams.kafka.consumer import Lane, lag
from streams.topology import GROUP, TOPOLOGY

PATIENCE_SECONDS = 3.0


class Lags:
    """Asks Kafka; every call raises KafkaException while it is away."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._admin = AdminClient(settings.kafka(**{"log_level": 0}))
        self._reader: Ends | None = None
        self._lock = threading.Lock()

    def of_readers(self, projected: dict[Lane, int], reacted: dict[Lane, int]) -> dict[str, dict[str, int]] | None:
        """What each reader of the log has still to do, by topic; None while Kafka is away."""
        try:
            return {
                "agents": self.of_agents(),
                "projector": self.of_projector(projected),
                "reactor": self.of_reactor(reacted),
            }
        except KafkaException:
            return None

    def of_agents(self) -> dict[str, int]:
        """Records of each inbox that no worker has finished."""
        with self._lock:
            ends = self._ends(processor.inbox for processor in TOPOLOGY)
            return lag(ends, self._asked().done(ends))

    def of_projector(self, offsets: dict[Lane, int]) -> dict[str, int]:
        """Records of each event topic that are no rows yet."""
        with self._lock:
            return lag(self._ends(READ_MODELS), offsets)

    def of_reactor(self, offsets: dict[Lane, int]) -> dict[str, int]:
        """Records of each event topic that nothing outside was told of yet."""
        with self._lock:
            ends = self._ends({topic for topic, _ in offsets})
            return lag({lane: end for lane, end in ends.items() if lane in offsets}, offsets)

    def is_reachable(self) -> bool:
        """Whether a broker answers. Raises KafkaException."""
        return bool(self._admin.list_topics(timeout=PATIENCE_SECONDS).brokers)

    def _ends(self, topics: Iterable[str]) -> dict[Lane, int]:
        known = self._admin.list_topics(timeout=PATIENCE_SECONDS).topics
        lanes = [(topic, number) for topic in topics if topic in known for number in known[topic].partitions]
        return self._asked().of(lanes)

    def _asked(self) -> Ends:
        if self._reader is None:
            self._reader = Ends(self._settings, GROUP)
        return self._reader

    def close(self) -> None:
        """Let go."""
        with self._lock:
            if self._reader is not None:
                self._reader.close()
                self._reader = None
