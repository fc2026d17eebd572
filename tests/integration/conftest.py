"""Fixtures that several suites share: a plant in one transaction, its topics alone, and who speaks to a running one."""

from collections.abc import Iterator
from contextlib import closing

import httpx2
import psycopg
import pytest
from starlette.testclient import TestClient

from compose.local.identity import free_port
from schemas.settings import Settings
from streams.kafka.admin import create_topics
from tests import shop_rows
from tests.gateways import operator, own_gateway
from tests.integration.bridges import DEAD_LETTERS, INBOX, Ear
from tests.integration.floors import Ground
from tests.integration.jobs import kept_jobs
from tests.integration.kept import Kept
from tests.integration.planners import admin, kept_planner
from tests.plants import RunningPlant
from tests.shop_rows import Placed
from tests.yards import Row, Yard

SYSTEMS = {"wms_url": "http://wms", "erp_url": "http://erp"}


@pytest.fixture
def yard(migrated: RunningPlant, rows: psycopg.Cursor[Row]) -> Yard:
    """A plant that calls a warehouse and an ERP."""
    return Yard(rows, migrated.settings(**SYSTEMS))


@pytest.fixture
def alone(migrated: RunningPlant, rows: psycopg.Cursor[Row]) -> Yard:
    """A plant that calls nobody."""
    return Yard(rows, migrated.settings(wms_url=None, erp_url=None))


@pytest.fixture(scope="module")
def settings(infra: RunningPlant) -> Settings:
    """The settings of a plant whose topics are there and whose processes are not."""
    told = infra.settings()
    create_topics(told)
    return told


@pytest.fixture
def ear(settings: Settings) -> Iterator[Ear]:
    """Hears what is said to its machines, and its dead letters."""
    with closing(Ear(settings, INBOX, DEAD_LETTERS)) as listening:
        yield listening


@pytest.fixture(scope="module")
def floors(infra: RunningPlant, settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """OPC-UA servers and their connectors, gone when the suite is done."""
    place = Ground(infra, tmp_path_factory.mktemp("floors"))
    yield place
    place.clear()


@pytest.fixture
def client(plant: RunningPlant) -> Iterator[httpx2.Client]:
    """An operator of the running plant, signed in."""
    with operator(plant) as signed_in:
        yield signed_in


@pytest.fixture(scope="module")
def planning_jobs(
    settings: Settings, migrated: RunningPlant, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Kept]:
    """The process `jobs`, which publishes what the planner is asked for and what it says."""
    kept = kept_jobs(migrated, tmp_path_factory.mktemp("jobs") / "jobs.log", METRICS_PORT=str(free_port()))
    yield kept
    kept.stop()


@pytest.fixture(scope="module")
def planner(planning_jobs: Kept, migrated: RunningPlant, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    """The planner, when it and `jobs` are ready: what they need to start is not counted as time to plan."""
    kept = kept_planner(migrated, tmp_path_factory.mktemp("planner"), METRICS_PORT=str(free_port()))
    try:
        planning_jobs.await_ready("reactor_ready")
        kept.await_ready("planner_ready")
        yield kept
    finally:
        kept.stop()


@pytest.fixture(scope="module")
def planning(planner: Kept, migrated: RunningPlant) -> Iterator[TestClient]:
    """Somebody who may plan, signed in at a gateway beside that planner."""
    with own_gateway(migrated) as (signed_in, _):
        signed_in.headers.update(admin(migrated))
        yield signed_in


@pytest.fixture
def shop(migrated: RunningPlant) -> Placed:
    """A shop of its own for each test."""
    with migrated.rows() as rows:
        shop_rows.clear(rows)
        return shop_rows.shop(rows, migrated.endpoints["TENANT_ID"])
