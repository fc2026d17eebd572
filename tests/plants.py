"""Real plants for the suites: each in a run directory of its own, with ports of its own, gone afterwards."""

import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import psycopg
import pytest

from compose.local.containers import choice
from compose.local.plant import LocalPlant
from compose.local.waiting import wait_for
from schemas.settings import Settings
from sql.database import rows_of
from tests.containers import ContainedPlant
from tests.systems import SimulatedSystems

Found = TypeVar("Found")
# How long a busy machine may take to start a process. Nobody waits longer for it than it takes.
PATIENCE_SECONDS = 300


@dataclass
class Slack:
    """How many times longer than a test says what it awaits may take: a busy machine makes nothing red."""

    times: float = 1


SLACK = Slack()


@dataclass
class RunningPlant:
    """A plant that runs, as somebody outside sees it."""

    local: LocalPlant | ContainedPlant
    endpoints: dict[str, str]
    simulated: SimulatedSystems | None = None
    told: Mapping[str, str] = field(default_factory=dict)
    """Settings that its processes were started with, besides."""

    @property
    def systems(self) -> SimulatedSystems:
        """The systems that this plant calls. Raises AssertionError where it calls none."""
        assert self.simulated is not None, "this plant calls no systems"
        return self.simulated

    @property
    def kafka_bootstrap(self) -> str:
        """Kafka's address."""
        return self.endpoints["KAFKA_BOOTSTRAP"]

    @property
    def mqtt_url(self) -> str:
        """The broker's address."""
        return self.endpoints["MQTT_URL"]

    @property
    def app_url(self) -> str:
        """Postgres as the application."""
        return self.endpoints["DATABASE_URL"]

    @property
    def owner_url(self) -> str:
        """Postgres as the owner of the tables."""
        return self.endpoints["OWNER_DATABASE_URL"]

    @property
    def analyst_url(self) -> str:
        """Postgres as an analyst."""
        return self.endpoints["ANALYST_DATABASE_URL"]

    def settings(self, **changes: Any) -> Settings:
        """The settings a process of this plant has."""
        values = {name.lower(): value for name, value in {**self.told, **self.endpoints}.items()}
        return Settings(**({"metrics_port": 0} | values | changes))

    def pid(self, process: str) -> int:
        """The id of a process that lives. Raises AssertionError if it does not."""
        return eventually(lambda: self.local.pid(process) or 0, PATIENCE_SECONDS, f"{process} does not live")

    def kill(self, process: str) -> int:
        """kill -9, and wait until the runner has started it again; the new id."""
        old = self.pid(process)
        os.kill(old, signal.SIGKILL)
        return eventually(lambda: self._successor(process, old), PATIENCE_SECONDS, f"{process} was not restarted")

    def _successor(self, process: str, old: int) -> int:
        new = self.local.pid(process) or 0
        return 0 if new == old else new

    def ensure_workers(self, count: int) -> None:
        """Have that many Faust workers."""
        with environment(self.told):
            plant_in(self.local.folder.path, count, len(self.kafka_bootstrap.split(","))).up()

    def rows(self) -> AbstractContextManager[psycopg.Cursor[dict[str, Any]]]:
        """A transaction of the plant's tenant, which is kept."""
        return rows_of(self.app_url, self.endpoints["TENANT_ID"])

    def await_rows(self, query: str, *parameters: Any, seconds: float = 20) -> list[tuple[Any, ...]]:
        """The rows of a query, as soon as there are some; as the plant's tenant."""

        def rows() -> list[tuple[Any, ...]]:
            with psycopg.connect(self.app_url) as connection:
                connection.execute(
                    "SELECT set_config('app.current_tenant_id', %s, true)", [self.endpoints["TENANT_ID"]]
                )
                return connection.execute(query, parameters or None).fetchall()

        return eventually(rows, seconds, f"no rows within {seconds} s: {query} {parameters}")


def eventually(ask: Callable[[], Found], seconds: float, complaint: str) -> Found:
    """What `ask` says as soon as it is true; `seconds` on a quiet machine, see `Slack`. Raises AssertionError."""
    tick = threading.Event()
    until = time.monotonic() + seconds * SLACK.times
    while not (found := ask()):
        assert time.monotonic() < until, complaint
        tick.wait(0.05)
    return found


def stop_hard(plant: LocalPlant, name: str) -> None:
    """kill -9, and keep the runner from starting it again."""
    send(plant, name, signal.SIGSTOP)  # frozen, it cannot tidy up while the runner asks it to
    with ThreadPoolExecutor(1) as pool:
        stopping = pool.submit(plant.stop, [name])
        wait_for(lambda: state(plant, name) in ("stopping", "stopped"), 10)
        send(plant, name, signal.SIGKILL)
        stopping.result()


def send(plant: LocalPlant, name: str, signum: signal.Signals) -> int | None:
    """Send a process a signal; its id, or None where it does not live just now."""
    pid = plant.pid(name)
    if pid is not None:
        with suppress(ProcessLookupError):
            os.kill(pid, signum)
    return pid


def state(plant: LocalPlant, name: str) -> str:
    """What the runner says of a process."""
    return next(each.state for each in plant.status() if each.name == name)


def plant_in(run_dir: Path, workers: int = 1, brokers: int = 1) -> LocalPlant | ContainedPlant:
    """Local processes, or containers where PLANT=compose asks for them."""
    if choice(os.environ) == "compose":
        return ContainedPlant(run_dir, workers=workers, brokers=brokers)
    return LocalPlant(run_dir, workers=workers, brokers=brokers, ready_seconds=PATIENCE_SECONDS)


@contextmanager
def environment(told: Mapping[str, str]) -> Iterator[None]:
    """Environment variables for a while; no test after it sees them."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in told.items():
            patch.setenv(name, value)
        yield


@contextmanager
def running_plant(
    *, infra_only: bool, workers: int = 1, brokers: int = 1, told: Mapping[str, str] | None = None
) -> Iterator[RunningPlant]:
    """A plant of its own, deleted afterwards. `told`: settings that its processes are started with."""
    run_dir = Path(tempfile.mkdtemp(prefix="plant-", dir="/tmp"))
    run_dir.chmod(0o755)
    local = plant_in(run_dir, workers, brokers)
    try:
        with environment(told or {}):
            local.up(infra_only=infra_only)
        yield RunningPlant(local, local.endpoints(), told=told or {})
    finally:
        if keep := os.environ.get("KEEP_LOGS"):
            shutil.copytree(run_dir / "logs", Path(keep) / run_dir.name, dirs_exist_ok=True)
        local.wipe()
        shutil.rmtree(run_dir, ignore_errors=True)
