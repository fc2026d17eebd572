"""Sign-in of people at an OpenID Connect provider: authorization code with PKCE, state and nonce; roles give scopes."""

import hashlib
import hmac
import secrets
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from connectors.gateway.oidc_provider import NotSignedIn, Provider
from connectors.gateway.roles import ROLES, scopes_of
from schemas.settings import Settings

CALLBACK: Final = "/login/oidc/callback"
FLOW_COOKIE: Final = "plant_sign_in"
FLOW_SECONDS: Final = 600
NAME_CLAIMS: Final = ("preferred_username", "email", "name", "sub")
LONGEST_NAME: Final = 128
LOCAL_ADMIN: Final = "admin"


@dataclass(frozen=True, slots=True)
class Person:
    """Who signed in, and what they may."""

    name: str
    scopes: tuple[str, ...]


class Oidc:
    """What is remembered between leaving and coming back lies in a signed cookie, so that any gateway can go on."""

    def __init__(self, settings: Settings, issuer_url: str) -> None:
        self._settings = settings
        self._provider = Provider(settings, issuer_url, settings.gateway_url.rstrip("/") + CALLBACK)
        self._roles = role_map(settings.oidc_role_map)
        path = settings.oauth_signing_key
        seed = path.read_bytes() if path else secrets.token_bytes(32)
        self._key = OctKey.import_key(hashlib.sha256(b"sign-in\n" + seed).digest())

    @classmethod
    def of(cls, settings: Settings) -> "Oidc | None":
        """As the settings say; None where no provider is named. Raises ValueError for settings that cannot work."""
        return cls(settings, settings.oidc_issuer_url) if settings.oidc_issuer_url else None

    @property
    def name(self) -> str:
        """The provider's host."""
        return self._provider.name

    def begin(self) -> tuple[str, str]:
        """Where to send somebody, and what their browser must bring back. Raises NotSignedIn."""
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        flow = {"state": state, "nonce": nonce, "verifier": verifier, "exp": int(time.time()) + FLOW_SECONDS}
        return self._provider.authorization_url(state, nonce, verifier), jwt.encode({"alg": "HS256"}, flow, self._key)

    def finish(self, cookie: str | None, told: Mapping[str, str]) -> Person:
        """Who came back. Raises NotSignedIn with the reason."""
        flow = self._flow(cookie)
        if not hmac.compare_digest(told.get("state", "").encode(), str(flow["state"]).encode()):
            raise NotSignedIn(400, "This answer belongs to another sign-in. Begin again.")
        if told.get("iss", self._provider.issuer).rstrip("/") != self._provider.issuer:
            raise NotSignedIn(400, f"This answer is not from {self.name}. Begin again.")
        if "error" in told:
            reason = (told.get("error_description") or told["error"])[:200]
            raise NotSignedIn(401, f"{self.name} did not sign you in: {reason}")
        if not told.get("code"):
            raise NotSignedIn(400, f"{self.name} sent no code. Begin again.")
        return self._person(self._provider.id_token(told["code"], str(flow["nonce"]), str(flow["verifier"])))

    def _flow(self, cookie: str | None) -> Mapping[str, Any]:
        try:
            flow = jwt.decode(cookie or "", self._key, algorithms=["HS256"]).claims
            jwt.JWTClaimsRegistry(exp={"essential": True}).validate(flow)
        except (JoseError, ValueError) as error:
            minutes = FLOW_SECONDS // 60
            reason = f"This sign-in was not begun in this browser, or longer than {minutes} minutes ago. Begin again."
            raise NotSignedIn(400, reason) from error
        return flow

    def _person(self, claims: Mapping[str, Any]) -> Person:
        name = self._name(claims)
        theirs = list(roles_in(claims, self._settings.oidc_roles_claim))
        scopes = scopes_of(self._roles[role] for role in theirs if role in self._roles)
        if not scopes:
            has = f"your roles there are {', '.join(theirs)[:300]}" if theirs else "you have no role there"
            known = ", ".join(self._roles)
            raise NotSignedIn(
                403, f"{self.name} knows you as {name}, but {has}. Somebody must give you one of these: {known}."
            )
        return Person(name, scopes)

    def _name(self, claims: Mapping[str, Any]) -> str:
        """The name that stands behind what they do; nobody is called like the local admin."""
        told = next(text for claim in NAME_CLAIMS if (text := str(claims.get(claim) or "").strip()))
        plain = "".join(character for character in told if character.isprintable())[:LONGEST_NAME]
        return f"{plain}@{self.name}"[:LONGEST_NAME] if plain.lower() == LOCAL_ADMIN else plain


def role_map(told: str) -> dict[str, str]:
    """Their roles and ours, from `theirs=ours, ...`. Raises ValueError for a role that we do not have."""
    if not told.strip():
        return {role: role for role in ROLES}
    pairs = [pair.rpartition("=") for pair in told.split(",") if pair.strip()]
    found = {theirs.strip(): ours.strip() for theirs, _, ours in pairs}
    if unknown := [f"{theirs}={ours}" for theirs, ours in found.items() if ours not in ROLES or not theirs]:
        raise ValueError(f"OIDC_ROLE_MAP names roles that are none of {', '.join(ROLES)}: {', '.join(unknown)}.")
    return found


def roles_in(claims: Mapping[str, Any], path: str) -> Iterable[str]:
    """The roles under a claim: a list, or a text with spaces or commas. Dots lead into objects (`a.b`)."""
    value: Any = claims.get(path)
    if value is None:
        value = claims
        for name in path.split("."):
            value = value.get(name) if isinstance(value, Mapping) else None
    if isinstance(value, str):
        return value.replace(",", " ").split()
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []
