"""The OpenAPI document: what FastAPI finds out by itself, and what holds for every route here."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

PROBLEM_MEDIA = "application/problem+json"
PROBLEM_SCHEMA = {"$ref": "#/components/schemas/ProblemDocument"}
SIGN_IN = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "a token of `POST /oauth/token`, or an operator's"},
    "session": {"type": "apiKey", "in": "cookie", "name": "plant_session", "description": "the console's session"},
}
# What any route may answer besides its own: a value that is none, too many of them, a database that is away.
ANYWHERE = {"400": "The request is not valid.", "429": "Too many requests.", "503": "A part we need is not there."}
SIGNED_IN = {"401": "Nobody is signed in.", "403": "Whoever is signed in may not do this."}


def install(app: FastAPI) -> None:
    """Have the app describe itself so. To be called when all routes are there."""
    plain = app.openapi

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _completed(plain(), _scopes_by_operation(app))
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]


def _completed(document: dict[str, Any], scopes: dict[str, list[str]]) -> dict[str, Any]:
    document["components"].setdefault("securitySchemes", {}).update(SIGN_IN)
    for path in document["paths"].values():
        for operation in path.values():
            _complete(operation, scopes.get(operation["operationId"], []))
    return document


def _complete(operation: dict[str, Any], scopes: list[str]) -> None:
    """Errors are problem documents; who is not signed in, or may not, is told so; who may is told beforehand."""
    responses = operation["responses"]
    # FastAPI's own description of what a validation error looks like; ours is 400 and a problem document.
    if "HTTPValidationError" in str(responses.get("422")):
        del responses["422"]
    for status, words in (ANYWHERE | (SIGNED_IN if scopes else {})).items():
        responses.setdefault(status, {"description": words, "content": {PROBLEM_MEDIA: {"schema": PROBLEM_SCHEMA}}})
    for status, response in responses.items():
        told = response.get("content", {})
        for media in [media for media, each in told.items() if each.get("schema") == PROBLEM_SCHEMA]:
            told[PROBLEM_MEDIA] = told.pop(media)
        if status[0] in "45":
            response.setdefault("content", told).setdefault(PROBLEM_MEDIA, {"schema": PROBLEM_SCHEMA})
    if scopes and "security" not in operation:
        operation["security"] = [{"bearer": scopes}, {"session": scopes}]


def _scopes_by_operation(app: FastAPI) -> dict[str, list[str]]:
    return {route.unique_id: sorted(scopes_of(route.dependant)) for route in routes_of(app.routes)}


def routes_of(routes: Any) -> Iterator[APIRoute]:
    """Every route, those of included routers too."""
    for route in routes:
        if isinstance(route, APIRoute):
            yield route
        else:
            inner = getattr(getattr(route, "original_router", None), "routes", None)
            yield from routes_of(inner or ())


def scopes_of(dependant: Dependant) -> set[str]:
    """The scopes that a route asks for."""
    scope = getattr(dependant.call, "scope", None)
    found: set[str] = {scope} if scope else set()
    return found.union(*(scopes_of(each) for each in dependant.dependencies))
