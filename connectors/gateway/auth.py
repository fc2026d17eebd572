"""Who asks, and what they may: tokens (RS256 by issuer), the operator's token, the console's session. Default deny."""

import hmac
import re
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import urlsplit

import httpx2
import structlog
from fastapi import Depends
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, RSAKey
from starlette.requests import HTTPConnection

from connectors.gateway.problems import Problem
from connectors.gateway.roles import ROLES
from connectors.transports.addresses import PinnedHere
from schemas.settings import Settings

log = structlog.get_logger()

ALGORITHMS = ["RS256"]
PEM: Final = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----\s*", re.DOTALL)
SESSION_COOKIE = "plant_session"
SESSION_SECONDS = 12 * 3600
JWKS_SECONDS = 60.0
CLIENT_SCOPES = ("erp.read", "erp.write", "mes.read", "hr.read", "inventory.readwrite", "plant.read")
OPERATOR_SCOPES = (*CLIENT_SCOPES, *(scope for scope in ROLES["admin"] if scope not in CLIENT_SCOPES))


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks: a client or a person, for one tenant, with scopes."""

    name: str
    tenant_id: str
    scopes: frozenset[str]
    expires_at: int | None = None
    """Seconds since 1970; None: not by itself."""
    issued_at: int | None = None
    token_ids: tuple[str, ...] = ()
    """Of the token, then of the one that this session began with."""

    @property
    def identity(self) -> str:
        """What nobody else is called: clients of two tenants may have the same name."""
        return f"{self.tenant_id}/{self.name}"


class Tokens:
    """Issues and checks tokens. The algorithm is pinned; issuer, audience and times are checked."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        path = settings.oauth_signing_key
        keys = _keys_in(path) if path else [RSAKey.generate_key(2048)]
        # The first signs; the others are those it took the place of, and their tokens are good until they end.
        self._ours = KeySet([_named(key) for key in keys])
        self._key = cast(RSAKey, self._ours.keys[0])
        self._kids = {key.kid for key in self._ours.keys}
        self._outside = KeySet([])
        self._asked_at = -JWKS_SECONDS

    def issue(
        self, name: str, scopes: tuple[str, ...], seconds: int | None = None, begun_by: "Principal | None" = None
    ) -> str:
        """A signed token; of the plant's own tenant, or of the tenant of whoever begins a session with theirs."""
        now = int(time.time())
        claims = {
            "iss": self._settings.oauth_issuer,
            "aud": self._settings.oauth_audience,
            "sub": name,
            "tenant_id": begun_by.tenant_id if begun_by else self._settings.tenant_id,
            "scope": " ".join(scopes),
            # A session is as old as the token that began it: it is withdrawn with it, also by its name.
            "iat": (begun_by and begun_by.issued_at) or now,
            "nbf": now,
            "exp": now + (seconds or self._settings.oauth_token_seconds),
            "jti": uuid.uuid4().hex,
            "begun_by": begun_by.token_ids if begun_by else (),
        }
        return jwt.encode({"alg": "RS256", "kid": self._key.kid}, claims, self._key)

    def public_keys(self) -> dict[str, Any]:
        """The keys that verify our tokens, as a JWK set."""
        return {"keys": [key.as_dict(private=False) for key in self._ours.keys]}

    def check(self, token: str) -> Principal:
        """The principal of a token. Raises Problem 401."""
        admin = self._settings.admin_token
        if admin and hmac.compare_digest(token.encode(), admin.encode()):
            return Principal("admin", self._settings.tenant_id, frozenset(OPERATOR_SCOPES))
        try:
            claims = jwt.decode(token, self._keys_for(token), algorithms=ALGORITHMS).claims
            jwt.JWTClaimsRegistry(
                leeway=self._settings.oauth_leeway_seconds,
                iss={"essential": True, "value": self._settings.oauth_issuer},
                aud={"essential": True, "value": self._settings.oauth_audience},
                exp={"essential": True},
                sub={"essential": True},
            ).validate(claims)
            return self._principal(claims)
        except (JoseError, ValueError, TypeError) as error:
            raise refused("The token is not valid.") from error

    def _principal(self, claims: Mapping[str, Any]) -> Principal:
        """Raises ValueError, TypeError for a tenant that is no UUID and times that are no numbers."""
        return Principal(
            str(claims["sub"]),
            str(uuid.UUID(str(claims.get("tenant_id") or self._settings.tenant_id))),
            frozenset(str(claims.get("scope", "")).split()),
            int(claims["exp"]),
            # A token that does not say when it was issued is as old as can be.
            int(claims.get("iat") or 0),
            tuple(map(str, (claims["jti"], *claims.get("begun_by", ())))) if "jti" in claims else (),
        )

    def _keys_for(self, token: str) -> KeySet:
        """Our own keys, or the outside issuer's: asked for once a minute, so that withdrawn keys soon count no more.

        While the issuer is away, the keys it had last are good.
        """
        if not self._settings.oauth_jwks_url:
            return self._ours
        if _key_id(token) in self._kids:
            return self._ours
        if time.monotonic() - self._asked_at > JWKS_SECONDS:
            self._asked_at = time.monotonic()
            try:
                with httpx2.Client(transport=PinnedHere(self._settings), timeout=5) as client:
                    told = client.get(self._settings.oauth_jwks_url).raise_for_status().json()
                self._outside = KeySet.import_key_set(told)
            except (httpx2.HTTPError, ValueError) as error:
                log.warning("jwks_not_fetched", reason=str(error))
        return self._outside


def _keys_in(path: Path) -> list[RSAKey]:
    """The private keys of a PEM file, in their order. Raises ValueError where it holds none."""
    found = PEM.findall(path.read_bytes())
    if not found:
        raise ValueError(f"{path} holds no private key in PEM.")
    return [RSAKey.import_key(each) for each in found]


def _named(key: RSAKey) -> RSAKey:
    """The key under its own fingerprint."""
    return RSAKey.import_key(key.as_dict(private=True), {"kid": key.thumbprint(), "use": "sig", "alg": "RS256"})


def _key_id(token: str) -> str | None:
    from joserfc.jws import extract_compact

    return str(extract_compact(token.encode()).headers().get("kid"))


def refused(detail: str) -> Problem:
    """401, as RFC 6750 wants it."""
    return Problem(401, detail, {"WWW-Authenticate": 'Bearer realm="plant"'})


def identify(request: HTTPConnection) -> Principal:
    """Who asks, by bearer token or by the console's session. Raises Problem 401."""
    tokens: Tokens = request.app.state.parts.tokens
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        return tokens.check(token.strip())
    if session := request.cookies.get(SESSION_COOKIE):
        _refuse_other_sites(request)
        return tokens.check(session)
    raise refused("A bearer token is needed; clients get one at /oauth/token.")


def _refuse_other_sites(request: HTTPConnection) -> None:
    """What changes something on behalf of a session must come from our own pages. Raises Problem 403."""
    is_safe = request.scope["type"] == "http" and request.scope["method"] in ("GET", "HEAD", "OPTIONS")
    origin = request.headers.get("origin")
    host = request.headers.get("host", "")
    is_ours = request.headers.get("sec-fetch-site") == "same-origin" or (
        origin is not None and urlsplit(origin).netloc == host
    )
    if not is_safe and not is_ours:
        raise Problem(403, "This came from another site's page.")


def may(scope: str) -> Callable[[HTTPConnection, Principal], Principal]:
    """A dependency: the principal, if it has the scope and was not withdrawn. Raises Problem 401, 403."""

    def check(request: HTTPConnection, principal: Principal = Depends(identify)) -> Principal:
        if scope not in principal.scopes:
            raise Problem(403, f"{principal.name} has no scope {scope}.", needed_scope=scope)
        parts = request.app.state.parts
        parts.revocations.refuse(principal)
        parts.rates.check_tenant(principal.tenant_id, parts.settings.tenant_quota_per_minute)
        return principal

    check.scope = scope  # type: ignore[attr-defined]
    return check
