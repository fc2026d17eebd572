"""The run directory: where a plant keeps its data, logs, process ids and secrets."""

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from compose.local.errors import PlantError

ROOT = Path(__file__).resolve().parents[2]
LONGEST_SOCKET_PATH = 90
OURS = ("logs", "pids", "programs", "data", "spool", "keys", "identity.json", "endpoints.env", "settings.env")
OURS_TOO = ("supervisord.conf", "supervisord.pid", "supervisord.sock", "lock", "ledger", "demo.json", "observability")


@dataclass(frozen=True)
class Folder:
    """The paths inside a run directory."""

    path: Path

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def pids(self) -> Path:
        return self.path / "pids"

    @property
    def programs(self) -> Path:
        return self.path / "programs"

    @property
    def data(self) -> Path:
        return self.path / "data"

    @property
    def endpoints(self) -> Path:
        return self.path / "endpoints.env"

    @property
    def settings(self) -> Path:
        return self.path / "settings.env"

    @property
    def digest(self) -> str:
        return hashlib.sha256(str(self.path).encode()).hexdigest()[:12]

    def log(self, process: str) -> Path:
        return self.logs / f"{process}.log"

    def socket(self) -> Path:
        """The runner's socket: socket paths end at about 100 characters, so deep folders get one in /tmp."""
        here = self.path / "supervisord.sock"
        if len(str(here)) <= LONGEST_SOCKET_PATH:
            return here
        private = Path(tempfile.gettempdir()) / f"plant-{os.getuid()}-{self.digest}"
        private.mkdir(mode=0o700, exist_ok=True)
        if private.stat().st_uid != os.getuid() or private.is_symlink():
            raise PlantError(f"{private} belongs to somebody else; delete it or choose another RUN_DIR.")
        return private / "supervisord.sock"

    def outside(self) -> Path:
        """Where data go that another user must reach when the run directory is closed to it."""
        return Path("/var/tmp") / f"plant-{self.digest}"  # it is made with mode 0700, for one owner  # nosec B108

    def make(self) -> None:
        """Create the folders; what other users of the machine must not read is closed."""
        self.path.mkdir(parents=True, exist_ok=True)
        for private in (self.logs, self.programs, self.path / "spool", self.path / "keys"):
            private.mkdir(mode=0o700, exist_ok=True)
        for open_folder in (self.pids, self.data):
            open_folder.mkdir(mode=0o755, exist_ok=True)

    @contextmanager
    def locked(self, report: Callable[[str], None]) -> Iterator[None]:
        """Hold the folder for one `up`, `down` or `wipe`; a second one waits and says so."""
        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / "lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                report(f"another up or down works in {self.path}; waiting for it")
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def delete(self) -> None:
        """Delete what a plant writes, and nothing else that may lie in the folder."""
        for name in (*OURS, *OURS_TOO):
            _remove(self.path / name)
        _remove(self.outside())
        if self.path.exists() and not any(self.path.iterdir()):
            self.path.rmdir()


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, in one step."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    new.replace(path)


def run_directory(text: str | None = None) -> Path:
    """The run directory that RUN_DIR names, else `.run` of this clone."""
    chosen = Path(text or os.environ.get("RUN_DIR") or ".run")
    return (ROOT / chosen).resolve()
