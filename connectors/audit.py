"""The line that every call between us and another system leaves: who called whom with what, without its secrets."""

import re
from collections.abc import Mapping
from typing import Any, Final

from psycopg.types.json import Jsonb

from connectors.deliveries.kind import Rows
from schemas.codec import Unreadable, encode, parse

LARGEST_KEPT: Final = 64 * 1024
HIDDEN: Final = "***"
SECRET_ENDINGS: Final = (
    "authorization",
    "password",
    "passwd",
    "secret",
    "apikey",
    "token",
    "cookie",
    "privatekey",
    "credential",
    "credentials",
)
PERSONAL_ENDINGS: Final = ("email", "phone", "phonenumber", "mobile", "telephone")
_LETTERS = re.compile(r"[^a-z]")
_SCHEME = re.compile(r"\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{6,}", re.IGNORECASE)
_USERINFO = re.compile(r"(\w+://)[^/@\s]+@")
_IN_QUERY = re.compile(r"([?&][^=&\s]*(?:token|secret|password|key)=)[^&\s]+", re.IGNORECASE)


def redacted(value: Any, *, is_personal: bool = False) -> Any:
    """The value without secrets: at any depth, by the names of fields and by how a text looks.

    `is_personal`: e-mail addresses and telephone numbers are masked too (payloads about employees).
    """
    if isinstance(value, Mapping):
        return {key: _field(str(key), item, is_personal) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [redacted(item, is_personal=is_personal) for item in value]
    return _text(value) if isinstance(value, str) else value


def _field(key: str, value: Any, is_personal: bool) -> Any:
    name = _LETTERS.sub("", key.lower())
    if name.endswith(SECRET_ENDINGS) and value is not None:
        return HIDDEN
    if is_personal and name.endswith(PERSONAL_ENDINGS) and isinstance(value, str):
        return masked(value)
    return redacted(value, is_personal=is_personal)


def _text(value: str) -> str:
    value = _SCHEME.sub(rf"\1 {HIDDEN}", value)
    return _IN_QUERY.sub(rf"\1{HIDDEN}", _USERINFO.sub(rf"\1{HIDDEN}@", value))


def masked(text: str) -> str:
    """An e-mail address or number of which one can see that it is one: `j***@company.com`, `***42`."""
    name, at, host = text.partition("@")
    return f"{name[:1]}{HIDDEN}@{host}" if at else f"{HIDDEN}{text[-2:]}"


def kept(value: Any, *, is_personal: bool = False) -> Any:
    """A payload as it is kept: without secrets, and not larger than a row should be."""
    if value is None:
        return None
    small = redacted(value, is_personal=is_personal)
    size = len(encode(small))
    return small if size <= LARGEST_KEPT else {"omitted": f"{size} bytes"}


def kept_bytes(data: bytes, *, is_personal: bool = False) -> Any:
    """The same of a body that came as bytes."""
    if not data:
        return None
    if len(data) > LARGEST_KEPT:
        return {"omitted": f"{len(data)} bytes"}
    try:
        return kept(parse(data), is_personal=is_personal)
    except Unreadable:
        return {"unreadable": _text(data[:500].decode(errors="replace").replace("\0", ""))}


LINE = """
INSERT INTO integration_audit_log (tenant_id, integration_type, direction, external_system, request_payload,
  response_payload, http_status_code, processing_time_ms, success, error_message, user_id, correlation_id, delivery_id)
VALUES (%(tenant_id)s, %(integration_type)s, %(direction)s, %(external_system)s, %(request)s, %(response)s,
  %(status_code)s, %(milliseconds)s, %(success)s, %(error)s, %(user_id)s, %(correlation_id)s, %(delivery_id)s)
"""


def line(
    rows: Rows,
    tenant_id: str,
    integration_type: str,
    direction: str,
    external_system: str,
    *,
    request: Any,
    response: Any,
    status_code: int | None,
    milliseconds: int,
    error: str | None = None,
    user_id: str | None = None,
    correlation_id: str | None = None,
    delivery_id: str | None = None,
) -> None:
    """Write one; request and response come as `kept` gave them. `error` is None for a call that worked."""
    rows.execute(
        LINE,
        {
            "tenant_id": tenant_id,
            "integration_type": integration_type,
            "direction": direction,
            "external_system": external_system,
            "request": _json(request),
            "response": _json(response),
            "status_code": status_code,
            "milliseconds": milliseconds,
            "success": error is None,
            "error": error and _text(error)[:1000],
            "user_id": user_id,
            "correlation_id": correlation_id,
            "delivery_id": delivery_id,
        },
    )


def _json(value: Any) -> Jsonb | None:
    return None if value is None else Jsonb(value, dumps=encode)
