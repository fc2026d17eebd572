"""Processes that are killed, killed again while they recover, or put to sleep until others took over."""

import signal
from contextlib import suppress
from os import kill as send

from tests.rehearse.site import Site
from tests.rehearse.timeline import KILLS_AGAIN, Hurt


def kill(site: Site, hurt: Hurt) -> None:
    """kill -9 of one, or of several at once (`agents+projector`); the runner starts them again."""
    for name in hurt.target.split("+"):
        site.signal(name, signal.SIGKILL)


def kill_again(site: Site, hurt: Hurt) -> None:
    """kill -9, and its successors, too, while they recover."""
    killed = site.signal(hurt.target, signal.SIGKILL)
    for _ in range(KILLS_AGAIN):
        site.plant.successor(hurt.target, killed)
        site.pause(hurt.seconds)
        killed = site.signal(hurt.target, signal.SIGKILL)


def sleep(site: Site, hurt: Hurt) -> None:
    """Stop a process where it stands, and let it go on later, as a zombie if others took over."""
    pid = site.signal(hurt.target, signal.SIGSTOP)
    try:
        site.pause(hurt.seconds)
    finally:
        if pid is not None:
            with suppress(ProcessLookupError):
                send(pid, signal.SIGCONT)
