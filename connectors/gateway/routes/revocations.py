"""Tokens that are withdrawn before they end: a client's own (RFC 7009), or all that somebody has."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from connectors.gateway.depends import Parts, Repairer
from connectors.gateway.problems import Problem
from connectors.gateway.routes.erp import PROBLEMS
from connectors.gateway.routes.tokens import REFUSALS, throttle, unknown_client

router = APIRouter(tags=["sign-in"])


class Withdrawn(BaseModel):
    """Whose tokens are to be refused."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=200, description="the `sub` of the tokens: a person or a client")


class Revocation(BaseModel):
    """Since when whose tokens are refused."""

    name: str
    revoked_at: datetime = Field(description="tokens that were issued until then are refused")


@router.post("/oauth/revoke", status_code=200, responses=REFUSALS, summary="Withdraw a token of one's own")
def revoke(
    request: Request,
    parts: Parts,
    token: Annotated[str, Form()] = "",
    client_id: Annotated[str, Form()] = "",
    client_secret: Annotated[str, Form()] = "",
) -> Response:
    """RFC 7009: client id and secret by form or HTTP Basic; what is no token of this client's is no error."""
    throttle(parts, request, "token")
    if (refusal := unknown_client(request, parts.settings, client_id, client_secret)) is not None:
        return refusal
    try:
        principal = parts.tokens.check(token)
    except Problem:
        return Response(status_code=200)
    if principal.name == parts.settings.oauth_client_id:
        for token_id in principal.token_ids[:1]:
            parts.revocations.revoke(principal.tenant_id, "token", token_id, principal.name)
    return Response(status_code=200)


@router.post(
    "/api/v1/revocations",
    status_code=201,
    response_model=Revocation,
    responses=PROBLEMS,
    summary="Withdraw all tokens and sessions that somebody has",
)
def withdraw(parts: Parts, repairer: Repairer, told: Withdrawn) -> Revocation:
    """Every gateway knows within 15 seconds. Who signs in again gets new ones; ADMIN_TOKEN ends when it is changed."""
    revoked_at = parts.revocations.revoke(repairer.tenant_id, "name", told.name, repairer.name)
    return Revocation(name=told.name, revoked_at=revoked_at)
