"""The same verbs with containers: `PLANT=compose` calls `docker compose` with what a plant makes up."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping

from compose.local import endpoints as env
from compose.local import identity as identities
from compose.local import mqtt, ready, roles
from compose.local.errors import PlantError
from compose.local.folder import ROOT, Folder
from compose.local.identity import Identity
from compose.local.kafka import broker, listeners
from compose.local.waiting import wait_for
from connectors import access

FILE = ROOT / "compose" / "compose.yaml"
CHOICES = ("local", "compose")
READY_SECONDS = 300


def choice(environment: Mapping[str, str]) -> str:
    """`local` or `compose`, as PLANT says."""
    chosen = environment.get("PLANT") or "local"
    if chosen not in CHOICES:
        raise PlantError(f"PLANT is {' or '.join(CHOICES)}, not {chosen}.")
    return chosen


def engine() -> None:
    """Raises PlantError if containers cannot be run here."""
    if shutil.which("docker") is None:
        raise PlantError("PLANT=compose needs Docker, which is not installed; `make up` without PLANT needs none.")
    for command, lack in (
        (["docker", "compose", "version"], "docker's compose plugin, which is not installed"),
        (["docker", "info"], "a running Docker engine, and none answers"),
    ):
        if subprocess.run(command, capture_output=True, check=False).returncode:
            raise PlantError(f"PLANT=compose needs {lack}; `make up` without PLANT needs none.")


def environment(folder: Folder, identity: Identity, workers: int) -> dict[str, str]:
    """What compose.yaml asks for: ports, passwords, the signing key, the shape of the cluster."""
    brokers = listeners.names(identity.brokers)
    ports = {
        f"{name.upper().replace('-', '_')}_PORT": str(listeners.port_of_processes(identity, name)) for name in brokers
    }
    passwords = {user: listeners.password(identity, user) for user in access.USERS}
    return {
        **ports,
        "COMPOSE_PROJECT_NAME": f"plant-{folder.digest}",
        "COMPOSE_PROFILES": "cluster" if identity.brokers > 1 else "",
        "WORKERS": str(workers),
        "KAFKA_CLUSTER_ID": identity.kafka_cluster_id,
        "KAFKA_VOTERS": ",".join(f"{number}@{name}:9093" for number, name in enumerate(brokers, 1)),
        "KAFKA_INSIDE": ",".join(f"{name}:19092" for name in brokers),
        "KAFKA_ADMIN_PASSWORD": listeners.password(identity, access.ADMIN),
        "KAFKA_USER_PASSWORDS": json.dumps(passwords),
        **{f"KAFKA_PASSWORD_{user.upper().replace('-', '_')}": word for user, word in passwords.items()},
        "REPLICATION": str(identity.brokers),
        "MIN_INSYNC_REPLICAS": str(broker.in_sync(identity.brokers)),
        "POSTGRES_PORT": str(identity.port("postgres")),
        "MQTT_PORT": str(identity.port("mqtt")),
        "OPCUA_PORT": str(identity.port("opcua")),
        "GATEWAY_PORT": str(identity.port("gateway")),
        "POSTGRES_SUPERUSER_PASSWORD": identity.secret("postgres_superuser"),
        "PLANT_OWNER_PASSWORD": identity.secret(roles.OWNER),
        "PLANT_APP_PASSWORD": identity.secret(roles.APPLICATION),
        "PLANT_ANALYST_PASSWORD": identity.secret(roles.ANALYST),
        "MQTT_PASSWORD": mqtt.password(identity, mqtt.USER),
        **{f"MQTT_PASSWORD_{user.upper().replace('-', '_')}": mqtt.password(identity, user) for user in mqtt.USERS},
        "OAUTH_CLIENT_SECRET": identity.secret("oauth_client_secret"),
        "OAUTH_SIGNING_KEY_PEM": identities.signing_key(folder).read_text(),
        "CREDENTIALS_KEYS": identities.credentials_key(folder).read_text(),
        "HR_API_KEY": identity.secret("hr_api_key"),
        "PAS_WEBHOOK_SECRET": identity.webhook_secret("pas_webhook_secret"),
        "ADMIN_TOKEN": identity.secret("admin_token"),
        "INTEGRATION_CLIENT_SECRET": identity.secret("integration_client_secret"),
        "MES_PASSWORD": identity.secret("mes_password"),
        **env.given_systems(os.environ),
    }


class ComposePlant:
    """The plant of one run directory, in containers."""

    def __init__(self, folder: Folder, workers: int = 1, brokers: int | None = None) -> None:
        self.folder = folder
        self._workers = workers
        self._identity = identities.of(folder, brokers)
        self._identity.is_kafka_closed = True

    def up(self) -> None:
        """Build, start, and return when the gateway is ready."""
        engine()
        self.folder.make()
        values = env.endpoints(self.folder, self._identity, [])
        variables = self._variables()
        identities.save(self.folder, self._identity)
        env.write(self.folder.endpoints, values)
        self._compose(variables, "up", "--detach", "--build", "--remove-orphans")
        if not wait_for(ready.http(f"{values['GATEWAY_URL']}/readyz"), READY_SECONDS):
            raise PlantError("The gateway's container was not ready in time; `docker compose logs gateway` says why.")

    def down(self) -> None:
        """Stop and remove the containers. The volumes stay."""
        engine()
        self._compose(self._variables(), "down")

    def status(self) -> None:
        """Show the containers."""
        engine()
        self._compose(self._variables(), "ps", "--all")

    def wipe(self) -> None:
        """Stop everything and delete the volumes and what the plant made up."""
        engine()
        self._compose(self._variables(), "down", "--volumes")
        self.folder.delete()

    def endpoints(self) -> dict[str, str]:
        """What `endpoints.env` says."""
        return env.read(self.folder.endpoints)

    def _variables(self) -> dict[str, str]:
        self.folder.make()
        return environment(self.folder, self._identity, self._workers)

    def _compose(self, variables: Mapping[str, str], *arguments: str) -> None:
        command = ["docker", "compose", "-f", str(FILE), *arguments]
        done = subprocess.run(command, env={**os.environ, **variables}, cwd=ROOT, check=False)
        if done.returncode:
            raise PlantError(f"`docker compose {' '.join(arguments)}` failed; it said why above.")
