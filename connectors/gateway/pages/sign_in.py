"""Sign-in at an OpenID Connect provider, as a browser goes through it."""

from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from connectors.gateway.depends import Parts
from connectors.gateway.oidc import CALLBACK as CALLBACK
from connectors.gateway.oidc import FLOW_COOKIE, FLOW_SECONDS, Oidc
from connectors.gateway.oidc_provider import NotSignedIn
from connectors.gateway.pages.rendering import templates
from connectors.gateway.problems import Problem
from connectors.gateway.routes.tokens import begin_session, throttle
from connectors.gateway.state import State

router = APIRouter(include_in_schema=False)
PATH: Final = "/login/oidc"


@router.get(PATH)
def begin(request: Request, parts: Parts) -> Response:
    """To the provider, with what the browser must bring back."""
    throttle(parts, request, "login")
    try:
        url, flow = _oidc(parts).begin()
    except NotSignedIn as refusal:
        return _page(request, "not_signed_in.html", refusal.status, sentence=refusal.sentence)
    response = RedirectResponse(url, 303)
    # Lax: it must come along when the provider's page sends the browser back here.
    response.set_cookie(
        FLOW_COOKIE,
        flow,
        max_age=FLOW_SECONDS,
        path=PATH,
        httponly=True,
        samesite="lax",
        secure=parts.settings.gateway_url.startswith("https"),
    )
    return response


@router.get(CALLBACK)
def finish(request: Request, parts: Parts) -> Response:
    """Back from the provider: a session, or a page that says why there is none.

    The session's cookie is strict: a browser that came from another site would not send it along with a redirect, so
    a page of ours leads on.
    """
    throttle(parts, request, "login")
    try:
        person = _oidc(parts).finish(request.cookies.get(FLOW_COOKIE), request.query_params)
    except NotSignedIn as refusal:
        response = _page(request, "not_signed_in.html", refusal.status, sentence=refusal.sentence)
    else:
        response = _page(request, "signed_in.html", 200, name=person.name)
        begin_session(response, parts, person.name, person.scopes)
    response.delete_cookie(FLOW_COOKIE, path=PATH)
    return response


def _oidc(parts: State) -> Oidc:
    if parts.oidc is None:
        raise Problem(404, "No provider is named here (OIDC_ISSUER_URL); sign in by token.")
    return parts.oidc


def _page(request: Request, template: str, status: int, **told: str) -> Response:
    return templates.TemplateResponse(request, template, told, status_code=status)
