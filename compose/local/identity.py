"""What a plant makes up at its first start and keeps: ports, passwords, keys."""

import atexit
import base64
import os
import secrets
import socket
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from compose.local.errors import PlantError
from compose.local.folder import Folder, write_private
from connectors.credentials import new_key_line

# Below the range from which outgoing connections draw, so that nobody sits on a port while its owner restarts.
PORTS = range(20_000, 32_000)
SECRETS = (
    "postgres_superuser",
    "plant_owner",
    "plant_app",
    "plant_analyst",
    "mqtt_password",
    "oauth_client_secret",
    "hr_api_key",
    "admin_token",
    "integration_client_secret",
    "mes_password",
    "pas_webhook_secret",
)


class Identity(msgspec.Struct):
    """Ports by use, secrets by name, the number of Kafka brokers its data were written with, and how brokers were asked
    to be: Kafka closed to whoever has no name, MQTT's queue written down after every change."""

    brokers: int
    kafka_cluster_id: str
    ports: dict[str, int] = {}
    secrets: dict[str, str] = {}
    is_kafka_closed: bool = False
    is_mqtt_durable: bool = False

    def port(self, use: str) -> int:
        """The port of a use, chosen at the first question."""
        if use not in self.ports:
            self.ports[use] = free_port(self.ports.values())
        return self.ports[use]

    def secret(self, name: str) -> str:
        """A secret, made up at the first question."""
        if name not in self.secrets:
            self.secrets[name] = secrets.token_urlsafe(24)
        return self.secrets[name]

    def webhook_secret(self, name: str) -> str:
        """A secret as Standard Webhooks writes one: base64 behind `whsec_`."""
        return f"whsec_{base64.b64encode(self.secret(name).encode()).decode()}"

    def leave_taken_ports(self) -> list[str]:
        """Forget the ports that somebody else took since the plant last ran, and name their uses."""
        taken = [use for use, port in self.ports.items() if not is_free(port)]
        for use in taken:
            del self.ports[use]
        return taken


def asked_for(name: str, before: bool = False) -> bool:
    """Whether the environment asks for something with 1, or against it with 0; as before where it says neither."""
    return bool(int(os.environ.get(name) or before))


def is_free(port: int) -> bool:
    """Whether a server could listen on this loopback port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port(taken: Collection[int] = ()) -> int:
    """A port nobody listens on, none of these, and nobody else's until this process ends or lets go of it."""
    while (port := secrets.choice(PORTS)) in taken or not _hold(port):
        continue
    return port


_held: dict[int, socket.socket] = {}


def _hold(port: int) -> bool:
    """Bind it, if nobody has, and leave listening to a server of ours: between choice and start nobody takes it."""
    holder = socket.socket()
    try:
        holder.bind(("127.0.0.1", port))
    except OSError:
        holder.close()
        return False
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # from now on: whoever reuses may listen on it
    _held[port] = holder
    return True


def let_go(ports: Iterable[int]) -> None:
    """Others may choose these ports again."""
    for port in ports:
        if holder := _held.pop(port, None):
            holder.close()


@atexit.register
def _let_go_of_all() -> None:
    let_go(list(_held))


def load(folder: Folder) -> Identity | None:
    """The identity of the plant in this folder, or None if it never ran."""
    path = folder.path / "identity.json"
    return msgspec.json.decode(path.read_bytes(), type=Identity) if path.exists() else None


def of(folder: Folder, brokers: int | None) -> Identity:
    """The identity of this folder; a new one at the first start."""
    known = load(folder)
    if known is None:
        return make(brokers or 1)
    if brokers not in (None, known.brokers):
        raise PlantError(
            f"The data in {folder.path} belong to {known.brokers} Kafka broker(s), not {brokers}; "
            "keep that number, or start afresh with `make wipe`."
        )
    return known


def make(brokers: int) -> Identity:
    """A new identity."""
    return Identity(brokers=brokers, kafka_cluster_id=_cluster_id(lambda: secrets.token_urlsafe(16)))


def _cluster_id(draw: Callable[[], str]) -> str:
    """An id as Kafka makes them: 16 bytes in base 64, none that a command line would take for an option."""
    while (drawn := draw()).startswith("-"):
        continue
    return drawn


def save(folder: Folder, identity: Identity) -> None:
    """Keep the identity for the next start."""
    encoded = msgspec.json.format(msgspec.json.encode(identity), indent=2).decode()
    write_private(folder.path / "identity.json", encoded + "\n")


def credentials_key(folder: Folder) -> Path:
    """The file with the key that seals stored credentials, made at the first start; more lines rotate it."""
    path = folder.path / "keys" / "credentials"
    if not path.exists():
        write_private(path, f"{new_key_line()}\n")
    return path


def signing_key(folder: Folder) -> Path:
    """The PEM file of the built-in token issuer's RSA key, made at the first start."""
    path = folder.path / "keys" / "oauth.pem"
    if not path.exists():
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        write_private(path, pem.decode())
    return path
