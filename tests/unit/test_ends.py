"""How far a group has come is asked again while Kafka still looks for the broker that knows it."""

from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from schemas.settings import Settings
from streams.kafka import changelogs
from streams.kafka.changelogs import Ends
from streams.kafka.reader import MOVING

LANES = [("work-order-inbox", 0), ("work-order-inbox", 1)]


class Broker:
    """Answers with these errors, one after the other, then with offsets."""

    def __init__(self, *errors: KafkaError) -> None:
        self.errors = list(errors)

    def committed(self, asked: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        if self.errors:
            raise KafkaException(self.errors.pop(0))
        return [TopicPartition(each.topic, each.partition, 7) for each in asked]


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> Callable[[Broker], Ends]:
    def made(broker: Broker) -> Ends:
        def consumer(_: dict[str, Any]) -> Broker:
            return broker

        monkeypatch.setattr(changelogs, "Consumer", consumer)
        return Ends(Settings(), "mfg")

    return made


@pytest.mark.parametrize("code", sorted(MOVING))
def test_a_coordinator_that_moves_is_waited_for(ends: Callable[[Broker], Ends], code: int) -> None:
    broker = Broker(KafkaError(code), KafkaError(code))
    assert ends(broker).done(LANES) == dict.fromkeys(LANES, 7)
    assert not broker.errors


def test_what_is_wrong_for_good_is_said_at_once(ends: Callable[[Broker], Ends]) -> None:
    broker = Broker(KafkaError(KafkaError.GROUP_AUTHORIZATION_FAILED), KafkaError(KafkaError.UNKNOWN))
    with pytest.raises(KafkaException):
        ends(broker).done(LANES)
    assert len(broker.errors) == 1
