"""The ground of what people edit: models of a tenant, a transaction with its actor, versions, and who changed what.

A subject has its models in a module beside this one, its functions in another. A change is made in one transaction:
`editing(...)`, `hold(...)` with the version that the person saw, `touch(...)`, an audit row, and the event that tells
of it (`Edit.say`), which is a job row until the process `jobs` has published it.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final, TypeVar

from psycopg import OperationalError, errors
from psycopg.rows import dict_row
from sqlalchemy import JSON, BigInteger, Date, DateTime, Engine, Numeric, Text, TypeDecorator, Uuid, create_engine
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolIsEmpty
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.types import TypeEngine

from sql import outbox
from sql.database import Rows, tenant

PLACES: Final = 6


class Quantity(TypeDecorator[Decimal]):
    """NUMERIC(18,6) as Decimal; SQLite, which knows no decimals, keeps a number of the same six places."""

    impl = Numeric(18, PLACES)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The column's type there."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(Numeric(18, PLACES, asdecimal=False))
        return dialect.type_descriptor(Numeric(18, PLACES))

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:
        """As the driver takes it."""
        return float(value) if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        """As we reckon with it: without needless places."""
        if value is None:
            return None
        exact = value if isinstance(value, Decimal) else Decimal(str(value))
        return exact.quantize(Decimal(1)) if exact == exact.to_integral_value() else exact.normalize()


class Base(DeclarativeBase):
    """All models of what people edit."""

    type_annotation_map = {  # noqa: RUF012 -- SQLAlchemy's own name for it
        str: Text(),
        int: BigInteger(),
        date: Date(),
        datetime: DateTime(timezone=True),
        Decimal: Quantity(),
        dict[str, Any]: JSON().with_variant(JSONB(), "postgresql"),
    }


class OfTenant:
    """Rows of a tenant: part of every key."""

    tenant_id: Mapped[str] = mapped_column(Uuid(as_uuid=False), primary_key=True)


class Versioned(OfTenant):
    """Rows that people change: the version grows by one with each change; what is deleted stays, and is not shown."""

    id: Mapped[str] = mapped_column(Uuid(as_uuid=False), primary_key=True)
    version: Mapped[int]
    created_at: Mapped[datetime]
    created_by: Mapped[str | None]
    updated_at: Mapped[datetime | None]
    updated_by: Mapped[str | None]
    deleted_at: Mapped[datetime | None]
    deleted_by: Mapped[str | None]


Row = TypeVar("Row", bound=Versioned)


class Unknown(LookupError):
    """Nothing of this kind has this id, or it was deleted; a sentence."""


class Conflict(Exception):
    """It cannot be done as things stand: somebody was quicker, or it exists already; a sentence."""

    def __init__(self, sentence: str, **members: Any) -> None:
        super().__init__(sentence)
        self.members = members


class Edit:
    """A transaction of one tenant: its session, a cursor on the same connection, who changes something, and when."""

    def __init__(self, session: Session, rows: Rows, tenant_id: str, actor: str) -> None:
        self.session, self.rows, self.tenant_id, self.actor = session, rows, tenant_id, actor
        self.at = datetime.now(UTC)

    def born(self) -> dict[str, Any]:
        """The columns of `Versioned` for a new row."""
        told = {"created_at": self.at, "created_by": self.actor, "updated_at": self.at, "updated_by": self.actor}
        return told | {"tenant_id": self.tenant_id, "id": new_id(), "version": 1}

    def touch(self, row: Versioned) -> None:
        """Note that a row is changed now, by this person."""
        row.version, row.updated_at, row.updated_by = row.version + 1, self.at, self.actor

    def delete(self, row: Versioned) -> None:
        """Delete a row: it stays, for what was made by it, and is not shown any more."""
        self.touch(row)
        row.deleted_at, row.deleted_by = self.at, self.actor

    def lock(self, what: str) -> None:
        """Until the transaction ends nobody else holds this lock of the tenant's; waits for whoever does."""
        name = f"{self.tenant_id}/{what}"
        self.rows.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 16))", [name])

    def say(self, type_name: str, payload: Any, subject: str, version: int) -> None:
        """Have an event published once this is committed; its id follows from the subject and its version."""
        self.session.flush()
        outbox.tell(self.rows, self.tenant_id, type_name, payload, subject, version, self.at)


def new_id() -> str:
    """An id that nothing else has."""
    return str(uuid.uuid4())


def engine_of(url: str, **options: Any) -> Engine:
    """Connections for what people edit; a few are enough."""
    chosen: dict[str, Any] = {"pool_size": 4, "max_overflow": 4, "pool_timeout": 5, "pool_pre_ping": True}
    arguments = {"connect_timeout": 3}
    return create_engine(
        url.replace("postgresql://", "postgresql+psycopg://", 1), connect_args=arguments, **(chosen | options)
    )


@contextmanager
def editing(engine: Engine, tenant_id: str, actor: str) -> Iterator[Edit]:
    """A transaction that sees and writes this tenant's rows only. Raises what psycopg raises, and Conflict."""
    try:
        with Session(engine, expire_on_commit=False) as session, session.begin():
            driver: Any = session.connection().connection.driver_connection
            with driver.cursor(row_factory=dict_row) as rows:
                tenant(rows, tenant_id)
                yield Edit(session, rows, tenant_id, actor)
    except DBAPIError as error:
        if isinstance(error.orig, errors.UniqueViolation | errors.ExclusionViolation):
            raise Conflict("Somebody else has just made the same.") from error
        raise error.orig or error from error
    except PoolIsEmpty as error:
        raise OperationalError(str(error)) from error


def hold(edit: Edit, model: type[Row], identity: str, expected: int | None, what: str) -> Row:
    """A row, held until the transaction ends. Raises Unknown; Conflict unless it has the version a person saw."""
    key = {"tenant_id": edit.tenant_id, "id": identity}
    found = edit.session.get(model, key, with_for_update=True, populate_existing=True)
    if found is None or found.deleted_at is not None:
        raise Unknown(f"No {what} {identity} is known.")
    if expected is not None and found.version != expected:
        raise Conflict(
            f"It was changed{_by(found)} since you looked at version {expected}; it has version {found.version} now. "
            "Look again.",
            version=found.version,
        )
    return found


def _by(row: Versioned) -> str:
    moment = row.updated_at or row.created_at
    return f" by {row.updated_by or row.created_by or 'somebody'} at {moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
