"""Drives supervisord: it starts our processes, restarts what dies, keeps their logs."""

import os
import subprocess
import sys
import xmlrpc.client  # it speaks to our own supervisor over a socket of ours  # nosec B411
from collections.abc import Iterable
from typing import Any, cast

import psutil
from supervisor.xmlrpc import SupervisorTransport

from compose.local.errors import PlantError, failed
from compose.local.folder import ROOT, Folder, write_private
from compose.local.processes import Process
from compose.local.programs import configuration, write_script
from compose.local.survivors import MARK
from compose.local.waiting import wait_for

RUNNING = 20
STOPPED_STATES = {0, 100, 200, 1000}
NOT_RUNNING = "NOT_RUNNING"


class Runner:
    """The supervisord of one run directory."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._config = folder.path / "supervisord.conf"

    def daemon(self) -> psutil.Process | None:
        """supervisord's process, if it lives."""
        path = self._folder.path / "supervisord.pid"
        try:
            found = psutil.Process(int(path.read_text()))
            return found if str(self._config) in found.cmdline() else None
        except (OSError, ValueError, psutil.NoSuchProcess, psutil.AccessDenied):
            return None

    def launch(self) -> None:
        """Start supervisord with no process yet; each is started by name."""
        log = self._folder.log("supervisord")
        self._folder.socket().unlink(missing_ok=True)
        command = [sys.executable, "-m", "supervisor.supervisord", "-c", str(self._config)]
        environment = {**os.environ, MARK: str(self._folder.path), "PYTHONUNBUFFERED": "1"}
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise PlantError(f"The process runner did not start: {(done.stderr or done.stdout).strip()}")
        if not wait_for(self._answers, 15):
            raise failed("The process runner does not answer", log)

    def configure(self, processes: Iterable[Process]) -> None:
        """Make exactly these processes known, without starting them."""
        wanted = list(processes)
        for process in wanted:
            write_script(self._folder, process)
        write_private(self._config, configuration(self._folder, wanted))
        if self.daemon() is None:
            self.launch()
        else:
            self._reload()

    def start(self, name: str) -> None:
        """Start a process, if it does not run already."""
        try:
            self._call("startProcess", name, False)
        except xmlrpc.client.Fault as fault:
            if "ALREADY_STARTED" not in fault.faultString:
                raise PlantError(f"The runner could not start {name}: {fault.faultString}") from fault

    def stop(self, names: Iterable[str]) -> None:
        """Ask processes to stop, all at once, and wait until they have."""
        waiting = [name for name in names if self._ask_to_stop(name)]
        if not wait_for(lambda: all(self.info(name)["state"] in STOPPED_STATES for name in waiting), 60):
            raise PlantError(f"Of {', '.join(waiting)} not all have stopped; `make status` shows which.")

    def restart(self, name: str) -> None:
        """Stop a process and start it again."""
        self.stop([name])
        self.start(name)

    def info(self, name: str) -> dict[str, Any]:
        """What the runner knows about a process: state, pid, start, exitstatus."""
        return cast("dict[str, Any]", self._call("getProcessInfo", name))

    def all_info(self) -> list[dict[str, Any]]:
        """What the runner knows about every process."""
        return cast("list[dict[str, Any]]", self._call("getAllProcessInfo"))

    def shutdown(self) -> None:
        """End supervisord and whatever still runs under it."""
        daemon = self.daemon()
        if daemon is None:
            return
        try:
            self._call("shutdown")
        except (OSError, xmlrpc.client.Error):
            daemon.terminate()
        for process in psutil.wait_procs([daemon], timeout=60)[1]:
            process.kill()

    def _ask_to_stop(self, name: str) -> bool:
        try:
            self._call("stopProcess", name, False)
        except xmlrpc.client.Fault as fault:
            if NOT_RUNNING in fault.faultString or "BAD_NAME" in fault.faultString:
                return False
            raise PlantError(f"The runner could not stop {name}: {fault.faultString}") from fault
        return True

    def _reload(self) -> None:
        """Read the configuration again: new processes become known, those that are gone are stopped."""
        [[added, changed, removed]] = cast("list[list[list[str]]]", self._call("reloadConfig"))
        self.stop([*changed, *removed])
        for name in [*changed, *removed]:
            self._call("removeProcessGroup", name)
        for name in [*added, *changed]:
            self._call("addProcessGroup", name)

    def _answers(self) -> bool:
        try:
            return self._call("getState") is not None
        except (OSError, xmlrpc.client.Error):
            return False

    def _call(self, method: str, *arguments: object) -> object:
        """One XML-RPC call; a connection of its own, so that threads may call at the same time."""
        transport = SupervisorTransport(None, None, f"unix://{self._folder.socket()}")
        try:
            with xmlrpc.client.ServerProxy("http://127.0.0.1", transport) as server:
                return cast("object", getattr(server.supervisor, method)(*arguments))
        finally:
            transport.close()
