"""The plant at a glance, the sign-in page, and the API's own page."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from connectors.gateway.depends import Parts
from connectors.gateway.pages.rendering import Visitor, render, templates

router = APIRouter(include_in_schema=False)


@router.get("/")
def floor(request: Request, parts: Parts, visitor: Visitor) -> Response:
    """The plant at a glance, or the sign-in page for whoever is not signed in."""
    return render(request, parts, visitor, "plant.html", here="floor")


@router.get("/login")
def login(request: Request, parts: Parts) -> Response:
    """The sign-in page."""
    return templates.TemplateResponse(request, "login.html", {"issuer": parts.oidc and parts.oidc.name})


@router.get("/docs")
def docs(request: Request) -> Response:
    """Swagger UI, from our own files."""
    return templates.TemplateResponse(request, "docs.html")
