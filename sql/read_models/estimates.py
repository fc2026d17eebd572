"""What priors learned, version by version, and the observations that they learned from or that were set aside."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from psycopg import Cursor
from psycopg.sql import SQL, Composed, Identifier

from schemas.messages.estimates import ObservationSetAside, Observed, PriorLearned
from sql.bulk import append, as_json, load
from sql.read_models.events import PLACE, Event

Lane = tuple[str, str]
"""Lane and provider."""
SMOOTHED: Final = ("tokens_mean", "tokens_std", "duration_mean", "duration_std", "cost_mean", "cost_std")
VERSION: Final = (
    *("tenant_id", "lane_id", "provider", "version", "is_latest", "observations", *SMOOTHED, "quality"),
    *("is_converged", "is_restated", "learned", "hits", "drift", "observation_id", "run_id", "changed_at", *PLACE),
)
SAID: Final = (
    *("lane_id", "provider", "observation_id", "source", "completed_at", "project_id", "run_id", "task_id"),
    *("tokens", "duration_minutes", "cost_usd", "quality", "weight", "observed_by", "reason"),
)
DOUBT: Final = ("set_aside_code", "set_aside_reason")
OBSERVATION: Final = ("tenant_id", *SAID, "promised", "is_counted", *DOUBT, "version", *PLACE)
OBSERVATION_KEY: Final = ("tenant_id", "lane_id", "provider", "observation_id")
DIFFERENT: Final = "REPEATED_DIFFERENTLY"


def project(cursor: Cursor[Any], tenant_id: str, events: Sequence[Event]) -> int:
    """Write what events of the topic calibration-priors say of one tenant's priors and observations; rows written."""
    learned = [each for each in events if isinstance(each.message.payload, PriorLearned)]
    doubted = [each for each in events if isinstance(each.message.payload, ObservationSetAside)]
    written = _write_versions(cursor, tenant_id, learned)
    return written + _write_counted(cursor, tenant_id, learned) + _write_set_aside(cursor, tenant_id, doubted)


def _write_versions(cursor: Cursor[Any], tenant_id: str, events: Sequence[Event]) -> int:
    """Every version is kept; of each lane and provider the highest one is the latest.

    Of two that were the latest at once the index would let only one in: so first the old one is it no longer.
    """
    told = {(*_lane(each), each.message.payload.version): each for each in events}
    highest = _highest(cursor, told)
    rows = [_version_row(tenant_id, each, version == highest[lane, by]) for (lane, by, version), each in told.items()]
    cursor.execute(
        "UPDATE estimate_versions AS kept SET is_latest = false "
        "FROM unnest(%s::text[], %s::text[], %s::bigint[]) AS told(lane_id, provider, version) "
        "WHERE kept.lane_id = told.lane_id AND kept.provider = told.provider "
        "AND kept.is_latest AND kept.version < told.version",
        [[lane for lane, _ in highest], [provider for _, provider in highest], list(highest.values())],
    )
    return append(cursor, "estimate_versions", VERSION, rows)


def _highest(cursor: Cursor[Any], told: Iterable[tuple[str, str, int]]) -> dict[Lane, int]:
    """The highest version of each lane and provider, of those told now and those that are kept."""
    highest: dict[Lane, int] = {}
    for lane, provider, version in told:
        highest[lane, provider] = max(version, highest.get((lane, provider), 0))
    cursor.execute(
        "SELECT kept.lane_id, kept.provider, kept.version FROM estimate_versions AS kept "
        "JOIN unnest(%s::text[], %s::text[]) AS told(lane_id, provider) USING (lane_id, provider) WHERE kept.is_latest",
        [[lane for lane, _ in highest], [provider for _, provider in highest]],
    )
    for lane, provider, version in cursor.fetchall():
        highest[lane, provider] = max(version, highest[lane, provider])
    return highest


def _lane(event: Event) -> Lane:
    return event.message.payload.lane_id, event.message.payload.provider


def _version_row(tenant_id: str, event: Event, is_latest: bool) -> tuple[Any, ...]:
    told: PriorLearned = event.message.payload
    tokens, minutes, cost = (told.learned[each] for each in ("tokens", "duration_minutes", "cost_usd"))
    return (
        *(tenant_id, told.lane_id, told.provider, told.version, is_latest, told.observations),
        *(tokens.mean, tokens.std, minutes.mean, minutes.std, cost.mean, cost.std, told.quality),
        *(told.is_converged, told.is_restated, as_json(told.learned), as_json(told.hits), as_json(told.drift)),
        *(told.observation.observation_id, told.observation.run_id, told.changed_at, *event.place),
    )


def _write_counted(cursor: Cursor[Any], tenant_id: str, events: Sequence[Event]) -> int:
    """An observation that counts takes the place of one of the same id that was set aside before."""
    if not events:
        return 0
    first: dict[tuple[str, ...], tuple[Any, ...]] = {}
    for each in events:
        told: PriorLearned = each.message.payload
        row = _observation_row(tenant_id, told.observation, each, told.version, None)
        first.setdefault((*_lane(each), told.observation.observation_id), row)
    incoming = load(cursor, "estimate_observations", OBSERVATION, first.values(), "counted")
    changes = SQL(", ").join(
        SQL("{0} = EXCLUDED.{0}").format(Identifier(name)) for name in OBSERVATION if name not in OBSERVATION_KEY
    )
    cursor.execute(_insert(incoming) + SQL(" DO UPDATE SET {} WHERE NOT kept.is_counted").format(changes))
    return cursor.rowcount


def _write_set_aside(cursor: Cursor[Any], tenant_id: str, events: Sequence[Event]) -> int:
    """The first reason stands. One that counts stays; that it was told again with other figures is written to it."""
    if not events:
        return 0
    first: dict[tuple[str, ...], tuple[Any, ...]] = {}
    for each in events:
        told: ObservationSetAside = each.message.payload
        row = _observation_row(tenant_id, told.observation, each, told.version, (told.code, told.reason))
        first.setdefault((*_lane(each), told.observation.observation_id, str(told.code == DIFFERENT)), row)
    written = 0
    for is_different in (False, True):
        rows = [row for key, row in first.items() if key[-1] == str(is_different)]
        incoming = load(cursor, "estimate_observations", OBSERVATION, rows, "set_aside")
        changes = SQL(", ").join(SQL("{0} = EXCLUDED.{0}").format(Identifier(name)) for name in DOUBT)
        told_again = SQL(" DO UPDATE SET {} WHERE kept.is_counted AND kept.set_aside_code IS NULL").format(changes)
        cursor.execute(_insert(incoming) + (told_again if is_different else SQL(" DO NOTHING")))
        written += cursor.rowcount
    return written


def _insert(incoming: Identifier) -> Composed:
    columns, key = (SQL(", ").join(map(Identifier, names)) for names in (OBSERVATION, OBSERVATION_KEY))
    text = "INSERT INTO estimate_observations AS kept ({0}) SELECT {0} FROM {1} ON CONFLICT ({2})"
    return SQL(text).format(columns, incoming, key)


def _observation_row(
    tenant_id: str, told: Observed, event: Event, version: int, doubt: tuple[str, str] | None
) -> tuple[Any, ...]:
    said = (getattr(told, name) for name in SAID)
    return tenant_id, *said, as_json(told.promised), doubt is None, *(doubt or (None, None)), version, *event.place
