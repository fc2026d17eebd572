"""A process's pool: every transaction belongs to one tenant."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

from schemas.settings import Settings
from sql.database import Rows as Rows
from sql.database import tenant
from sql.edited import base
from sql.edited.base import Edit as Edit


class Database:
    """Short transactions."""

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
        self._engine = base.engine_of(settings.database_url)

    def open(self) -> None:
        """Begin to connect; does not wait."""
        self._pool.open(wait=False)

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()
        self._engine.dispose()

    @contextmanager
    def tenant(self, tenant_id: str) -> Iterator[Rows]:
        """A transaction that sees and writes this tenant's rows only."""
        with self._pool.connection() as connection, connection.transaction(), connection.cursor() as cursor:
            tenant(cursor, tenant_id)
            yield cursor

    def editing(self, tenant_id: str, actor: str) -> AbstractContextManager[Edit]:
        """A transaction in which a person changes what people edit."""
        return base.editing(self._engine, tenant_id, actor)

    def is_reachable(self) -> bool:
        """Whether Postgres answers. Raises what psycopg raises."""
        with self._pool.connection(timeout=2) as connection:
            return connection.execute("SELECT 1").fetchone() is not None
