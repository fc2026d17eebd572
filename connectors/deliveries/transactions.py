"""Transactions in which something is written and said: what is published is in Kafka before they commit."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import psycopg

from connectors.database import Database
from connectors.deliveries.kind import Rows
from sql import database
from streams.driver import Output
from streams.kafka.producer import Publisher

Given = TypeVar("Given")

PATIENCE_SECONDS: Final = 10.0


class KafkaIsAway(Exception):
    """Kafka did not take in time what a transaction says; it is rolled back and tried again."""


def passes(error: Exception) -> bool:
    """Whether what failed is nobody's fault and is to be tried again: Kafka, or Postgres for anything but its data."""
    return isinstance(error, KafkaIsAway) or (isinstance(error, psycopg.Error) and not database.is_data(error))


class Transactions:
    """Short transactions of a tenant, each in the thread that runs it."""

    def __init__(self, database: Database, publisher: Publisher) -> None:
        self._database, self._publisher = database, publisher

    def run(self, tenant_id: str, work: Callable[[Rows], Given]) -> Given:
        """What `work` gives, committed."""
        with self._database.tenant(tenant_id) as rows:
            return work(rows)

    async def in_thread(self, tenant_id: str, work: Callable[[Rows], Given]) -> Given:
        """The same from the event loop."""
        return await asyncio.to_thread(self.run, tenant_id, work)

    def publish(self, outputs: Sequence[Output]) -> None:
        """Return when Kafka has them. Raises KafkaIsAway; what arrives later all the same has ids that follow."""
        if outputs:
            self._publisher.send_all(outputs)
            asyncio.run(self._delivered())

    async def _delivered(self) -> None:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._publisher.delivered()
        except TimeoutError as error:
            raise KafkaIsAway(f"Kafka did not answer within {PATIENCE_SECONDS:g} s.") from error
