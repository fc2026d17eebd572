"""Rows as one tenant sees them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.rows import dict_row

from sql import database


@contextmanager
def rows_of(url: str, tenant_id: str) -> Iterator[psycopg.Cursor[dict[str, Any]]]:
    """A transaction of the application; what is written in it is kept, unless something is raised or rolled back."""
    with psycopg.connect(url, row_factory=dict_row) as connection, connection.cursor() as cursor:
        database.tenant(cursor, tenant_id)
        yield cursor
