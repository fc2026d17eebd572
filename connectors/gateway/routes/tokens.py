"""Tokens for clients (OAuth 2.0 client credentials) and the console's sign-in."""

import base64
import binascii
import hmac
import time
from collections.abc import Iterable
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Form, Request, Response
from psycopg import OperationalError
from psycopg_pool import PoolTimeout
from pydantic import BaseModel, Field

from connectors.gateway.auth import (
    CLIENT_SCOPES,
    SESSION_COOKIE,
    SESSION_SECONDS,
    Principal,
    refused,
)
from connectors.gateway.depends import Parts
from connectors.gateway.problems import Problem
from connectors.gateway.roles import READ
from connectors.gateway.state import State
from schemas.codec import encode
from schemas.settings import Settings
from schemas.views.values import ProblemDocument

log = structlog.get_logger()
router = APIRouter(tags=["sign-in"])
TRIES_PER_MINUTE = 60


class TokenAnswer(BaseModel):
    """RFC 6749 section 5.1."""

    access_token: str
    token_type: str = "Bearer"
    expires_in: int = Field(description="seconds")
    scope: str


class SignIn(BaseModel):
    """A person's token: the local admin's, or one that `python -m connectors token` issued."""

    token: str = Field(min_length=1, max_length=4096)


class TokenRefused(BaseModel):
    """RFC 6749 section 5.2."""

    error: str


REFUSALS: dict[int | str, dict[str, Any]] = {400: {"model": TokenRefused}, 401: {"model": TokenRefused}}
NOT_SIGNED_IN: dict[int | str, dict[str, Any]] = {status: {"model": ProblemDocument} for status in (401, 403)}


@router.post("/oauth/token", response_model=TokenAnswer, responses=REFUSALS, summary="A token for a client")
def token(
    request: Request,
    parts: Parts,
    grant_type: Annotated[str, Form()] = "",
    client_id: Annotated[str, Form()] = "",
    client_secret: Annotated[str, Form()] = "",
    scope: Annotated[str, Form()] = "",
) -> Response:
    """Client id and secret by form or HTTP Basic; errors as RFC 6749 section 5.2 has them."""
    throttle(parts, request, "token")
    if grant_type != "client_credentials":
        return _oauth_error(400, "unsupported_grant_type")
    settings = parts.settings
    if (refusal := unknown_client(request, settings, client_id, client_secret)) is not None:
        return refusal
    scopes = tuple(scope.split()) or CLIENT_SCOPES
    if not set(scopes) <= set(CLIENT_SCOPES):
        return _oauth_error(400, "invalid_scope")
    answer = TokenAnswer(
        access_token=parts.tokens.issue(settings.oauth_client_id, scopes),
        expires_in=settings.oauth_token_seconds,
        scope=" ".join(scopes),
    )
    return Response(answer.model_dump_json(), media_type="application/json", headers={"Cache-Control": "no-store"})


def unknown_client(request: Request, settings: Settings, client_id: str, client_secret: str) -> Response | None:
    """The refusal of who is not the client, by HTTP Basic or by form; None for the client. Raises Problem 400."""
    name, secret = _basic(request) or (client_id, client_secret)
    expected = settings.oauth_client_secret
    is_known = hmac.compare_digest(name.encode(), settings.oauth_client_id.encode())
    if expected and hmac.compare_digest(secret.encode(), expected.encode()) and is_known:
        return None
    return _oauth_error(401, "invalid_client", {"WWW-Authenticate": 'Basic realm="plant"'})


@router.get("/oauth/jwks.json", summary="The keys that verify our tokens")
def jwks(parts: Parts) -> dict[str, object]:
    """A JWK set."""
    return parts.tokens.public_keys()


@router.post("/login", status_code=204, responses=NOT_SIGNED_IN, summary="Sign in to the console")
def login(request: Request, parts: Parts, told: SignIn) -> Response:
    """Trade a person's token for a session cookie that scripts cannot read; it may no more, and lives no longer."""
    throttle(parts, request, "login")
    principal = parts.tokens.check(told.token)
    if READ not in principal.scopes or principal.name == parts.settings.oauth_client_id:
        raise refused("This token is no person's: it does not open the console.")
    response = Response(status_code=204)
    begin_session(response, parts, principal.name, sorted(principal.scopes), principal)
    return response


def begin_session(
    response: Response, parts: State, name: str, scopes: Iterable[str], begun_by: Principal | None = None
) -> None:
    """Somebody is signed in; with a token, for its tenant, until it ends or is withdrawn."""
    until = None if begun_by is None else begun_by.expires_at
    seconds = SESSION_SECONDS if until is None else max(1, min(SESSION_SECONDS, until - int(time.time())))
    response.set_cookie(
        SESSION_COOKIE,
        parts.tokens.issue(name, tuple(scopes), seconds, begun_by),
        max_age=seconds,
        httponly=True,
        samesite="strict",
        secure=parts.settings.gateway_url.startswith("https"),
    )


@router.post("/logout", status_code=204, summary="Sign out of the console")
def logout(request: Request, parts: Parts) -> Response:
    """Forget the session: its cookie is good no more, wherever a copy of it may be.

    While Postgres is away this browser forgets it all the same; a copy is good until it ends, and the log says so.
    """
    if (session := request.cookies.get(SESSION_COOKIE)) is not None:
        _withdraw(parts, session)
    response = Response(status_code=204)
    response.delete_cookie(SESSION_COOKIE)
    return response


def _withdraw(parts: State, session: str) -> None:
    try:
        principal = parts.tokens.check(session)
    except Problem:
        return
    try:
        for own in principal.token_ids[:1]:
            parts.revocations.revoke(principal.tenant_id, "token", own, principal.name)
    except (OperationalError, PoolTimeout) as error:
        log.warning("session_not_withdrawn", name=principal.name, reason=str(error).strip())


def throttle(parts: State, request: Request, what: str) -> None:
    """So many tries a minute from one address. Raises Problem 429."""
    address = request.client.host if request.client else "unknown"
    parts.rates.check(what, address, TRIES_PER_MINUTE * (10 if what == "token" else 1))


def _basic(request: Request) -> tuple[str, str] | None:
    scheme, _, coded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, _, secret = base64.b64decode(coded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise Problem(400, "The Authorization header is not valid Basic authentication.") from error
    return name, secret


def _oauth_error(status: int, code: str, headers: dict[str, str] | None = None) -> Response:
    return Response(encode({"error": code}), status, headers, "application/json")
