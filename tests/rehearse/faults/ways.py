"""Links that are cut, slow, or swallow what is sent."""

from collections.abc import Callable

from tests.rehearse.site import Site
from tests.rehearse.timeline import Hurt


def cut(site: Site, hurt: Hurt) -> None:
    """Every connection is reset, and each new one."""
    _hurt(site, hurt, site.plant.links.cut)


def slow(site: Site, hurt: Hurt) -> None:
    """Everything arrives late."""
    _hurt(site, hurt, site.plant.links.slow)


def swallow(site: Site, hurt: Hurt) -> None:
    """Nothing arrives, and nobody is told."""
    _hurt(site, hurt, site.plant.links.swallow)


def _hurt(site: Site, hurt: Hurt, how: Callable[[str], None]) -> None:
    how(hurt.target)
    try:
        site.pause(hurt.seconds)
    finally:
        site.plant.links.heal(hurt.target)
