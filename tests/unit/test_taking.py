"""What the planner takes from what machines say: without asking Postgres, where no plan depends on it."""

from typing import Any

import msgspec
import pytest

from schemas.codec import decode, encode
from streams.planning.taking import take
from streams.projection import Line
from tests.contracts.examples import example_bytes

TOPIC = "resource-status"


class Asked(Exception):
    """Postgres was asked."""


class Postgres:
    """A cursor that nobody may use."""

    @property
    def connection(self) -> Any:
        raise Asked


def said(type_name: str, **fields: Any) -> Line:
    """A record of the topic: the example, with other fields in its payload."""
    message = decode(example_bytes(type_name))
    payload = msgspec.structs.replace(message.payload, **fields)
    return Line(TOPIC, 0, 0, b"", encode(msgspec.structs.replace(message, payload=payload)))


@pytest.mark.parametrize(
    "line",
    [
        said("machine.seen"),
        said("machine.registered"),
        said("machine.gap_marked"),
        said("machine.status_changed", status="running", previous_status="idle"),
        said("machine.status_changed", status="breakdown", previous_status="breakdown"),
    ],
    ids=lambda line: decode(line.value).type,
)
def test_what_no_plan_depends_on_is_not_asked_about(line: Line) -> None:
    assert take(Postgres(), line) is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "line",
    [
        said("downtime.started"),
        said("downtime.ended"),
        said("machine.status_changed", status="breakdown", previous_status="running"),
        said("machine.status_changed", status="idle", previous_status="breakdown"),
        said("machine.seen", status="breakdown"),
    ],
    ids=lambda line: decode(line.value).type,
)
def test_a_machine_that_breaks_down_or_comes_back_is_taken(line: Line) -> None:
    with pytest.raises(Asked):
        take(Postgres(), line)  # type: ignore[arg-type]
