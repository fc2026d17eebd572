"""What supervisord is given: its configuration, and one small script per process."""

import configparser
import io
import os
import resource
import shlex
from collections.abc import Iterable

from compose.local.folder import ROOT, Folder, write_private
from compose.local.processes import Process

FILES_WANTED = 16_384


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
