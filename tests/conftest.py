"""Fixtures of the suites that need real services."""

import os
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from schemas.settings import DEFAULT_TENANT
from sql.database import rows_of
from tests.grounds import Ground
from tests.plants import SLACK, RunningPlant, running_plant
from tests.systems import simulated_systems

# How long an example takes is the machine's affair, not a property's. The examples are the same in each run, so that a
# red suite is red again; HYPOTHESIS_PROFILE=random draws new ones.
UNHURRIED: dict[str, Any] = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
hypothesis_settings.register_profile("unhurried", derandomize=True, **UNHURRIED)
hypothesis_settings.register_profile("random", derandomize=False, **UNHURRIED)
hypothesis_settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "unhurried"))

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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give tests the time that what they await may take."""
    for item in items:
        if (limit := item.get_closest_marker("timeout")) and limit.args:
            item.add_marker(pytest.mark.timeout(limit.args[0] * _slack(item)), append=False)


def pytest_runtest_setup(item: pytest.Item) -> None:
    SLACK.times = _slack(item)


def _slack(item: pytest.Item) -> float:
    """What a plant promises within a time is awaited no longer than that."""
    return 1 if item.get_closest_marker("alone") else 4


@pytest.fixture(scope="session")
def ground() -> Iterator[Ground]:
    """The servers that the suites of this process share, one after the other."""
    with closing(Ground()) as ground:
        yield ground


@pytest.fixture(scope="module")
def infra(ground: Ground) -> RunningPlant:
    """Kafka, Postgres and MQTT with nothing in them; none of our processes runs."""
    return ground.world()


@pytest.fixture
def kafka_bootstrap(infra: RunningPlant) -> str:
    """Where to reach that Kafka."""
    return infra.kafka_bootstrap


@pytest.fixture(scope="module")
def migrated(ground: Ground, infra: RunningPlant) -> RunningPlant:
    """The same, with tables: a new database in the place of the empty one."""
    ground.add_tables(infra)
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
            systems.know(plant.endpoints)
            yield plant
