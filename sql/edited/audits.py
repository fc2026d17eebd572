"""Who changed what of what people edit: one row a change, with each field before and after."""

from collections.abc import Mapping
from typing import Any, Final, Literal

from psycopg.types.json import Jsonb
from sqlalchemy import inspect

from schemas.codec import encode
from sql.database import Rows
from sql.edited.base import Edit, Versioned

What = Literal["created", "updated", "deleted", "restored"]
SILENT: Final = frozenset({"tenant_id", "version", "created_at", "created_by", "updated_at", "updated_by"})


def fields(row: Versioned) -> dict[str, Any]:
    """What a row says, by column, without what every row has."""
    return {column.key: getattr(row, column.key) for column in inspect(type(row)).columns if column.key not in SILENT}


def note(edit: Edit, subject: str, row: Versioned, what: What, before: Mapping[str, Any] | None = None) -> None:
    """Keep who changed a row; `before` is what its `fields` were."""
    after = fields(row)
    earlier = before or {}
    changes = {
        name: {"before": earlier.get(name), "after": value}
        for name, value in after.items()
        if value != earlier.get(name)
    }
    keep(edit.rows, edit.tenant_id, (subject, row.id, row.version), what, edit.actor, changes)


def keep(
    rows: Rows, tenant_id: str, about: tuple[str, str, int], what: What, actor: str, changes: Mapping[str, Any]
) -> None:
    """Keep who changed something: its subject, its id, its version after that; and each field, before and after."""
    rows.execute(
        "INSERT INTO edit_audits (tenant_id, subject, subject_id, subject_version, event_type, said_by, changes) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s)",
        [tenant_id, *about, what, actor, Jsonb(dict(changes), dumps=lambda told: encode(told).decode())],
    )


def history(rows: Rows, subject: str, identity: str, limit: int) -> list[dict[str, Any]]:
    """What was changed of one thing, latest first."""
    rows.execute(
        "SELECT event_type, subject_version AS version, said_by, changes, happened_at FROM edit_audits "
        "WHERE subject = %s AND subject_id = %s ORDER BY happened_at DESC, subject_version DESC LIMIT %s",
        [subject, identity, limit],
    )
    return rows.fetchall()
