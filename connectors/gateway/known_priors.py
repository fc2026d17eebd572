"""Priors kept between requests: read again only when one of them has learned something."""

import threading
from typing import Any, Final

from connectors.database import Rows
from connectors.estimates import Priors
from schemas.messages.estimates import Figure, Promised
from sql.reads import projects

Pair = tuple[str, str]
"""A lane and a provider."""
MOST_PROMISES: Final = 10_000


class Promises:
    """What the priors of one moment promise; each promise is computed once."""

    def __init__(self, priors: Priors) -> None:
        self.priors = priors
        self._found: dict[Pair, dict[Figure, Promised]] = {}

    def of(self, pair: Pair) -> dict[Figure, Promised]:
        """Per figure the quantiles, and the documented smoothing beside them."""
        if (found := self._found.get(pair)) is None:
            if len(self._found) >= MOST_PROMISES:
                self._found.clear()
            found = self._found[pair] = self.priors.promised(*pair)
        return found


class KnownPriors:
    """By tenant the latest promises. Versions only grow, so their number and sum say whether anything has changed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[Any, Promises]] = {}

    def load(self, rows: Rows, tenant_id: str) -> Promises:
        """The tenant's promises as they are now."""
        stamp = projects.priors_stamp(rows)
        with self._lock:
            kept = self._kept.get(tenant_id)
        if kept is not None and kept[0] == stamp:
            return kept[1]
        found = Promises(Priors.load(rows))
        with self._lock:
            self._kept[tenant_id] = stamp, found
        return found
