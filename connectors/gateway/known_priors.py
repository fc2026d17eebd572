"""Priors kept between requests: read again only when one of them has learned something."""

import threading
from collections import defaultdict
from collections.abc import Collection
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
        self._kept: dict[str, tuple[Any, Promises]] = {}
        self._reading: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def of(self, rows: Rows, tenant_id: str, shown: Collection[Pair] = ()) -> Priors:
        """The tenant's priors as they are now, with the plans of operations that are to be shown."""
        return self.load(rows, tenant_id).priors.with_plans(rows, shown)

    def load(self, rows: Rows, tenant_id: str) -> Promises:
        """The tenant's promises as they are now. Who asks while another reads them waits for what that one finds."""
        stamp = projects.priors_stamp(rows)
        with self._reading[tenant_id]:
            kept = self._kept.get(tenant_id)
            if kept is None or kept[0] != stamp:
                kept = self._kept[tenant_id] = stamp, Promises(Priors.load(rows))
        return kept[1]
