"""Dead letters of every origin, made as their makers make them, and what people do about them over the API."""

import base64
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx2

from connectors.said import said
from schemas.codec import Unreadable, encode
from schemas.ids import DEFAULT_TENANT
from streams.driver import Output, failure_output
from tests.gateways import ORDERS, order_event
from tests.integration.events import publish
from tests.messages import units_counted
from tests.plants import RunningPlant, eventually

FAILURES = "/api/v1/failures"
# Where a count names its order.
TO_ORDER = "/payload/work_order_id"
Letter = dict[str, Any]


def name() -> str:
    """Something that nothing else is called."""
    return uuid4().hex[:10].upper()


def counted(order: str, log_id: str, units: int = 1) -> Output:
    """Units that a machine made for an order, as the order hears of them."""
    told = units_counted(order, units, log_id)
    return said("production.counted", DEFAULT_TENANT, told, message_id=log_id, timestamp=datetime.now(UTC))


def crafted(data: bytes, *, inbox: str, address: str, integration: str, key: str | None = None) -> Output:
    """A dead letter as a connector would make it of these bytes."""
    identity = key or uuid4().hex
    return failure_output(
        tenant_id=DEFAULT_TENANT,
        failure_key=identity,
        moment=datetime.now(UTC),
        integration_type=integration,
        data=data,
        refusal=Unreadable("VALIDATION_ERROR", "It was refused.", None),
        inbox=inbox,
        address=address,
        message_id=None,
        correlation_id=identity,
    )


def key_of(output: Output) -> str:
    """The key of a crafted letter."""
    return output.key.decode().partition("/")[2]


def new_order(client: httpx2.Client, **fields: Any) -> str:
    """An order of the ERP; our id of it."""
    answer = client.post(ORDERS, json=order_event(f"ERP-{name()}", **fields))
    assert answer.status_code == 200, answer.text
    return str(answer.json()["mraos_work_order_id"])


def produced(client: httpx2.Client, order: str) -> int:
    """Units that an order counts."""
    return int(client.get(f"/api/v1/work-orders/{order}").json()["quantity_produced"])


def found(client: httpx2.Client, text: str, count: int = 1, seconds: float = 60) -> list[Letter]:
    """The dead letters with this text, as soon as there are so many."""

    def ask() -> list[Letter] | None:
        letters: list[Letter] = client.get(FAILURES, params={"q": text, "limit": 500}).json()["failures"]
        return letters if len(letters) >= count else None

    letters = eventually(ask, seconds, f"no {count} dead letters with {text}")
    assert letters is not None
    return letters


def letters(plant: RunningPlant, text: str, count: int = 1) -> list[str]:
    """The ids of the dead letters whose message has this text, oldest first, as soon as there are so many."""

    def found() -> list[str]:
        with plant.rows() as rows:
            rows.execute(
                "SELECT failure_id FROM integration_failures WHERE position(%s::bytea IN original_bytes) > 0 "
                "ORDER BY failed_at, failure_key",
                [text.encode()],
            )
            ids = [row["failure_id"] for row in rows.fetchall()]
        return ids if len(ids) >= count else []

    return eventually(found, 60, f"no {count} dead letters with {text}")


def make_letter(plant: RunningPlant, client: httpx2.Client, units: int = 1) -> Letter:
    """A count for an order that nobody knows."""
    order = f"WO-{name()}"
    publish(plant.settings(), [counted(order, f"log-{order}", units)])
    (letter,) = found(client, order)
    return letter


def make_letters(plant: RunningPlant, client: httpx2.Client, count: int) -> list[Letter]:
    """So many counts for one order that nobody knows."""
    order = f"WO-{name()}"
    publish(plant.settings(), [counted(order, f"log-{order}-{number}") for number in range(count)])
    return found(client, order, count)


def to_order(order: str) -> list[dict[str, Any]]:
    """The edit that such a letter needs."""
    return [{"op": "replace", "path": TO_ORDER, "value": order}]


def detail(client: httpx2.Client, failure_id: str) -> Letter:
    """All that is known of a letter."""
    answer = client.get(f"{FAILURES}/{failure_id}")
    assert answer.status_code == 200, answer.text
    letter: Letter = answer.json()
    return letter


def known(client: httpx2.Client, failure_id: str, seconds: float = 60) -> Letter:
    """The same, as soon as the letter is there."""
    eventually(lambda: client.get(f"{FAILURES}/{failure_id}").status_code == 200, seconds, f"no letter {failure_id}")
    return detail(client, failure_id)


def do(client: httpx2.Client, failure_id: str, verb: str, **told: Any) -> httpx2.Response:
    """What somebody asks for."""
    return client.post(f"{FAILURES}/{failure_id}/{verb}", json=told)


def settled(client: httpx2.Client, failure_id: str, seconds: float = 60) -> Letter:
    """A letter, as soon as nothing of it is under way."""
    eventually(lambda: detail(client, failure_id)["status"] != "retried", seconds, f"{failure_id} is still under way")
    return detail(client, failure_id)


def repaired(client: httpx2.Client, failure_id: str, verb: str = "retry", **told: Any) -> Letter:
    """Sent again: the letter, when that has taken effect. Raises AssertionError where it has not."""
    answer = do(client, failure_id, verb, **told)
    assert answer.status_code in (200, 202), answer.text
    letter = settled(client, failure_id)
    assert (letter["status"], letter["attempts"][0]["outcome"]) == ("resolved", "applied"), letter["attempts"]
    return letter


def bulk(client: httpx2.Client, seconds: float = 120, **told: Any) -> tuple[Letter, Letter]:
    """One action on many, begun and done: what was accepted, and what it came to."""
    answer = client.post(f"{FAILURES}/bulk", json=told)
    assert answer.status_code == 202, answer.text
    begun: Letter = answer.json()
    path = f"{FAILURES}/bulk/{begun['bulk_id']}"
    eventually(lambda: client.get(path).json()["is_done"], seconds, f"not done: {client.get(path).text}")
    return begun, client.get(path).json()


def original(letter: Letter) -> bytes:
    """The bytes as they came."""
    return base64.b64decode(letter["original_bytes_base64"])


def as_json(value: Any) -> bytes:
    """A payload as bytes."""
    return encode(value)


def keys(letters: Sequence[Letter]) -> list[str]:
    """Their ids."""
    return [each["failure_id"] for each in letters]
