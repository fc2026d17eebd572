"""Items, units, products and bills of materials as SQLAlchemy sees them (tables of document 003)."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, ForeignKeyConstraint, Uuid
from sqlalchemy.orm import Mapped, mapped_column, relationship

from schemas.messages.boms import BomStatus
from sql.edited.base import Base, OfTenant, Versioned


class Uom(OfTenant, Base):
    """A unit of measure."""

    __tablename__ = "inventory_uoms"

    uom: Mapped[str] = mapped_column(primary_key=True)
    description: Mapped[str]


class Item(OfTenant, Base):
    """What is bought, made or consumed. `item_code` is its id in orders and materials."""

    __tablename__ = "item_master"

    inventory_item_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    item_code: Mapped[str]
    description: Mapped[str | None]
    uom: Mapped[str]
    is_phantom: Mapped[bool]
    created_at: Mapped[datetime]


class UomConversion(OfTenant, Base):
    """One `uom` is `factor` times `into_uom`, of every item or of one."""

    __tablename__ = "inventory_uom_conversions"

    id: Mapped[str] = mapped_column(Uuid(as_uuid=False), primary_key=True)
    uom: Mapped[str]
    into_uom: Mapped[str]
    factor: Mapped[Decimal]
    inventory_item_id: Mapped[int | None]


class Product(Versioned, Base):
    """A product of the catalogue, and the item it is."""

    __tablename__ = "products"

    inventory_item_id: Mapped[int]
    name: Mapped[str]


class BomRow(Versioned, Base):
    """A revision of a product's bill of materials."""

    __tablename__ = "manufacturing_boms"

    product_id: Mapped[str | None] = mapped_column(Uuid(as_uuid=False))
    item_master_id: Mapped[int]
    bom_number: Mapped[str]
    revision: Mapped[str]
    lifecycle_status: Mapped[BomStatus]
    effective_from: Mapped[date]
    effective_to: Mapped[date | None]
    output_quantity: Mapped[Decimal]
    uom: Mapped[str]
    description: Mapped[str | None]
    # `metadata` is SQLAlchemy's own name.
    details: Mapped[dict[str, Any]] = mapped_column("metadata")
    components: Mapped[list["ComponentRow"]] = relationship(
        order_by="ComponentRow.line", cascade="all, delete-orphan", lazy="selectin"
    )


class ComponentRow(OfTenant, Base):
    """One line of a bill."""

    __tablename__ = "manufacturing_bom_components"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "bom_id"], ["manufacturing_boms.tenant_id", "manufacturing_boms.id"]),
    )

    id: Mapped[str] = mapped_column(Uuid(as_uuid=False), primary_key=True)
    bom_id: Mapped[str] = mapped_column(Uuid(as_uuid=False))
    line: Mapped[int]
    component_item_id: Mapped[int | None]
    component_product_id: Mapped[str | None] = mapped_column(Uuid(as_uuid=False))
    quantity: Mapped[Decimal]
    uom: Mapped[str]
    position: Mapped[str]
    scrap_percentage: Mapped[Decimal]
    notes: Mapped[str | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class AuditRow(OfTenant, Base):
    """One change of a bill."""

    __tablename__ = "manufacturing_bom_audits"

    id: Mapped[str] = mapped_column(Uuid(as_uuid=False), primary_key=True)
    bom_id: Mapped[str] = mapped_column(Uuid(as_uuid=False))
    event_type: Mapped[str]
    version: Mapped[int]
    user_id: Mapped[str]
    notes: Mapped[str | None]
    changes: Mapped[dict[str, Any]]
    event_at: Mapped[datetime]
