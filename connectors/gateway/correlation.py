"""What an inbound call belongs to: the X-Correlation-ID of whoever calls, or what we say because of it."""

from contextvars import ContextVar
from typing import Final

HEADER: Final = "x-correlation-id"
LONGEST: Final = 200

_named: ContextVar[str | None] = ContextVar("named", default=None)
_said: ContextVar[str | None] = ContextVar("said", default=None)


def begin(named: str | None) -> None:
    """A call begins; its caller may have named what it belongs to."""
    _named.set(named[:LONGEST].replace("\0", "") if named else None)
    _said.set(None)


def note(correlation_id: str) -> None:
    """The call has made us say something; the first counts."""
    if _said.get() is None:
        _said.set(correlation_id)


def current() -> str | None:
    """What the call belongs to, as far as that is known by now."""
    return _named.get() or _said.get()
