"""How the integrations stand, for a person to read: a light for every part and system, and what waits at each hop."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal, NamedTuple
from urllib.parse import urlsplit

from connectors import clockwork
from connectors.figures import SYSTEMS, gather
from connectors.gateway import parts_health
from connectors.gateway.state import State
from connectors.integration_health import BREAKERS, SystemHealth, judge
from connectors.lines import overview as lines_overview
from schemas.settings import Settings
from schemas.views.health import PartHealth
from sql.reads import integrations, machines, overview, reallocations

Tone = Literal["good", "warn", "bad", "idle"]
Row = dict[str, Any]

NAMES: Final = {
    "ERP": "ERP",
    "MES": "MES",
    "HR": "HR system",
    "WMS": "Warehouse",
    "FILES": "Files over SFTP",
    "MAIL": "E-mail",
    "NOTIFY": "Chat and pager",
    "PAS": "PAS",
}
SETTING: Final = {
    "ERP": ("erp_url",),
    "MES": ("mes_url",),
    "HR": ("hr_url",),
    "WMS": ("wms_url",),
    "FILES": ("sftp_url",),
    "MAIL": ("smtp_url",),
    "NOTIFY": ("alert_webhook_url", "alert_slack_url"),
    "PAS": ("pas_url",),
}
TONES: Final[dict[str, tuple[Tone, str]]] = {
    "green": ("good", "works"),
    "yellow": ("warn", "in doubt"),
    "red": ("bad", "down"),
    "unknown": ("idle", "not heard yet"),
    "up": ("good", "works"),
    "down": ("bad", "down"),
}
BREAKER_TONES: Final[dict[str, Tone]] = {"closed": "good", "half-open": "warn", "open": "bad"}
CALLS_OVER: Final = timedelta(hours=1)
SHOWN_AT_MOST: Final = 4
MANY_RECORDS: Final = 1_000


class Breaker(NamedTuple):
    """A circuit breaker in words. `probes_at`: from when on the next call goes out as a probe, while it is open."""

    state: str
    tone: Tone
    failures: int
    limit: int
    openings: int
    last_error: str | None
    opened_at: datetime | None
    probes_at: datetime | None


class Light(NamedTuple):
    """One part or system: how it is, and why."""

    key: str
    name: str
    tone: Tone
    word: str
    reason: str
    last_at: datetime | None
    address: str | None = None
    breaker: Breaker | None = None
    told: Row | None = None
    heard: Row | None = None
    pending: int = 0
    failed: int = 0
    waiting: Sequence[Row] = ()


class Hop(NamedTuple):
    """A station on the way of a message, and what waits before it; `waiting` is by topic or system."""

    name: str
    words: str
    tone: Tone
    waiting: Mapping[str, int]


class Standing(NamedTuple):
    """Everything at one moment. `systems`, `jobs` and the rest are empty while Postgres is away."""

    at: datetime
    parts: Sequence[Light]
    systems: Sequence[Light] = ()
    hops: Sequence[Hop] = ()
    jobs: Sequence[Row] = ()
    suggestions: Sequence[Row] = ()
    stopped: Sequence[Row] = ()


def look(parts: State, tenant_id: str, at: datetime) -> Standing:
    """One look at all of it. Raises what psycopg raises if Postgres goes away while it looks."""
    postgres, kafka = parts_health.postgres(parts), parts_health.kafka(parts)
    if postgres.state != "up":
        return Standing(at, [light_of(postgres), light_of(kafka)])
    with parts.database.tenant(tenant_id) as rows:
        figures = gather(rows, at, parts.settings)
        floor = machines.floor(rows)
        calls = integrations.calls_by_system(rows, at, CALLS_OVER)
        waiting = integrations.next_attempts(rows, list(NAMES), SHOWN_AT_MOST)
        projected, reacted = overview.offsets(rows)
        jobs = clockwork.overview(rows, parts.settings, at)
        suggestions = reallocations.page(rows, "open", None, 20)
        stopped = [line for line in lines_overview(rows) if line["status"] == "stopped"]
    over_opcua = frozenset(each.machine_id for each in parts.settings.layout.machines if each.opcua_endpoint)
    heard = [
        parts_health.machines(f"Machines over {name}", those, at)
        for name, those in parts_health.by_transport(floor, over_opcua).items()
    ]
    judged = judge(figures, tuple(NAMES))
    systems = [
        system_light(each, parts.settings, figures.breakers.get(each.system), calls, waiting)
        for each in judged
        if each.system in SYSTEMS or is_set_up(each.system, parts.settings) or each.last_success_at
    ]
    lag = parts.lags.of_readers(projected, reacted) if kafka.state == "up" else None
    pending = {each.system: each.pending_deliveries for each in judged}
    hops = path(lag, pending, sum(parts.hub.pulse.told["events_per_second"].values()))
    lights = [light_of(each) for each in (kafka, postgres, *heard)]
    return Standing(at, lights, systems, hops, jobs, suggestions, stopped)


def light_of(part: PartHealth) -> Light:
    """The light of a part of ours."""
    tone, word = TONES[part.state] if part.state != "unknown" else ("warn", "quiet")
    sentence = f"It {part.reason}." if part.reason.startswith(("answers", "does")) else f"{_capital(part.reason)}."
    return Light(part.name.lower().replace(" ", "-"), part.name, tone, word, sentence, part.last_at)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def is_set_up(system: str, settings: Settings) -> bool:
    """Whether the settings say where to call it."""
    return any(getattr(settings, name) for name in SETTING[system])


def system_light(
    health: SystemHealth,
    settings: Settings,
    breaker: Row | None,
    calls: Mapping[tuple[str, str], Row],
    waiting: Sequence[Row],
) -> Light:
    """The light of a system outside, with all that is known of the calls to it."""
    system = health.system
    tone, word = TONES[health.state]
    reason = health.reason
    if not is_set_up(system, settings):
        names = " or ".join(name.upper() for name in SETTING[system])
        reason = f"{reason} It is not called: {names} is not set."
        word = "not set up" if tone == "idle" else word
    return Light(
        key=system,
        name=NAMES[system],
        tone=tone,
        word=word,
        reason=reason,
        last_at=health.last_success_at,
        address=address_of(next((found for name in SETTING[system] if (found := getattr(settings, name))), None)),
        breaker=breaker_of(breaker, settings) if breaker else None,
        told=calls.get((system, "outbound")),
        heard=calls.get((system, "inbound")),
        pending=health.pending_deliveries,
        failed=health.failed_deliveries,
        waiting=[row for row in waiting if row["external_system"] == system],
    )


def address_of(url: str | None) -> str | None:
    """Host and port of a URL: its user, password and path are nobody's business here."""
    if not url:
        return None
    parts = urlsplit(str(url))
    return f"{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}" or None


def breaker_of(row: Row, settings: Settings) -> Breaker:
    """A breaker's row, in words."""
    state = BREAKERS[row["state"]]
    opened_at = row["opened_at"] if state != "closed" else None
    return Breaker(
        state=state,
        tone="warn" if state == "closed" and row["failure_count"] else BREAKER_TONES[state],
        failures=row["failure_count"],
        limit=settings.breaker_failures,
        openings=row["openings"],
        last_error=row["last_error"] if row["failure_count"] else None,
        opened_at=opened_at,
        probes_at=opened_at + timedelta(seconds=settings.breaker_seconds) if opened_at and state == "open" else None,
    )


def path(lag: Mapping[str, Mapping[str, int]] | None, pending: Mapping[str, int], events_a_second: float) -> list[Hop]:
    """The way of a message, from who says it to who is told of it. `lag` is none while Kafka is away."""
    return [
        Hop("Sources", "machines, systems, people", "good", {}),
        _reader("Inboxes", "agents", lag),
        Hop("Agents", f"{events_a_second:.1f} events/s" if lag else "not known", "good" if lag else "idle", {}),
        _reader("Events", "projector", lag),
        _reader("Rows", "reactor", lag),
        _hop("Deliveries", {name: count for name, count in pending.items() if count}),
    ]


def _reader(name: str, reader: str, lag: Mapping[str, Mapping[str, int]] | None) -> Hop:
    return Hop(name, "not known: Kafka is away", "bad", {}) if lag is None else _hop(name, lag[reader])


def _hop(name: str, waiting: Mapping[str, int]) -> Hop:
    records = sum(waiting.values())
    words = "nothing waits" if not records else f"{records:,} waiting".replace(",", "\u202f")
    return Hop(name, words, "good" if records < MANY_RECORDS else "warn", waiting)
