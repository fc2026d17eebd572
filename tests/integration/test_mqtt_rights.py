"""The MQTT broker lets machines publish what machines say, the connector read that, and nobody else's words be read."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from compose.local import identity as identities
from compose.local import mqtt
from compose.local.machine import installed
from tests.plants import RunningPlant, eventually

pytestmark = [
    pytest.mark.services,
    pytest.mark.timeout(90),
    pytest.mark.skipif(not installed("mosquitto"), reason="amqtt has no rights by topic"),
]
COUNT = "mes/production/line2/machine/M-203/count"
NOT_AUTHORIZED = 135
GRANTED = 1
FILTERS = ("mes/production/+/machine/+/count", "mes/quality/+/machine/+/inspection", "mes/downtime/+/machine/+/event")


@contextmanager
def signed_in(plant: RunningPlant, user: str) -> Iterator[Client]:
    """A client of MQTT 5, which is told why something is refused."""
    identity = identities.of(plant.local.folder, None)
    client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    client.username_pw_set(user, mqtt.password(identity, user))
    address = urlsplit(plant.mqtt_url)
    client.connect(str(address.hostname), address.port or 1883)
    client.loop_start()
    try:
        yield client
    finally:
        client.disconnect()
        client.loop_stop()


def told_of_subscribing(client: Client, topic: str) -> int:
    """The broker's answer to a subscription."""
    answers: list[int] = []
    client.on_subscribe = lambda _c, _d, _m, reasons, _p: answers.extend(each.value for each in reasons)
    client.subscribe(topic, qos=1)
    eventually(lambda: answers, 20, "no answer to a subscription")
    return answers[0]


def told_of_publishing(client: Client, topic: str) -> int:
    """The broker's answer to a message: 0, or 16 where nobody listens."""
    answers: list[int] = []
    client.on_publish = lambda _c, _d, _m, reason, _p: answers.append(reason.value)
    client.publish(topic, b"{}", qos=1)
    eventually(lambda: answers, 20, "no answer to a message")
    return answers[0]


def test_machines_publish_what_machines_say_and_nothing_else(infra: RunningPlant) -> None:
    with signed_in(infra, "machines") as machines:
        assert told_of_publishing(machines, COUNT) in (0, 16)
        for topic in ("mes/production/line2/machine/M-203/command", "erp/orders", "mes/production"):
            assert told_of_publishing(machines, topic) == NOT_AUTHORIZED, topic


@pytest.mark.parametrize("topic", ["#", "mes/#", FILTERS[0], COUNT])
def test_machines_hear_nothing_of_one_another(infra: RunningPlant, topic: str) -> None:
    heard = threading.Event()

    def on_message(_client: Client, _data: object, _message: MQTTMessage) -> None:
        heard.set()

    with signed_in(infra, "machines") as curious, signed_in(infra, mqtt.USER) as operator:
        curious.on_message = on_message
        told_of_subscribing(curious, topic)
        told_of_publishing(operator, COUNT)
        # What was published before is delivered before the answer to what is asked afterwards.
        told_of_subscribing(curious, "nothing/here")
        assert not heard.is_set()


def test_the_connector_reads_what_it_bridges_and_publishes_nothing(infra: RunningPlant) -> None:
    heard: list[str] = []
    with signed_in(infra, "mes-mqtt") as connector, signed_in(infra, mqtt.USER) as operator:
        connector.on_message = lambda _c, _d, message: heard.append(message.topic)
        assert [told_of_subscribing(connector, each) for each in FILTERS] == [GRANTED] * len(FILTERS)
        told_of_subscribing(connector, "#")
        assert told_of_publishing(operator, "mes/maintenance/line2/secrets") in (0, 16)
        assert told_of_publishing(operator, COUNT) == 0
        eventually(lambda: COUNT in heard, 20, "the connector does not hear a count")
        assert set(heard) == {COUNT}
        assert told_of_publishing(connector, COUNT) == NOT_AUTHORIZED


def test_a_device_with_a_name_of_its_own_speaks_for_no_other(infra: RunningPlant) -> None:
    lines = mqtt.rights(FILTERS).splitlines()
    assert "pattern write mes/production/+/machine/%u/count" in lines
    with signed_in(infra, "mes-mqtt") as device:  # a user whose name is a machine's
        assert told_of_publishing(device, "mes/production/line2/machine/mes-mqtt/count") in (0, 16)
        assert told_of_publishing(device, "mes/production/line2/machine/M-203/count") == NOT_AUTHORIZED
