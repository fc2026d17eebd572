"""Requests as they are stored: JSON, the same at each attempt."""

from typing import Any

from connectors.deliveries.kind import Call, Mail, Request, Upload

NAMES: dict[type[Any], str] = {Call: "call", Upload: "upload", Mail: "mail"}
TYPES = {name: kind for kind, name in NAMES.items()}


def stored(request: Request) -> dict[str, Any]:
    """A request as JSON values."""
    return {"type": NAMES[type(request)]} | request._asdict()


def read(told: dict[str, Any]) -> Request:
    """A stored request."""
    fields = dict(told)
    request: Request = TYPES[fields.pop("type")](**fields)
    return request
