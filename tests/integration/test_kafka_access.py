"""Kafka lets each process do what it needs and nothing else: a whole plant whose broker is closed to the nameless."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType

from compose.local import identity as identities
from compose.local.kafka import listeners
from connectors import access
from schemas.settings import Settings
from schemas.topics import TOPICS, changelog_of
from streams.topology import GROUP, TOPOLOGY
from tests.e2e.load import Load, await_truth, create_orders
from tests.plants import RunningPlant, eventually, running_plant

pytestmark = [pytest.mark.services, pytest.mark.timeout(240)]
CHANGELOG = changelog_of(TOPOLOGY[0].name)
REFUSED = {KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC}
"""Who may not even see a topic is told that there is none."""


@pytest.fixture(scope="module")
def closed() -> Iterator[RunningPlant]:
    """A plant with all its processes, each under its own name; its Kafka knows nobody else."""
    with running_plant(infra_only=False, told={"KAFKA_CLOSED": "1"}) as plant:
        yield plant


def signed_in(plant: RunningPlant, user: str, **changes: str) -> dict[str, Any]:
    """How a client signs in as one of the users."""
    told = listeners.process(identities.of(plant.local.folder, None), user) | changes
    return Settings.model_validate({name.lower(): value for name, value in told.items()}).kafka(log_level=0)


def said(config: dict[str, Any], topics: Iterable[str]) -> dict[str, KafkaError | None]:
    """What Kafka answers to a record, by topic."""
    answers: dict[str, KafkaError | None] = {}
    producer = Producer(config | {"enable.idempotence": True, "message.timeout.ms": 20_000})
    for topic in topics:
        producer.produce(
            topic, b"{}", b"probe", on_delivery=lambda error, record: answers.update({record.topic(): error})
        )
    assert producer.flush(40) == 0
    return answers


def heard(config: dict[str, Any], topics: Iterable[str]) -> dict[str, KafkaError | None]:
    """What Kafka answers to somebody who reads the first partition, by topic."""
    answers: dict[str, KafkaError | None] = {}
    consumer = Consumer(config | {"group.id": "mfg-reader", "enable.partition.eof": True, "enable.auto.commit": False})

    def all_answered() -> bool:
        for record in consumer.consume(500, 0.5):
            error = record.error()
            is_end = error is not None and error.code() == KafkaError._PARTITION_EOF
            if record.topic():
                answers.setdefault(record.topic(), None if is_end else error)
        return answers.keys() >= wanted

    wanted = set(topics)
    try:
        consumer.assign([TopicPartition(topic, 0, 0) for topic in wanted])
        eventually(all_answered, 10, f"neither a record nor a refusal: {sorted(wanted - answers.keys())} of {wanted}")
        return answers
    finally:
        consumer.close()


def test_the_plant_works_with_the_rights_of_each_process(closed: RunningPlant) -> None:
    orders = create_orders(closed.endpoints, ["RIGHTS-1", "RIGHTS-2"])
    load = Load(closed.endpoints, orders, 50, 4)
    load.start()
    load.finish()
    await_truth(closed.endpoints, load.truth, 60)
    logs = {path.name: path.read_text(errors="replace") for path in closed.local.folder.logs.glob("*.log")}
    refused = {name for name, log in logs.items() if "AUTHORIZATION_FAILED" in log or "AuthorizationFailed" in log}
    assert not refused - {"kafka.log"}, "nobody of ours asks for what is not allowed"


@pytest.mark.parametrize("user", access.USERS)
def test_a_user_writes_nothing_but_its_own(closed: RunningPlant, user: str) -> None:
    """What is allowed is proved by the plant; here it would be a dead letter."""
    foreign = {*TOPICS, CHANGELOG} - access.rights()[user].writes
    answers = said(signed_in(closed, user), foreign)
    assert answers.keys() == foreign
    assert [topic for topic, error in answers.items() if error is None or error.code() not in REFUSED] == []


@pytest.mark.parametrize("user", access.USERS)
def test_a_user_does_not_even_see_what_is_not_its_own(closed: RunningPlant, user: str) -> None:
    allowed, admin = access.rights()[user], AdminClient(signed_in(closed, user))
    assert admin.list_topics(timeout=20).topics.keys() == allowed.reads | allowed.writes
    hidden = sorted({*TOPICS, CHANGELOG} - allowed.reads - allowed.writes)
    for topic in hidden[:3]:
        error = admin.list_topics(topic, timeout=20).topics[topic].error
        assert error is not None
        assert error.code() in REFUSED


@pytest.mark.parametrize("user", access.USERS)
def test_a_user_reads_what_it_may_and_nothing_else(closed: RunningPlant, user: str) -> None:
    allowed = access.rights()[user]
    answers = heard(signed_in(closed, user), (allowed.reads | allowed.writes) & {*TOPICS, CHANGELOG})
    assert {topic for topic, error in answers.items() if error is None} == allowed.reads & answers.keys()
    assert {error.code() for error in answers.values() if error is not None} <= REFUSED


@pytest.mark.parametrize("user", access.USERS)
def test_nobody_but_the_operator_makes_deletes_or_changes_anything(closed: RunningPlant, user: str) -> None:
    admin = AdminClient(signed_in(closed, user))
    attempts = [
        *admin.create_topics([NewTopic("of-a-thief", 1)]).values(),
        *admin.delete_topics(["work-order-inbox", CHANGELOG]).values(),
        *admin.describe_configs([ConfigResource(ResourceType.BROKER, "1")]).values(),
        *admin.delete_consumer_groups([GROUP]).values(),
        *admin.create_acls(list(access.bindings(user, access.Rights(frozenset({"work-order-inbox"}))))).values(),
    ]
    for attempt in attempts:
        with pytest.raises(KafkaException) as refused:
            attempt.result(20)
        assert refused.value.args[0].code() in REFUSED | {
            KafkaError.CLUSTER_AUTHORIZATION_FAILED,
            KafkaError.GROUP_AUTHORIZATION_FAILED,
        }


@pytest.mark.parametrize(
    "mistake",
    [
        {"KAFKA_SASL_PASSWORD": "guessed"},
        {"KAFKA_SASL_USERNAME": "agents"},
        {"KAFKA_SECURITY_PROTOCOL": "PLAINTEXT"},
        {"KAFKA_SASL_MECHANISM": "PLAIN"},
    ],
    ids=lambda mistake: next(iter(mistake)),
)
def test_a_closed_kafka_knows_nobody_by(closed: RunningPlant, mistake: dict[str, str]) -> None:
    with pytest.raises(KafkaException):
        AdminClient(signed_in(closed, "projector", **mistake)).list_topics(timeout=4)
    assert AdminClient(signed_in(closed, "projector")).list_topics(timeout=30).topics


def test_a_controller_takes_nobody_without_a_name_either(closed: RunningPlant) -> None:
    identity = identities.of(closed.local.folder, None)
    nameless = {"bootstrap.servers": f"127.0.0.1:{identity.port('kafka-controller')}", "log_level": 0}
    with pytest.raises(KafkaException):
        AdminClient(nameless).list_topics(timeout=4)


def test_a_right_that_is_no_longer_needed_is_taken_back(closed: RunningPlant) -> None:
    admin = AdminClient(closed.settings().kafka())
    too_much = access.bindings("projector", access.Rights(frozenset({"machine-inbox"})))
    for made in admin.create_acls(list(too_much)).values():
        made.result(20)
    eventually(lambda: too_much <= set(access._found(admin, "projector")), 30, "a right that was given does not show")
    access.grant(admin, {})
    assert set(access._found(admin, "projector")) == access.bindings("projector", access.rights()["projector"])


def test_no_process_is_told_the_operators_password(closed: RunningPlant) -> None:
    secret = closed.endpoints["KAFKA_SASL_PASSWORD"]
    for process in ("gateway", "agents", "opcua-sim"):
        pid = closed.local.pid(process)
        if pid is not None:
            assert secret.encode() not in Path(f"/proc/{pid}/environ").read_bytes(), process
    assert closed.local.folder.endpoints.stat().st_mode & 0o077 == 0
