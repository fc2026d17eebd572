"""Waits for processes: until they do their work, or until it is clear that they will not."""

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed

from compose.local.errors import failed
from compose.local.folder import Folder
from compose.local.survivors import pid_of

Probe = Callable[[], bool]
CRASHES_TOLERATED = 3


def wait_for(condition: Callable[[], bool], seconds: float) -> bool:
    """Ask until a condition of another process holds; False when the time is over."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def await_ready(folder: Folder, probes: Mapping[str, Probe], seconds: float, report: Callable[[str], None]) -> None:
    """Return when every process is ready. Raises PlantError for one that is not in time, or dies again and again."""
    over = threading.Event()
    with ThreadPoolExecutor(len(probes)) as pool:
        waiting = {pool.submit(_one, folder, name, probe, seconds, over): name for name, probe in probes.items()}
        try:
            for future in as_completed(waiting):
                future.result()
                report(f"{waiting[future]} is ready")
        finally:
            over.set()


def _one(folder: Folder, name: str, probe: Probe, seconds: float, over: threading.Event) -> None:
    pids: set[int] = set()

    def hopeless() -> bool:
        return len(pids) > CRASHES_TOLERATED

    def settled() -> bool:
        pids.update(filter(None, [pid_of(folder.pids, name)]))
        return hopeless() or over.is_set() or probe()

    in_time = wait_for(settled, seconds)
    if hopeless():
        raise failed(f"{name} ends as soon as it is started", folder.log(name))
    if not in_time:
        raise failed(f"{name} was not ready within {seconds:.0f} seconds", folder.log(name))
