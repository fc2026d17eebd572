"""Finds the processes of a plant by what they noted and by their environment, also when their runner is gone."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import psutil

from compose.local.folder import Folder

# In the environment of everything the runner starts, so that whatever survives it can be found.
MARK = "PLANT_RUN_DIR"


def pid_of(pids: Path, name: str) -> int | None:
    """The process id that a process noted, if that very process still lives."""
    path = pids / name
    try:
        pid, noted = int(path.read_text()), path.stat().st_mtime
        process = psutil.Process(pid)
        same = abs(process.create_time() - noted) < 10 and process.status() != psutil.STATUS_ZOMBIE
        return pid if same else None
    except (OSError, ValueError, psutil.NoSuchProcess):
        return None


def survivors(folder: Folder) -> list[psutil.Process]:
    """Processes of this plant that live although its runner does not."""
    noted = {pid_of(folder.pids, path.name) for path in folder.pids.glob("*") if not path.suffix}
    return [process for process in psutil.process_iter() if process.pid in noted or _is_marked(process, folder)]


def end(processes: list[psutil.Process]) -> None:
    """Ask processes to end, and kill those that do not."""
    for process in processes:
        _signal(process.terminate)
    for process in psutil.wait_procs(processes, timeout=15)[1]:
        _signal(process.kill)
    psutil.wait_procs(processes, timeout=5)


def _signal(send: Callable[[], None]) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        send()


def _is_marked(process: psutil.Process, folder: Folder) -> bool:
    try:
        return process.environ().get(MARK) == str(folder.path)
    except (psutil.NoSuchProcess, psutil.AccessDenied, OSError):
        return False
