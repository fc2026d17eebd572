"""Long reads: one moment's rows on a connection of their own, which can write nothing and gives up in time."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from psycopg.errors import QueryCanceled

from connectors.database import Rows
from connectors.gateway.problems import Problem
from connectors.gateway.state import State
from sql.database import rows_of

WAIT_SECONDS: Final = 10.0


@contextmanager
def reading(parts: State, tenant_id: str, seconds: float) -> Iterator[Rows]:
    """A transaction of a tenant that only reads, by the plant's clock; each statement may take so many seconds.

    Raises Problem 503 where others read so much that there is no turn, or where Postgres takes longer.
    """
    if not parts.long_reads.acquire(timeout=WAIT_SECONDS):
        raise Problem(503, "Others are reading a lot just now. Try again.", {"Retry-After": "10"})
    options = {
        "default_transaction_read_only": "on",
        "default_transaction_isolation": r"repeatable\ read",
        "statement_timeout": str(round(seconds * 1000)),
        "TimeZone": parts.settings.plant_timezone,
    }
    told = " ".join(f"-c {name}={value}" for name, value in options.items())
    try:
        with rows_of(parts.settings.database_url, tenant_id, options=told) as rows:
            yield rows
    except QueryCanceled as error:
        sentence = f"Postgres did not find this in {seconds:g} s. Ask for less of it."
        raise Problem(503, sentence, {"Retry-After": "10"}) from error
    finally:
        parts.long_reads.release()
