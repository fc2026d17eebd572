"""A disk without room for the spool, while the spool is needed."""

import resource
from contextlib import suppress
from typing import Final

from tests.rehearse.site import Site
from tests.rehearse.timeline import Hurt

ROOM_BYTES: Final = 128 * 1024


def fill(site: Site, hurt: Hurt) -> None:
    """No file of the process may grow beyond a little, as on a full disk, while Kafka does not answer it."""
    way = f"{hurt.target}>kafka"
    site.plant.links.swallow(way)
    try:
        site.repeat(hurt.seconds, lambda: _limit(site, hurt.target, ROOM_BYTES))
    finally:
        _limit(site, hurt.target, resource.RLIM_INFINITY)
        site.plant.links.heal(way)


def _limit(site: Site, name: str, size_bytes: int) -> None:
    """Also of the process that was started in its place, where it ended."""
    pid = site.plant.pid(name)
    if pid is not None:
        with suppress(ProcessLookupError):
            most = resource.prlimit(pid, resource.RLIMIT_FSIZE)[1]
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (size_bytes, most))
