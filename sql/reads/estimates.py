"""What priors have learned: the latest version of each lane and provider, how it came about, and from what."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from psycopg import Cursor

from sql.reads.pages import cursor_of, pattern_of, values_of

Row = dict[str, Any]
Pair = tuple[str, str]
"""A lane and a provider."""

LATEST = """
SELECT lane_id, provider, version, observations, tokens_mean, tokens_std, duration_mean, duration_std, cost_mean,
  cost_std, quality, is_converged, is_restated, learned, hits, drift, observation_id, run_id, changed_at
FROM estimate_versions
WHERE is_latest AND (%(lanes)s::text[] IS NULL
  OR (lane_id, provider) IN (SELECT * FROM unnest(%(lanes)s::text[], %(providers)s::text[])))
ORDER BY lane_id, provider
"""
RELATIVES = "SELECT lane_id, provider, version, learned FROM estimate_versions WHERE is_latest"


def priors(rows: Cursor[Row], pairs: Collection[Pair] | None = None) -> dict[Pair, Row]:
    """The latest versions, of these lanes and providers or of all; who has learned nothing yet is not among them."""
    told: Row = {"lanes": None, "providers": None}
    if pairs is not None:
        told = {"lanes": [lane for lane, _ in pairs], "providers": [provider for _, provider in pairs]}
    rows.execute(LATEST, told)
    return {(row["lane_id"], row["provider"]): row for row in rows.fetchall()}


def relatives(rows: Cursor[Row]) -> list[Row]:
    """What each lane and provider has learned: `lane_id`, `provider`, `version`, `learned`."""
    rows.execute(RELATIVES)
    return rows.fetchall()


LANES = """
SELECT lane_id, provider, version, observations, tokens_mean, tokens_std, duration_mean, duration_std, cost_mean,
  cost_std, quality, is_converged, learned, hits, drift, changed_at
FROM estimate_versions
WHERE is_latest AND (%(lane_id)s::text IS NULL OR lane_id = %(lane_id)s)
  AND (%(provider)s::text IS NULL OR provider = %(provider)s)
  AND (%(q)s::text IS NULL OR lane_id ILIKE %(q)s OR provider ILIKE %(q)s)
  AND (%(after_lane)s::text IS NULL OR (lane_id, provider) > (%(after_lane)s, %(after_provider)s))
ORDER BY lane_id, provider LIMIT %(limit)s
"""
VERSIONS = """
SELECT version, is_latest, observations, tokens_mean, tokens_std, duration_mean, duration_std, cost_mean, cost_std,
  quality, is_converged, is_restated, observation_id, run_id, changed_at
FROM estimate_versions WHERE lane_id = %s AND provider = %s ORDER BY version DESC LIMIT %s
"""
OBSERVATIONS = """
SELECT observation_id, source, completed_at, project_id, run_id, task_id, tokens, duration_minutes, cost_usd, quality,
  weight, observed_by, reason, promised, is_counted, set_aside_code, set_aside_reason, version,
  event_topic, event_partition, event_offset
FROM estimate_observations
WHERE lane_id = %(lane_id)s AND provider = %(provider)s AND is_counted = %(is_counted)s
ORDER BY completed_at DESC, observation_id DESC LIMIT %(limit)s
"""
SERIES = """
SELECT lane_id, provider, observation_id, completed_at, project_id, tokens, duration_minutes, cost_usd, promised
FROM (
  SELECT *, row_number() OVER (PARTITION BY lane_id, provider ORDER BY completed_at DESC, observation_id DESC) AS place
  FROM estimate_observations
  WHERE is_counted AND promised <> '{}'
    AND (lane_id, provider) IN (SELECT * FROM unnest(%(lanes)s::text[], %(providers)s::text[]))
) AS latest
WHERE place <= %(limit)s ORDER BY lane_id, provider, completed_at, observation_id
"""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Which priors are wanted; what is None is not asked for."""

    lane_id: str | None = None
    provider: str | None = None
    q: str | None = None


def page(rows: Cursor[Row], asked: Asked, limit: int, cursor: str | None) -> tuple[list[Row], str | None]:
    """A page of priors by lane and provider, and the cursor of the next. Raises BadCursor."""
    after = values_of(cursor, 2) if cursor else [None, None]
    told = dict(zip(("after_lane", "after_provider"), after, strict=True))
    found_by = {"q": pattern_of(asked.q) if asked.q else None}
    rows.execute(LANES, vars(asked) | found_by | told | {"limit": limit + 1})
    found = rows.fetchall()
    if len(found) <= limit:
        return found, None
    last = found[limit - 1]
    return found[:limit], cursor_of([last["lane_id"], last["provider"]])


def versions(rows: Cursor[Row], lane_id: str, provider: str, limit: int) -> list[Row]:
    """The versions of a prior, the latest first."""
    rows.execute(VERSIONS, [lane_id, provider, limit])
    return rows.fetchall()


def observations(rows: Cursor[Row], lane_id: str, provider: str, is_counted: bool, limit: int) -> list[Row]:
    """What a prior learned from, or what was set aside: the latest first."""
    rows.execute(OBSERVATIONS, {"lane_id": lane_id, "provider": provider, "is_counted": is_counted, "limit": limit})
    return rows.fetchall()


def series(rows: Cursor[Row], pairs: Collection[Pair], limit: int) -> list[Row]:
    """The latest observations of each pair of which something had been promised, in the order of their completion."""
    told = {"lanes": [lane for lane, _ in pairs], "providers": [provider for _, provider in pairs], "limit": limit}
    rows.execute(SERIES, told)
    return rows.fetchall()
