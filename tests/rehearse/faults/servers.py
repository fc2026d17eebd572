"""Servers that are stopped hard and stay away."""

from tests.rehearse.site import Site
from tests.rehearse.timeline import Hurt


def stop(site: Site, hurt: Hurt) -> None:
    """kill -9, away for a while, started again."""
    site.stop_hard(hurt.target)
    try:
        site.pause(hurt.seconds)
    finally:
        site.plant.restart(hurt.target)
