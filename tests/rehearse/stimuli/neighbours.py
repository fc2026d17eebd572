"""Another tenant of the same plant, and what either of the two is shown: its own orders, and none of the other's."""

import itertools
import json
from typing import Final

from connectors.gateway.auth import OPERATOR_SCOPES, Tokens
from schemas.ids import work_order_id
from tests.rehearse.expected import NEIGHBOUR
from tests.rehearse.ledger import Book, Saying
from tests.rehearse.stimuli.orders import PATH as ORDERS
from tests.rehearse.stimuli.orders import order_body
from tests.rehearse.stimuli.web import Request, Voice, bearer, settings_of

LIST: Final = "/api/v1/work-orders"
CHANNEL: Final = "neighbours"
AT_ONCE: Final = 200
DAY_SECONDS: Final = 24 * 3600


class Neighbours:
    """A turn: the neighbour orders something; then both look at their orders, and what they see is written down."""

    def __init__(self, neighbour: Voice, person: Voice, book: Book, tenant_id: str, seed: int) -> None:
        self._voices = {NEIGHBOUR: neighbour, tenant_id: person}
        self._neighbour, self._book = neighbour, book
        self._prefix = f"WO-NB-{seed}"
        self._numbers = itertools.count(1)

    def turn(self) -> None:
        """Order, and look."""
        number = next(self._numbers)
        self._neighbour.ask(self._order(f"{self._prefix}-{number}"), once=True)
        for tenant_id, voice in self._voices.items():
            self._look(tenant_id, voice, number)

    def _order(self, name: str) -> Request:
        about = {"order": work_order_id(NEIGHBOUR, name), "erp_id": name}
        data = json.dumps(order_body(name, 10, "normal")).encode()
        saying = Saying(f"neighbour-{name}", CHANNEL, "neighbour_order", name, data, about)
        return Request(saying, ORDERS, f"created-{name}")

    def _look(self, tenant_id: str, voice: Voice, number: int) -> None:
        saying = Saying(f"look-{tenant_id}-{number}", CHANNEL, "look", tenant_id, b"", {})
        numbers = self._book.say([saying])
        page = voice.get(LIST, limit=AT_ONCE)
        if page is None:
            self._book.answer(numbers, "failed")
            return
        shown = sorted(each["erp_work_order_id"] or "" for each in page["work_orders"])
        self._book.answer(numbers, "ok", 200, shown=shown)


def neighbour(endpoints: dict[str, str], book: Book) -> Voice:
    """Somebody of the other tenant, with a token of the plant's issuer."""
    settings = settings_of(endpoints | {"TENANT_ID": NEIGHBOUR})
    return Voice(endpoints, book, bearer(Tokens(settings).issue("neighbour", OPERATOR_SCOPES, DAY_SECONDS)))
