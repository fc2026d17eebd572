"""How pages are made: who looks, the templates, and moments and figures in the plant's own time and units."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from fastapi import Depends
from fastapi.responses import Response
from fastapi.templating import Jinja2Templates
from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape
from starlette.exceptions import HTTPException
from starlette.requests import Request

from connectors.gateway.auth import Principal, identify
from connectors.gateway.problems import Problem, document_of
from connectors.gateway.roles import READ, role_of
from connectors.gateway.state import State
from schemas.codec import encode

CONSOLE: Final = Path(__file__).parents[1] / "console"
STATIC: Final = CONSOLE / "static"
NOTHING: Final = "–"

templates = Jinja2Templates(CONSOLE / "templates")


def visitor_of(request: Request) -> Principal:
    """Whoever may read; who is not signed in is sent to the sign-in page. Raises Problem 403."""
    try:
        principal = identify(request)
        if READ not in principal.scopes:
            raise Problem(403, f"{principal.name} has no scope {READ}.", needed_scope=READ)
        request.app.state.parts.revocations.refuse(principal)
    except Problem as problem:
        if problem.status != 401:
            raise
        raise HTTPException(303, "Sign in first.", {"Location": "/login"}) from problem
    return principal


visitor_of.scope = READ  # type: ignore[attr-defined]
Visitor = Annotated[Principal, Depends(visitor_of)]


def render(request: Request, parts: State, visitor: Principal, template: str, /, **told: Any) -> Response:
    """A page. It knows who looks (`visitor`, `role`, `may(scope)`) and the plant's time zone (`zone`)."""
    context = {
        "visitor": visitor,
        "role": role_of(visitor.scopes).replace("_", " "),
        "may": visitor.scopes.__contains__,
        "zone": parts.settings.plant_timezone,
        "now": datetime.now(UTC),
        "is_rehearsed": parts.settings.rehearsal_file is not None,
    }
    return templates.TemplateResponse(request, template, context | told)


def problem_page(request: Request, problem: Problem) -> Response:
    """What went wrong, to somebody who went to a page; it needs nothing that may be away."""
    return templates.TemplateResponse(
        request, "problem.html", {"problem": document_of(problem)}, problem.status, problem.headers
    )


def _zone(context: Context) -> ZoneInfo:
    return ZoneInfo(str(context.get("zone") or "UTC"))


@pass_context
def moment(context: Context, told: datetime | str | None, style: str = "%d %b %H:%M:%S") -> str:
    """A moment in the plant's time zone, as a `<time>`; what is none, as it was told."""
    if told is None or told == "":
        return NOTHING
    try:
        at = told if isinstance(told, datetime) else datetime.fromisoformat(str(told))
    except ValueError:
        return str(told)
    here = at.astimezone(_zone(context))
    year = "" if here.year == datetime.now(UTC).year or "%Y" in style else f" {here.year}"
    words = here.strftime(style) + year
    full = here.strftime("%Y-%m-%d %H:%M:%S %Z")
    return Markup('<time datetime="{}" title="{}">{}</time>').format(at.astimezone(UTC).isoformat(), full, words)


@pass_context
def day(context: Context, told: datetime | str | None) -> str:
    """The day and minute of a moment, in the plant's time zone."""
    return moment(context, told, "%d %b %H:%M")


@pass_context
def since(context: Context, told: datetime | None) -> str:
    """How long ago a moment is, as a `<time>` that a script keeps current."""
    if told is None:
        return NOTHING
    words = span((datetime.now(UTC) - told).total_seconds())
    full = told.astimezone(_zone(context)).strftime("%Y-%m-%d %H:%M:%S %Z")
    return Markup('<time datetime="{}" title="{}" data-since>{} ago</time>').format(
        told.astimezone(UTC).isoformat(), full, words
    )


def span(told: float | timedelta | None) -> str:
    """A length of time in the unit that fits: `4 s`, `12 min`, `3.5 h`, `2 d`."""
    if told is None:
        return NOTHING
    seconds = told.total_seconds() if isinstance(told, timedelta) else float(told)
    for limit, unit, divisor in ((1, "ms", 0.001), (90, "s", 1.0), (5400, "min", 60.0), (172_800, "h", 3600.0)):
        if abs(seconds) < limit:
            return f"{figure(round(seconds / divisor, 1 if unit == 'h' else 0))} {unit}"
    return f"{figure(round(seconds / 86_400, 1))} d"


def figure(told: float | Decimal | None, digits: int = 2) -> str:
    """A number with thin thousands and no more decimals than it has."""
    if told is None:
        return NOTHING
    text = f"{told:,.{digits}f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text).replace(",", "\u202f")


def percent(told: float | Decimal | None) -> str:
    """A share that is told in per cent."""
    return NOTHING if told is None else f"{figure(told, 1)} %"


def size(told: int | None) -> str:
    """A number of bytes."""
    if told is None:
        return NOTHING
    return f"{told} B" if told < 1024 else f"{figure(told / 1024, 1)} KiB"


def words(told: Any) -> str:
    """An identifier of ours as words: `pending_manual_review` -> `pending manual review`."""
    return NOTHING if told is None else str(told).replace("_", " ").replace(".", " ")


def pretty(told: Any) -> str:
    """A value as indented JSON."""
    return json.dumps(json.loads(encode(told)), indent=2, ensure_ascii=False)


def as_dom_id(told: Any) -> str:
    """Something safe to be an element's id."""
    return "".join(character if character.isalnum() else "-" for character in str(escape(told)))


templates.env.filters |= {
    "moment": moment,
    "day": day,
    "since": since,
    "span": span,
    "figure": figure,
    "percent": percent,
    "size": size,
    "words": words,
    "pretty": pretty,
    "dom_id": as_dom_id,
}
templates.env.trim_blocks = templates.env.lstrip_blocks = True
