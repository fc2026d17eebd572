"""Fixtures of the suites that need real services."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from schemas.settings import DEFAULT_TENANT
from sql.__main__ import migrate_to
from tests.plants import RunningPlant, running_plant
from tests.systems import simulated_systems
from tests.tables import rows_of

# What takes minutes in a factory takes seconds here: retries of calls, and how long a circuit stays open.
SHORT = {
    "CALL_TIMEOUT_SECONDS": "2",
    "RETRY_RATE_LIMITED": "0.2,0.4,0.8,1.6,3.2,6.4",
    "RETRY_NOT_FOUND": "0.2",
    "RETRY_SERVER_ERROR": "0.2,0.4,0.8",
    "RETRY_TIMEOUT": "0.2,0.4",
    "RETRY_NETWORK": "0,0.2,0.4",
    "BREAKER_SECONDS": "2",
    "RECONCILIATION_GRACE_SECONDS": "0",
}


@pytest.fixture(scope="module")
def infra() -> Iterator[RunningPlant]:
    """Kafka, Postgres and MQTT with nothing in them; none of our processes runs."""
    with running_plant(infra_only=True) as plant:
        yield plant


@pytest.fixture
def kafka_bootstrap(infra: RunningPlant) -> str:
    """Where to reach that Kafka."""
    return infra.kafka_bootstrap


@pytest.fixture(scope="module")
def migrated(infra: RunningPlant) -> RunningPlant:
    """The same, with tables."""
    migrate_to(infra.owner_url, "head")
    return infra


@pytest.fixture
def rows(migrated: RunningPlant) -> Iterator[psycopg.Cursor[dict[str, Any]]]:
    """A transaction that is not kept: every test has an empty plant."""
    with rows_of(migrated.app_url, DEFAULT_TENANT) as cursor:
        yield cursor
        cursor.connection.rollback()


@pytest.fixture(scope="session")
def plant() -> Iterator[RunningPlant]:
    """The whole plant, shared by the suites that speak to it from outside; the systems it calls are `plant.systems`.

    One client sends what ten would, so the limit per client is lifted (`test_webhooks` has its own). A command waits
    longer for its outcome than people would: a busy machine must not turn 200 into 202.
    """
    with simulated_systems() as systems:
        told = {**SHORT, **systems.settings(), "RATE_LIMIT_PER_MINUTE": "100000", "COMMAND_WAIT_SECONDS": "6"}
        with running_plant(infra_only=False, told=told) as plant:
            plant.simulated = systems
            yield plant
