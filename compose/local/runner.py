"""Drives supervisord: it starts our processes, restarts what dies, keeps their logs."""

import configparser
import contextlib
import io
import os
import resource
import shlex
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, cast

import psutil
from supervisor.xmlrpc import SupervisorTransport

from compose.local.errors import PlantError, failed
from compose.local.folder import ROOT, Folder, write_private
from compose.local.processes import Process

RUNNING = 20
STOPPED_STATES = {0, 100, 200, 1000}
FILES_WANTED = 16_384
NOT_RUNNING = "NOT_RUNNING"
# In the environment of everything the runner starts, so that whatever survives it can be found.
MARK = "PLANT_RUN_DIR"


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
        wait_for(lambda: all(self.info(name)["state"] in STOPPED_STATES for name in waiting), 60)

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
        gone, alive = psutil.wait_procs([daemon], timeout=60)
        for process in alive:
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


def wait_for(condition: Callable[[], bool], seconds: float) -> bool:
    """Ask until a condition of another process holds; False when the time is over."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def write_script(folder: Folder, process: Process) -> None:
    """The program the runner starts: it notes its process id, takes its settings, becomes the command."""
    pid = shlex.quote(str(folder.pids / process.name))
    lines = ["#!/bin/sh", "set -e", f"echo $$ > {pid}.new", f"mv {pid}.new {pid}", "set -a"]
    lines += [f". {shlex.quote(str(path))}" for path in process.env_files]
    lines += [f"{name}={shlex.quote(value)}" for name, value in sorted(process.environment.items())]
    lines += ["set +a", *(f"unset {name}" for name in process.hidden), f"exec {shlex.join(process.command)}"]
    write_private(folder.programs / f"{process.name}.sh", "\n".join(lines) + "\n")


def configuration(folder: Folder, processes: Iterable[Process]) -> str:
    """supervisord.conf. startsecs=0: whatever dies is started again at once, however often."""
    config = configparser.RawConfigParser()
    config.read_dict({"unix_http_server": {"file": folder.socket(), "chmod": "0700"}, "supervisord": _daemon(folder)})
    factory = "supervisor.rpcinterface:make_main_rpcinterface"
    config.read_dict({"rpcinterface:supervisor": {"supervisor.rpcinterface_factory": factory}})
    for priority, process in enumerate(processes, 1):
        config.read_dict({f"program:{process.name}": _program(folder, process, priority)})
    text = io.StringIO()
    config.write(text)
    return text.getvalue().replace("%", "%%")


def _daemon(folder: Folder) -> dict[str, object]:
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return {
        "logfile": folder.log("supervisord"),
        "pidfile": folder.path / "supervisord.pid",
        "directory": ROOT,
        "minfds": FILES_WANTED if most == resource.RLIM_INFINITY else min(most, FILES_WANTED),
        **({"user": "root"} if os.getuid() == 0 else {}),
    }


def _program(folder: Folder, process: Process, priority: int) -> dict[str, object]:
    return {
        "command": f"/bin/sh {shlex.quote(str(folder.programs / f'{process.name}.sh'))}",
        "directory": ROOT,
        "priority": priority,
        "autostart": "false",
        "autorestart": "true",
        "startsecs": 0,
        "stopsignal": process.stop_signal,
        "stopwaitsecs": process.stop_seconds,
        "killasgroup": "true",
        "redirect_stderr": "true",
        "stdout_logfile": folder.log(process.name),
        "stdout_logfile_maxbytes": "20MB",
        "stdout_logfile_backups": 2,
    }


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
