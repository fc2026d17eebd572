"""What every webhook needs: limits on body and rate, its answer kept for a second try, its line in the audit log."""

import hashlib
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastapi import BackgroundTasks, Request
from fastapi.responses import Response
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter, RateLimiter, SlidingWindowCounterRateLimiter

from connectors import audit
from connectors.database import Database, Rows
from connectors.gateway import correlation
from connectors.gateway.auth import Principal
from connectors.gateway.problems import Problem, answer, unreadable
from schemas.codec import Unreadable, encode


async def body_of(request: Request, limit: int) -> bytes:
    """The body, read no further than the limit. Raises Problem 413."""
    correlation.begin(request.headers.get(correlation.HEADER))
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise Problem(413, f"The body is larger than {limit} bytes.")
        chunks.append(chunk)
    return b"".join(chunks)


class Rates:
    """So many requests a minute for each client of each tenant, and so many for all clients of a tenant together."""

    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        # It counts, and remembers no single request: a tenant may have tens of thousands.
        self._quotas = SlidingWindowCounterRateLimiter(MemoryStorage())

    def check(self, what: str, client: str, per_minute: int) -> None:
        """Count a request. Raises Problem 429 with the seconds to wait."""
        _check(self._limiter, per_minute, f"More than {per_minute} requests in a minute.", what, client)

    def check_tenant(self, tenant_id: str, per_minute: int) -> None:
        """Count a request of a tenant, whoever makes it; 0 = as many as it likes. Raises Problem 429."""
        if per_minute:
            sentence = f"The tenant's clients together made more than {per_minute} requests in a minute."
            _check(self._quotas, per_minute, sentence, "tenant", tenant_id)


def _check(limiter: RateLimiter, per_minute: int, sentence: str, *of: str) -> None:
    limit = RateLimitItemPerMinute(per_minute)
    if not limiter.hit(limit, *of):
        reset_at = limiter.get_window_stats(limit, *of).reset_time
        raise Problem(429, sentence, {"Retry-After": str(max(1, int(reset_at - time.time()) + 1))})


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer before it is sent."""

    status: int
    document: dict[str, Any]

    def response(self) -> Response:
        """As JSON."""
        return Response(encode(self.document), self.status, media_type="application/json")


@dataclass(frozen=True, slots=True)
class Once:
    """A request's Idempotency-Key and a hash of route and body."""

    client: str
    key: str | None
    request_hash: str
    tenant_id: str

    @classmethod
    def of(cls, request: Request, principal: Principal, body: bytes) -> "Once":
        """From a request. Raises Problem 400 for a key that is too long."""
        key = request.headers.get("idempotency-key")
        if key is not None and not 1 <= len(key) <= 255:
            raise Problem(400, "An Idempotency-Key has 1 to 255 characters.")
        digest = hashlib.sha256(request.url.path.encode() + b"\n" + body).hexdigest()
        return cls(principal.name, key, digest, principal.tenant_id)

    def message_id(self, prefix: str) -> str:
        """The id of what the request says: the same for the same key, new for each request without one."""
        if self.key is None:
            return f"{prefix}-{uuid.uuid4().hex}"
        return f"{prefix}-{hashlib.sha256(f'{self.client}/{self.key}'.encode()).hexdigest()[:32]}"

    def earlier(self, rows: Rows) -> Response | None:
        """The stored answer of the same request; others with its key wait here. Raises Problem 422 for another body."""
        if self.key is None:
            return None
        name = f"{self.tenant_id}/{self.client}/{self.key}"
        rows.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 7))", [name])
        rows.execute(
            "SELECT request_hash, status_code, body, media_type FROM ops.idempotency_keys "
            "WHERE client_id = %s AND idempotency_key = %s",
            [self.client, self.key],
        )
        found = rows.fetchone()
        if found is None:
            return None
        if found["request_hash"] != self.request_hash:
            raise Problem(422, "This Idempotency-Key was used for another request.")
        return Response(bytes(found["body"]), found["status_code"], media_type=found["media_type"])

    def keep(self, rows: Rows, tenant_id: str, response: Response) -> None:
        """Store an answer, in the transaction that made it true."""
        if self.key is not None:
            rows.execute(
                "INSERT INTO ops.idempotency_keys "
                "(tenant_id, client_id, idempotency_key, request_hash, status_code, body, media_type) "
                "VALUES (%s, %s, %s, %s, %s, %s, %s)",
                [
                    tenant_id,
                    self.client,
                    self.key,
                    self.request_hash,
                    response.status_code,
                    bytes(response.body),
                    response.media_type,
                ],
            )

    def answered(self, rows: Rows, tenant_id: str, write: Callable[[], Reply]) -> Response:
        """The stored answer of the same request; else what `write` answers, which is stored. Raises Problem 422."""
        if (earlier := self.earlier(rows)) is not None:
            return earlier
        response = write().response()
        self.keep(rows, tenant_id, response)
        return response

    def replace(self, rows: Rows, response: Response) -> None:
        """Store the answer that was not known yet when the request was taken."""
        if self.key is not None:
            rows.execute(
                "UPDATE ops.idempotency_keys SET status_code = %s, body = %s "
                "WHERE client_id = %s AND idempotency_key = %s",
                [response.status_code, bytes(response.body), self.client, self.key],
            )


def audited(
    database: Database,
    tasks: BackgroundTasks,
    principal: Principal,
    integration: str,
    system: str,
    body: bytes,
    handle: Callable[[], Response],
) -> Response:
    """Handle an inbound call; a line in the audit log follows after the answer, whatever it was."""
    begin = time.monotonic()
    try:
        response = handle()
    except Problem as problem:
        response = answer(problem)
    except Unreadable as refusal:
        response = answer(unreadable(refusal))
    elapsed, belongs_to = int((time.monotonic() - begin) * 1000), correlation.current()
    tasks.add_task(_write_audit, database, principal, integration, system, body, response, elapsed, belongs_to)
    response.background = tasks
    return response


def _write_audit(
    database: Database,
    principal: Principal,
    integration: str,
    system: str,
    body: bytes,
    response: Response,
    elapsed_ms: int,
    correlation_id: str | None,
) -> None:
    is_good, answered = response.status_code < 400, bytes(response.body)
    is_personal = system == "HR"
    with database.tenant(principal.tenant_id) as rows:
        audit.line(
            rows,
            principal.tenant_id,
            integration,
            "inbound",
            system,
            request=audit.kept_bytes(body, is_personal=is_personal),
            response=audit.kept_bytes(answered, is_personal=is_personal),
            status_code=response.status_code,
            milliseconds=elapsed_ms,
            error=None if is_good else answered[:1000].decode(errors="replace"),
            user_id=principal.name,
            correlation_id=correlation_id,
        )
