"""The keys that webhooks are signed with: which are in use, since when, and when they were used last."""

from typing import Any

from psycopg import Cursor

Row = dict[str, Any]

SHOWN = "key_id, description, created_at, created_by, last_used_at, revoked_at"


def in_use(cursor: Cursor[Row]) -> list[Row]:
    """The keys that are not revoked, oldest first, with their hashes."""
    cursor.execute(f"SELECT {SHOWN}, key_hash FROM ops.api_keys WHERE revoked_at IS NULL ORDER BY created_at".encode())
    return cursor.fetchall()


def all_keys(cursor: Cursor[Row]) -> list[Row]:
    """All keys ever made: those in use first, oldest first."""
    cursor.execute(f"SELECT {SHOWN} FROM ops.api_keys ORDER BY revoked_at NULLS FIRST, created_at".encode())
    return cursor.fetchall()


def alone(cursor: Cursor[Row]) -> None:
    """Wait until nobody else makes keys, until the transaction ends."""
    cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('api-keys', 7))")


def add(
    cursor: Cursor[Row], tenant_id: str, key_id: str, key_hash: str, description: str | None, made_by: str
) -> Row | None:
    """A new key, or None if the id is there already, revoked or not."""
    cursor.execute(
        "INSERT INTO ops.api_keys (tenant_id, key_id, key_hash, description, created_by) VALUES (%s, %s, %s, %s, %s) "
        f"ON CONFLICT DO NOTHING RETURNING {SHOWN}".encode(),
        [tenant_id, key_id, key_hash, description, made_by],
    )
    return cursor.fetchone()


def revoke(cursor: Cursor[Row], key_id: str, by: str) -> Row | None:
    """The key, revoked from now on; whoever did that first stays named. None if there is no such key."""
    cursor.execute(
        "UPDATE ops.api_keys SET revoked_at = coalesce(revoked_at, now()), revoked_by = coalesce(revoked_by, %s) "
        f"WHERE key_id = %s RETURNING {SHOWN}".encode(),
        [by, key_id],
    )
    return cursor.fetchone()


def used(cursor: Cursor[Row], key_id: str) -> None:
    """Note that a key is in use, to the minute."""
    cursor.execute(
        "UPDATE ops.api_keys SET last_used_at = now() "
        "WHERE key_id = %s AND coalesce(last_used_at, '-infinity') < now() - interval '1 minute'",
        [key_id],
    )
