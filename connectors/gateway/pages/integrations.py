"""The integrations at a glance: a light for each part and system, what waits where, and the jobs by the clock."""

import re
from datetime import UTC, datetime
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response
from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from connectors.gateway import standing
from connectors.gateway.depends import Parts
from connectors.gateway.pages.rendering import Visitor, moment, render, span, templates
from connectors.gateway.standing import Light, Standing

router = APIRouter(include_in_schema=False)
LATE_SECONDS: Final = 10
WORST: Final = ("bad", "warn")
IS_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d")
ABBREVIATED: Final = frozenset({"erp", "hr", "mes", "wms"})


@pass_context
def ahead(context: Context, told: datetime | None, short: bool = False) -> str:
    """How long it is until a moment, or was since then, with the moment. `short`: without the day."""
    if told is None:
        return "–"
    seconds = (told - datetime.now(UTC)).total_seconds()
    words = f"in {span(seconds)}" if seconds > 0 else "now" if seconds > -LATE_SECONDS else f"due for {span(-seconds)}"
    full = moment(context, told, "%H:%M:%S" if short else "%d %b %H:%M:%S")
    return Markup("{} <small>{}</small>").format(words, full)


def headline(told: Standing) -> tuple[str, str]:
    """The worst of all lights, in a sentence, with its tone."""
    lights = [*told.parts, *told.systems]
    for tone in WORST:
        named = [each.name for each in lights if each.tone == tone]
        if named:
            verb = ("is" if len(named) == 1 else "are") + (" down" if tone == "bad" else " in doubt")
            return tone, f"{listed(named)} {verb}."
    if told.stopped:
        return "bad", f"The line {listed([line['line'] for line in told.stopped])} stands."
    slow = [hop for hop in told.hops if hop.tone == "warn"]
    if slow:
        return "warn", f"All systems work; {slow[0].words} at “{slow[0].name.lower()}”: what is shown may be late."
    working = [each for each in lights if each.tone == "good"]
    return "good", f"All {len(working)} that are in use work." if working else "Nothing is in use yet."


def listed(names: list[str]) -> str:
    """Names as a sentence has them: `A`, `A and B`, `A, B and C`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def asked_for(light: Light) -> list[dict[str, Any]]:
    """What the last hour's calls came to: those of ours, then those to us."""
    pairs = (("we called", light.told), ("it called", light.heard))
    return [row | {"who": who} for who, row in pairs if row]


def job_name(name: str) -> str:
    """A job's name as people say it: `hr_time_entries` -> `HR time entries`."""
    first, _, rest = name.partition("_")
    return f"{first.upper() if first in ABBREVIATED else first.capitalize()} {rest.replace('_', ' ')}".strip()


@pass_context
def subject(context: Context, told: str) -> str:
    """What a delivery is about: an id as it is, a moment on the plant's clock."""
    return moment(context, told, "%d %b %H:%M") if IS_MOMENT.match(told) else told


templates.env.filters |= {"ahead": ahead, "asked_for": asked_for, "job_name": job_name, "subject": subject}


@router.get("/integrations")
def page(request: Request, parts: Parts, visitor: Visitor) -> Response:
    """Every light with its reason; looked up once a second at most, however many look on."""
    told: Standing = parts.recent.get(
        ("standing", visitor.tenant_id), lambda: standing.look(parts, visitor.tenant_id, datetime.now(UTC))
    )
    tone, sentence = headline(told)
    known = {"told": told, "tone": tone, "sentence": sentence}
    return render(request, parts, visitor, "integrations.html", here="integrations", tab="systems", **known)
