"""Sealed credentials: what Postgres keeps of a secret, which it cannot read."""

from datetime import datetime
from typing import NamedTuple

from sql.database import Rows


class Sealed(NamedTuple):
    """A secret as it is stored: which key sealed it, the nonce, and the sealed bytes with their tag."""

    name: str
    key_id: str
    nonce: bytes
    box: bytes


def kept(rows: Rows, name: str) -> Sealed | None:
    """The credential of a name."""
    rows.execute("SELECT name, key_id, nonce, box FROM ops.credentials WHERE name = %s", [name])
    row = rows.fetchone()
    return None if row is None else Sealed(row["name"], row["key_id"], bytes(row["nonce"]), bytes(row["box"]))


def keep(rows: Rows, tenant_id: str, sealed: Sealed, *, is_new: bool = True) -> None:
    """Store a credential instead of the one of that name; only a new value begins a new life."""
    rows.execute(
        """
        INSERT INTO ops.credentials AS old (tenant_id, name, key_id, nonce, box) VALUES (%s, %s, %s, %s, %s)
        ON CONFLICT (tenant_id, name) DO UPDATE SET key_id = EXCLUDED.key_id, nonce = EXCLUDED.nonce,
          box = EXCLUDED.box, set_at = CASE WHEN %s THEN now() ELSE old.set_at END
        """,
        [tenant_id, *sealed, is_new],
    )


def revoke(rows: Rows, name: str) -> bool:
    """Delete a credential; whether there was one."""
    rows.execute("DELETE FROM ops.credentials WHERE name = %s", [name])
    return rows.rowcount > 0


def names(rows: Rows) -> dict[str, datetime]:
    """The stored credentials and when each was set."""
    rows.execute("SELECT name, set_at FROM ops.credentials ORDER BY name")
    return {row["name"]: row["set_at"] for row in rows.fetchall()}
