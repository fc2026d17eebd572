"""The MQTT broker: Mosquitto where it is or can be installed, else amqtt from its package."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from compose.local.errors import PlantError, failed
from compose.local.folder import ROOT, Folder, write_private
from compose.local.identity import Identity
from compose.local.machine import installed
from compose.local.processes import Process
from schemas.settings import Settings

LAYOUT = ROOT / "compose" / "plant.toml"
USER = "plant"
"""People and tools of this machine, who may publish and read anything."""
OWN_USERS = {"mes-mqtt": "mes-mqtt", "mqtt-sim": "machines"}
"""Process to user: the connector, which reads what it bridges, and machines, which publish that and read nothing."""
USERS = (USER, *OWN_USERS.values())


def prepare(folder: Folder, identity: Identity, report: Callable[[str], None]) -> list[Process]:
    """Write the broker's configuration and password file, and say how to start it."""
    if not installed("mosquitto") and may_install():
        install(folder.log("mqtt-install"), report)
    data = folder.data / "mqtt"
    data.mkdir(mode=0o700, exist_ok=True)
    if installed("mosquitto") and installed("mosquitto_passwd"):
        return [mosquitto(folder, identity, data)]
    report("no Mosquitto here; the package amqtt stands in (about 850 messages/s, MQTT 3.1.1)")
    return [amqtt(folder, identity, data)]


def may_install() -> bool:
    """Only root of a Debian-like machine may."""
    return os.getuid() == 0 and installed("apt-get") is not None


def install(log: Path, report: Callable[[str], None]) -> None:
    """Ask the machine's package manager for Mosquitto; without it amqtt stands in."""
    report("installing Mosquitto with apt-get")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    steps = (["apt-get", "-q", "update"], ["apt-get", "-q", "-y", "--no-install-recommends", "install", "mosquitto"])
    with log.open("w") as output:
        for step in steps:
            done = subprocess.run(step, env=environment, stdout=output, stderr=output, check=False)
            if done.returncode:
                report(f"`{' '.join(step)}` failed; its output is in {log}")
                return
    # The package starts a broker of its own on the standard port; nobody here asked for that one.
    if shutil.which("systemctl"):
        subprocess.run(["systemctl", "disable", "--now", "mosquitto"], capture_output=True, check=False)


def password(identity: Identity, user: str) -> str:
    """The password of a user of the broker's."""
    return identity.secret("mqtt_password" if user == USER else f"mqtt_{user.replace('-', '_')}")


def process(identity: Identity, name: str) -> dict[str, str]:
    """The settings by which one of our processes signs in as itself; none for those that do not speak MQTT."""
    user = OWN_USERS.get(name)
    return {"MQTT_USERNAME": user, "MQTT_PASSWORD": password(identity, user)} if user else {}


def rights(filters: Sequence[str]) -> str:
    """acl_file: what is not named is refused. A device whose user is its machine's id speaks for that machine only."""
    own = [each.replace("machine/+", "machine/%u") for each in filters if "machine/+" in each]
    lines = [
        f"user {USER}",
        "topic readwrite #",
        f"user {OWN_USERS['mes-mqtt']}",
        *(f"topic read {each}" for each in filters),
        f"user {OWN_USERS['mqtt-sim']}",
        *(f"topic write {each}" for each in filters),
        *(f"pattern write {each}" for each in own),
    ]
    return "\n".join(lines) + "\n"


def mosquitto(folder: Folder, identity: Identity, data: Path) -> Process:
    """Mosquitto, told to keep every message for an absent client and to write its queue down at once."""
    passwords = folder.programs / "mqtt-passwords"
    write_private(passwords, "".join(f"{user}:{password(identity, user)}\n" for user in USERS))
    done = subprocess.run([str(installed("mosquitto_passwd")), "-U", str(passwords)], capture_output=True, check=False)
    if done.returncode:
        raise PlantError(f"mosquitto_passwd could not hash the password file: {done.stderr.decode().strip()}")
    config = folder.programs / "mosquitto.conf"
    allowed = folder.programs / "mqtt-rights"
    layout = Settings(plant_layout=Path(os.environ.get("PLANT_LAYOUT") or LAYOUT)).layout
    write_private(allowed, rights(layout.mqtt_filters))
    write_private(config, mosquitto_config(identity.port("mqtt"), passwords, allowed, data, identity.is_mqtt_durable))
    return Process("mqtt", (str(installed("mosquitto")), "-c", str(config)))


def mosquitto_config(port: int, passwords: Path, allowed: Path, data: Path, is_durable: bool = False) -> str:
    """mosquitto.conf. By default the queue is kept for 1,000 messages and written every 30 minutes only.

    Each save writes the whole queue: after every change (`is_durable`) 5,000 messages took 7 to 14 s, every second 1 s.
    """
    lines = [
        *(["user root"] if os.getuid() == 0 else []),
        f"listener {port} 127.0.0.1",
        "allow_anonymous false",
        f"password_file {passwords}",
        f"acl_file {allowed}",
        "persistence true",
        f"persistence_location {data}/",
        f"autosave_on_changes {str(is_durable).lower()}",
        "autosave_interval 1",
        "max_queued_messages 0",
        "max_queued_bytes 0",
        "max_inflight_messages 1000",
        "queue_qos0_messages false",
        "persistent_client_expiration 14d",
        "set_tcp_nodelay true",
        "log_dest stdout",
        "log_type error",
        "log_type warning",
        "log_type notice",
        "connection_messages false",
    ]
    return "\n".join(lines) + "\n"


def amqtt(folder: Folder, identity: Identity, data: Path) -> Process:
    """The broker in Python, for machines without Mosquitto: it knows names and passwords, and no rights by topic."""
    from pwdlib import PasswordHash
    from pwdlib.hashers.argon2 import Argon2Hasher

    passwords = folder.programs / "mqtt-passwords"
    hasher = PasswordHash((Argon2Hasher(),))
    write_private(passwords, "".join(f"{user}:{hasher.hash(password(identity, user))}\n" for user in USERS))
    config = folder.programs / "amqtt.yaml"
    write_private(config, amqtt_config(identity.port("mqtt"), passwords, data))
    program = Path(sys.executable).with_name("amqtt")
    if not program.exists():
        raise failed("There is no MQTT broker: install mosquitto, or the package amqtt", folder.log("mqtt"))
    return Process("mqtt", (str(program), "-c", str(config)))


def amqtt_config(port: int, passwords: Path, data: Path) -> str:
    """amqtt's YAML."""
    return f"""\
listeners:
  default:
    type: tcp
    bind: 127.0.0.1:{port}
    max_connections: 500
plugins:
  amqtt.plugins.authentication.AnonymousAuthPlugin:
    allow_anonymous: false
  amqtt.plugins.authentication.FileAuthPlugin:
    password_file: {passwords}
  amqtt.contrib.persistence.SessionDBPlugin:
    file: {data}/sessions.db
    clear_on_shutdown: false
"""
