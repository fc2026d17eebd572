"""What messages would do, as the API shows it before anybody does it."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from schemas.views.values import Json, View

MOST_ROWS = 500
MOST_SAYINGS = 500

Change = Literal["added", "changed", "removed"]


class RehearsedRefusal(View):
    """Why something would be refused."""

    code: str
    reason: str
    path: str | None


class RehearsedMessage(View):
    """What would become of one message. `repeated`: it has had its effect already and would change nothing."""

    failure_id: str | None = None
    outcome: Literal["applied", "refused", "repeated"]
    code: str | None = None
    reason: str | None = None
    path: str | None = None
    then_refused: list[RehearsedRefusal] = Field(
        default_factory=list, description="what would be refused of all that follows from it; each is a new dead letter"
    )


class RehearsedColumn(View):
    """A column and its value before and after; null where there is no row."""

    name: str
    before: Json
    after: Json


class RehearsedRow(View):
    """A row that would change, and how. Of bookkeeping (version, moment of change) only where nothing else changes."""

    table: str
    key: dict[str, Json]
    change: Change
    columns: list[RehearsedColumn]


class RehearsedTable(View):
    """How many rows of a table would change, those included that are not shown."""

    table: str
    added: int
    changed: int
    removed: int


class RehearsedSaying(View):
    """Messages of one type that would be published about one entity."""

    topic: str
    type: str
    entity: str
    count: int


class Rehearsal(View):
    """What messages would do, found by folding them in order over a copy of the state. Nothing was touched.

    `as_of`: when the state was read. `records_waiting`: messages that were in Kafka by then and not yet counted by the
    workers, in the partitions concerned. `is_exact` is false where what is concerned kept changing meanwhile: then
    some of what others did at that moment may be among the rows, or one of these rows be missing.
    """

    messages: list[RehearsedMessage]
    rows: list[RehearsedRow] = Field(description=f"the first {MOST_ROWS} rows that would change")
    tables: list[RehearsedTable] = Field(description="how many rows of each table would change in all")
    says: list[RehearsedSaying] = Field(description=f"what would be published, the {MOST_SAYINGS} most frequent")
    as_of: datetime
    records_waiting: int
    is_exact: bool
    took_seconds: float
