"""Connections to Postgres, the tenant of a transaction, and what an SQL error means."""

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import psycopg
from psycopg.rows import dict_row

Rows = psycopg.Cursor[dict[str, Any]]
"""A cursor in a transaction of one tenant."""

WEATHER = ("08", "40", "53", "55", "57")
DATA = ("22", "23")


def connect(url: str) -> psycopg.Connection[tuple[object, ...]]:
    """One connection, without autocommit."""
    return psycopg.connect(url, connect_timeout=5)


@contextlib.contextmanager
def locked(url: str, lock: int, stop: threading.Event, look_again_seconds: float) -> Iterator[psycopg.Connection[Any]]:
    """A connection with autocommit that holds an advisory lock; whoever comes second waits until the first is gone.

    Told to stop, it waits no longer: the connection is given without the lock, to one that must write nothing.
    """
    with connect(url) as connection:
        connection.autocommit = True
        while not stop.is_set():
            row = connection.execute("SELECT pg_try_advisory_lock(%s)", [lock]).fetchone()
            if row and row[0]:
                break
            stop.wait(look_again_seconds)
        yield connection


@contextlib.contextmanager
def rows_of(url: str, tenant_id: str, **options: Any) -> Iterator[Rows]:
    """A transaction of a tenant on a connection of its own, which is closed with it; rows are dictionaries."""
    with (
        psycopg.connect(url, row_factory=dict_row, **{"connect_timeout": 5} | options) as connection,
        connection.cursor() as cursor,
    ):
        tenant(cursor, tenant_id)
        yield cursor


def tenant(cursor: psycopg.Cursor[Any], tenant_id: str) -> None:
    """Show only this tenant's rows until the transaction ends. Raises psycopg.DataError unless it is a UUID."""
    cursor.execute("SELECT set_config('app.current_tenant_id', %s::uuid::text, true)", [tenant_id])


def ensure_tenant(cursor: psycopg.Cursor[Any], tenant_id: str) -> None:
    """The tenant's row, which what people edit refers to."""
    cursor.execute("INSERT INTO tenants (id) VALUES (%s) ON CONFLICT DO NOTHING", [tenant_id])


def is_weather(error: psycopg.Error) -> bool:
    """Whether the same statement may work later: lost connection, deadlock, shutdown, lack of resources."""
    if error.sqlstate is None:
        return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    return error.sqlstate.startswith(WEATHER)


def is_data(error: psycopg.Error) -> bool:
    """Whether a value is at fault: it will never work. psycopg refuses some values itself, without an SQLSTATE."""
    if error.sqlstate is None:
        return isinstance(error, psycopg.DataError)
    return error.sqlstate.startswith(DATA)
