"""The settings of a plant's processes, and the file `endpoints.env` through which everybody else finds them."""

import os
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path

from confluent_kafka.admin import AdminClient

from compose.local import mqtt, roles
from compose.local.folder import Folder, write_private
from compose.local.identity import Identity, credentials_key, signing_key
from compose.local.kafka import broker, listeners
from compose.local.processes import SYSTEMS as SYSTEMS_SIM
from connectors import access
from schemas.settings import DEFAULT_TENANT, Settings

# Only who migrates may own tables; only analysts read as analysts.
HIDDEN = ("OWNER_DATABASE_URL", "ANALYST_DATABASE_URL")
OPERATORS = ("KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD")
MES_USER = "mraos"
# Where the systems around the plant are and how it signs in there.
SYSTEMS = (
    *("ERP_URL", "HR_URL", "WMS_URL", "MES_URL", "PAS_URL", "INTEGRATION_TOKEN_URL", "INTEGRATION_CLIENT_ID"),
    *("INTEGRATION_CLIENT_SECRET", "MES_USERNAME", "MES_PASSWORD"),
)


def endpoints(folder: Folder, identity: Identity, processes: Iterable[str]) -> dict[str, str]:
    """Everything of CONTRACT's endpoints.env, and what the processes need besides."""
    gateway = f"http://127.0.0.1:{identity.port('gateway')}"
    names = list(processes)
    metrics = ",".join(f"{name}=http://127.0.0.1:{metrics_port(identity, name)}/metrics" for name in names)
    return {
        "RUN_DIR": str(folder.path),
        "TENANT_ID": DEFAULT_TENANT,
        **listeners.operator(identity),
        "REPLICATION": str(identity.brokers),
        "MIN_INSYNC_REPLICAS": str(broker.in_sync(identity.brokers)),
        **roles.addresses(identity),
        "MQTT_URL": f"mqtt://127.0.0.1:{identity.port('mqtt')}",
        "MQTT_USERNAME": mqtt.USER,
        "MQTT_PASSWORD": identity.secret("mqtt_password"),
        "OPCUA_URL": f"opc.tcp://127.0.0.1:{identity.port('opcua')}",
        "GATEWAY_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(identity.port("gateway")),
        "GATEWAY_URL": gateway,
        "OAUTH_TOKEN_URL": f"{gateway}/oauth/token",
        "OAUTH_CLIENT_ID": str(Settings.model_fields["oauth_client_id"].default),
        "OAUTH_CLIENT_SECRET": identity.secret("oauth_client_secret"),
        "OAUTH_SIGNING_KEY": str(signing_key(folder)),
        "CREDENTIALS_KEY_FILE": str(credentials_key(folder)),
        "HR_API_KEY": identity.secret("hr_api_key"),
        "PAS_WEBHOOK_SECRET": identity.webhook_secret("pas_webhook_secret"),
        "ADMIN_TOKEN": identity.secret("admin_token"),
        "PLANT_LAYOUT": str(Path(os.environ.get("PLANT_LAYOUT") or mqtt.LAYOUT).resolve()),
        "SPOOL_DIR": str(folder.path / "spool"),
        "METRICS_URLS": metrics,
        **(simulated_systems(identity) if SYSTEMS_SIM in names else given_systems(os.environ)),
    }


def simulated_systems(identity: Identity) -> dict[str, str]:
    """The simulated ERP, HR system, warehouse, MES and PAS."""
    url = f"http://127.0.0.1:{identity.port('systems')}"
    return {
        **{f"{name.upper()}_URL": f"{url}/{name}" for name in ("erp", "hr", "wms", "mes", "pas")},
        "INTEGRATION_TOKEN_URL": f"{url}/oauth/token",
        "INTEGRATION_CLIENT_ID": str(Settings.model_fields["integration_client_id"].default),
        "INTEGRATION_CLIENT_SECRET": identity.secret("integration_client_secret"),
        "MES_USERNAME": MES_USER,
        "MES_PASSWORD": identity.secret("mes_password"),
    }


def given_systems(environment: Mapping[str, str]) -> dict[str, str]:
    """The real ones, as far as whoever calls `up` names them; the plant calls no other."""
    return {name: environment[name] for name in SYSTEMS if environment.get(name)}


def own(identity: Identity, process: str) -> dict[str, str]:
    """What one process is told and no other: its port, and its names and passwords for Kafka and MQTT."""
    ours = {"METRICS_PORT": str(metrics_port(identity, process)), "PROCESS_NAME": process}
    return ours | listeners.process(identity, process) | mqtt.process(identity, process)


def hidden(identity: Identity, process: str) -> tuple[str, ...]:
    """What it is not told of all that the endpoints say."""
    return HIDDEN if listeners.process(identity, process) else (*HIDDEN, *OPERATORS)


def operator_of_kafka(identity: Identity) -> Settings:
    """Settings of somebody who may do everything on Kafka."""
    return Settings.model_validate({name.lower(): value for name, value in listeners.operator(identity).items()})


def grant(identity: Identity) -> None:
    """Give every process its password for Kafka and its rights there. Raises KafkaException."""
    admin = AdminClient(operator_of_kafka(identity).kafka())
    access.grant(admin, {user: listeners.password(identity, user) for user in access.USERS})


def metrics_port(identity: Identity, process: str) -> int:
    """The loopback port of a process's /metrics."""
    return identity.port(f"{process}-metrics")


def given(environment: Mapping[str, str], known: Mapping[str, str]) -> dict[str, str]:
    """Settings that whoever calls `up` gives (`make up STALE_SECONDS=60`) and that no plant makes up."""
    names = {name.upper() for name in Settings.model_fields} - set(known) - {"METRICS_PORT"}
    return {name: environment[name] for name in sorted(names) if name in environment}


def write(path: Path, values: Mapping[str, str]) -> None:
    """Write an env file that a shell, Python and make can read."""
    write_private(path, "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items()))


def read(path: Path) -> dict[str, str]:
    """Read an env file back."""
    lines = (line.partition("=") for line in path.read_text().splitlines() if "=" in line)
    return {name: "".join(shlex.split(value)) for name, _, value in lines}
