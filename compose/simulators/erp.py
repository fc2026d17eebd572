"""An ERP that sends orders to the gateway: each statement stands in the ledger before it is on the way."""

import random
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import httpx2
import msgspec
import structlog

from compose.simulators.client import Away, GatewayClient
from compose.simulators.ledger import Entry, Ledger, Orders, read_entries
from compose.simulators.order_desk import ORDERS, PREFIX, Call, Desk
from schemas.ids import work_order_id
from schemas.settings import Settings

# How many orders the plant has to work on: a new one is sent below the first, none above the second.
FEWEST_OPEN: Final = 12
MOST_OPEN: Final = 20
LOOK_SECONDS: Final = 1.0
OPEN_STATUSES: Final = ("received", "released", "assigned", "in_progress", "on_hold")

log = structlog.get_logger()


def run(
    settings: Settings,
    *,
    rate: float,
    seed: int,
    orders: int,
    duration: float | None,
    ledger_path: Path,
    orders_path: Path,
    events_path: Path,
    stop: threading.Event,
) -> int:
    """Send until the time is over or somebody asks to stop; 0 when every statement was answered."""
    earlier = read_entries(ledger_path)
    desk = Desk(settings.tenant_id, random.Random(seed), earlier)
    office = Office(settings, ledger_path, orders_path, events_path, stop)
    try:
        office.say(desk.opening(_now()))
        for name in unanswered(settings.tenant_id, earlier, orders_path):
            office.say(desk.again(name, _now()))
        for _ in range(orders - office.open_orders()):
            office.say(desk.new_order(_now()))
        _keep_busy(office, desk, 60 / rate, duration, stop)
    except (Away, httpx2.HTTPError) as error:
        log.warning("the ERP falls silent with a statement unanswered", error=str(error))
        return 1
    finally:
        office.close()
    log.info("the ERP falls silent", said=office.said, accepted=office.accepted)
    return 0


def unanswered(tenant_id: str, earlier: Sequence[Entry], orders_path: Path) -> list[str]:
    """Orders of the ledger that nobody works on and nobody cancelled: we ended before their answer came."""
    book = Orders(orders_path)
    book.look()
    answered = {order.work_order_id for order in book.known}
    said = {entry.id for entry in earlier}
    return [
        entry.id
        for entry in earlier
        if entry.id.startswith(PREFIX)
        and entry.fate == "applied"
        and f"cancelled-{entry.id}" not in said
        and work_order_id(tenant_id, entry.id) not in answered
    ]


def _keep_busy(office: "Office", desk: Desk, period: float, duration: float | None, stop: threading.Event) -> None:
    """Send something every period, and a new order whenever the plant has few left."""
    begin = time.monotonic()
    turn_at = begin
    while not stop.is_set() and (duration is None or time.monotonic() - begin < duration):
        open_orders = office.open_orders()
        if open_orders < FEWEST_OPEN:
            office.say(desk.new_order(_now()))
        elif open_orders < MOST_OPEN and time.monotonic() >= turn_at:
            turn_at = time.monotonic() + period
            office.say(desk.turn(_now()))
        stop.wait(min(LOOK_SECONDS, period))


class Office:
    """Where statements leave: ledger first, then the gateway, then the lists of what it accepted."""

    def __init__(
        self, settings: Settings, ledger_path: Path, orders_path: Path, events_path: Path, stop: threading.Event
    ) -> None:
        self._client = GatewayClient(settings, stop)
        self._ledger, self._orders, self._events = Ledger(ledger_path), Ledger(orders_path), Ledger(events_path)
        self.said = self.accepted = 0

    def say(self, calls: Sequence[Call]) -> None:
        """Send requests one after another. Raises Away, httpx2.TransportError when told to stop meanwhile."""
        for call in calls:
            self._ledger.write(call.entries)
            answer = self._client.post(call.path, call.body, call.key)
            self.said += 1
            is_there = answer.status_code in (200, 202, 409)
            if call.path == ORDERS and is_there:
                self._events.write([msgspec.Raw(call.body)])
            if call.order and is_there:
                self._orders.write([call.order])
                self.accepted += 1
            log.debug("answered", path=call.path, status=answer.status_code, ids=[each.id for each in call.entries])

    def open_orders(self) -> int:
        """How many orders wait or are being made, as the plant says."""
        answer = self._client.get("/api/v1/work-orders", status=OPEN_STATUSES, limit=MOST_OPEN)
        return len(answer.raise_for_status().json()["work_orders"])

    def close(self) -> None:
        """Close files and connections."""
        self._ledger.close()
        self._orders.close()
        self._events.close()
        self._client.close()


def _now() -> datetime:
    return datetime.now(UTC)
