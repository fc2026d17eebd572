"""An OpenID Connect provider: what it says of itself, its keys, and the ID token it gives for a code."""

import threading
import time
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import httpx2
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import OAuth2Client
from authlib.oidc.core import IDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from connectors.transports.addresses import PinnedHere
from schemas.settings import Settings

DISCOVERY: Final = "/.well-known/openid-configuration"
DISCOVERY_SECONDS: Final = 3600.0
KEYS_SECONDS: Final = 60.0
TIMEOUT_SECONDS: Final = 8.0
ALGORITHMS: Final = ["RS256"]
LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


class NotSignedIn(Exception):
    """Why somebody is not signed in, in a sentence for them, and the status of the answer."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence


class Provider:
    """Asked again for its keys at most once a minute: a key it has withdrawn soon counts no more."""

    def __init__(self, settings: Settings, issuer_url: str, redirect_uri: str) -> None:
        self.issuer = issuer_url.rstrip("/")
        self.name = check_address("OIDC_ISSUER_URL", issuer_url)
        self._settings = settings
        self._redirect_uri = redirect_uri
        self._lock = threading.Lock()
        self._document: dict[str, Any] = {}
        self._document_at = -DISCOVERY_SECONDS
        self._keys = KeySet([])
        self._keys_at = -KEYS_SECONDS

    def authorization_url(self, state: str, nonce: str, verifier: str) -> str:
        """Where somebody signs in. Raises NotSignedIn while the provider cannot be reached."""
        endpoint = self._told("authorization_endpoint")
        with self._client() as client:
            url, _ = client.create_authorization_url(endpoint, state=state, nonce=nonce, code_verifier=verifier)
        return str(url)

    def id_token(self, code: str, nonce: str, verifier: str) -> Mapping[str, Any]:
        """The checked claims of the ID token that a code is good for. Raises NotSignedIn."""
        endpoint = self._told("token_endpoint")
        try:
            with self._client() as client:
                token = client.fetch_token(endpoint, grant_type="authorization_code", code=code, code_verifier=verifier)
        except OAuthError as error:
            reason = f"{self.name} did not accept this sign-in ({error.error}). Was it used before? Begin again."
            raise NotSignedIn(401, reason) from error
        except (httpx2.HTTPError, ValueError) as error:
            raise self._away(error) from error
        return self._checked(token, nonce)

    def _checked(self, token: Mapping[str, Any], nonce: str) -> Mapping[str, Any]:
        """Algorithm, signature, issuer, audience, times and nonce."""
        client_id = self._settings.oidc_client_id
        try:
            text = str(token["id_token"])
            decoded = jwt.decode(text, self._known_keys(), algorithms=ALGORITHMS)
            claims = IDToken(
                decoded.claims,
                decoded.header,
                options={
                    "iss": {"essential": True, "value": self._document["issuer"]},
                    "aud": {"essential": True, "value": client_id},
                },
                params={"nonce": nonce, "client_id": client_id, "access_token": token.get("access_token")},
            )
            claims.validate(leeway=self._settings.oauth_leeway_seconds)
        except (JoseError, ValueError, KeyError, TypeError) as error:
            reason = f"What {self.name} says about you is not valid ({_reason(error)}); nobody was signed in."
            raise NotSignedIn(401, reason) from error
        return dict(claims)

    def _known_keys(self) -> KeySet:
        with self._lock:
            if time.monotonic() - self._keys_at > KEYS_SECONDS:
                self._keys_at = time.monotonic()
                self._keys = KeySet.import_key_set(self._asked(self._told("jwks_uri")))
            return self._keys

    def _told(self, member: str) -> str:
        """An address from the discovery document."""
        if time.monotonic() - self._document_at > DISCOVERY_SECONDS:
            document = self._asked(self.issuer + DISCOVERY)
            if str(document.get("issuer", "")).rstrip("/") != self.issuer:
                other = document.get("issuer")
                raise NotSignedIn(503, f"{self.name} calls itself {other}; it is not asked any further.")
            self._document, self._document_at = document, time.monotonic()
        address = str(self._document.get(member, ""))
        try:
            check_address(member, address)
        except ValueError as error:
            raise NotSignedIn(503, f"{self.name} names no safe {member.replace('_', ' ')}.") from error
        return address

    def _asked(self, url: str) -> Any:
        try:
            with httpx2.Client(transport=PinnedHere(self._settings), timeout=TIMEOUT_SECONDS) as client:
                document = client.get(url).raise_for_status().json()
        except (httpx2.HTTPError, ValueError) as error:
            raise self._away(error) from error
        if not isinstance(document, dict):
            raise self._away(ValueError("no JSON object"))
        return document

    def _away(self, error: Exception) -> NotSignedIn:
        reason = type(error).__name__
        return NotSignedIn(503, f"{self.name} cannot be asked ({reason}). Try again, or sign in by token.")

    def _client(self) -> Any:
        settings = self._settings
        offered = self._document.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        method = "client_secret_basic" if "client_secret_basic" in offered else "client_secret_post"
        return OAuth2Client(
            settings.oidc_client_id,
            settings.oidc_client_secret,
            token_endpoint_auth_method=method if settings.oidc_client_secret else "none",
            scope=settings.oidc_scope,
            redirect_uri=self._redirect_uri,
            code_challenge_method="S256",
            timeout=TIMEOUT_SECONDS,
            transport=PinnedHere(self._settings),
        )


def check_address(name: str, address: str) -> str:
    """The host of an address that secrets may travel to. Raises ValueError for one without TLS outside this machine."""
    url = urlsplit(address)
    if not url.hostname or not (url.scheme == "https" or (url.scheme == "http" and url.hostname in LOOPBACK)):
        raise ValueError(f"{name} must be an https address; it is {address!r}.")
    return url.hostname


def _reason(error: Exception) -> str:
    claim = getattr(error, "claim", None)
    return f"{getattr(error, 'error', type(error).__name__)}{f': {claim}' if claim else ''}"
