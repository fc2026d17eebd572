"""Calendars, work centres, operations, routings and the like as SQLAlchemy sees them (tables of document 004)."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ARRAY, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from sql.edited.base import Base, Versioned

Id = Uuid(as_uuid=False)


class WorkCalendarRow(Versioned, Base):
    """A calendar."""

    __tablename__ = "work_calendars"

    calendar_code: Mapped[str]
    calendar_name: Mapped[str]
    definition: Mapped[dict[str, Any]]


class WorkCenterRow(Versioned, Base):
    """A work centre."""

    __tablename__ = "work_centers"

    work_center_code: Mapped[str]
    work_center_name: Mapped[str]
    work_center_type: Mapped[str | None]
    line: Mapped[str | None]
    machine_id: Mapped[str | None]
    calendar_id: Mapped[str | None] = mapped_column(Id)
    hourly_rate: Mapped[Decimal | None]
    is_active: Mapped[bool]


class OperationRow(Versioned, Base):
    """A kind of operation of a tenant's own; those of everybody's catalogue are read, and not edited."""

    __tablename__ = "operations"

    operation_code: Mapped[str]
    operation_name: Mapped[str]
    operation_type: Mapped[str | None]
    default_work_center_id: Mapped[str | None] = mapped_column(Id)
    setup_time_minutes: Mapped[Decimal | None]
    run_time_per_unit_seconds: Mapped[Decimal | None]
    is_active: Mapped[bool]


class RoutingRow(Versioned, Base):
    """A version of a routing."""

    __tablename__ = "routing_templates"

    routing_code: Mapped[str]
    routing_name: Mapped[str]
    routing_version: Mapped[int]
    product_category: Mapped[str | None]
    product_id: Mapped[str | None]
    is_active: Mapped[bool]
    description: Mapped[str | None]


class RoutingOperationRow(Versioned, Base):
    """An operation of a routing."""

    __tablename__ = "routing_operations"

    routing_id: Mapped[str] = mapped_column(Id)
    operation_id: Mapped[str] = mapped_column(Id)
    sequence_number: Mapped[int]
    setup_time_minutes: Mapped[Decimal | None]
    run_time_per_unit_seconds: Mapped[Decimal | None]
    work_center_id: Mapped[str | None] = mapped_column(Id)
    alternative_work_center_ids: Mapped[list[str]] = mapped_column(ARRAY(Id))
    yield_percentage: Mapped[Decimal]
    scrap_percentage: Mapped[Decimal]
    is_concurrent: Mapped[bool]
    predecessor_operation_id: Mapped[str | None] = mapped_column(Id)
    transfer_quantity: Mapped[Decimal | None]
    description: Mapped[str | None]
    work_instructions: Mapped[str | None]


class ChangeoverRow(Versioned, Base):
    """A rule of the changeover matrix."""

    __tablename__ = "changeover_details"

    work_center_id: Mapped[str | None] = mapped_column(Id)
    from_family: Mapped[str | None]
    to_family: Mapped[str | None]
    setup_minutes: Mapped[int]
    external_minutes: Mapped[int]
    reason: Mapped[str | None]


class MaintenanceRow(Versioned, Base):
    """A maintenance of a work centre."""

    __tablename__ = "maintenance_records"

    work_center_id: Mapped[str] = mapped_column(Id)
    maintenance_type: Mapped[str]
    status: Mapped[str]
    begins_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    description: Mapped[str | None]


class AssetRow(Versioned, Base):
    """An asset in its place."""

    __tablename__ = "asset_hierarchy"

    asset_code: Mapped[str]
    asset_name: Mapped[str]
    asset_type: Mapped[str]
    parent_asset_id: Mapped[str | None] = mapped_column(Id)
    work_center_id: Mapped[str | None] = mapped_column(Id)
    machine_id: Mapped[str | None]
