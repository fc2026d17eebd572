"""What people do about dead letters, as it changes: asked for once, sent in order, settled with its outcome."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

from psycopg import Cursor
from psycopg.rows import tuple_row
from psycopg.types.json import Jsonb

from schemas.causes import cause_of
from schemas.codec import encode

Row = dict[str, Any]
Action = Literal["retry", "edit_retry", "resolve", "discard"]
Outcome = Literal["applied", "refused", "failed"]

CHANNEL: Final = "failure_actions"
ORDER_LOCK: Final = 7_201_010
SENDING: Final = ("retry", "edit_retry")
"""Actions that send something."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Who wants what done, and why."""

    action: Action
    actor: str
    reason: str | None = None
    edits: Sequence[Any] | None = None
    bulk_id: str | None = None


class Settled(NamedTuple):
    """What became of an action."""

    failure_key: str
    action_id: int
    outcome: Outcome
    code: str | None = None
    reason: str | None = None
    path: str | None = None


READ = """
SELECT letter.*, acted.action AS latest_action, acted.actor AS latest_actor, acted.requested_at AS latest_at,
  acted.outcome AS latest_outcome, acted.reason AS latest_reason, coalesce(acted.attempt, 0) AS version
FROM (
  SELECT tenant_id::text, failure_id, failure_key, integration_type, error_code, inbox, source_address, original_bytes,
    correlation_id, status, failed_at
  FROM integration_failures WHERE failure_key = ANY(%s)
) AS letter
LEFT JOIN LATERAL (
  SELECT * FROM failure_actions WHERE failure_key = letter.failure_key ORDER BY attempt DESC LIMIT 1
) AS acted ON true
ORDER BY letter.failed_at, letter.failure_key
"""


HOLD = "SELECT 1 FROM integration_failures WHERE failure_key = ANY(%s) ORDER BY failure_key FOR UPDATE"


def hold(rows: Cursor[Row], failure_keys: Sequence[str]) -> list[Row]:
    """These letters with the latest action on each, oldest first, held until the transaction ends.

    They are read after they are held: a statement that waits for a row sees all else as it was before it waited.
    """
    rows.execute(HOLD, [list(failure_keys)])
    return read(rows, failure_keys)


def read(rows: Cursor[Row], failure_keys: Sequence[str]) -> list[Row]:
    """The same, held by nobody."""
    rows.execute(READ, [list(failure_keys)])
    return rows.fetchall()


# What is sent is sent in the order of its numbers, so numbers are given in the order in which transactions commit.
ADD = """
INSERT INTO failure_actions (tenant_id, failure_key, attempt, action, actor, reason, bulk_id, edits, edited_bytes,
  outcome, settled_at)
SELECT %(tenant_id)s, told.key,
  1 + (SELECT count(*) FROM failure_actions AS kept WHERE kept.failure_key = told.key), %(action)s, %(actor)s,
  %(reason)s, %(bulk_id)s, %(edits)s, told.bytes, %(outcome)s,
  CASE WHEN %(outcome)s = 'done' THEN clock_timestamp() END
FROM unnest(%(keys)s::text[], %(bytes)s::bytea[]) WITH ORDINALITY AS told(key, bytes, place) ORDER BY told.place
RETURNING failure_key, action_id
"""


def add(rows: Cursor[Row], tenant_id: str, asked: Asked, letters: Sequence[tuple[str, bytes | None]]) -> dict[str, int]:
    """Note an action on letters that are held, with the edited bytes of each; the number of each action by its letter.

    The letters move along; whoever sends them is woken when the transaction commits.
    """
    if not letters:
        return {}
    is_sent = asked.action in SENDING
    if is_sent:
        rows.execute("SELECT pg_advisory_xact_lock(%s)", [ORDER_LOCK])
    keys = [key for key, _ in letters]
    rows.execute(
        ADD,
        {
            "tenant_id": tenant_id,
            "action": asked.action,
            "actor": asked.actor,
            "reason": asked.reason,
            "bulk_id": asked.bulk_id,
            "edits": None if asked.edits is None else Jsonb(asked.edits, dumps=encode),
            "outcome": "waiting" if is_sent else "done",
            "keys": keys,
            "bytes": [data for _, data in letters],
        },
    )
    added = {row["failure_key"]: int(row["action_id"]) for row in rows.fetchall()}
    follow(rows, keys)
    if is_sent:
        rows.execute("SELECT pg_notify(%s, '')", [CHANNEL])
    return added


# A letter follows its latest action; what it waits for is the reason of the latest refusal. Nothing here depends on
# the order in which events are read: a rebuild comes to the same.
FOLLOW = """
WITH told AS (
  SELECT failure_key, max(action_id) AS latest, count(*) FILTER (WHERE action IN ('retry', 'edit_retry')) AS tries,
    max(requested_at) FILTER (WHERE action IN ('retry', 'edit_retry')) AS tried_at,
    max(action_id) FILTER (WHERE outcome = 'refused') AS latest_refusal
  FROM failure_actions WHERE failure_key = ANY(%s) GROUP BY failure_key
)
UPDATE integration_failures AS letter SET
  status = CASE WHEN latest.outcome IN ('waiting', 'published') THEN 'retried'
    WHEN latest.action = 'discard' THEN 'discarded'
    WHEN latest.outcome IN ('applied', 'done') THEN 'resolved' ELSE 'pending_manual_review' END,
  resolution = CASE WHEN latest.outcome = 'applied' THEN 'repaired'
    WHEN latest.action = 'discard' THEN 'discarded' WHEN latest.action = 'resolve' THEN 'resolved' END,
  resolved_at = CASE WHEN latest.outcome IN ('applied', 'done') THEN latest.settled_at END,
  resolved_by = CASE WHEN latest.outcome IN ('applied', 'done') THEN latest.actor END,
  retry_count = greatest(letter.retry_count, told.tries),
  last_retry_at = coalesce(told.tried_at, letter.last_retry_at),
  reason_code = refusal.outcome_code, reason = refusal.outcome_reason, reason_path = refusal.outcome_path,
  cause_key = coalesce(refusal.outcome_cause_key, letter.cause_key),
  cause = coalesce(refusal.outcome_cause, letter.cause)
FROM told
JOIN failure_actions AS latest ON latest.failure_key = told.failure_key AND latest.action_id = told.latest
LEFT JOIN failure_actions AS refusal
  ON refusal.failure_key = told.failure_key AND refusal.action_id = told.latest_refusal
WHERE letter.failure_key = told.failure_key
"""


def follow(cursor: Cursor[Any], failure_keys: Iterable[str]) -> None:
    """Bring letters to where the actions on them stand; letters that nobody acted on stay as they are."""
    cursor.execute(FOLLOW, [list(failure_keys)])


SETTLE = """
UPDATE failure_actions AS kept SET outcome = told.outcome, outcome_code = told.code, outcome_reason = told.reason,
  outcome_path = told.path, outcome_cause_key = told.cause_key, outcome_cause = told.cause, sends = NULL,
  published_at = CASE WHEN told.outcome <> 'failed' THEN coalesce(kept.published_at, clock_timestamp()) END,
  settled_at = clock_timestamp()
FROM unnest(%s::text[], %s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[])
  AS told(failure_key, action_id, outcome, code, reason, path, cause_key, cause)
WHERE kept.action_id = told.action_id AND kept.failure_key = told.failure_key
  AND (kept.outcome IN ('waiting', 'published') OR (told.outcome = 'applied' AND kept.outcome = 'refused'))
RETURNING kept.failure_key
"""


def settle(cursor: Cursor[Any], settled: Sequence[Settled]) -> list[str]:
    """Note outcomes, of each action the first that is told; the keys of the letters that moved."""
    if not settled:
        return []
    with cursor.connection.cursor(row_factory=tuple_row) as rows:
        rows.execute(
            "SELECT failure_key, integration_type FROM public.integration_failures WHERE failure_key = ANY(%s)",
            [[each.failure_key for each in settled if each.outcome == "refused"]],
        )
        types: dict[str, str] = dict(rows.fetchall())
        told = [(*each, *_cause(each, types)) for each in sorted(settled)]
        rows.execute(SETTLE, [list(column) for column in zip(*told, strict=True)])
        moved = [key for (key,) in rows.fetchall()]
    follow(cursor, moved)
    return moved


def _cause(settled: Settled, types: dict[str, str]) -> tuple[str | None, str | None]:
    if settled.outcome != "refused":
        return None, None
    cause = cause_of(types.get(settled.failure_key, ""), settled.code or "", settled.reason or "", settled.path)
    return cause.key, cause.sentence


WAITING = """
SELECT action_id, failure_key, action, actor, requested_at, edited_bytes, sends
FROM failure_actions WHERE outcome = 'waiting' ORDER BY action_id LIMIT %s FOR UPDATE
"""
LETTERS = """
SELECT tenant_id::text, failure_id, failure_key, integration_type, error_code, inbox, source_address, original_bytes,
  correlation_id, status, failed_at
FROM integration_failures WHERE failure_key = ANY(%s)
"""


def waiting(rows: Cursor[Row], limit: int) -> list[Row]:
    """The next actions to send, in order, each with its letter; those that were decided already have `sends`."""
    rows.execute(WAITING, [limit])
    actions = rows.fetchall()
    rows.execute(LETTERS, [[each["failure_key"] for each in actions]])
    letters = {row["failure_key"]: row for row in rows.fetchall()}
    return [letters.get(each["failure_key"], {}) | each for each in actions]


class Decided(NamedTuple):
    """What an action sends, and whether somebody else tells its outcome."""

    action_id: int
    sends: bytes
    is_answered: bool
    claimed: str | None


DECIDE = """
UPDATE failure_actions AS kept SET sends = told.sends, is_answered = told.is_answered, claimed = told.claimed
FROM unnest(%s::bigint[], %s::bytea[], %s::boolean[], %s::text[]) AS told(action_id, sends, is_answered, claimed)
WHERE kept.action_id = told.action_id AND kept.outcome = 'waiting'
"""


def decide(rows: Cursor[Row], decided: Sequence[Decided]) -> None:
    """Keep what actions send: from now on each sends exactly that, however often somebody dies on the way."""
    if decided:
        rows.execute(DECIDE, [list(column) for column in zip(*decided, strict=True)])


PUBLISHED = """
UPDATE failure_actions SET outcome = 'published', published_at = clock_timestamp(), sends = NULL
WHERE action_id = ANY(%s) AND outcome = 'waiting'
"""


def published(rows: Cursor[Row], action_ids: Sequence[int]) -> None:
    """Kafka has what these actions send."""
    if action_ids:
        rows.execute(PUBLISHED, [list(action_ids)])


def has_claimed(rows: Cursor[Row], failure_key: str, identity: str) -> bool:
    """Whether an earlier action on this letter took that id."""
    rows.execute("SELECT FROM failure_actions WHERE failure_key = %s AND claimed = %s", [failure_key, identity])
    return rows.rowcount > 0


def in_flight(rows: Cursor[Row], failure_key: str) -> int | None:
    """The number of the action on a letter whose outcome is not known yet."""
    rows.execute(
        "SELECT action_id FROM failure_actions WHERE failure_key = %s AND outcome IN ('waiting', 'published')",
        [failure_key],
    )
    found = rows.fetchone()
    return None if found is None else int(found["action_id"])


def add_bulk(rows: Cursor[Row], tenant_id: str, asked: Asked, selected: int) -> None:
    """Note an action on many letters."""
    rows.execute(
        "INSERT INTO failure_bulks (tenant_id, bulk_id, action, actor, reason, selected, accepted) "
        "VALUES (%s, %s, %s, %s, %s, %s, 0)",
        [tenant_id, asked.bulk_id, asked.action, asked.actor, asked.reason, selected],
    )


def count_bulk(rows: Cursor[Row], bulk_id: str | None, accepted: int) -> None:
    """So many more letters of a bulk were accepted."""
    rows.execute("UPDATE failure_bulks SET accepted = accepted + %s WHERE bulk_id = %s", [accepted, bulk_id])


FOR_DELIVERY = """
INSERT INTO failure_actions (tenant_id, failure_key, attempt, action, actor, outcome, published_at)
SELECT tenant_id, failure_key,
  1 + (SELECT count(*) FROM failure_actions AS kept WHERE kept.failure_key = letter.failure_key), 'retry', %s,
  'published', clock_timestamp()
FROM (
  SELECT tenant_id, failure_key FROM integration_failures
  WHERE failure_key = %s AND status = 'pending_manual_review' FOR UPDATE
) AS letter
"""


def add_for_delivery(rows: Cursor[Row], failure_key: str, actor: str) -> None:
    """Note that somebody had a delivery tried again: that is a retry of its letter, where one waits."""
    rows.execute(FOR_DELIVERY, [actor, failure_key])
    if rows.rowcount:
        follow(rows, [failure_key])


def settle_delivery(rows: Cursor[Row], failure_key: str, refusal: tuple[str, str] | None = None) -> Settled | None:
    """A delivery that had failed has succeeded, or has failed again (code, sentence): what that settles, if anything.

    One that succeeds without anybody having asked for it needs nobody any more.
    """
    action_id = in_flight(rows, failure_key)
    if action_id is not None:
        code, reason = refusal or (None, None)
        settled = Settled(failure_key, action_id, "applied" if refusal is None else "refused", code, reason)
        settle(rows, [settled])
        return settled
    if refusal is None:
        rows.execute(
            "UPDATE integration_failures SET status = 'resolved', resolution = 'repaired', resolved_at = now() "
            "WHERE failure_key = %s AND status NOT IN ('discarded', 'resolved')",
            [failure_key],
        )
    return None
