"""Tokens that are refused before they end: in this process at once, in every other within `KNOWN_SECONDS`."""

import time
from collections.abc import Mapping
from datetime import datetime
from typing import Final, NamedTuple

import structlog
from psycopg import OperationalError
from psycopg_pool import PoolTimeout

from connectors.database import Database
from connectors.gateway.auth import Principal, refused
from sql.reads import revocations
from sql.reads.revocations import Kind

log = structlog.get_logger()

KNOWN_SECONDS: Final = 15.0


class _Known(NamedTuple):
    revoked: Mapping[tuple[Kind, str], datetime]
    asked_at: float


class Revocations:
    """What was revoked, a tenant at a time. While Postgres is away nobody can revoke anything: what is known counts."""

    def __init__(self, database: Database, leeway_seconds: float) -> None:
        self._database, self._leeway_seconds = database, leeway_seconds
        self._known: dict[str, _Known] = {}

    def refuse(self, principal: Principal) -> None:
        """Raises Problem 401 for a token that has ended or was revoked. Raises what psycopg raises at first.

        Who has no token (ADMIN_TOKEN, keys, signatures) ends with what names them: a setting, a key that is revoked.
        """
        if principal.expires_at is not None and time.time() > principal.expires_at + self._leeway_seconds:
            raise refused("The token is not valid any more.")
        if principal.issued_at is None:
            return
        revoked = self._revoked(principal.tenant_id)
        if any(("token", token_id) in revoked for token_id in principal.token_ids):
            raise refused("The token was revoked.")
        since = revoked.get(("name", principal.name))
        if since is not None and principal.issued_at <= since.timestamp():
            raise refused(f"The tokens of {principal.name} were revoked.")

    def revoke(self, tenant_id: str, kind: Kind, value: str, by: str) -> datetime:
        """Refuse a token by its id, or all that somebody has by now; since when that counts."""
        with self._database.tenant(tenant_id) as rows:
            moment = revocations.add(rows, tenant_id, kind, value, by)
        if (known := self._known.get(tenant_id)) is not None:
            self._known[tenant_id] = known._replace(asked_at=-KNOWN_SECONDS)
        return moment

    def is_fresh(self, tenant_id: str) -> bool:
        """Whether Postgres need not be asked now: `refuse` will not wait."""
        known = self._known.get(tenant_id)
        return known is not None and time.monotonic() - known.asked_at < KNOWN_SECONDS

    def _revoked(self, tenant_id: str) -> Mapping[tuple[Kind, str], datetime]:
        known = self._known.get(tenant_id)
        if known is not None and self.is_fresh(tenant_id):
            return known.revoked
        try:
            with self._database.tenant(tenant_id) as rows:
                known = _Known(revocations.known(rows), time.monotonic())
        except (OperationalError, PoolTimeout) as error:
            if known is None:
                raise
            log.warning("revocations_not_read", reason=str(error).strip())
            known = _Known(known.revoked, time.monotonic())
        self._known[tenant_id] = known
        return known.revoked
