"""Fixtures of the suites that need real services."""

from collections.abc import Iterator

import pytest

from tests.plants import RunningPlant, running_plant


@pytest.fixture(scope="module")
def infra() -> Iterator[RunningPlant]:
    """Kafka, Postgres and MQTT with nothing in them; none of our processes runs."""
    with running_plant(infra_only=True) as plant:
        yield plant


@pytest.fixture
def kafka_bootstrap(infra: RunningPlant) -> str:
    """Where to reach that Kafka."""
    return infra.kafka_bootstrap


@pytest.fixture(scope="session")
def plant() -> Iterator[RunningPlant]:
    """The whole plant without simulators, shared by the suites that speak to it from outside.

    One client sends what ten would, so the limit per client is lifted (`test_webhooks` has its own). A command waits
    longer for its outcome than people would: a busy machine must not turn 200 into 202.
    """
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("RATE_LIMIT_PER_MINUTE", "100000")
        environment.setenv("COMMAND_WAIT_SECONDS", "6")
        with running_plant(infra_only=False) as plant:
            yield plant
