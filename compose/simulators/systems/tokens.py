"""The server that gives out tokens: client credentials, scopes, a life that ends (002 section 9.1)."""

import base64
import binascii
import secrets
import time
from typing import Any
from urllib.parse import parse_qs

from compose.simulators.systems.asked import Asked, Refusal

SCOPES = "erp.read erp.write mes.read hr.read inventory.readwrite pas.write"
LIFE_SECONDS = 3600


class Tokens:
    """Who may ask, what was given, and until when it counts. `data` can be set from outside."""

    name = "oauth"

    def __init__(self, client_id: str, client_secret: str) -> None:
        self.data: dict[str, Any] = {
            "clients": {client_id: [client_secret]},
            "scopes": SCOPES,
            "token-seconds": LIFE_SECONDS,
        }
        self._given: dict[str, tuple[float, frozenset[str]]] = {}

    def revoke(self) -> None:
        """No token that was given counts any more."""
        self._given.clear()

    def replaced(self, name: str) -> None:
        """Nothing follows from the data."""

    def answer(self, asked: Asked, authorization: str) -> dict[str, Any]:
        """A token for a client's id and secret. Raises Refusal."""
        form = {name: values[0] for name, values in parse_qs(asked.body.decode("utf-8", "replace")).items()}
        if form.get("grant_type") != "client_credentials":
            raise Refusal(400, "Only the grant client_credentials is given here.")
        client, secret = user_of(authorization) or (form.get("client_id", ""), form.get("client_secret", ""))
        if secret not in self.data["clients"].get(client, ()):
            raise Refusal(401, f"The client {client or 'without a name'} or its secret is not known.")
        granted = self._scopes(form.get("scope"))
        token, life = secrets.token_urlsafe(32), float(self.data["token-seconds"])
        self._given[token] = (time.monotonic() + life, frozenset(granted))
        return {"access_token": token, "token_type": "Bearer", "expires_in": int(life), "scope": " ".join(granted)}

    def check(self, authorization: str, scope: str) -> None:
        """Whether a bearer token counts and may do this. Raises Refusal (401, 403)."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Refusal(401, "A bearer token is needed.", WWW_Authenticate="Bearer")
        until, scopes = self._given.get(token, (0.0, frozenset[str]()))
        if not until:
            raise Refusal(401, "This token was not given here.", WWW_Authenticate='Bearer error="invalid_token"')
        if time.monotonic() >= until:
            raise Refusal(401, "This token has expired.", WWW_Authenticate='Bearer error="invalid_token"')
        if scope not in scopes:
            raise Refusal(403, f"The token lacks the scope {scope}.")

    def _scopes(self, wanted: str | None) -> list[str]:
        allowed = str(self.data["scopes"]).split()
        return [scope for scope in wanted.split() if scope in allowed] if wanted else allowed


def user_of(authorization: str) -> tuple[str, str] | None:
    """User and password of an HTTP Basic header; None if it is none."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return user, password
