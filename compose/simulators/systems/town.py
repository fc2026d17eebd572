"""All the systems together: who may ask, what was answered before, how they fail, and what they saw."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from compose.simulators.systems.asked import Asked, Refusal, Route, System
from compose.simulators.systems.erp import Erp
from compose.simulators.systems.faults import Faults
from compose.simulators.systems.hr import Hr
from compose.simulators.systems.mes import Mes
from compose.simulators.systems.pas import Pas, Webhook
from compose.simulators.systems.records import Record, Records, read_records
from compose.simulators.systems.tokens import Tokens, user_of
from compose.simulators.systems.wms import Wms
from schemas.settings import Settings


class Answer(NamedTuple):
    """What a caller is told. `acted` says whether something was done for this request."""

    status: int
    body: bytes
    headers: Mapping[str, str] = {}
    acted: bool = False


class Done(NamedTuple):
    """What was done under an idempotency key: for which request, and what it was told."""

    request: bytes
    answer: bytes


class Town:
    """The systems of one company."""

    def __init__(
        self,
        settings: Settings,
        *,
        record_path: Path | None = None,
        sent_orders: Callable[[], Sequence[dict[str, Any]]] = tuple,
        is_stocked: Callable[[], bool] = lambda: True,
        strict: bool = False,
    ) -> None:
        earlier = list(read_records(record_path)) if record_path and record_path.exists() else []
        opened = earlier[0].at if earlier else datetime.now(UTC)
        self.tokens = Tokens(settings.integration_client_id, settings.integration_client_secret or "")
        self.mes = Mes(settings.mes_username or "", settings.mes_password or "")
        self.erp, self.hr, self.wms = Erp(sent_orders), Hr(opened.date()), Wms(opened, is_stocked)
        url, secret = f"{settings.gateway_url}/webhooks/pas/completion", settings.pas_webhook_secret or ""
        self.pas = Pas(Webhook(url=url, secret=secret))
        all_systems: tuple[System, ...] = (self.erp, self.hr, self.wms, self.mes, self.pas)
        self.systems: dict[str, System] = {each.name: each for each in all_systems}
        for system in (self.erp, self.hr, self.wms):
            system.data["strict"] = strict
        self.faults = Faults()
        self.records = Records(record_path)
        self._done: dict[tuple[str, str], Done] = {}
        for record in earlier:
            self._again(record)

    def data_of(self, system: str) -> tuple[System | Tokens, dict[str, Any]]:
        """A system and what can be set of it. Raises Refusal (404)."""
        found = self.tokens if system == self.tokens.name else self.systems.get(system)
        if found is None:
            raise Refusal(404, f"There is no system {system}; there are {', '.join([*self.systems, 'oauth'])}.")
        return found, found.data

    def answer(self, name: str, asked: Asked, headers: Mapping[str, str]) -> Answer:
        """What a system says; it has acted when this returns, if it does."""
        try:
            if name == self.tokens.name:
                return Answer(200, _json(self.tokens.answer(asked, headers.get("authorization", ""))))
            return self._answer(self.systems[name], asked, headers)
        except Refusal as no:
            return refused(no)

    def record(self, name: str, asked: Asked, headers: Mapping[str, str], answer: Answer | None, left: bool) -> None:
        """Write down a request, what was done for it, and whether an answer left."""
        is_told = answer is not None and asked.method != "GET" and name != self.tokens.name
        self.records.write(
            Record(
                at=asked.at,
                system=name,
                method=asked.method,
                path=asked.path,
                query=dict(asked.query),
                idempotency_key=headers.get("idempotency-key"),
                correlation_id=headers.get("x-correlation-id"),
                authorization=headers.get("authorization"),
                body=None if name == self.tokens.name else _value(asked.body),
                status=answer.status if answer is not None and left else None,
                acted=answer is not None and answer.acted,
                answer=msgspec.Raw(answer.body if answer is not None and is_told else b"null"),
            )
        )

    def _answer(self, system: System, asked: Asked, headers: Mapping[str, str]) -> Answer:
        self._sign_in(system, asked.method, headers.get("authorization", ""))
        route, asked = _routed(system, asked)
        if asked.method == "GET":
            return Answer(200, _json(route.answer(asked)))
        key = headers.get("idempotency-key")
        if not key:
            raise Refusal(400, "The header Idempotency-Key is missing.")
        request = _fingerprint(asked)
        if done := self._done.get((system.name, key)):
            if done.request != request:
                raise Refusal(422, f"The Idempotency-Key {key} belongs to another request.")
            return Answer(200, done.answer, {"Idempotency-Replayed": "true"})
        told = _json(route.answer(asked))
        self._done[(system.name, key)] = Done(request, told)
        return Answer(200, told, acted=True)

    def _sign_in(self, system: System, method: str, authorization: str) -> None:
        if scope := system.scope(method):
            self.tokens.check(authorization, scope)
            return
        user = user_of(authorization)
        if user is None or system.data["users"].get(user[0]) != user[1]:
            raise Refusal(401, "User and password are needed.", WWW_Authenticate='Basic realm="MES"')

    def _again(self, record: Record) -> None:
        """Do what was done before we ended, and remember what was told then."""
        if record.acted and record.idempotency_key:
            body = msgspec.json.encode(record.body)
            route, asked = _routed(
                self.systems[record.system], Asked(record.method, record.path, record.query, body, record.at)
            )
            route.answer(asked)
            self._done[(record.system, record.idempotency_key)] = Done(_fingerprint(asked), bytes(record.answer))
        self.records.remember(record)


def refused(no: Refusal) -> Answer:
    """A refusal as an answer, a sentence in it."""
    return Answer(no.status, _json({"status": "error", "message": no.sentence}), no.headers)


def _routed(system: System, asked: Asked) -> tuple[Route, Asked]:
    """The route of a request, and the request with what its path names. Raises Refusal (404, 405)."""
    fitting = [(route, found) for route in system.routes if (found := re.fullmatch(route.path, asked.path))]
    for route, found in fitting:
        if route.method == asked.method:
            return route, asked._replace(ids=found.groups())
    if fitting:
        raise Refusal(405, f"{asked.path} does not know {asked.method}.", Allow=fitting[0][0].method)
    raise Refusal(404, f"There is no {asked.path} here.")


def _fingerprint(asked: Asked) -> bytes:
    """The same for the same request, however its JSON is laid out."""
    canonical = json.dumps(_value(asked.body), sort_keys=True)
    return hashlib.sha256(f"{asked.path}\n{canonical}".encode()).digest()


def _value(body: bytes) -> Any:
    if not body:
        return None
    try:
        return json.loads(body)
    except ValueError:
        return body.decode("utf-8", "replace")


def _json(told: Any) -> bytes:
    return json.dumps(told).encode()
