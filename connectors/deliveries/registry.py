"""Every kind of delivery on one page."""

from typing import Final

from connectors.deliveries.kind import Kind

ALL: Final[tuple[Kind, ...]] = ()
KINDS: Final[dict[str, Kind]] = {kind.name: kind for kind in ALL}
