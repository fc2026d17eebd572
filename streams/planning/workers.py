"""Processes that compute plans: one for each kind, started before anybody asks, so that none waits for another.

A process of its own keeps a solver's crash, its memory and its time away from the planner. One whose planner is gone,
however it went, ends by itself.
"""

import gc
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from datetime import datetime
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, Final, NamedTuple

from sql.plans import Job

Compute = Callable[[Job, datetime], Any]
SPAWN: Final = multiprocessing.get_context("spawn")
END_SECONDS: Final = 5.0


class Outcome(NamedTuple):
    """What came of a job: a result, or the exception that ended it; neither: its process died."""

    job: Job
    result: Any = None
    error: BaseException | None = None

    @property
    def is_lost(self) -> bool:
        return self.result is None and self.error is None


class Worker:
    """One process, which computes one plan at a time."""

    def __init__(self, compute: Compute) -> None:
        self._compute = compute
        self._job: Job | None = None
        self._start()

    def _start(self) -> None:
        self._connection, theirs = SPAWN.Pipe()
        self._process: BaseProcess = SPAWN.Process(
            target=_serve, args=(theirs, self._compute), name="plan-worker", daemon=True
        )
        self._process.start()
        theirs.close()

    @property
    def pid(self) -> int | None:
        return self._process.pid

    @property
    def is_idle(self) -> bool:
        return self._job is None

    def submit(self, job: Job, at: datetime) -> None:
        """Have a job computed as of a moment. Only for an idle worker."""
        assert self._job is None
        self._job = job
        try:
            self._connection.send((job, at))
        except OSError:
            return  # it died while it was idle: `outcome` tells, and starts another

    def outcome(self) -> Outcome | None:
        """What came of the job, once something did; a process that died is replaced."""
        if self._job is None:
            return None
        try:
            if not self._connection.poll() and self._process.is_alive():
                return None
            result, error = self._connection.recv() if self._connection.poll() else (None, None)
        except (EOFError, OSError):
            result, error = None, None
        told, self._job = Outcome(self._job, result, error), None
        if told.is_lost:
            self.close()
            self._start()
        return told

    def close(self) -> None:
        """End the process, whatever it is doing."""
        self._process.terminate()
        self._process.join(END_SECONDS)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._connection.close()


def _serve(connection: Connection, compute: Compute) -> None:
    """Compute what is asked for, one after the other, until the planner is gone.

    Plans are millions of small objects without cycles: looking for cycles meanwhile took a fifth of the time.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    while True:
        try:
            job, at = connection.recv()
        except EOFError:
            return
        gc.disable()
        connection.send(_computed(compute, job, at))
        gc.enable()


def _computed(compute: Compute, job: Job, at: datetime) -> tuple[Any, BaseException | None]:
    try:
        return compute(job, at), None
    except Exception as error:  # noqa: BLE001 -- the planner decides what it means
        return None, error


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
