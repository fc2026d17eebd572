"""What every transport gives: an answer, or a Failure of a known kind (connectors/resilience.py)."""

from typing import Any, NamedTuple


class Answer(NamedTuple):
    """What came back: the body as JSON values (its text where it is no JSON), status, and how long it took."""

    body: Any
    status_code: int | None
    milliseconds: int


class Unreachable(Exception):
    """The system has no address in the settings: it is not called until it has one."""
