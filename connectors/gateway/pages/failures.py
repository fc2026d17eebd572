"""The workbench of dead letters: what failed by cause and one by one, one letter with its message and its attempts."""

import base64
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request

from connectors.gateway.depends import Cursor, Identity, Parts, Repairer, Text
from connectors.gateway.pages import letters
from connectors.gateway.pages.rendering import Visitor, render, templates
from connectors.gateway.problems import Problem
from connectors.lines import overview
from connectors.repairs import reading
from connectors.repairs.edits import BadEdit, edited
from sql.reads import failures, workbench

router = APIRouter(include_in_schema=False)

ROWS_A_PAGE: Final = 100
TREND_HOURS: Final = 24
MOST_EXAMPLES: Final = 5
PENDING: Final = "pending_manual_review"
AGES: Final = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7)}
STATUSES: Final = {
    PENDING: ("waits", "warn"),
    "retried": ("being retried", "idle"),
    "resolved": ("resolved", "good"),
    "discarded": ("discarded", ""),
}
ACRONYMS: Final = {"mes", "erp", "wms", "hr", "cdc", "opcua", "mqtt"}

Status = Literal["pending_manual_review", "retried", "resolved", "discarded", "any"]
Age = Literal["hour", "day", "week", "any"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the list is narrowed to; it is what the page's address says."""

    status: Status = "pending_manual_review"
    integration: str = ""
    code: str = ""
    age: Age = "any"
    q: Text = None
    cause: str = ""
    view: Literal["causes", "rows"] = "causes"

    def address(self, **changes: str | None) -> str:
        """The address of this list with some of it changed; what is as usual is left out."""
        told = asdict(self) | changes
        usual = {"status": PENDING, "age": "any", "view": "causes"}
        query = urlencode({name: value for name, value in told.items() if value and usual.get(name) != value})
        return f"/failures?{query}" if query else "/failures"

    def filters(self) -> failures.Row:
        """The same for a query."""
        since = datetime.now(UTC) - AGES[self.age] if self.age in AGES else None
        return failures.filters(
            None if self.status == "any" else self.status,
            self.integration or None,
            self.code or None,
            self.q or None,
            cause=self.cause or None,
            since=since,
        )

    def scope(self) -> dict[str, Any]:
        """The same as the API is asked for many at once."""
        since = AGES.get(self.age)
        told = {
            "status": None if self.status == "any" else self.status,
            "integration": self.integration,
            "code": self.code,
            "q": self.q,
            "since": (datetime.now(UTC) - since).isoformat() if since else None,
        }
        filters = {"filters": {name: value for name, value in told.items() if value}}
        return filters | ({"cause_key": self.cause} if self.cause else {})

    def cleared(self) -> "Wanted":
        """All that waits, shown in the same way."""
        return Wanted(view=self.view, cause=self.cause)

    @property
    def is_narrowed(self) -> bool:
        """Whether somebody asked for less than all that waits."""
        return bool(self.integration or self.code or self.q or self.age != "any" or self.status != PENDING)


def _wanted(
    status: Status = "pending_manual_review",
    integration: Annotated[str, Query(max_length=128)] = "",
    code: Annotated[str, Query(max_length=128)] = "",
    age: Age = "any",
    q: Text = None,
    cause: Annotated[str, Query(max_length=128)] = "",
    view: Literal["causes", "rows"] = "causes",
) -> Wanted:
    return Wanted(status, integration, code, age, q, cause, view)


AsWanted = Annotated[Wanted, Depends(_wanted)]


def integration_words(told: str) -> str:
    """`mes_production_count` -> `MES production count`."""
    words = [word.upper() if word in ACRONYMS else word for word in told.replace("-", "_").split("_")]
    return " ".join(words)[:1].upper() + " ".join(words)[1:]


def _original(letter: dict[str, Any]) -> bytes:
    return base64.b64decode(letter["original_bytes_base64"])


OUTCOMES: Final = {
    "waiting": ("under way", "idle"),
    "published": ("sent", "idle"),
    "applied": ("took effect", "good"),
    "refused": ("refused again", "bad"),
    "failed": ("could not be sent", "bad"),
    "done": ("done", "good"),
}
TRIED: Final = {
    "retry": "retried it",
    "edit_retry": "edited and retried it",
    "resolve": "marked it as resolved",
    "discard": "discarded it",
}


def _attempt_words(attempt: dict[str, Any]) -> str:
    """The latest attempt in half a sentence."""
    came = "" if attempt["outcome"] == "done" else f": {OUTCOMES[attempt['outcome']][0]}"
    return f"{attempt['actor']} {TRIED[attempt['action']]}{came}"


def _value(told: Any) -> str:
    """A value of a message as JSON; a number as it was written."""
    return str(told) if isinstance(told, Decimal) else json.dumps(told, ensure_ascii=False, default=float)


def place_of(address: str) -> tuple[str, str, str] | None:
    """Topic, partition and offset, where an address is such a place."""
    topic, _, rest = address.partition("/")
    partition, _, offset = rest.partition("/")
    return (topic, partition, offset) if topic and partition.isdecimal() and offset.isdecimal() else None


templates.env.filters |= {
    "visible": letters.visible,
    "integration": integration_words,
    "status_words": lambda status: STATUSES[status][0],
    "status_tone": lambda status: STATUSES[status][1],
    "outcome_words": lambda outcome: OUTCOMES[outcome][0],
    "outcome_tone": lambda outcome: OUTCOMES[outcome][1],
    "action_words": lambda action: TRIED[action],
    "attempt_words": _attempt_words,
    "place": place_of,
    "value": _value,
    "field": lambda pointer: pointer.strip("/").replace("/", "."),
}


@router.get("/failures")
def workbench_page(
    request: Request,
    parts: Parts,
    visitor: Visitor,
    wanted: AsWanted,
    cursor: Cursor = None,
    part: Literal["summary", "list", "causes", "group", "rows", "stopped"] | None = None,
    key: Annotated[list[str] | None, Query(max_length=200)] = None,
) -> Response:
    """The workbench; `part` is a part of it that follows the plant. With `key`, the rows of those letters."""
    part = part or ("list" if request.headers.get("hx-target") == "list" else None)
    told: dict[str, Any] = {"here": "failures", "wanted": wanted, "statuses": STATUSES}
    with parts.database.tenant(visitor.tenant_id) as rows:
        filters = wanted.filters()
        if part in (None, "stopped"):
            told["stopped"] = [line for line in overview(rows) if line["status"] == "stopped"]
        if part in (None, "summary"):
            told |= _summary(failures.metrics(rows, TREND_HOURS))
        if part == "rows" or wanted.view == "rows" or wanted.cause:
            told |= _rows(rows, wanted, filters, cursor, key)
        if part in (None, "list", "causes", "group"):
            told["groups"] = failures.groups(rows, filters)
            told["matching"] = sum(group["failures"] for group in told["groups"])
    if part is None and wanted.cause:
        return render(request, parts, visitor, "failures_cause.html", **told)
    page = render(request, parts, visitor, f"failures_{part}.html" if part else "failures.html", **told)
    if part == "list":
        page.headers["HX-Replace-Url"] = wanted.address()
    return page


def _rows(
    rows: Any, wanted: Wanted, filters: failures.Row, cursor: str | None, keys: list[str] | None
) -> dict[str, Any]:
    if keys:
        return {"letters": workbench.by_keys(rows, keys), "more": None}
    found, next_cursor = failures.page(rows, filters, ROWS_A_PAGE, cursor)
    more = wanted.address(part="rows", view="rows", cursor=next_cursor) if next_cursor else None
    return {"letters": found, "more": more}


def _summary(metrics: dict[str, Any]) -> dict[str, Any]:
    """The figures at the top, of all integrations together."""
    integrations = metrics["integrations"]

    def total(name: str) -> int:
        return sum(each[name] for each in integrations)

    settled = [(each["mean_seconds_to_resolution"], each["resolved"] or 1) for each in integrations]
    return {
        "integrations": integrations,
        "pending": total("pending"),
        "under_way": total("retried"),
        "failed": total("failures"),
        "repaired": total("resolved"),
        "mean_seconds": _mean(settled),
    }


def _mean(weighted: Iterable[tuple[float | None, int]]) -> float | None:
    known = [(value, weight) for value, weight in weighted if value is not None]
    weights = sum(weight for _, weight in known)
    return sum(value * weight for value, weight in known) / weights if weights else None


class Preview(BaseModel):
    """Edits that somebody thinks of, and letters to try them on."""

    model_config = ConfigDict(extra="forbid")

    failure_ids: Annotated[list[str], Field(max_length=MOST_EXAMPLES)]
    edits: Annotated[list[dict[str, Any]], Field(max_length=100)]


@router.post("/failures/edits")
def preview(parts: Parts, repairer: Repairer, told: Preview) -> dict[str, Any]:
    """What edits make of a few letters, text for text, and what they complain of. Nothing is touched."""
    with parts.database.tenant(repairer.tenant_id) as rows:
        found = [letter for each in told.failure_ids if (letter := failures.one(rows, each))]
    return {"examples": [_tried(letter, told.edits) for letter in found]}


def _tried(letter: dict[str, Any], edits: list[dict[str, Any]]) -> dict[str, Any]:
    """Both texts exactly as they are; whoever shows them finds the difference."""
    data = _original(letter)
    shown = {"failure_id": letter["failure_id"], "before": _text(data)}
    try:
        return shown | {"after": _text(edited(data, edits)), "complaint": None, "path": None}
    except BadEdit as error:
        return shown | {"after": None, "complaint": error.reason, "path": error.path}


def _text(data: bytes) -> str:
    return data.decode(errors="replace")


@router.get("/failures/{failure_id}")
def letter_page(
    request: Request,
    parts: Parts,
    visitor: Visitor,
    failure_id: Identity,
    part: Literal["state", "attempts", "bytes", "message"] | None = None,
    at: Annotated[int, Query(ge=0)] = 0,
    is_whole: Annotated[bool, Query(alias="whole")] = False,
    seen: Annotated[str | None, Query(max_length=128)] = None,
) -> Response:
    """One letter: the reason, the message with the fault marked, where it came from, what was tried.

    Who has `seen` how it stands is answered only when it stands otherwise; asking so costs next to nothing.
    """
    with parts.database.tenant(visitor.tenant_id) as rows:
        standing = workbench.standing(rows, failure_id)
    if standing is not None and standing == seen:
        return Response(status_code=204)
    letter = _letter(parts, visitor, failure_id) | {"standing": standing}
    if part in ("state", "attempts"):
        return render(request, parts, visitor, f"failure_{part}.html", here="failures", letter=letter)
    told = _message(letter, at, is_whole)
    if part:
        return render(request, parts, visitor, f"failure_{part}.html", here="failures", letter=letter, **told)
    with parts.database.tenant(visitor.tenant_id) as rows:
        beside = workbench.neighbours(rows, Wanted("any", cause=letter["cause_key"]).filters(), letter)
    told |= {"later": beside[0], "earlier": beside[1]}
    return render(request, parts, visitor, "failure.html", here="failures", letter=letter, **told)


def _letter(parts: Parts, visitor: Visitor, failure_id: str) -> dict[str, Any]:
    with parts.database.tenant(visitor.tenant_id) as rows:
        found = reading.letter(rows, failure_id)
    if found is None:
        raise Problem(404, f"No dead letter {failure_id} is known.")
    return found


def _message(letter: dict[str, Any], at: int, is_whole: bool) -> dict[str, Any]:
    """The message as lines or text, a page of its bytes, and where the fault is."""
    data = _original(letter)
    try:
        lines = letters.indented(data.decode())
    except UnicodeDecodeError:
        lines = None
    fault_line = letters.mark_fault(lines, letter["error_path"]) if lines else None
    fault = letters.faulty_bytes(data, letter["error_code"], letter["error_message"], fault_line)
    shown = list(lines if is_whole else letters.folded(lines)) if lines else None
    return {
        "size": len(data),
        "lines": shown,
        "text": None if lines else letters.as_text(data, fault),
        "fault_line": fault_line,
        "hex": letters.as_hex(data, at, fault),
        "fault": fault,
        "next_at": at + letters.BYTES_A_PAGE if at + letters.BYTES_A_PAGE < len(data) else None,
    }


@router.get("/failures/{failure_id}/original")
def original(parts: Parts, visitor: Visitor, failure_id: Identity) -> Response:
    """The bytes exactly as they came, as a file."""
    letter = _letter(parts, visitor, failure_id)
    headers = {"Content-Disposition": f'attachment; filename="{letter["failure_id"]}.bin"'}
    return Response(_original(letter), media_type="application/octet-stream", headers=headers)
