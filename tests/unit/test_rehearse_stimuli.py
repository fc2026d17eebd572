"""Those who speak in a rehearsal: they write down before they ask, and what they were answered."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import httpx2
import pytest

from schemas.settings import DEFAULT_TENANT
from tests.rehearse.expected import NEIGHBOUR
from tests.rehearse.ledger import Book, Said, Saying, read
from tests.rehearse.model import fold
from tests.rehearse.stimuli.neighbours import Neighbours
from tests.rehearse.stimuli.orders import Orders
from tests.rehearse.stimuli.threads import Speaker
from tests.rehearse.stimuli.web import Request, Voice, result_of

Handler = Callable[[httpx2.Request], httpx2.Response]
ASKED = Request(Saying("a", "orders", "order", "a", b"{}", {}), "/somewhere", "key-a")


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    """A ledger with nothing in it."""
    book = Book(tmp_path)
    yield book
    book.close()


def _voice(book: Book, handler: Handler) -> Voice:
    return Voice({"GATEWAY_URL": "http://plant"}, book, None, httpx2.MockTransport(handler))


def test_it_stands_in_the_ledger_before_it_is_asked(book: Book, tmp_path: Path) -> None:
    seen: list[Said] = []

    def handler(_: httpx2.Request) -> httpx2.Response:
        seen.extend(read(tmp_path))
        return httpx2.Response(200, json={})

    _voice(book, handler).ask(ASKED)
    assert [(each.intent.id, each.result) for each in seen] == [("a", "unknown")]
    assert [each.result for each in read(tmp_path)] == ["ok"]


def test_what_breaks_is_asked_again_with_the_same_key_and_body(book: Book, tmp_path: Path) -> None:
    asked: list[tuple[str, bytes]] = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        asked.append((request.headers["Idempotency-Key"], request.content))
        if len(asked) == 1:
            raise httpx2.ReadError("broken")
        return httpx2.Response(503 if len(asked) == 2 else 200, json={"mraos_work_order_id": "WO-1"})

    assert _voice(book, handler).ask(ASKED).is_ok
    assert asked == [("key-a", b"{}")] * 3
    (told,) = read(tmp_path)
    assert (told.result, told.status, told.about) == ("ok", 200, {"mraos_work_order_id": "WO-1"})


def test_what_was_never_sent_is_refused_for_certain_and_what_broke_is_not(book: Book, tmp_path: Path) -> None:
    for error in (httpx2.ConnectError("nobody"), httpx2.ReadTimeout("silent")):

        def handler(_: httpx2.Request, error: Exception = error) -> httpx2.Response:
            raise error

        _voice(book, handler).ask(ASKED, once=True)
    assert [each.result for each in read(tmp_path)] == ["failed", "unknown"]
    assert [result_of(status) for status in (200, 202, 409, 429, 500, 503)] == [
        *("ok", "ok", "failed", "failed", "unknown", "unknown")
    ]


def test_an_erp_does_each_of_its_deeds_in_turn_and_the_same_for_the_same_seed(tmp_path: Path) -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        try:
            json.loads(request.content)
        except ValueError:
            return httpx2.Response(400, json={})
        return httpx2.Response(200, json={})

    told = []
    for folder in ("first", "second"):
        book = Book(tmp_path / folder)
        orders = Orders(_voice(book, handler), DEFAULT_TENANT, 5)
        for _ in range(8):
            orders.turn()
        book.close()
        said = read(tmp_path / folder)
        told.append([(each.intent.id, each.intent.kind, each.intent.about) for each in said])
    assert told[0] == told[1]
    assert {kind for _, kind, _ in told[0]} == {
        *("order", "order_without_key", "order_other_body", "order_updated", "order_cancelled", "order_garbled"),
        "order_of_unknown_material",
    }


def test_what_goes_wrong_with_somebody_who_speaks_is_raised_by_finish() -> None:
    def turn() -> None:
        raise ValueError("out of words")

    speaker = Speaker("somebody", turn, 0.01, 1.0)
    speaker.start()
    with pytest.raises(ValueError, match="out of words"):
        speaker.finish()


def test_what_two_tenants_are_shown_is_written_down(book: Book, tmp_path: Path) -> None:
    own, theirs = ({"work_orders": [{"erp_work_order_id": name}]} for name in ("WO-ERP-1", "WO-NB-1-1"))

    def shows(page: Mapping[str, object]) -> Handler:
        return lambda request: httpx2.Response(200, json=page if request.method == "GET" else {})

    neighbours = Neighbours(_voice(book, shows(theirs)), _voice(book, shows(own)), book, DEFAULT_TENANT, 1)
    neighbours.turn()
    told = read(tmp_path)
    assert [each.intent.kind for each in told] == ["neighbour_order", "look", "look"]
    assert [(each.intent.key, each.about["shown"]) for each in told[1:]] == [
        (NEIGHBOUR, ["WO-NB-1-1"]),
        (DEFAULT_TENANT, ["WO-ERP-1"]),
    ]
    assert fold(told).astray == []
