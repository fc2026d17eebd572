"""Systems around the plant that do what they are asked, and whose answers get lost."""

from tests.rehearse.site import Site
from tests.rehearse.timeline import Hurt


def lose_answers(site: Site, hurt: Hurt) -> None:
    """The connection breaks when the system has acted, and before it has said so."""
    site.plant.systems.fault(hurt.target, "drop_after")
    try:
        site.pause(hurt.seconds)
    finally:
        site.plant.systems.heal()
