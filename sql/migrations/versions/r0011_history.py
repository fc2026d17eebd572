"""What orders, machines and materials were: the changes that nothing else keeps, and when each was known."""

from alembic import op

from sql.migrations.tables import Table, create
from sql.migrations.versions.r0001_ground import EXPLAINED

# The columns are lines of a table: they read better long.
# ruff: noqa: E501

revision = "0011"
down_revision = "0010"

KNOWN = """
    known_at timestamptz NOT NULL | when the event stood in the log: from then on the system knew it
    happened_at timestamptz NOT NULL | moment of its cause, by the clock of who told it
"""

TABLES: tuple[Table, ...] = (
    Table(
        "work_order_changes",
        "One row is one event that changed a work order other than by a counter reading; what it did not tell is NULL and stayed as it was.",
        f"""
    work_order_id text NOT NULL | the order
    version bigint NOT NULL | version of the order with the change
    event text NOT NULL | what happened: work_order.received, .changed, .completed, .inspected, .archived
    {KNOWN.strip()}
    reason text | why, where it was told
    erp_work_order_id text | the ERP's id of the order
    work_order_number text | number on paper
    product_id text | product to make
    product_name text | its name
    product_variant text | its variant
    quantity_ordered numeric(18,6) | units to make, in unit_of_measure
    quantity_produced numeric(18,6) | units made by then, scrap included
    quantity_scrapped numeric(18,6) | units made that are scrap
    progress_percentage numeric(5,2) | produced of ordered, 0 to 100
    unit_of_measure text | unit of the quantities
    status text | where the order stands
    priority text | how urgent it is
    due_date timestamptz | when it must be done
    customer_order_id text | customer's order behind it
    production_line_preference text | line the ERP would like
    special_instructions text | what to mind
    actual_start_at timestamptz | first unit or start command
    actual_end_at timestamptz | completion or cancellation
    is_interrupted boolean | whether its machine is down
    defect_count bigint | defects found so far
    inspection_count bigint | inspections so far
    assigned_machine_id text | machine it is given to
    assigned_operator_id text | operator it is given to
    materials_status text | how far its materials are reserved
    bill_of_materials jsonb | the whole bill, where it was told: material_id, part_number, part_name, quantity_required, unit_of_measure
    archived_at timestamptz | when it left the workers' memory
    {EXPLAINED.strip()}
    """,
        "tenant_id, work_order_id, version",
    ),
    Table(
        "machine_states",
        "One row is a machine as it was told after a change or a sign of life (topic resource-status).",
        """
    machine_id text NOT NULL | the machine
    version bigint NOT NULL | version of the machine
    known_at timestamptz NOT NULL | when the event stood in the log: from then on the system knew it
    happened_at timestamptz NOT NULL | moment of its cause, by the machine's clock
    machine_name text NOT NULL | its name
    line text NOT NULL | line it stands in
    status text NOT NULL | what it does
    status_since timestamptz NOT NULL | since when
    utilization_percentage double precision | utilisation, 0 to 100
    overall_equipment_effectiveness double precision | OEE as the MES says, 0 to 100
    current_work_order_id text | order it works on
    cycle_time_seconds double precision | latest cycle time; absent where none was given
    total_units bigint NOT NULL | units counted since it was registered
    last_seen_at timestamptz NOT NULL | latest sign of life
    current_product_id text | part it makes, as the MES says
    current_quantity_ordered double precision | quantity of its job, as the MES says
    event_partition integer NOT NULL | partition of the event this row came from
    event_offset bigint NOT NULL | offset of that event
    """,
        # One index, for there are many: what is told again is left out before it is written.
        "tenant_id, machine_id, known_at, version",
    ),
    Table(
        "material_states",
        "One row is a material as it was told after a change.",
        f"""
    material_id text NOT NULL | the material
    version bigint NOT NULL | version of the material
    {KNOWN.strip()}
    part_number text NOT NULL | part number
    part_name text NOT NULL | name
    description text | description
    category text | category
    unit_of_measure text NOT NULL | unit of the quantities
    standard_cost numeric(18,6) | cost of one unit
    currency text | currency of the cost
    is_active boolean NOT NULL | inactive material takes no new reservations
    warehouse text | warehouse
    location text | place in it
    on_hand_quantity numeric(18,6) NOT NULL | stock on hand
    reserved_quantity numeric(18,6) NOT NULL | what our orders hold; part of allocated_quantity
    allocated_quantity numeric(18,6) NOT NULL | stock promised
    available_quantity numeric(18,6) NOT NULL | on hand less allocated, never below 0
    safety_stock numeric(18,6) NOT NULL | below this a reorder alert is raised
    stock_at timestamptz | moment of the latest count of the stock
    batches jsonb NOT NULL | its lots: batch_number, quantity, expiration_date
    {EXPLAINED.strip()}
    """,
        "tenant_id, material_id, version",
        ("(tenant_id, material_id, known_at)",),
    ),
    Table(
        "reservation_changes",
        "One row is a reservation as it was told after a change.",
        f"""
    reservation_id text NOT NULL | order and material
    version bigint NOT NULL | version of the material with the change
    {KNOWN.strip()}
    work_order_id text NOT NULL | the order
    material_id text NOT NULL | the material
    quantity numeric(18,6) NOT NULL | reserved then; 0 once it is released or consumed
    quantity_requested numeric(18,6) NOT NULL | what the order had asked for last
    shortage numeric(18,6) NOT NULL | what was missing of it
    status text NOT NULL | where it stood
    batches jsonb NOT NULL | lots it held: batch_number, quantity, expiration_date, location
    inventory_reservation_id text | the warehouse's own reservation for it
    reason text | why it was not all that was asked for, or why it ended
    {EXPLAINED.strip()}
    """,
        "tenant_id, reservation_id, version",
        ("(tenant_id, work_order_id, known_at)", "(tenant_id, material_id, known_at)"),
    ),
)
LOG_COLUMNS = """
    known_at timestamptz | when the event stood in the log: from then on the system knew it
    order_produced bigint | units of the order after it, scrap included
    order_scrapped bigint | scrap of the order after it
"""
# What was written before is taken to be known when it was received, which is later than it could be known at most by
# what a spool held back. `rebuild` puts the moments of the log there.
FILL = """
UPDATE production_logs AS kept
SET known_at = kept.received_at, order_produced = told.produced, order_scrapped = told.scrapped
FROM (
  SELECT tenant_id, log_id, sum(units) OVER past AS produced, sum(scrapped_units) OVER past AS scrapped
  FROM production_logs WINDOW past AS (PARTITION BY tenant_id, work_order_id ORDER BY order_version)
) AS told
WHERE kept.tenant_id = told.tenant_id AND kept.log_id = told.log_id
"""
# A reading is looked for by the moment it was known; nobody looks for an order's readings by their own moment.
INDEXES = (
    "DROP INDEX production_logs_tenant_id_work_order_id_produced_at_idx",
    "CREATE INDEX production_logs_of_order_known ON production_logs (tenant_id, work_order_id, known_at)",
)
DEFAULTS = {"known_at": "clock_timestamp()", "order_produced": "0", "order_scrapped": "0"}


def _log_columns() -> list[tuple[str, str, str]]:
    lines = ([part.strip() for part in line.partition("|")] for line in LOG_COLUMNS.strip().splitlines())
    return [(*definition.split(" "), comment) for definition, _, comment in lines]  # type: ignore[misc]


def upgrade() -> None:
    """Make the tables, and tell of each reading when it was known and what the order had made by then."""
    connection = op.get_bind()
    for table in TABLES:
        for statement in create(table):
            connection.exec_driver_sql(statement)
    for name, kind, comment in _log_columns():
        connection.exec_driver_sql(f"ALTER TABLE production_logs ADD COLUMN {name} {kind}")
        connection.exec_driver_sql(f"COMMENT ON COLUMN production_logs.{name} IS '{comment}'")
    connection.exec_driver_sql("SELECT set_config('app.is_rebuilding', 'on', true)")
    connection.exec_driver_sql(FILL)
    connection.exec_driver_sql("SELECT set_config('app.is_rebuilding', 'off', true)")
    for name, default in DEFAULTS.items():
        connection.exec_driver_sql(
            f"ALTER TABLE production_logs ALTER COLUMN {name} SET DEFAULT {default}, ALTER COLUMN {name} SET NOT NULL"
        )
    for statement in INDEXES:
        connection.exec_driver_sql(statement)


def downgrade() -> None:
    """Drop them."""
    op.execute("DROP INDEX production_logs_of_order_known")
    op.execute("CREATE INDEX ON production_logs (tenant_id, work_order_id, produced_at)")
    for name, *_ in reversed(_log_columns()):
        op.execute(f"ALTER TABLE production_logs DROP COLUMN {name}")
    for table in reversed(TABLES):
        op.execute(f"DROP TABLE {table.name}")
