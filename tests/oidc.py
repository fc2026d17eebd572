"""A real OpenID Connect provider on loopback: discovery, sign-in, tokens, keys. It can be told to misbehave."""

import base64
import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from joserfc import jwt
from joserfc.jwk import RSAKey

from compose.local.identity import free_port
from schemas.codec import encode
from tests.plants import eventually

CLIENT, SECRET = "plant-console", "console's secret"


@dataclass
class Provider:
    """Whoever comes is signed in at once as `claims` say. `wrong` changes the ID token, `algorithm` its signature."""

    port: int = field(default_factory=free_port)
    claims: dict[str, Any] = field(default_factory=lambda: {"preferred_username": "ada", "roles": ["planner"]})
    wrong: dict[str, Any] = field(default_factory=dict)
    algorithm: str = "RS256"
    answers: dict[str, str] = field(default_factory=dict)
    issuer_told: str | None = None
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "first", "use": "sig"}))
    signing_key: RSAKey | None = None
    asked: list[dict[str, str]] = field(default_factory=list)
    key_requests: int = 0
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}/realms/plant"

    def app(self) -> FastAPI:
        """The provider's four doors."""
        app = FastAPI()
        root = "/realms/plant"

        @app.get(f"{root}/.well-known/openid-configuration")
        def discovery() -> dict[str, Any]:
            return {
                "issuer": self.issuer_told or self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
                "response_types_supported": ["code"],
                "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
            }

        @app.get(f"{root}/authorize")
        def authorize(request: Request) -> Response:
            asked = dict(request.query_params)
            self.asked.append(asked)
            code = secrets.token_urlsafe(16)
            self._codes[code] = asked
            back = {"code": code, "state": asked["state"]} | self.answers
            return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(back)}", 302)

        @app.post(f"{root}/token")
        async def token(request: Request) -> Response:
            form = dict(await request.form())
            expected = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
            if request.headers.get("authorization") != f"Basic {expected}":
                return JSONResponse({"error": "invalid_client"}, 401)
            asked = self._codes.pop(str(form.get("code")), None)
            if asked is None or not self._is_proven(asked, str(form.get("code_verifier"))):
                return JSONResponse({"error": "invalid_grant"}, 400)
            told = {"access_token": "at", "token_type": "Bearer", "expires_in": 60, "id_token": self._token(asked)}
            return JSONResponse(told)

        @app.get(f"{root}/keys")
        def keys() -> dict[str, Any]:
            self.key_requests += 1
            return {"keys": [self.key.as_dict(private=False)]}

        return app

    @staticmethod
    def _is_proven(asked: dict[str, str], verifier: str) -> bool:
        digest = _base64(hashlib.sha256(verifier.encode()).digest()).decode()
        return asked.get("code_challenge_method") == "S256" and digest == asked.get("code_challenge")

    def _token(self, asked: dict[str, str]) -> str:
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT, "sub": "1815", "iat": now, "exp": now + 60}
        told = {
            name: value
            for name, value in (claims | {"nonce": asked["nonce"]} | self.claims | self.wrong).items()
            if value is not None
        }
        if self.algorithm in ("none", "HS256"):
            return self._forged({"alg": self.algorithm, "kid": "first"}, told)
        key = self.signing_key or self.key
        return jwt.encode({"alg": self.algorithm, "kid": key.kid}, told, key, [self.algorithm])

    def _forged(self, header: dict[str, str], told: dict[str, Any]) -> str:
        """Not signed at all, or with the public key as a shared secret."""
        signed = b".".join(_base64(encode(each)) for each in (header, told))
        mac = hmac.digest(self.key.as_pem(private=False), signed, "sha256") if header["alg"] == "HS256" else b""
        return (signed + b"." + _base64(mac)).decode()


def _base64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


@contextmanager
def running_provider() -> Iterator[Provider]:
    """The provider, over real HTTP."""
    provider = Provider()
    server = uvicorn.Server(uvicorn.Config(provider.app(), port=provider.port, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    eventually(lambda: server.started, 20, "the provider does not start")
    try:
        yield provider
    finally:
        server.should_exit = True
        thread.join(10)
