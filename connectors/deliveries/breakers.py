"""A circuit breaker per external system (002 section 7.3), by purgatory, over a repository that all processes share."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, TypeVar

from prometheus_client import Gauge
from purgatory import AsyncAbstractUnitOfWork, AsyncCircuitBreakerFactory
from purgatory.domain.model import Context, OpenedState
from purgatory.service._async.repository import AsyncAbstractRepository

from connectors.deliveries.letters import circuit_open_alert
from connectors.deliveries.transactions import Transactions
from connectors.resilience import COUNTS, Failure
from schemas.settings import Settings
from sql import circuits, deliveries

Given = TypeVar("Given")

STATE = Gauge("circuit_breaker_state", "0 closed, 1 half-open, 2 open", ["system"])
FIGURES = {"closed": 0, "half-opened": 1, "opened": 2}
PROBE_MARGIN_SECONDS = 5.0


class CircuitOpen(Exception):
    """No call goes out to this system until a moment."""

    def __init__(self, system: str, until: datetime) -> None:
        super().__init__(f"The circuit breaker of {system} is open; it may be asked again at {until:%H:%M:%S} UTC.")
        self.until = until


class _Repository(AsyncAbstractRepository):
    """One call's view of a breaker in Postgres. Purgatory decides; Postgres counts, so that no failure is lost."""

    def __init__(self, transactions: Transactions, settings: Settings) -> None:
        self.messages = []
        self._transactions, self._settings = transactions, settings
        self.is_probe = False
        self.until: datetime | None = None
        self.last_error = ""

    async def get(self, name: str) -> Context:
        """The breaker as this call may see it: of all calls, one sees it half open."""
        settings = self._settings
        probe_seconds = settings.call_timeout_seconds + PROBE_MARGIN_SECONDS
        row, self.is_probe = await self._in_transaction(
            lambda rows: circuits.enter(rows, name, settings.breaker_seconds, probe_seconds)
        )
        self.until = row["until"]
        state = "half-opened" if self.is_probe else "closed" if row["state"] == "closed" else "opened"
        STATE.labels(name).set(FIGURES[row["state"]])
        return Context(
            name,
            settings.breaker_failures,
            settings.breaker_seconds,
            state,  # type: ignore[arg-type]
            row["failure_count"],
            math.inf if state == "opened" else None,
        )

    async def register(self, context: Context) -> None:
        """Every breaker is there as soon as it is asked for."""

    async def inc_failures(self, name: str, failure_count: int) -> None:
        """Count a failure, and open the breaker with the one that fills the measure, whoever else counts meanwhile."""

        def count(rows: Any) -> None:
            opening = circuits.fail(rows, name, self._settings.breaker_failures, self.last_error)
            if opening is not None:
                alert = circuit_open_alert(self._settings, name, opening, self.last_error)
                self._transactions.publish([alert])
                STATE.labels(name).set(FIGURES["opened"])

        await self._in_transaction(count)

    async def reset_failure(self, name: str) -> None:
        """The system answered."""
        await self._in_transaction(lambda rows: circuits.recover(rows, name))

    async def update_state(self, name: str, state: str, opened_at: float | None) -> None:
        """Only the probe moves a breaker; that it opens at a failure, `inc_failures` has seen to."""
        if not self.is_probe:
            return

        def move(rows: Any) -> None:
            if state == "closed":
                circuits.close(rows, name)
                deliveries.release(rows, name)
            elif state == "opened":
                circuits.reopen(rows, name)

        await self._in_transaction(move)
        if state in FIGURES:
            STATE.labels(name).set(FIGURES[state])

    async def _in_transaction(self, work: Callable[[Any], Given]) -> Given:
        return await asyncio.to_thread(self._transactions.run, self._settings.tenant_id, work)


class _UnitOfWork(AsyncAbstractUnitOfWork):
    """Each step is a transaction of its own."""

    def __init__(self, repository: _Repository) -> None:
        self.contexts = repository

    async def commit(self) -> None:
        """Done already."""

    async def rollback(self) -> None:
        """Nothing to undo."""


class Breakers:
    """Lets calls through, or does not."""

    def __init__(self, transactions: Transactions, settings: Settings) -> None:
        self._transactions, self._settings = transactions, settings

    async def call(self, system: str, send: Callable[[], Awaitable[Given]]) -> Given:
        """What `send` gives. Raises CircuitOpen without calling it; Failure where it raises that."""
        repository = _Repository(self._transactions, self._settings)
        factory = AsyncCircuitBreakerFactory(
            default_threshold=self._settings.breaker_failures,
            default_ttl=self._settings.breaker_seconds,
            exclude=[(Failure, lambda failure: failure.trouble not in COUNTS)],
            uow=_UnitOfWork(repository),
        )
        breaker = await factory.get_breaker(system)
        try:
            await breaker.__aenter__()
        except OpenedState as state:
            assert repository.until is not None
            raise CircuitOpen(system, repository.until) from state
        try:
            given = await send()
        except Failure as failure:
            repository.last_error = failure.sentence
            await breaker.__aexit__(Failure, failure, None)
            raise
        # What is broken off (a process that ends) says nothing about the system: neither good nor bad is counted.
        await breaker.__aexit__(None, None, None)
        return given
