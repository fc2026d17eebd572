"""A process of ours that is kept running, as the runner would keep it."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import httpx2

from tests.plants import SLACK, eventually

PATIENCE_SECONDS: Final = 20.0
START_SECONDS: Final = 120.0
"""How long a process may take to be ready on a machine that has much else to do."""


class Kept:
    """`python -m <command>`, started again whenever it ends, until told to stop."""

    def __init__(self, log_path: Path, command: Sequence[str], env: dict[str, str]) -> None:
        self.env = os.environ | {"METRICS_PORT": "0"} | env
        self.command, self.log_path, self.starts = command, log_path, 0
        log_path.parent.mkdir(parents=True, exist_ok=True)
        self._is_wanted = True
        self._started = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._keeper = threading.Thread(target=self._keep, daemon=True)
        self._keeper.start()
        self._started.wait()

    def _keep(self) -> None:
        while self._is_wanted:
            with self.log_path.open("ab") as log:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", *self.command], env=self.env, stdout=log, stderr=subprocess.STDOUT
                )
            self.starts += 1
            self._started.set()
            self._process.wait()

    def await_ready(self, gauge: str) -> None:
        """Return when its gauge says that it is ready; it must have been given a METRICS_PORT."""
        url = f"http://127.0.0.1:{self.env['METRICS_PORT']}/metrics"

        def is_ready() -> bool:
            try:
                return f"{gauge} 1.0" in httpx2.get(url).text.splitlines()
            except httpx2.TransportError:
                return False

        eventually(is_ready, START_SECONDS, f"{' '.join(self.command)} is not ready: {self.log_path}")

    def signal(self, signum: signal.Signals) -> None:
        """Send it a signal."""
        assert self._process is not None
        self._process.send_signal(signum)

    def kill(self) -> None:
        """kill -9; it is started again."""
        self.signal(signal.SIGKILL)

    def stop(self) -> int:
        """End it for good, as the runner would; its exit code, which is that of a kill -9 where it had to be one."""
        self._is_wanted = False
        asked = None
        give_up_at = time.monotonic() + PATIENCE_SECONDS * SLACK.times
        while self._keeper.is_alive():
            if self._process is not asked:
                self.signal(signal.SIGCONT)
                self.signal(signal.SIGTERM)
                asked = self._process
            elif time.monotonic() > give_up_at:
                self.kill()
            self._keeper.join(0.2)
        assert self._process is not None
        return self._process.wait()

    @property
    def log(self) -> str:
        """What it has said."""
        return self.log_path.read_text(errors="replace")
