"""The plants of the suites in containers, by testcontainers, where PLANT=compose asks for them.

No engine for containers ran where this was written: the choice and what testcontainers are asked for are tested, a run
is not.
"""

import os
import subprocess
from collections.abc import Iterable
from pathlib import Path

from testcontainers.compose import DockerCompose

from compose.local import containers, ready
from compose.local import endpoints as env
from compose.local import identity as identities
from compose.local.errors import PlantError
from compose.local.folder import Folder
from compose.local.waiting import Probe, wait_for

INFRASTRUCTURE = ("kafka", "postgres", "mqtt", "roles")
READY_SECONDS = 300


class ContainedPlant:
    """What tests ask of a `LocalPlant`, of containers."""

    def __init__(self, run_dir: Path, workers: int = 1, brokers: int = 1) -> None:
        self.folder = Folder(run_dir)
        self._workers = workers
        self._identity = identities.of(self.folder, brokers)
        self._identity.is_kafka_closed = True
        self._compose: DockerCompose | None = None

    def compose(self, infra_only: bool) -> DockerCompose:
        """What testcontainers is to start."""
        return DockerCompose(
            context=containers.FILE.parent,
            compose_file_name=containers.FILE.name,
            build=not infra_only,
            wait=False,
            services=list(INFRASTRUCTURE) if infra_only else None,
        )

    def up(self, infra_only: bool = False) -> None:
        """Start, and return when all is well. Raises PlantError where no engine for containers runs."""
        containers.engine()
        self.folder.make()
        values = env.endpoints(self.folder, self._identity, [])
        variables = containers.environment(self.folder, self._identity, self._workers)
        identities.save(self.folder, self._identity)
        env.write(self.folder.endpoints, values)
        os.environ.update(variables)
        self._compose = self.compose(infra_only)
        self._compose.start()
        for name in ("kafka", "postgres", "mqtt") if infra_only else ("gateway",):
            self.wait_until_ready(name)

    def wipe(self) -> None:
        """Stop everything and delete the volumes."""
        if self._compose is not None:
            self._compose.stop()
        self.folder.delete()

    def endpoints(self) -> dict[str, str]:
        """What `endpoints.env` says."""
        return env.read(self.folder.endpoints)

    def pid(self, process: str) -> int | None:
        """The id, on this machine, of a container's first process; None while it does not live."""
        told = _docker("inspect", "--format", "{{.State.Pid}}", self._container(process))
        return int(told) or None if told else None

    def restart(self, process: str) -> None:
        """Stop one container and start it again."""
        _docker("restart", self._container(process))

    def stop(self, names: Iterable[str]) -> None:
        """Stop some containers; the others go on."""
        _docker("stop", *(self._container(name) for name in names))

    def wait_until_ready(self, process: str, seconds: float = READY_SECONDS) -> None:
        """Return when a server answers. Raises PlantError."""
        if not wait_for(self._probe(process), seconds):
            raise PlantError(f"{process} was not ready within {seconds:.0f} seconds.")

    def _probe(self, process: str) -> Probe:
        found = self.endpoints()
        if process == "kafka":
            return ready.kafka(env.operator_of_kafka(self._identity), self._identity.brokers)
        if process == "postgres":
            return ready.postgres(found["OWNER_DATABASE_URL"])
        if process == "gateway":
            return ready.http(f"{found['GATEWAY_URL']}/readyz")
        return ready.tcp("127.0.0.1", self._identity.port(process))

    def _container(self, process: str) -> str:
        return f"plant-{self.folder.digest}-{process}-1"


def _docker(*arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""
