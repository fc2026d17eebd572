"""What a delivery is: one thing to tell or ask another system; and how a kind of delivery is described."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple

from schemas.codec import Unreadable
from schemas.settings import Settings
from sql.database import Rows as Rows
from streams.driver import Output

System = Literal["ERP", "MES", "HR", "WMS", "FILES", "MAIL", "NOTIFY", "PAS"]


class Call(NamedTuple):
    """An HTTP request. `path` lies below the system's URL, or is a whole URL; `body` is sent as JSON."""

    method: str
    path: str
    body: Any = None
    query: Mapping[str, str] = {}


class Upload(NamedTuple):
    """A file to put on the SFTP server; it appears there whole, under its name, or not at all."""

    name: str
    content: str


class Mail(NamedTuple):
    """An e-mail."""

    to: str
    subject: str
    text: str
    html: str | None = None


Request = Call | Upload | Mail


class New(NamedTuple):
    """A delivery to make. Its id follows from kind, tenant and cause: asked for twice, it is made once.

    `subject` is the id of what it is about; `told` is what its kind needs to know, as JSON values.
    """

    kind: str
    tenant_id: str
    subject: str
    cause: str
    told: Mapping[str, Any] = {}
    correlation_id: str | None = None
    due_at: datetime | None = None


class Reacted(NamedTuple):
    """What follows from an event, or from a moment of the clock; `note` is its outcome in a sentence of its own."""

    deliveries: Sequence[New] = ()
    outputs: Sequence[Output] = ()
    note: str | None = None


class Due(NamedTuple):
    """A stored delivery whose time has come. `delivery_id` is also its Idempotency-Key, the same at each attempt."""

    delivery_id: str
    tenant_id: str
    kind: str
    subject: str
    cause: str
    told: Mapping[str, Any]
    correlation_id: str
    created_at: datetime
    attempts: int


class NotYet(Exception):
    """What a request is made of is not there yet: it is asked for again in a moment, and no attempt is counted."""


class NotNeeded(Exception):
    """There is nothing to tell any more: the delivery ends as cancelled, with this reason."""


class Refused(Exception):
    """The other system answered 2xx, but says that it did not do it: as permanent as a 400."""


@contextmanager
def refusing() -> Iterator[None]:
    """An answer that cannot be read, or that says it was not done, is a refusal: Unreadable becomes Refused."""
    try:
        yield
    except Unreadable as refusal:
        raise Refused(refusal.reason) from refusal


def _nothing(_rows: Rows, _due: Due, _answers: Sequence[Any], _at: datetime, _settings: Settings) -> Sequence[Output]:
    return ()


def _nobody(_rows: Rows, _due: Due, _sentence: str, _at: datetime) -> None:
    return None


def _no_more(_request: Call, _answer: Any) -> Call | None:
    return None


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of delivery.

    `request` makes the request from rows, when the first attempt is due; it is stored, and the same at each attempt.
    `following` names the next page of an answer, if there is one.
    `accepted` says what follows from the answers (JSON values, one a page): rows may be written in the transaction
    that ends the delivery, messages are published before it commits; so both must stand being said again.
    `failed` writes down, in the transaction that ends it, that it failed for good, and why.
    """

    name: str
    system: System
    integration_type: str
    description: str
    request: Callable[[Rows, Due, Settings], Request]
    accepted: Callable[[Rows, Due, Sequence[Any], datetime, Settings], Sequence[Output]] = _nothing
    following: Callable[[Call, Any], Call | None] = _no_more
    failed: Callable[[Rows, Due, str, datetime], None] = _nobody
    is_asking: bool = field(default=False)
    """Whether it only asks (GET): such deliveries are forgotten sooner, and a newer one makes an older one needless."""
