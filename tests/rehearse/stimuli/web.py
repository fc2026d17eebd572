"""A business system's voice: HTTP with the same Idempotency-Key and body until it is answered."""

import json
import threading
import time
from typing import Any, Final, NamedTuple

import httpx2

from compose.simulators.client import Away, ClientCredentials, Header
from schemas.settings import Settings
from tests.rehearse.ledger import Book, Result, Saying

TIMEOUT_SECONDS: Final = 15.0
PAUSES: Final = (0.2, 0.5, 1.0, 2.0)
PATIENCE_SECONDS: Final = 180.0
# Nothing has left us, so nothing can have happened.
NOT_SENT: Final = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, Away)


class Request(NamedTuple):
    """What is asked; the ledger's words for it are `saying`, whose data are the body, and those of its parts."""

    saying: Saying
    path: str
    key: str | None = None
    headers: dict[str, str] = {}  # noqa: RUF012 - never changed
    parts: tuple[Saying, ...] = ()


class Reply(NamedTuple):
    """The last answer; without a status nobody knows."""

    status: int | None
    document: dict[str, Any]

    @property
    def is_ok(self) -> bool:
        """Whether it was taken."""
        return self.status is not None and self.status < 300


class Voice:
    """One client of the gateway."""

    def __init__(
        self,
        endpoints: dict[str, str],
        book: Book,
        auth: httpx2.Auth | None,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self._book = book
        self._http = httpx2.Client(
            base_url=endpoints["GATEWAY_URL"], auth=auth, timeout=TIMEOUT_SECONDS, transport=transport
        )
        self._tick = threading.Event()

    def ask(self, request: Request, *, once: bool = False) -> Reply:
        """Write it down, ask until it is answered (`once`: one time), and write down each answer."""
        numbers = self._book.say(request.parts or [request.saying])
        until = time.monotonic() + PATIENCE_SECONDS
        for attempt in range(10_000):
            reply = self._attempt(numbers, request)
            is_final = reply.status is not None and reply.status != 429 and reply.status < 500
            if once or is_final or time.monotonic() > until:
                break
            self._tick.wait(PAUSES[min(attempt, len(PAUSES) - 1)])
        return reply

    def get(self, path: str, **parameters: Any) -> dict[str, Any] | None:
        """What the gateway shows; None while it does not."""
        try:
            answer = self._http.get(path, params=parameters)
        except (httpx2.TransportError, Away):
            return None
        return dict(answer.json()) if answer.status_code == 200 else None

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _attempt(self, numbers: list[int], request: Request) -> Reply:
        headers = {"Content-Type": "application/json", **request.headers}
        if request.key:
            headers["Idempotency-Key"] = request.key
        try:
            answer = self._http.post(request.path, content=request.saying.data, headers=headers)
        except NOT_SENT:
            self._book.answer(numbers, "failed")
            return Reply(None, {})
        except httpx2.TransportError:
            self._book.answer(numbers, "unknown")
            return Reply(None, {})
        document = _document(answer)
        self._book.answer(numbers, result_of(answer.status_code), answer.status_code, **_named(document))
        return Reply(answer.status_code, document)


def result_of(status: int) -> Result:
    """Taken; refused for certain; after a 5xx nobody knows."""
    if status < 300:
        return "ok"
    return "failed" if status < 500 else "unknown"


def _document(answer: httpx2.Response) -> dict[str, Any]:
    try:
        found = json.loads(answer.content)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _named(document: dict[str, Any]) -> dict[str, Any]:
    """What of an answer the account needs: the ids that it gave."""
    return {
        name: document[name] for name in ("mraos_work_order_id", "run_id", "outcome", "action_id") if name in document
    }


def settings_of(endpoints: dict[str, str]) -> Settings:
    """The settings that the simulators' clients take."""
    return Settings(**{"metrics_port": 0} | {name.lower(): value for name, value in endpoints.items()})  # type: ignore[arg-type]


def bearer(token: str) -> Header:
    """Signs each request with a token."""
    return Header("Authorization", f"Bearer {token}")


def erp(endpoints: dict[str, str], book: Book) -> Voice:
    """The ERP, with a token of its own."""
    return Voice(endpoints, book, ClientCredentials(settings_of(endpoints)))


def operator(endpoints: dict[str, str], book: Book) -> Voice:
    """A person at the console."""
    return Voice(endpoints, book, bearer(endpoints["ADMIN_TOKEN"]))


def hr(endpoints: dict[str, str], book: Book) -> Voice:
    """The time clock."""
    return Voice(endpoints, book, Header("X-API-Key", endpoints["HR_API_KEY"]))
