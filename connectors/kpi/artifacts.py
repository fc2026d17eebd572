"""Files that a task left below one configured folder: read whole, never from anywhere else, never too large."""

import os
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from connectors.kpi.verdict import CannotJudge, Looking


class Artifact(NamedTuple):
    """A file's bytes, and when it was written."""

    data: bytes
    written_at: datetime


def artifact(looking: Looking, path: str) -> Artifact:
    """A file of the folder KPI_ARTIFACTS. Raises CannotJudge."""
    folder, most = looking.settings.kpi_artifacts, looking.settings.kpi_artifact_bytes
    if folder is None:
        raise CannotJudge("KPI_ARTIFACTS is not set: there is no folder to find files in.")
    try:
        with open(_below(folder, path), "rb", opener=_opened) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise CannotJudge(f"{path!r} is no file.")
            data = file.read(most + 1)
    except (OSError, ValueError) as error:
        raise CannotJudge(f"The file {path!r} cannot be read: {_told(error)}.") from error
    if len(data) > most:
        raise CannotJudge(f"The file {path!r} has more than {most} bytes.")
    return Artifact(data, datetime.fromtimestamp(status.st_mtime, UTC))


def _below(folder: Path, path: str) -> Path:
    """The file, links followed. Raises CannotJudge where it lies elsewhere, OSError and ValueError where it cannot."""
    root = folder.resolve()
    found = (root / path).resolve()
    if not found.is_relative_to(root) or found == root:
        raise CannotJudge(f"{path!r} does not lie below the folder of artifacts.")
    return found


def _opened(path: str, flags: int) -> int:
    """A file that was no link when it was opened, without waiting for who writes a pipe."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def _told(error: Exception) -> str:
    return os.strerror(error.errno) if isinstance(error, OSError) and error.errno else "it is no path"
