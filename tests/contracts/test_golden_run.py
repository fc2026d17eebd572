"""A committed afternoon still comes out as it was committed."""

import json

import pytest

from schemas.codec import decode, encode
from schemas.topics import MESSAGES, key_of
from streams.driver import Record
from streams.replay import replay
from streams.topology import TOPOLOGY
from tests.contracts.examples import golden_run


@pytest.mark.parametrize("batch", [1, 3, 1000])
def test_replaying_the_afternoon_gives_the_committed_result(batch: int) -> None:
    said = [decode(json.dumps(document).encode()) for document in golden_run()["inbox"]]
    emitted = []
    for processor in TOPOLOGY:
        heard = [each for each in said if MESSAGES[each.type].topic == processor.inbox]
        lines = [
            Record(index, key_of(each.type, each.tenant_id, each.payload), encode(each))
            for index, each in enumerate(heard)
        ]
        emitted += [json.loads(output.value) for output in replay(processor, 0, lines, batch=batch).outputs]
    expected = golden_run()["emitted"]
    for document in (*emitted, *expected):
        document["payload"].pop("original_bytes_base64", None)
    assert emitted == expected
