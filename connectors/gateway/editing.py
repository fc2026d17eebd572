"""What every change of what people edit needs: its body, the version they saw, done once, the version in the answer."""

import re
from collections.abc import Callable
from typing import Any, TypeVar

from fastapi import Request, Response
from pydantic import BaseModel, ValidationError

from connectors.database import Edit
from connectors.gateway.auth import Principal
from connectors.gateway.problems import Problem
from connectors.gateway.requests import Once, Reply
from connectors.gateway.state import State
from schemas.codec import parse

Told = TypeVar("Told", bound=BaseModel)

VERSION = re.compile(r'(?:W/)?"?(\d{1,16})"?')
ASKED_VERSION = {
    "parameters": [
        {
            "name": "If-Match",
            "in": "header",
            "required": False,
            "schema": {"type": "string"},
            "description": "the version that you saw, as `ETag` told it; `version` in the body says the same",
        }
    ]
}


def told(parts: State, body: bytes, model: type[Told], limit: int | None = None) -> Told:
    """The body, of `limit` bytes at most. Raises Unreadable; Problem 400 that names each wrong field."""
    try:
        return model.model_validate(parse(body, limit or parts.settings.max_message_bytes))
    except ValidationError as error:
        found = [{"path": ".".join(map(str, each["loc"])), "message": each["msg"]} for each in error.errors()]
        first = found[0]
        sentence = f"The body is not valid: {first['path'] or 'it'}: {first['message']}."
        raise Problem(400, sentence, path=first["path"] or None, errors=found[:20]) from error


def version_seen(request: Request, named: int | None) -> int:
    """The version a person saw, of `If-Match` or of the body. Raises Problem 428, 400."""
    if (found := version_if_seen(request, named)) is None:
        raise Problem(428, "Name the version that you saw, as `version` or in If-Match: somebody may have changed it.")
    return found


def version_if_seen(request: Request, named: int | None) -> int | None:
    """The same where it need not be named. Raises Problem 400."""
    header = request.headers.get("if-match")
    if header is None or header.strip() == "*":
        return named
    match = VERSION.fullmatch(header.strip())
    if match is None or (named is not None and int(match.group(1)) != named):
        raise Problem(400, "If-Match does not name a version, or another one than the body.")
    return int(match.group(1))


def once(
    request: Request,
    parts: State,
    person: Principal,
    body: bytes,
    write: Callable[[Edit], Reply],
) -> Response:
    """Change something in one transaction, once for an Idempotency-Key."""
    key = Once.of(request, person, body)
    with parts.database.editing(person.tenant_id, person.name) as edit:
        return key.answered(edit.rows, person.tenant_id, lambda: write(edit))


def tagged(response: Response, row: Any) -> Response:
    """The answer with its version as `ETag`."""
    response.headers["ETag"] = f'"{row["version"]}"'
    return response
