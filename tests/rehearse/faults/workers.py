"""Workers that come and go."""

from typing import Final

from tests.rehearse.site import Site
from tests.rehearse.timeline import Hurt

EVERY_SECONDS: Final = 10.0


def come_and_go(site: Site, hurt: Hurt) -> None:
    """A worker leaves its group, and joins it again half of the time later."""

    def turn() -> None:
        if site.plant.pid(hurt.target) is None:
            site.plant.restart(hurt.target)
        else:
            site.plant.stop([hurt.target])

    try:
        site.repeat(hurt.seconds, turn, EVERY_SECONDS)
    finally:
        if site.plant.pid(hurt.target) is None:
            site.plant.restart(hurt.target)
