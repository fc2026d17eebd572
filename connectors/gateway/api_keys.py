"""The keys of the HR system's webhook: two at most are in use, so that one can be replaced without a gap.

The setting HR_API_KEY is the first; further ones are made here. Only their hashes are kept. A setting that names
another key than before revokes the one before; a key that was revoked stays so, whatever the setting says.
"""

import hashlib
import hmac
import re
import secrets
import time
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from fastapi import Security
from fastapi.security import APIKeyHeader

from connectors.credentials import AGE
from connectors.database import Rows
from connectors.gateway.auth import Principal
from connectors.gateway.depends import Parts
from connectors.gateway.problems import Problem
from connectors.gateway.state import State
from schemas.settings import Settings
from sql.reads import api_keys

KEYS_IN_USE: Final = 2
SCOPE: Final = "hr.attendance"
FROM_SETTINGS: Final = "settings"
LARGEST_KEY: Final = 512
SECONDS_A_DAY: Final = 86_400
_MADE_HERE: Final = re.compile(r"hr\.([0-9a-f]{32})\.[\w-]{40,}")
_told: Final[dict[str, set[str]]] = {}
_header = APIKeyHeader(name="X-API-Key", auto_error=False, description="the HR system's key")


def hr_system(parts: Parts, key: str | None = Security(_header)) -> Principal:
    """The HR system, by its key. Raises Problem 401.

    The key is compared with all keys in use, each in constant time.
    """
    if not key or len(key) > LARGEST_KEY:
        raise _refused("An X-API-Key is needed.")
    tenant_id, digest = _tenant_of(key, parts.settings), _hash(key)
    with parts.database.tenant(tenant_id) as rows:
        known = _in_use(rows, tenant_id, parts.settings)
        found = [each for each in known if hmac.compare_digest(each["key_hash"], digest)]
        if found:
            api_keys.used(rows, found[0]["key_id"])
    if not found:
        raise _refused("The X-API-Key is not one that is in use.")
    return Principal(f"hr/{found[0]['key_id']}", tenant_id, frozenset({SCOPE}))


hr_system.scope = SCOPE  # type: ignore[attr-defined]


def _refused(detail: str) -> Problem:
    return Problem(401, detail, {"WWW-Authenticate": 'ApiKey realm="plant", header="X-API-Key"'})


def make(parts: State, tenant_id: str, description: str | None, by: str) -> dict[str, Any]:
    """A new key, shown this once. Raises Problem 409 while two are in use."""
    key = f"hr.{uuid.UUID(tenant_id).hex}.{secrets.token_urlsafe(32)}"
    with parts.database.tenant(tenant_id) as rows:
        api_keys.alone(rows)
        known = _in_use(rows, tenant_id, parts.settings)
        if len(known) >= KEYS_IN_USE:
            names = " and ".join(each["key_id"] for each in known)
            raise Problem(409, f"{names} are in use, and no more than two may be: revoke one first.")
        made = api_keys.add(rows, tenant_id, _key_id(key), _hash(key), description, by)
        if made is None:
            raise Problem(409, "The new key has the name of an older one; try again.")
        _tell_ages(tenant_id, api_keys.in_use(rows))
    return shown(made, parts.settings) | {"key": key}


def listed(parts: State, tenant_id: str) -> list[dict[str, Any]]:
    """All keys, those in use first."""
    with parts.database.tenant(tenant_id) as rows:
        _in_use(rows, tenant_id, parts.settings)
        return [shown(each, parts.settings) for each in api_keys.all_keys(rows)]


def revoke(parts: State, tenant_id: str, key_id: str, by: str) -> dict[str, Any]:
    """The key, refused from now on. Raises Problem 404."""
    with parts.database.tenant(tenant_id) as rows:
        found = api_keys.revoke(rows, key_id, by)
        _tell_ages(tenant_id, api_keys.in_use(rows))
    if found is None:
        raise Problem(404, f"No API key {key_id} is known.")
    return shown(found, parts.settings)


def shown(row: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """A key as it is shown: with its age, without its hash."""
    age = (datetime.now(UTC) - row["created_at"]).total_seconds() / SECONDS_A_DAY
    is_due = row["revoked_at"] is None and age > settings.credential_max_age_days
    kept = {name: value for name, value in row.items() if name != "key_hash"}
    return kept | {"age_days": round(age, 3), "is_due": is_due}


def _in_use(rows: Rows, tenant_id: str, settings: Settings) -> list[dict[str, Any]]:
    """The keys in use; the setting's key is among them as soon as somebody looks."""
    known = api_keys.in_use(rows)
    own = settings.hr_api_key if tenant_id == settings.tenant_id else None
    if own and _key_id(own) not in {each["key_id"] for each in known}:
        known = _with_own(rows, tenant_id, own, known)
    _tell_ages(tenant_id, known)
    return known


def _with_own(rows: Rows, tenant_id: str, own: str, known: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The keys in use with the setting's, unless that was revoked before or two others are in use."""
    api_keys.alone(rows)
    others = [each for each in known if each["created_by"] != FROM_SETTINGS]
    if len(others) < KEYS_IN_USE and api_keys.add(
        rows, tenant_id, _key_id(own), _hash(own), "the setting HR_API_KEY", FROM_SETTINGS
    ):
        for each in known:
            if each["created_by"] == FROM_SETTINGS:
                api_keys.revoke(rows, each["key_id"], FROM_SETTINGS)
    return api_keys.in_use(rows)


def _tenant_of(key: str, settings: Settings) -> str:
    """The tenant that a key made here names; any other key is of the plant's own tenant."""
    found = _MADE_HERE.fullmatch(key)
    return str(uuid.UUID(found[1])) if found else settings.tenant_id


def _key_id(key: str) -> str:
    """A name that follows from the key and does not betray it."""
    return f"KEY-{hashlib.sha256(b'name of ' + key.encode()).hexdigest()[:12].upper()}"


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _tell_ages(tenant_id: str, known: Iterable[dict[str, Any]]) -> None:
    """Tell Prometheus how old the keys in use are, and nothing more of those that are not."""
    made_at = {f"hr_api_key/{each['key_id']}": each["created_at"].timestamp() for each in known}
    for name in _told.get(tenant_id, set()) - made_at.keys():
        AGE.remove(name)
    _told[tenant_id] = set(made_at)
    for name, moment in made_at.items():
        AGE.labels(name).set_function(partial(_days_since, moment))


def _days_since(moment: float) -> float:
    return (time.time() - moment) / SECONDS_A_DAY
