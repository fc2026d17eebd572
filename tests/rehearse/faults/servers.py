"""Servers that are stopped hard and stay away."""

from tests.plants import stop_hard
from tests.rehearse.site import Site
from tests.rehearse.timeline import Hurt


def stop(site: Site, hurt: Hurt) -> None:
    """kill -9, away for a while, started again."""
    stop_hard(site.plant, hurt.target)
    try:
        site.pause(hurt.seconds)
    finally:
        site.plant.restart(hurt.target)
