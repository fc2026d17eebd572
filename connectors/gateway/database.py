"""The gateway's pool: every transaction belongs to one tenant."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from psycopg import Connection, Cursor
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

from schemas.settings import Settings
from sql.database import tenant

Rows = Cursor[dict[str, Any]]


class Database:
    """Short transactions for requests."""

    def __init__(self, settings: Settings) -> None:
        self._pool: ConnectionPool[Connection[dict[str, Any]]] = ConnectionPool(
            settings.database_url,
            min_size=1,
            max_size=12,
            timeout=5,
            kwargs={"row_factory": dict_row, "connect_timeout": 3},
            check=ConnectionPool.check_connection,
            open=False,
            name="gateway",
        )

    def open(self) -> None:
        """Begin to connect; does not wait."""
        self._pool.open(wait=False)

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()

    @contextmanager
    def tenant(self, tenant_id: str) -> Iterator[Rows]:
        """A transaction that sees and writes this tenant's rows only."""
        with self._pool.connection() as connection, connection.transaction(), connection.cursor() as cursor:
            tenant(cursor, tenant_id)
            yield cursor

    def is_reachable(self) -> bool:
        """Whether Postgres answers. Raises what psycopg raises."""
        with self._pool.connection(timeout=2) as connection:
            return connection.execute("SELECT 1").fetchone() is not None
