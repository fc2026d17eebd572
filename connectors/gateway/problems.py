"""Errors as RFC 9457 problem documents: a sentence, the INT code of 002 Appendix C where one fits, never a trace."""

import uuid
from collections.abc import Callable
from typing import Any, Final

import structlog
from fastapi import FastAPI, Request, WebSocket
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from psycopg import DataError, OperationalError
from psycopg_pool import PoolTimeout
from starlette.exceptions import HTTPException

from connectors.gateway.headers import secure
from schemas.codec import Unreadable, encode
from sql.edited.base import Conflict, Unknown
from sql.outbox import TooLarge
from sql.reads.pages import BadCursor

log = structlog.get_logger()

REFUSED: Final = 1008
TITLES = {
    400: "Bad request",
    401: "Not authenticated",
    403: "Not allowed",
    404: "Not found",
    408: "Too slow",
    409: "Conflict",
    413: "Too large",
    422: "Cannot be processed",
    428: "Name the version",
    429: "Too many requests",
    503: "Not available",
}
CODES = {400: "INT-003", 401: "INT-001", 404: "INT-004", 413: "INT-003", 422: "INT-003", 429: "INT-002", 503: "INT-005"}


class Problem(Exception):
    """An error that is answered: status, a sentence, and members of the problem document."""

    def __init__(self, status: int, detail: str, headers: dict[str, str] | None = None, **members: Any) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers, self.members = status, detail, headers or {}, members


def unreadable(refusal: Unreadable) -> Problem:
    """The problem of a body that is no message."""
    status = 413 if refusal.code == "MESSAGE_TOO_LARGE" else 400
    return Problem(status, refusal.reason, reason=refusal.code, path=refusal.path)


def unavailable(what: str) -> Problem:
    """The problem of a dependency that is away: nothing was accepted."""
    return Problem(503, f"{what} is not reachable; nothing was accepted. Try again.", {"Retry-After": "5"})


def document_of(problem: Problem) -> dict[str, Any]:
    """The problem document: what is not known is not in it."""
    document = {
        "type": "about:blank",
        "title": TITLES.get(problem.status, "Error"),
        "status": problem.status,
        "detail": problem.detail,
        "code": CODES.get(problem.status),
        **problem.members,
    }
    return {name: value for name, value in document.items() if value is not None}


def answer(problem: Problem) -> Response:
    """The problem as a document."""
    return Response(encode(document_of(problem)), problem.status, problem.headers, "application/problem+json")


def _is_for_reading(request: Request) -> bool:
    """Whether somebody goes to a page with a browser, rather than a program or a script of a page asking."""
    headers = request.headers
    is_visit = request.method == "GET" and "text/html" in headers.get("accept", "") and "hx-request" not in headers
    return is_visit and not request.url.path.startswith("/api/")


def install(app: FastAPI, page: Callable[[Request, Problem], Response]) -> None:
    """Answer every error as a problem document; to somebody who goes to a page, as this page."""

    def answer_to(request: Request, problem: Problem) -> Response:
        return page(request, problem) if problem.status >= 400 and _is_for_reading(request) else answer(problem)

    @app.exception_handler(Problem)
    async def _problem(asked: Request | WebSocket, problem: Problem) -> Response | None:
        if isinstance(asked, WebSocket):
            await asked.close(REFUSED, problem.detail[:120])
            return None
        return answer_to(asked, problem)

    @app.exception_handler(BadCursor)
    @app.exception_handler(DataError)
    async def _value(request: Request, error: Exception) -> Response:
        sentence = str(error) if isinstance(error, BadCursor) else "A value in the request is not valid."
        return answer_to(request, Problem(400, sentence))

    @app.exception_handler(Unknown)
    async def _unknown(request: Request, error: Unknown) -> Response:
        return answer_to(request, Problem(404, str(error)))

    @app.exception_handler(Conflict)
    async def _conflict(request: Request, error: Conflict) -> Response:
        return answer_to(request, Problem(409, str(error), **error.members))

    @app.exception_handler(TooLarge)
    async def _too_large(request: Request, error: TooLarge) -> Response:
        return answer_to(request, Problem(413, str(error)))

    @app.exception_handler(Unreadable)
    async def _unreadable(request: Request, refusal: Unreadable) -> Response:
        return answer_to(request, unreadable(refusal))

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> Response:
        found = [{"path": ".".join(map(str, each["loc"])), "message": each["msg"]} for each in error.errors()]
        return answer_to(request, Problem(400, "The request is not valid.", errors=found))

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        return answer_to(request, Problem(error.status_code, str(error.detail), dict(error.headers or {})))

    @app.exception_handler(OperationalError)
    @app.exception_handler(PoolTimeout)
    async def _database(request: Request, error: Exception) -> Response:
        log.warning("postgres_is_away", reason=str(error).strip())
        return answer_to(request, unavailable("Postgres"))

    @app.exception_handler(Exception)
    async def _unexpected(request: Request, error: Exception) -> Response:
        trace_id = uuid.uuid4().hex
        log.error("request_failed", trace_id=trace_id, exc_info=error)
        told = answer_to(request, Problem(500, "Something went wrong here; the log has more.", trace_id=trace_id))
        secure(told.headers, request.url.path)
        return told
