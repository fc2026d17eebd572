"""The console's pages. They hold no data: scripts of ours ask the API for it."""

from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from fastapi.templating import Jinja2Templates

from connectors.gateway.auth import identify
from connectors.gateway.problems import Problem

HERE = Path(__file__).parents[1] / "console"
STATIC = HERE / "static"
router = APIRouter(include_in_schema=False)
templates = Jinja2Templates(HERE / "templates")


@router.get("/")
def floor(request: Request) -> Response:
    """The plant at a glance, or the sign-in page for whoever is not signed in."""
    try:
        principal = identify(request)
    except Problem:
        return RedirectResponse("/login", 303)
    return templates.TemplateResponse(request, "plant.html", {"operator": principal.name})


@router.get("/login")
def login(request: Request) -> Response:
    """The sign-in page."""
    return templates.TemplateResponse(request, "login.html")


@router.get("/docs")
def docs(request: Request) -> Response:
    """Swagger UI, from our own files."""
    return templates.TemplateResponse(request, "docs.html")
