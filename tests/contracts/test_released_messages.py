"""What any released version wrote is read for ever; what this one writes is read by the version before it.

`released/<version>.jsonl` holds a message of every type as that version wrote it, and never changes. What to add at a
release, and the rules of an upgrade: `released/README.md`.
"""

import json
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from schemas.codec import Unreadable, decode, encode
from schemas.envelope import Message
from schemas.topics import MESSAGES, key_of
from tests.contracts.examples import example_bytes

RELEASED = Path(__file__).parent / "released"
VERSIONS = sorted(path.stem for path in RELEASED.glob("*.jsonl"))
(BEFORE,) = RELEASED.glob("*.schemas.json")
SCHEMAS: dict[str, Any] = json.loads(BEFORE.read_text())


def written_by(version: str) -> list[bytes]:
    """A message of every type, as that version wrote it."""
    return (RELEASED / f"{version}.jsonl").read_bytes().splitlines()


def kept(document: Any, of: Any, path: str = "") -> list[str]:
    """Where a document no longer says what another one said; what it says besides is its own affair."""
    if isinstance(of, dict) and isinstance(document, dict):
        return [where for name, value in of.items() for where in kept(document.get(name), value, f"{path}.{name}")]
    if isinstance(of, list) and isinstance(document, list) and len(of) == len(document):
        return [where for one, other in zip(document, of, strict=True) for where in kept(one, other, f"{path}[]")]
    return [] if document == of else [path]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_message_of_a_released_version_is_read_and_nothing_of_it_is_lost(version: str) -> None:
    for data in written_by(version):
        said = decode(data)
        assert key_of(said.type, said.tenant_id, said.payload)
        assert kept(json.loads(encode(said)), json.loads(data)) == [], said.type


def test_the_latest_release_wrote_every_type_that_it_published() -> None:
    assert BEFORE.name == f"{VERSIONS[-1]}.schemas.json"
    assert {json.loads(data)["type"] for data in written_by(VERSIONS[-1])} == set(SCHEMAS)


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_the_version_before_reads_what_this_one_writes(name: str) -> None:
    jsonschema.Draft202012Validator(SCHEMAS[name]).validate(json.loads(example_bytes(name)))


@pytest.mark.parametrize("name", MESSAGES)
def test_fields_of_a_later_version_are_ignored(name: str) -> None:
    data = example_bytes(name)
    later = json.loads(data) | {"said_by_a_later_version": 1}
    later["payload"]["said_by_a_later_version"] = {"more": [1]}
    assert decode(json.dumps(later).encode()) == decode(data)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_field_that_became_required_is_found(version: str) -> None:
    data = written_by(version)[0]
    payload: Any = MESSAGES[json.loads(data)["type"]].payload
    stricter: Any = msgspec.defstruct("Stricter", [("new_field", str)], bases=(payload,), frozen=True, kw_only=True)
    msgspec.json.decode(data, type=Message[payload])
    with pytest.raises(msgspec.ValidationError, match="new_field"):
        msgspec.json.decode(data, type=Message[stricter])


def test_a_field_that_is_left_out_is_found_by_the_version_before() -> None:
    said = json.loads(example_bytes("production.counted"))
    del said["payload"]["work_order_id"]
    with pytest.raises(jsonschema.ValidationError, match="work_order_id"):
        jsonschema.Draft202012Validator(SCHEMAS["production.counted"]).validate(said)
    with pytest.raises(Unreadable):
        decode(json.dumps(said).encode())
