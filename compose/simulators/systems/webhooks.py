"""Tells the plant what happened by a signed webhook (Standard Webhooks), again until it is answered."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import httpx2
import stamina
from standardwebhooks.webhooks import Webhook as Signer

from compose.simulators.systems.pas import Webhook

PATIENCE_SECONDS: Final = 60.0
LONGEST_PAUSE_SECONDS: Final = 2.0


class Away(Exception):
    """The plant cannot take it now."""


def signed(secret: str, identity: str, data: bytes, at: datetime) -> dict[str, str]:
    """The headers of a webhook: its id, its moment, and the signature over both and the body."""
    signature = Signer(secret).sign(identity, at.astimezone(UTC), data.decode())
    return {
        "Content-Type": "application/json",
        "webhook-id": identity,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": signature,
    }


async def tell(webhook: Webhook, bodies: Iterable[Mapping[str, Any]], times: int) -> list[dict[str, Any]]:
    """Tell each body so many times, in this order; each answer's status and document."""
    answers = []
    async with httpx2.AsyncClient(timeout=30) as client:
        for body in bodies:
            for _ in range(times):
                answer = await _post(client, webhook, body)
                answers.append({"status": answer.status_code, "answer": answer.json()})
    return answers


async def _post(client: httpx2.AsyncClient, webhook: Webhook, body: Mapping[str, Any]) -> httpx2.Response:
    """Signed anew at each try; who is away is told again. Raises Away, httpx2.TransportError after a minute."""
    data = json.dumps(body).encode()
    async for attempt in stamina.retry_context(
        on=(Away, httpx2.TransportError),
        attempts=None,
        timeout=PATIENCE_SECONDS,
        wait_max=LONGEST_PAUSE_SECONDS,
    ):
        with attempt:
            headers = signed(webhook.secret, f"msg_{body.get('run_id')}", data, datetime.now(UTC))
            answer = await client.post(webhook.url, content=data, headers=headers)
            if answer.status_code == 429 or answer.status_code >= 500:
                raise Away(f"{webhook.url} answered {answer.status_code}")
            return answer
    raise AssertionError("unreachable: the last attempt returns or raises")
