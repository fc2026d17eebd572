"""What a suite leaves behind on the servers that suites share, the next one does not find."""

import threading
from contextlib import closing

import psycopg
import pytest
from confluent_kafka import Consumer
from confluent_kafka.admin import AdminClient
from paho.mqtt.client import Client, MQTTMessage

from streams.kafka.admin import create_topics
from tests.facts import put
from tests.grounds import Ground
from tests.integration.mes import Mes
from tests.plants import SLACK, RunningPlant, eventually

pytestmark = [pytest.mark.services, pytest.mark.timeout(300)]

TABLES = "SELECT count(*) FROM pg_tables WHERE schemaname IN ('public', 'ops')"
MACHINES = "SELECT count(*) AS count FROM machines"


def one(url: str, query: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute(query.encode()).fetchone()
        assert row is not None
        return int(row[0])


def machines(plant: RunningPlant) -> int:
    with plant.rows() as rows:
        return int((rows.execute(MACHINES.encode()).fetchone() or {})["count"])


def topics_and_groups(plant: RunningPlant) -> tuple[set[str], set[str]]:
    admin = AdminClient(plant.settings().kafka())
    topics = {name for name in admin.list_topics(timeout=30).topics if not name.startswith("__")}
    return topics, {each.group_id for each in admin.list_consumer_groups().result().valid}


def join_a_group(plant: RunningPlant) -> None:
    told = {"group.id": "left-behind", "auto.offset.reset": "earliest"}
    with closing(Consumer(plant.settings().kafka(**told))) as consumer:
        consumer.subscribe(["alerts"])
        eventually(lambda: consumer.poll(0.1) or consumer.assignment(), 60, "the group takes nobody in")


def heard_first(mes: Mes, client: Client) -> bytes | bytearray:
    """What this client hears first, once somebody says a word."""
    heard: list[MQTTMessage] = []
    listens = threading.Event()
    client.on_message = lambda _client, _data, message: heard.append(message)
    client.on_subscribe = lambda *_: listens.set()
    client.subscribe("#", qos=1)
    assert listens.wait(20 * SLACK.times), "the broker does not take the subscription"
    mes.tell("mes/word", b"a word")
    return eventually(lambda: heard, 20, "it hears nothing")[0].payload


def test_a_suite_finds_no_topic_group_message_or_row_of_the_one_before(ground: Ground) -> None:
    first = ground.world()
    create_topics(first.settings())
    join_a_group(first)
    with closing(Mes(first)) as mes:
        mes.tell("mes/kept", b"kept", retain=True)
        absent = mes.connected("absent", clean=False)
        assert heard_first(mes, absent) == b"kept"
        absent.disconnect()
        absent.loop_stop()
    ground.add_tables(first)
    assert one(first.owner_url, TABLES) > 0
    assert [bool(each) for each in topics_and_groups(first)] == [True, True]

    second = ground.world()
    assert second.kafka_bootstrap == first.kafka_bootstrap, "nobody hurt the servers"
    assert topics_and_groups(second) == (set(), set())
    assert one(second.owner_url, TABLES) == 0
    with closing(Mes(second)) as mes:
        back = mes.connected("absent", clean=False)
        assert heard_first(mes, back) == b"a word"
        back.disconnect()
        back.loop_stop()


def test_tables_are_empty_each_time_they_are_added(ground: Ground) -> None:
    world = ground.world()
    ground.add_tables(world)
    assert machines(world) == 0
    with world.rows() as rows:
        put(rows, "machines", machine_id="M-1")
    assert machines(world) == 1
    ground.add_tables(world)
    assert machines(world) == 0


def test_who_ends_a_server_leaves_it_to_nobody(ground: Ground) -> None:
    hurt = ground.world()
    hurt.kill("kafka")
    whole = ground.world()
    assert whole.kafka_bootstrap != hurt.kafka_bootstrap
    assert create_topics(whole.settings())
