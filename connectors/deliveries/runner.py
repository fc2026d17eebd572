"""Carries out attempts: prepare, call through the circuit breaker, record."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import structlog

from connectors.deliveries import metrics
from connectors.deliveries.attempts import Attempts, Made, Prepared
from connectors.deliveries.breakers import Breakers, CircuitOpen
from connectors.deliveries.kind import Call, Mail, Request, Rows, Upload
from connectors.deliveries.requests import stored
from connectors.deliveries.transactions import Transactions
from connectors.resilience import Failure
from connectors.transports.answers import Answer, Unreachable
from connectors.transports.files import Files
from connectors.transports.mail import Post
from connectors.transports.rest import Rest
from schemas.settings import Settings
from sql import deliveries

log = structlog.get_logger()

MOST_PAGES: Final = 10_000
AFTER_PROBE: Final = timedelta(milliseconds=50)


class Runner:
    """Makes the attempts of this process."""

    def __init__(self, settings: Settings, transactions: Transactions, rest: Rest, files: Files, post: Post) -> None:
        self._transactions = transactions
        self._attempts = Attempts(settings, transactions)
        self._breakers = Breakers(transactions, settings)
        self._rest, self._files, self._post = rest, files, post

    async def attempt(self, tenant_id: str, delivery_id: str) -> None:
        """Make the next attempt at a delivery, if one is due. Raises only what is weather or a fault of ours."""

        def in_thread(work: Callable[[Rows], Any]) -> Any:
            return self._transactions.in_thread(tenant_id, work)

        prepared: Prepared | None = await in_thread(lambda rows: self._attempts.prepare(rows, delivery_id))
        if prepared is None:
            return
        calls: list[Made] = []
        try:
            answers = await self._breakers.call(prepared.kind.system, lambda: self._send(prepared, calls))
        except CircuitOpen as circuit:
            until, reason = max(circuit.until, datetime.now(UTC)) + AFTER_PROBE, str(circuit)
            await in_thread(lambda rows: deliveries.hold(rows, delivery_id, until, "circuit", reason))
            return
        except Unreachable as error:
            reason = str(error)
            await in_thread(lambda rows: self._attempts.hold(rows, prepared.row, reason))
            return
        except Failure as error:
            failure = error
            outcome = await in_thread(lambda rows: self._attempts.fail(rows, prepared, failure, calls))
        else:
            outcome = await in_thread(lambda rows: self._attempts.succeed(rows, prepared, answers, calls))
        metrics.ATTEMPTS.labels(prepared.kind.system, prepared.kind.name, outcome).inc()

    async def _send(self, prepared: Prepared, calls: list[Made]) -> list[Any]:
        """Every page of the answer. Raises Failure, Unreachable; what was called is in `calls` all the same."""
        request: Request | None = prepared.request
        answers: list[Any] = []
        while request is not None:
            answer = await self._call(prepared, request, calls)
            answers.append(answer.body)
            if len(answers) > MOST_PAGES:
                raise Failure("refused", f"The answer has more than {MOST_PAGES} pages.")
            request = _following(prepared, request, answer) if isinstance(request, Call) else None
        return answers

    async def _call(self, prepared: Prepared, request: Request, calls: list[Made]) -> Answer:
        begin = time.monotonic()
        try:
            answer = await self._by_transport(prepared, request)
        except Failure as failure:
            elapsed = time.monotonic() - begin
            code, words = failure.status_code, failure.sentence
            calls.append(Made(stored(request), failure.answer, code, int(elapsed * 1000), words))
            metrics.SECONDS.labels(prepared.kind.system).observe(elapsed)
            raise
        calls.append(Made(stored(request), answer.body, answer.status_code, answer.milliseconds))
        metrics.SECONDS.labels(prepared.kind.system).observe(answer.milliseconds / 1000)
        return answer

    async def _by_transport(self, prepared: Prepared, request: Request) -> Answer:
        due = prepared.due
        if isinstance(request, Call):
            return await self._rest.call(prepared.kind.system, request, due.delivery_id, due.correlation_id)
        if isinstance(request, Upload):
            return await self._files.upload(request)
        if isinstance(request, Mail):
            return await self._post.send(request, due.delivery_id)
        raise AssertionError(f"no transport carries {type(request).__name__}")


def _following(prepared: Prepared, request: Call, answer: Answer) -> Call | None:
    """The next page. Raises Failure where the answer does not say whether there is one."""
    try:
        return prepared.kind.following(request, answer.body)
    except Exception as error:
        log.exception("a page could not be read", delivery=prepared.due.delivery_id, kind=prepared.kind.name)
        raise Failure("refused", f"The answer cannot be used: {type(error).__name__}: {error}.") from error
