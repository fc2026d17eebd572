"""What analysts are shown: rows of the logs they take out, the data dictionary, and ready queries."""

from typing import Literal

from pydantic import AwareDatetime, Field

from schemas.views.values import Json, View


class ProductionLogRow(View):
    """A counter reading, with the event it came from."""

    log_id: str
    work_order_id: str
    machine_id: str
    produced_at: AwareDatetime
    received_at: AwareDatetime
    is_late: bool
    units: int
    scrapped_units: int
    units_reported: int
    cumulative_units: int
    counter_epoch: int
    quality_status: str
    cycle_time_seconds: float | None
    order_version: int
    event_topic: str
    event_partition: int
    event_offset: int


class DowntimeRow(View):
    """A downtime; `ended_at` is absent while it lasts."""

    downtime_id: str
    machine_id: str
    downtime_reason_code: str
    downtime_reason_description: str
    severity: str
    started_at: AwareDatetime
    ended_at: AwareDatetime | None
    duration_seconds: float | None
    estimated_repair_time_minutes: float | None
    work_order_affected: str | None
    event_topic: str
    event_partition: int
    event_offset: int


class InspectionRow(View):
    """A quality inspection."""

    inspection_id: str
    work_order_id: str
    machine_id: str
    inspected_at: AwareDatetime
    inspection_type: str
    result: str
    defect_detected: bool
    defect_type: str | None
    inspector: str | None
    event_topic: str
    event_partition: int
    event_offset: int


class ColumnView(View):
    """A column of a table or view."""

    name: str
    type: str = Field(description="as Postgres says it")
    is_nullable: bool
    is_key: bool = Field(description="whether it is part of the primary key")
    values: list[str] = Field(description="the only values it may have; empty: any")
    comment: str


class TableView(View):
    """A table or view that analysts may read, and what one row of it means."""

    name: str
    kind: Literal["table", "view"]
    meaning: str
    key: list[str] = Field(description="primary key; empty for a view")
    columns: list[ColumnView]
    definition: str | None = Field(description="the SELECT behind a view")


class Dictionary(View):
    """Everything that analysts may read, views first."""

    tables: list[TableView]


class ParameterView(View):
    """What a ready query may be asked with."""

    name: str
    kind: Literal["integer", "text"]
    default: int | str | None
    about: str


class QueryView(View):
    """A ready query; `sql` has its defaults filled in and runs in any client."""

    name: str
    title: str
    about: str
    parameters: list[ParameterView]
    sql: str


class QueryList(View):
    """The ready queries."""

    queries: list[QueryView]


class ResultColumn(View):
    """A column of an answer."""

    name: str
    type: str


class QueryResult(View):
    """What a ready query found."""

    name: str
    sql: str = Field(description="what ran, with its parameters filled in")
    columns: list[ResultColumn]
    rows: list[list[Json]]
    is_cut: bool = Field(description="whether there are more rows than are shown here; an export has them all")
    took_seconds: float
