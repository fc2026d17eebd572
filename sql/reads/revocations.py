"""Tokens that are refused before they end: which, since when."""

from datetime import datetime
from typing import Any, Literal

from psycopg import Cursor

Kind = Literal["token", "name"]


def known(cursor: Cursor[dict[str, Any]]) -> dict[tuple[Kind, str], datetime]:
    """When what was revoked, by kind and value."""
    cursor.execute("SELECT kind, value, revoked_at FROM ops.revocations")
    return {(each["kind"], each["value"]): each["revoked_at"] for each in cursor.fetchall()}


def add(cursor: Cursor[dict[str, Any]], tenant_id: str, kind: Kind, value: str, by: str) -> datetime:
    """Refuse a token, or all tokens that somebody has by now; the moment from which on that counts."""
    cursor.execute(
        "INSERT INTO ops.revocations (tenant_id, kind, value, revoked_by) VALUES (%s, %s, %s, %s) "
        "ON CONFLICT (tenant_id, kind, value) DO UPDATE SET revoked_at = now(), revoked_by = excluded.revoked_by "
        "RETURNING revoked_at",
        [tenant_id, kind, value, by],
    )
    found = cursor.fetchone()
    assert found is not None
    moment: datetime = found["revoked_at"]
    return moment


def forget(cursor: Cursor[dict[str, Any]], before: datetime) -> int:
    """Forget what no token can still be refused for, and say how many rows that were."""
    cursor.execute("DELETE FROM ops.revocations WHERE revoked_at < %s", [before])
    return cursor.rowcount
