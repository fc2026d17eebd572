"""Which rows events would change: the read models' own code writes them into copies of the rows concerned."""

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from psycopg import Cursor
from psycopg.rows import dict_row, tuple_row
from psycopg.sql import SQL, Composed, Identifier

from schemas.envelope import Message
from schemas.ids import milliseconds
from schemas.messages.machines import GapMarked
from schemas.topics import MESSAGES
from schemas.views.rehearsals import Change, RehearsedColumn, RehearsedRow
from sql import database
from sql.read_models.registry import TABLES, WRITTEN_AT

STAYS_EMPTY: Final[tuple[str, ...]] = ()
CONCERNED: dict[str, dict[str, tuple[str, ...]]] = {
    "work-orders": {
        "work_orders": ("work_order_id",),
        "work_order_bom": ("work_order_id",),
        "production_logs": ("log_id",),
        "quality_inspections": ("inspection_id",),
        "work_order_changes": STAYS_EMPTY,
    },
    "resource-status": {
        "machines": ("machine_id",),
        "machine_status_history": ("machine_id", "version"),
        "downtime_events": ("downtime_id",),
        "machine_states": STAYS_EMPTY,
    },
    "inventory": {
        "materials": ("material_id",),
        "material_batches": ("material_id",),
        "material_changes": ("material_id", "version"),
        "material_transactions": ("transaction_id",),
        "reservations": ("reservation_id",),
        "material_states": STAYS_EMPTY,
        "reservation_changes": STAYS_EMPTY,
    },
    "hr-updates": {
        "operators": ("operator_id",),
        "operator_skills": ("operator_id",),
        "operator_shifts": ("operator_id", "shift_date", "shift_name"),
    },
    "calibration-priors": {
        "estimate_versions": ("lane_id", "provider", "version"),
        "estimate_observations": ("lane_id", "provider"),
    },
    "alerts": {"alerts": ("alert_id",)},
    "integration-failures": {"integration_failures": ("failure_key",), "failure_actions": STAYS_EMPTY},
}
"""Which rows of which tables an event of a topic may touch: those that have what the event has in these columns.

What stays empty and is not shown: tables that keep how a row once was, which say again what the row itself says; and
what people did about a dead letter, which is nothing while it is new.
"""
UNSHOWN = frozenset(table for tables in CONCERNED.values() for table, columns in tables.items() if not columns)

BOOKKEEPING = frozenset(
    {
        *("tenant_id", WRITTEN_AT, "event_topic", "event_partition", "event_offset", "caused_by"),
        *("known_at", "order_version"),
    }
)
"""Columns that explain a row; nobody asks how they would change."""
OFTEN: Final = ("version", "updated_at")
"""Columns that change with everything: told only where nothing else would change."""
SILENT: dict[str, tuple[str, ...]] = {
    "work_order_bom": ("version",),
    "material_batches": ("version",),
    "operator_skills": ("version",),
    "integration_failures": ("original_message", "original_bytes"),
}
"""Columns that say nothing: the version of lines that are replaced as a whole; the bytes of a dead letter."""
STANDS: dict[str, str] = {
    "work_orders": "SELECT work_order_id, version FROM work_orders",
    "machines": "SELECT machine_id, version FROM machines",
    "materials": "SELECT material_id, version FROM materials",
    "operators": "SELECT employee_id, version FROM operators",
}
"""Which version of an entity the rows show, by the processor that counts its versions."""
LOOK = """
SELECT relname, attname, attgenerated = '' AS is_written, coalesce(attnum = ANY(indkey), false) AS is_key
FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped
LEFT JOIN pg_index ON indrelid = pg_class.oid AND indisprimary
WHERE relnamespace = 'public'::regnamespace AND relname = ANY(%s)
ORDER BY relname, attnum
"""

Key = tuple[Any, ...]
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Form:
    """What a table looks like: the columns that are written, and those of its key."""

    written: tuple[str, ...]
    key: tuple[str, ...]


@contextlib.contextmanager
def copies(rows: database.Rows, tenant_id: str) -> "Iterator[Copies]":
    """Tables of the same names for a while, empty, in the caller's transaction. Nothing of it stays, however it ends.

    They are all that can be seen without naming a schema: code that would write to another table fails instead.
    """
    connection = rows.connection
    with connection.transaction(force_rollback=True), connection.cursor(row_factory=tuple_row) as cursor:
        database.tenant(cursor, tenant_id)
        copy = Copies(cursor, _forms(cursor))
        cursor.execute("SELECT set_config('search_path', 'pg_temp', true)")
        yield copy


def _forms(cursor: Cursor[Any]) -> dict[str, Form]:
    cursor.execute(LOOK, [[*TABLES, *UNSHOWN]])
    found: dict[str, list[tuple[str, bool, bool]]] = {}
    for table, *column in cursor.fetchall():
        found.setdefault(table, []).append((column[0], column[1], column[2]))
    return {
        table: Form(
            tuple(name for name, is_written, _ in columns if is_written),
            tuple(name for name, _, is_key in columns if is_key and name != "tenant_id"),
        )
        for table, columns in found.items()
    }


class Copies:
    """Copies of the rows that some events may touch. `cursor` sees nothing else, and may be written through."""

    def __init__(self, cursor: Cursor[Any], forms: Mapping[str, Form]) -> None:
        self.cursor = cursor
        self.forms = forms
        self._made: set[str] = set()
        self._before: dict[str, dict[Key, Row]] = {}

    def copy(self, told: Iterable[Message[Any]]) -> None:
        """Copy the rows that these events may touch, those of them that are not copied yet. Before anything is written.

        A table of which nobody says which rows an event touches is empty here: of it, what is appended is seen.
        """
        wanted = _wanted(told)
        unknown = self.forms.keys() - {table for tables in CONCERNED.values() for table in tables}
        self._make((wanted.keys() | unknown) - self._made)
        for table, (columns, keys) in wanted.items():
            if columns:
                self._copy(table, columns, list(keys))

    def clear(self) -> None:
        """Forget all rows, to copy them once more."""
        self._execute(SQL("DELETE FROM {}"), self._made)

    def _make(self, tables: Set[str]) -> None:
        self._made |= tables
        like = "CREATE TEMPORARY TABLE {0} (LIKE public.{0} INCLUDING ALL EXCLUDING COMMENTS EXCLUDING IDENTITY)"
        self._execute(SQL(like), tables)

    def _execute(self, statement: SQL, tables: Set[str]) -> None:
        if tables:
            self.cursor.execute(SQL("; ").join(statement.format(Identifier(table)) for table in sorted(tables)))

    def _copy(self, table: str, columns: Sequence[str], keys: Sequence[Key]) -> None:
        names = _list(self.forms[table].written)
        arrays = SQL(", ").join(
            SQL("%s::{}[]").format(SQL({"version": "bigint", "shift_date": "date"}.get(name, "text")))
            for name in columns
        )
        self.cursor.execute(
            SQL(
                "INSERT INTO {table} ({names}) SELECT {names} FROM public.{table} "
                "WHERE ({columns}) IN (SELECT * FROM unnest({arrays})) ON CONFLICT DO NOTHING"
            ).format(table=Identifier(table), names=names, columns=_list(columns), arrays=arrays),
            [[key[index] for key in keys] for index in range(len(columns))],
        )

    def stands(self, processor: str) -> dict[str, int]:
        """The version that the copied rows show of each entity of a processor."""
        if processor not in STANDS or processor not in self._made:
            return {}
        self.cursor.execute(STANDS[processor].encode())
        return dict(self.cursor.fetchall())

    def remember(self) -> None:
        """The copies are complete: what is written from now on is a change."""
        self._before = {table: self._rows(table) for table in self._made - UNSHOWN}

    def changes(self) -> list[RehearsedRow]:
        """The rows that are different from what was remembered, by table and key."""
        return [
            row
            for table in TABLES
            if table in self._before
            for row in differences(table, self.forms[table].key, self._before[table], self._rows(table))
        ]

    def _rows(self, table: str) -> dict[Key, Row]:
        with self.cursor.connection.cursor(row_factory=dict_row) as cursor:
            cursor.execute(SQL("SELECT * FROM {}").format(Identifier(table)))
            return by_key(self.forms[table].key, cursor.fetchall())


def _wanted(told: Iterable[Message[Any]]) -> dict[str, tuple[tuple[str, ...], set[Key]]]:
    """For each table, the columns that find its rows, and what stands in them."""
    wanted: dict[str, tuple[tuple[str, ...], set[Key]]] = {}
    for message in told:
        for table, columns in CONCERNED.get(MESSAGES[message.type].topic, {}).items():
            keys = wanted.setdefault(table, (columns, set()))[1]
            keys.update(_keys(message.payload, columns))
    return wanted


def _keys(payload: Any, columns: Sequence[str]) -> Iterator[Key]:
    """What an event has in these columns, if it has them all. Of a gap, its rows have the moments as versions."""
    if isinstance(payload, GapMarked) and "version" in columns:
        starts = [payload.from_at, *(stretch.from_at for stretch in payload.unrecovered or ())]
        yield from ((payload.machine_id, milliseconds(start)) for start in starts)
        return
    with contextlib.suppress(AttributeError):
        yield tuple(getattr(payload, name) for name in columns)


def by_key(key: Sequence[str], rows: Iterable[Row]) -> dict[Key, Row]:
    """Rows by what stands in their key."""
    return {tuple(row[name] for name in key): row for row in rows}


def differences(
    table: str, key: Sequence[str], before: Mapping[Key, Row], after: Mapping[Key, Row]
) -> Iterator[RehearsedRow]:
    """What a person would call a change, between rows before and after."""
    for identity in sorted({*before, *after}, key=str):
        old, new = before.get(identity), after.get(identity)
        columns = _columns(table, key, old or {}, new or {})
        if columns or old is None or new is None:
            change: Change = "added" if old is None else "removed" if new is None else "changed"
            named = {name: _shown(value) for name, value in zip(key, identity, strict=True)}
            yield RehearsedRow(table=table, key=named, change=change, columns=columns)


def _columns(table: str, key: Sequence[str], old: Row, new: Row) -> list[RehearsedColumn]:
    hidden = {*BOOKKEEPING, *SILENT.get(table, ()), *key}
    names = [name for name in new or old if name not in hidden and old.get(name) != new.get(name)]
    told = [name for name in names if name not in OFTEN] or names
    return [RehearsedColumn(name=name, before=_shown(old.get(name)), after=_shown(new.get(name))) for name in told]


def _shown(value: Any) -> Any:
    """A value as JSON shows it: a quantity as a number."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value


def _list(names: Sequence[str]) -> Composed:
    return SQL(", ").join(map(Identifier, names))
