"""Reservations of materials, what orders used up, changes of master data, and who an order is assigned to."""

from alembic import op

from sql.migrations.tables import Table, create
from sql.migrations.versions.r0001_ground import EXPLAINED

# The columns are lines of a table: they read better long.
# ruff: noqa: E501

revision = "0003"
down_revision = "0002"

TABLES: tuple[Table, ...] = (
    Table(
        "reservations",
        "One row is what one order holds of one material.",
        f"""
    reservation_id text NOT NULL | order and material
    work_order_id text NOT NULL | the order
    material_id text NOT NULL | the material
    quantity numeric(18,6) NOT NULL CHECK (quantity >= 0) | reserved now; 0 once it is released or consumed
    quantity_requested numeric(18,6) NOT NULL | what the order asked for last
    shortage numeric(18,6) NOT NULL CHECK (shortage >= 0) | what is missing of it
    status text NOT NULL CHECK (status IN ('reserved','partial','refused','released','consumed')) | where it stands
    batches jsonb NOT NULL | lots it holds: batch_number, quantity, expiration_date, location
    inventory_reservation_id text | the warehouse's own reservation for it
    reason text | why it is not all that was asked for, or why it ended
    version bigint NOT NULL | version of the material with the latest change
    created_at timestamptz NOT NULL | when it was asked for first
    updated_at timestamptz NOT NULL | moment of the latest change
    {EXPLAINED.strip()}
    """,
        "tenant_id, reservation_id",
        ("(tenant_id, work_order_id)", "(tenant_id, material_id, status)"),
    ),
    Table(
        "material_transactions",
        "One row is material that one order used up at once.",
        f"""
    transaction_id text NOT NULL | order, its version and the material
    material_id text NOT NULL | the material
    part_number text NOT NULL | its part number
    work_order_id text NOT NULL | order that used it up
    reservation_id text | its reservation, where there was one
    transaction_type text NOT NULL CHECK (transaction_type IN ('consumption')) | kind of transaction
    quantity numeric(18,6) NOT NULL CHECK (quantity > 0) | used up, in unit_of_measure
    batches jsonb NOT NULL | lots it came from, as far as they are known: batch_number, quantity, expiration_date, location
    unit_of_measure text NOT NULL | unit of the quantity
    occurred_at timestamptz NOT NULL | when the units were counted that used it up
    warehouse_confirmed_at timestamptz | when the warehouse took it off its own stock
    synchronized_at timestamptz | when the consumption report with it was accepted by the ERP
    version bigint NOT NULL | version of the material after it
    {EXPLAINED.strip()}
    """,
        "tenant_id, transaction_id",
        (
            "(tenant_id, work_order_id)",
            "(tenant_id, material_id, occurred_at)",
            "(tenant_id, occurred_at) WHERE synchronized_at IS NULL",
        ),
    ),
    Table(
        "material_changes",
        "One row is one field of a material's master data that changed.",
        f"""
    material_id text NOT NULL | the material
    version bigint NOT NULL | version of the material with the change
    field text NOT NULL | the field
    old_value text | value before; absent where there was none
    new_value text | value from then on; absent where there is none
    changed_at timestamptz NOT NULL | when, by the clock of who told it
    changed_by text | message that told it
    change_source text | system that told it
    {EXPLAINED.strip()}
    """,
        "tenant_id, material_id, version, field",
        ("(tenant_id, changed_at DESC)",),
    ),
    Table(
        "transaction_reports",
        "One row is one material transaction and the delivery that tells another system of it; each is told once.",
        """
    transaction_id text NOT NULL | the transaction
    told_to text NOT NULL CHECK (told_to IN ('ERP','WMS')) | the system that is told
    delivery_id text NOT NULL | the delivery that tells it
    synchronized_at timestamptz | when that system took it; NULL: not yet
    """,
        "tenant_id, transaction_id, told_to",
        ("(tenant_id, delivery_id)",),
    ),
)
COLUMNS = """
    materials.reserved_quantity numeric(18,6) NOT NULL DEFAULT 0 CHECK (reserved_quantity >= 0) | what our orders hold; part of allocated_quantity
    materials.stock_at timestamptz | moment of the latest count of the stock
    work_orders.assigned_machine_id text | machine it is given to
    work_orders.assigned_operator_id text | operator it is given to
    work_orders.materials_status text NOT NULL DEFAULT 'none' CHECK (materials_status IN ('none','pending','partial','reserved','consumed')) | how far its materials are reserved
    work_orders.erp_synchronized_at timestamptz | when the ERP accepted the completion report
"""
ORDER_MATERIALS = """
CREATE VIEW work_order_materials WITH (security_invoker = true) AS
SELECT tenant_id, bill.work_order_id, bill.material_id, bill.quantity_required,
  coalesce(held.quantity, 0) AS reserved_quantity, coalesce(used.quantity, 0) AS consumed_quantity,
  held.status AS reservation_status, held.reservation_id, held.inventory_reservation_id
FROM (
  SELECT tenant_id, work_order_id, material_id, sum(quantity_required) AS quantity_required
  FROM work_order_bom GROUP BY tenant_id, work_order_id, material_id
) AS bill
LEFT JOIN reservations AS held USING (tenant_id, work_order_id, material_id)
LEFT JOIN (
  SELECT tenant_id, work_order_id, material_id, sum(quantity) AS quantity
  FROM material_transactions GROUP BY tenant_id, work_order_id, material_id
) AS used USING (tenant_id, work_order_id, material_id)
"""
ORDER_MATERIALS_COMMENTS = {
    "tenant_id": "tenant whose row this is",
    "work_order_id": "the order",
    "material_id": "the material",
    "quantity_required": "needed for the whole order, all lines of its bill together",
    "reserved_quantity": "reserved now",
    "consumed_quantity": "used up so far",
    "reservation_status": "reserved, partial, refused, released or consumed; absent before it is asked for",
    "reservation_id": "the reservation",
    "inventory_reservation_id": "the warehouse's own reservation",
}


def _columns() -> list[tuple[str, str, str, str]]:
    """Table, column, kind and comment of each added column."""
    added = []
    for line in COLUMNS.strip().splitlines():
        definition, _, comment = (part.strip() for part in line.partition("|"))
        place, _, kind = definition.partition(" ")
        table, _, name = place.partition(".")
        added.append((table, name, kind, comment))
    return added


def upgrade() -> None:
    """Make the tables, the columns and the view."""
    connection = op.get_bind()
    for table in TABLES:
        for statement in create(table):
            connection.exec_driver_sql(statement)
    for name, column, kind, comment in _columns():
        connection.exec_driver_sql(f"ALTER TABLE {name} ADD COLUMN {column} {kind}")
        connection.exec_driver_sql(f"COMMENT ON COLUMN {name}.{column} IS '{comment}'")
    connection.exec_driver_sql(
        "ALTER TABLE materials ADD CONSTRAINT materials_not_oversold CHECK (reserved_quantity <= on_hand_quantity)"
    )
    connection.exec_driver_sql(
        "CREATE INDEX work_orders_assigned_machine ON work_orders (tenant_id, assigned_machine_id) "
        "WHERE assigned_machine_id IS NOT NULL"
    )
    connection.exec_driver_sql(ORDER_MATERIALS)
    connection.exec_driver_sql(
        "COMMENT ON VIEW work_order_materials IS 'One row is one material that an order needs, and how far it has it.'"
    )
    for column, comment in ORDER_MATERIALS_COMMENTS.items():
        text = comment.replace("'", "''")
        connection.exec_driver_sql(f"COMMENT ON COLUMN work_order_materials.{column} IS '{text}'")
    connection.exec_driver_sql("GRANT SELECT ON work_order_materials TO plant_app, plant_analyst")


def downgrade() -> None:
    """Drop them."""
    op.execute("DROP VIEW work_order_materials")
    op.execute("ALTER TABLE materials DROP CONSTRAINT materials_not_oversold")
    for table, column, *_ in reversed(_columns()):
        op.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
    for each in reversed(TABLES):
        op.execute(f"DROP TABLE {each.name}")
