"""The registry is complete: no topic without owner, key, retention and examples; no example that is not current."""

import json
import re

import jsonschema
import pytest

from schemas.codec import decode, encode
from schemas.publish import documents, message_schema
from schemas.topics import FOREVER, MESSAGES, TOPICS, key_of
from streams.topology import TOPOLOGY
from tests.contracts.examples import EXAMPLES, example_bytes

LATER: set[str] = set()
"""Topics whose messages come with later parts of the plant; this list may only shrink."""


@pytest.mark.parametrize("topic", TOPICS.values(), ids=lambda topic: topic.name)
def test_every_topic_has_an_owner_a_key_a_retention_and_a_sentence(topic) -> None:
    assert topic.owner
    assert topic.key
    assert topic.description
    assert topic.retention_ms == FOREVER or topic.retention_ms > 0
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", topic.name), "dots and underscores collide in metrics"


@pytest.mark.parametrize(
    "topic", [each for each in TOPICS.values() if each.kind != "external" and each.name not in LATER]
)
def test_every_topic_carries_messages_with_examples(topic) -> None:
    names = [name for name, message in MESSAGES.items() if message.topic == topic.name]
    assert names
    assert all((EXAMPLES / topic.name / f"{name}.json").exists() for name in names)


def test_no_topic_waits_for_messages_that_it_has() -> None:
    assert not LATER & {message.topic for message in MESSAGES.values()}


@pytest.mark.parametrize("name", MESSAGES)
def test_an_example_is_read_and_written_unchanged(name: str) -> None:
    said = decode(example_bytes(name))
    assert json.loads(encode(said)) == json.loads(example_bytes(name))
    assert key_of(name, said.tenant_id, said.payload)


@pytest.mark.parametrize("name", MESSAGES)
def test_an_example_keeps_its_published_schema(name: str) -> None:
    jsonschema.Draft202012Validator(message_schema(name)).validate(json.loads(example_bytes(name)))


@pytest.mark.parametrize("name", MESSAGES)
def test_a_schema_refuses_an_example_that_lost_its_payload(name: str) -> None:
    broken = json.loads(example_bytes(name)) | {"payload": {}}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(message_schema(name)).validate(broken)


def test_generated_documents_are_current() -> None:
    assert [path.name for path, content in documents().items() if path.read_text() != content] == []


def test_no_example_lies_outside_the_registry() -> None:
    known = {f"{message.topic}/{name}.json" for name, message in MESSAGES.items()}
    assert {f"{path.parent.name}/{path.name}" for path in EXAMPLES.glob("*/*.json")} == known


@pytest.mark.parametrize("processor", TOPOLOGY, ids=lambda each: each.name)
def test_a_processor_reads_one_inbox_and_emits_registered_types(processor) -> None:
    assert TOPICS[processor.inbox].kind == "inbox"
    assert processor.emits <= MESSAGES.keys()


def test_no_two_processors_share_an_inbox() -> None:
    assert len({processor.inbox for processor in TOPOLOGY}) == len(TOPOLOGY)
