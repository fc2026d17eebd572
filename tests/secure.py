"""Servers that take nobody without a secret: Kafka with SCRAM over TLS, Mosquitto with TLS and client certificates."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme
from cryptography.hazmat.primitives import serialization

from compose.local import ready
from compose.local.identity import Identity, make
from compose.local.java import java
from compose.local.kafka.broker import JVM, LOGGING, properties
from compose.local.kafka.jars import jars
from tests.plants import eventually

USER, PASSWORD = "plant", "a secret of SCRAM"


@dataclass(frozen=True)
class Papers:
    """An authority, and a certificate with its key for 127.0.0.1."""

    authority: Path
    certificate: Path
    key: Path


def papers(folder: Path, common_name: str = "127.0.0.1") -> Papers:
    """New papers of a new authority."""
    folder.mkdir(parents=True, exist_ok=True)
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost", common_name=common_name)
    made = Papers(folder / "ca.pem", folder / "cert.pem", folder / "key.pem")
    authority.cert_pem.write_to_path(str(made.authority))
    made.certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(str(made.key))
    for path in (made.authority, made.certificate, made.key):
        path.chmod(0o644)
    return made


@contextmanager
def secure_kafka(folder: Path, server: Papers) -> Iterator[str]:
    """A broker that speaks to clients over TLS only, and only to who knows the SCRAM password; its address."""
    folder.mkdir(parents=True, exist_ok=True)
    identity = make(1)
    config = folder / "server.properties"
    config.write_text("".join(f"{name}={value}\n" for name, value in _properties(identity, folder, server).items()))
    machine = (java(), *JVM, f"-Djava.io.tmpdir={folder}", f"-Dlog4j2.configurationFile={LOGGING}")
    classes = ("-cp", f"{jars(lambda _: None)}/*")
    scram = f"SCRAM-SHA-512=[name={USER},password={PASSWORD}]"
    tool = [*machine, *classes, "kafka.tools.StorageTool", "format", "-t", identity.kafka_cluster_id]
    subprocess.run([*tool, "-c", str(config), "--add-scram", scram], check=True, capture_output=True)
    with _running([*machine, *classes, "kafka.Kafka", str(config)], folder / "kafka.log", identity.port("kafka")):
        yield f"127.0.0.1:{identity.port('kafka')}"


def _properties(identity: Identity, folder: Path, server: Papers) -> dict[str, object]:
    listener = f"127.0.0.1:{identity.port('kafka')}"
    data = folder / "data"
    data.mkdir(exist_ok=True)
    chain = folder / "chain.pem"
    key = serialization.load_pem_private_key(server.key.read_bytes(), None).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    chain.write_bytes(key + server.certificate.read_bytes())
    return properties(identity, 1, "kafka", data) | {
        "listeners": f"CLIENTS://{listener},CONTROLLER://127.0.0.1:{identity.port('kafka-controller')}",
        "advertised.listeners": f"CLIENTS://{listener}",
        "listener.security.protocol.map": "CLIENTS:SASL_SSL,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "CLIENTS",
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "sasl.mechanism.inter.broker.protocol": "SCRAM-SHA-512",
        "listener.name.clients.scram-sha-512.sasl.jaas.config": (
            f'org.apache.kafka.common.security.scram.ScramLoginModule required username="{USER}" password="{PASSWORD}";'
        ),
        "super.users": f"User:{USER};User:ANONYMOUS",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": chain,
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": server.authority,
        "ssl.enabled.protocols": "TLSv1.3",
        "ssl.endpoint.identification.algorithm": "https",
    }


@contextmanager
def secure_mosquitto(folder: Path, port: int, server: Papers) -> Iterator[None]:
    """A broker that wants TLS 1.2 or newer, a certificate of its own authority, and a password."""
    folder.mkdir(parents=True, exist_ok=True)
    passwords = folder / "passwords"
    passwords.write_text(f"{USER}:{PASSWORD}\n")
    subprocess.run(["mosquitto_passwd", "-U", str(passwords)], check=True, capture_output=True)
    config = folder / "mosquitto.conf"
    config.write_text(
        f"user root\nlistener {port} 127.0.0.1\nallow_anonymous false\npassword_file {passwords}\n"
        f"cafile {server.authority}\ncertfile {server.certificate}\nkeyfile {server.key}\n"
        "require_certificate true\ntls_version tlsv1.2\npersistence false\nlog_dest stdout\n"
    )
    with _running(["mosquitto", "-c", str(config)], folder / "mosquitto.log", port):
        yield


@contextmanager
def _running(command: list[str], log: Path, port: int) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    try:
        is_open = ready.tcp("127.0.0.1", port)
        eventually(lambda: _lives(process, log) and is_open(), 60, f"{command[0]} does not listen: {log}")
        yield
    finally:
        process.terminate()
        process.wait(30)


def _lives(process: "subprocess.Popen[bytes]", log: Path) -> bool:
    assert process.poll() is None, log.read_text(errors="replace")[-3000:]
    return True
