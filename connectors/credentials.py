"""Secrets for calls to other systems: sealed in the database, in files, or in the environment; read at every use.

At rest they are sealed with AES-256-GCM. The keys lie in `credentials_key_file`, never in the database; each line is
`<key id> <32 bytes in base64>`, and the first seals what is stored from now on.
"""

import base64
import binascii
import os
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from prometheus_client import Gauge

from schemas.settings import Settings
from sql.credentials import Sealed, keep, kept, names, revoke
from sql.database import Rows

AGE = Gauge("credential_age_days", "days since a credential was set", ["credential"])
KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
# What may be stored instead of being a setting; the names are those of the settings.
NAMES: Final = (
    "integration_client_secret",
    "mes_password",
    "sftp_url",
    "smtp_url",
    "alert_slack_url",
    "alert_webhook_url",
)


class Unsealable(Exception):
    """A stored credential cannot be read: its key is not in the key file, or it was changed."""


class Keys:
    """The keys of a key file. Raises Unsealable where the file cannot be used."""

    def __init__(self, path: Path) -> None:
        self._keys = dict(map(_key, filter(None, map(str.strip, _text(path).splitlines()))))
        if not self._keys:
            raise Unsealable(f"{path} holds no key.")

    @property
    def current(self) -> str:
        """The id of the key that seals."""
        return next(iter(self._keys))

    def seal(self, tenant_id: str, name: str, value: str) -> Sealed:
        """A value as it is stored; bound to its tenant and name, so that nobody can exchange two of them."""
        nonce = os.urandom(NONCE_BYTES)
        box = AESGCM(self._keys[self.current]).encrypt(nonce, value.encode(), _bound(tenant_id, name))
        return Sealed(name, self.current, nonce, box)

    def open(self, tenant_id: str, sealed: Sealed) -> str:
        """The value. Raises Unsealable."""
        key = self._keys.get(sealed.key_id)
        if key is None:
            raise Unsealable(f"{sealed.name} is sealed with key {sealed.key_id}, which is not in the key file.")
        try:
            return AESGCM(key).decrypt(sealed.nonce, sealed.box, _bound(tenant_id, sealed.name)).decode()
        except InvalidTag as error:
            raise Unsealable(f"{sealed.name} does not open with key {sealed.key_id}: it was changed.") from error


def new_key_line() -> str:
    """A new line for a key file, with a random key; put it first, then seal again."""
    key = base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()
    return f"k{datetime.now(UTC):%Y%m%d}-{secrets.token_hex(4)} {key}"


def secret(settings: Settings, rows: Rows | None, name: str) -> str | None:
    """A secret: stored, else the file of its name, else the setting; None where there is none. Raises Unsealable."""
    if rows is not None and settings.credentials_key_file is not None:
        stored = kept(rows, name)
        if stored is not None:
            return Keys(settings.credentials_key_file).open(settings.tenant_id, stored)
    if settings.credentials_dir is not None and (path := settings.credentials_dir / name).is_file():
        return path.read_text().strip() or None
    value: str | None = getattr(settings, name)
    return value


def is_set(rows: Rows | None, name: str, settings: Settings) -> bool:
    """Whether there is such a secret. One that cannot be opened is one: whoever uses it will say so."""
    try:
        return bool(secret(settings, rows, name))
    except Unsealable:
        return True


def store(settings: Settings, rows: Rows, name: str, value: str) -> None:
    """Seal a secret and keep it; from the next use on it is the one. Raises Unsealable, ValueError."""
    if name not in NAMES:
        raise ValueError(f"{name} is no credential; there are {', '.join(NAMES)}.")
    keep(rows, settings.tenant_id, _keys(settings).seal(settings.tenant_id, name, value))


def forget(rows: Rows, name: str) -> bool:
    """Take a stored secret out; whether there was one."""
    return revoke(rows, name)


def seal_again(settings: Settings, rows: Rows) -> int:
    """Seal with the current key what older keys sealed, without making it look younger; how many. Raises Unsealable."""
    keys, changed = _keys(settings), 0
    for name in names(rows):
        sealed = kept(rows, name)
        if sealed is not None and sealed.key_id != keys.current:
            value = keys.open(settings.tenant_id, sealed)
            keep(rows, settings.tenant_id, keys.seal(settings.tenant_id, name, value), is_new=False)
            changed += 1
    return changed


def ages(settings: Settings, rows: Rows, now: datetime) -> Mapping[str, float]:
    """Days since each stored or filed credential was set; of the environment's nobody knows."""
    found: dict[str, float] = {}
    for name in NAMES:
        path = settings.credentials_dir / name if settings.credentials_dir else None
        if path is not None and path.is_file():
            found[name] = (now.timestamp() - path.stat().st_mtime) / 86_400
    return found | {name: (now - set_at).total_seconds() / 86_400 for name, set_at in names(rows).items()}


def _keys(settings: Settings) -> Keys:
    if settings.credentials_key_file is None:
        raise Unsealable("CREDENTIALS_KEY_FILE is not set: nothing can be sealed.")
    return Keys(settings.credentials_key_file)


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError as error:
        raise Unsealable(f"{path} cannot be read: {error.strerror}.") from error


def _key(line: str) -> tuple[str, bytes]:
    name, _, coded = line.partition(" ")
    try:
        key = base64.b64decode(coded, validate=True)
    except binascii.Error as error:
        raise Unsealable(f"Key {name} is not base64.") from error
    if len(key) != KEY_BYTES:
        raise Unsealable(f"Key {name} has {len(key)} bytes, not {KEY_BYTES}.")
    return name, key


def _bound(tenant_id: str, name: str) -> bytes:
    return f"{tenant_id}/{name}".encode()
