"""The tables of document 003, described once for Postgres and for SQLite.

Only what both know stands here: `tables.py` adds row-level security, comments and grants on Postgres, `portable.py`
leaves them out and translates the types on SQLite.
"""

from typing import Final

from sql.migrations.tables import Table

# The columns are lines of a table: they read better long.
# ruff: noqa: E501

ITEM: Final = "REFERENCES item_master (tenant_id, inventory_item_id)"
UOM: Final = "REFERENCES inventory_uoms (tenant_id, uom)"
BOM: Final = "REFERENCES manufacturing_boms (tenant_id, id)"
PRODUCT: Final = "REFERENCES products (tenant_id, id)"

PERSONAL: Final = """
    version bigint NOT NULL CHECK (version >= 1) | grows by one with each change
    created_at timestamptz NOT NULL | when it was made
    created_by text NOT NULL | who made it
    updated_at timestamptz NOT NULL | when it was changed last
    updated_by text NOT NULL | who changed it last
    deleted_at timestamptz | when it was deleted; it stays for what was made by it
    deleted_by text | who deleted it
"""

TABLES: Final[tuple[Table, ...]] = (
    Table(
        "inventory_uoms",
        "One row is one unit of measure.",
        """
    uom text NOT NULL CHECK (length(uom) BETWEEN 1 AND 32) | the unit, as it is written
    description text NOT NULL | what it is
    """,
        "tenant_id, uom",
    ),
    Table(
        "item_master",
        "One row is one item: what is bought, made or consumed.",
        """
    inventory_item_id bigint NOT NULL | number of the item
    item_code text NOT NULL CHECK (length(item_code) BETWEEN 1 AND 128) | its id in orders and materials (product_id, material_id)
    description text | its name
    uom text NOT NULL | unit it is counted in
    is_phantom boolean NOT NULL DEFAULT false | never made for itself: what it contains goes right into what contains it
    created_at timestamptz NOT NULL | when it was entered
    """,
        "tenant_id, inventory_item_id",
        constraints=("UNIQUE (tenant_id, item_code)", f"FOREIGN KEY (tenant_id, uom) {UOM}"),
    ),
    Table(
        "inventory_uom_conversions",
        "One row is one conversion: one uom is factor times into_uom, of every item or of one.",
        """
    id uuid NOT NULL | id of the conversion
    uom text NOT NULL | the unit
    into_uom text NOT NULL | the other unit
    factor numeric(18,6) NOT NULL CHECK (factor > 0) | how many of the other one is
    inventory_item_id bigint | item it holds for; absent: all
    """,
        "tenant_id, id",
        constraints=(
            "UNIQUE (tenant_id, uom, into_uom, inventory_item_id)",
            f"FOREIGN KEY (tenant_id, uom) {UOM}",
            f"FOREIGN KEY (tenant_id, into_uom) {UOM}",
            f"FOREIGN KEY (tenant_id, inventory_item_id) {ITEM}",
        ),
    ),
    Table(
        "products",
        "One row is one product of the catalogue; each is an item of the item master.",
        f"""
    id uuid NOT NULL | id of the product
    inventory_item_id bigint NOT NULL | the item it is
    name text NOT NULL | its name
    {PERSONAL.strip()}
    """,
        "tenant_id, id",
        constraints=("UNIQUE (tenant_id, inventory_item_id)", f"FOREIGN KEY (tenant_id, inventory_item_id) {ITEM}"),
    ),
    Table(
        "manufacturing_boms",
        "One row is one revision of a product's bill of materials.",
        f"""
    id uuid NOT NULL | id of the bill
    product_id uuid | the product; absent while it is not published in the catalogue
    item_master_id bigint NOT NULL | the item that is made
    bom_number text NOT NULL CHECK (length(bom_number) BETWEEN 1 AND 128) | number on paper
    revision text NOT NULL CHECK (length(revision) BETWEEN 1 AND 32) | revision of the product's bill
    lifecycle_status text NOT NULL CHECK (lifecycle_status IN ('draft','active','obsolete')) | draft, active or obsolete
    effective_from date NOT NULL | first day on which it holds
    effective_to date CHECK (effective_to > effective_from) | first day on which it does not hold any more
    output_quantity numeric(18,6) NOT NULL CHECK (output_quantity > 0) | quantity of the product that the components make
    uom text NOT NULL | unit of that quantity
    description text | what it is for
    metadata jsonb NOT NULL | what else somebody keeps with it
    {PERSONAL.strip()}
    """,
        "tenant_id, id",
        ("(tenant_id, item_master_id, lifecycle_status)", "(tenant_id, created_at, id)"),
        constraints=(
            "UNIQUE (tenant_id, product_id, revision)",
            "UNIQUE (tenant_id, item_master_id, revision)",
            "UNIQUE (tenant_id, bom_number)",
            f"FOREIGN KEY (tenant_id, product_id) {PRODUCT}",
            f"FOREIGN KEY (tenant_id, item_master_id) {ITEM}",
            f"FOREIGN KEY (tenant_id, uom) {UOM}",
        ),
    ),
    Table(
        "manufacturing_bom_components",
        "One row is one component of a bill of materials.",
        """
    id uuid NOT NULL | id of the component
    bom_id uuid NOT NULL | the bill
    line integer NOT NULL CHECK (line >= 1) | place in the bill, from 1
    component_item_id bigint | the item that goes in
    component_product_id uuid | the product that goes in, if it is one of the catalogue
    quantity numeric(18,6) NOT NULL CHECK (quantity > 0) | for the bill's output quantity, without what is spoiled
    uom text NOT NULL | unit of the quantity
    position text NOT NULL CHECK (length(position) BETWEEN 1 AND 32) | place on the drawing
    scrap_percentage numeric(18,6) NOT NULL CHECK (scrap_percentage >= 0 AND scrap_percentage < 100) | share of what is taken that is spoiled
    notes text | what to mind
    created_at timestamptz NOT NULL | when it was written
    updated_at timestamptz NOT NULL | when it was changed last
    """,
        "tenant_id, id",
        ("(tenant_id, component_item_id)", "(tenant_id, component_product_id)"),
        constraints=(
            "UNIQUE (tenant_id, bom_id, line)",
            "UNIQUE (tenant_id, bom_id, position)",
            "CHECK (component_item_id IS NOT NULL OR component_product_id IS NOT NULL)",
            f"FOREIGN KEY (tenant_id, bom_id) {BOM} ON DELETE CASCADE",
            f"FOREIGN KEY (tenant_id, component_item_id) {ITEM}",
            f"FOREIGN KEY (tenant_id, component_product_id) {PRODUCT}",
            f"FOREIGN KEY (tenant_id, uom) {UOM}",
        ),
    ),
    Table(
        "manufacturing_bom_audits",
        "One row is one change of a bill of materials.",
        """
    id uuid NOT NULL | id of the entry
    bom_id uuid NOT NULL | the bill
    event_type text NOT NULL CHECK (event_type IN ('created','updated','revised','superseded','deleted')) | what was done
    version bigint NOT NULL | version of the bill after it
    user_id text NOT NULL | who did it
    notes text | why, in words
    changes jsonb NOT NULL | of each field that changed, what it was and what it is
    event_at timestamptz NOT NULL | when
    """,
        "tenant_id, id",
        constraints=("UNIQUE (tenant_id, bom_id, version)", f"FOREIGN KEY (tenant_id, bom_id) {BOM}"),
    ),
)

ORDER: Final = "REFERENCES manufacturing_work_orders (tenant_id, id)"
STATUSES: Final = "('received','released','assigned','in_progress','on_hold','completed','cancelled')"

WORK_ORDERS: Final[tuple[Table, ...]] = (
    Table(
        "manufacturing_work_orders",
        "One row is one work order.",
        f"""
    id uuid NOT NULL | id of the order outside
    work_order_number text NOT NULL | number of the order
    product_id uuid | product of the catalogue
    bom_id uuid | revision of the bill it is made by
    scheduled_start timestamptz | planned start
    scheduled_end timestamptz | planned end
    status text NOT NULL CHECK (status IN {STATUSES}) | where it stands
    priority text NOT NULL CHECK (priority IN ('low','normal','high','urgent')) | how urgent it is
    work_center_id text | work centre
    assigned_to text | who makes it
    quantity_to_build numeric(18,6) NOT NULL | units to make
    quantity_completed numeric(18,6) NOT NULL | good units made
    created_at timestamptz NOT NULL | when it was received
    updated_at timestamptz NOT NULL | when it was changed last
    """,
        "tenant_id, id",
        ("(tenant_id, status, scheduled_start)",),
        constraints=(
            "UNIQUE (tenant_id, work_order_number)",
            f"FOREIGN KEY (tenant_id, product_id) {PRODUCT}",
            f"FOREIGN KEY (tenant_id, bom_id) {BOM}",
        ),
    ),
    Table(
        "manufacturing_work_order_materials",
        "One row is one material of a work order.",
        """
    id uuid NOT NULL | id of the material in the order
    work_order_id uuid NOT NULL | the order
    component_id uuid | component of the bill
    reserved_quantity numeric(18,6) NOT NULL | reserved now
    consumed_quantity numeric(18,6) NOT NULL | used up so far
    inventory_reservation_id text | the warehouse's reservation
    created_at timestamptz NOT NULL | when it was asked for
    updated_at timestamptz NOT NULL | when it was changed last
    """,
        "tenant_id, id",
        ("(tenant_id, work_order_id)",),
        constraints=(f"FOREIGN KEY (tenant_id, work_order_id) {ORDER}",),
    ),
    Table(
        "manufacturing_work_order_tasks",
        "One row is one task of a work order.",
        """
    id uuid NOT NULL | id of the task
    work_order_id uuid NOT NULL | the order
    sequence integer NOT NULL | place among the order's tasks
    task_name text NOT NULL | what is to be done
    status text NOT NULL CHECK (status IN ('open','done')) | whether it is done
    estimated_hours numeric(18,6) | how long it should take
    actual_hours numeric(18,6) | how long it took
    assigned_to text | who is to do it
    started_at timestamptz | when it was begun
    completed_at timestamptz | when it was done
    notes text | what to mind
    """,
        "tenant_id, id",
        constraints=("UNIQUE (tenant_id, work_order_id, sequence)", f"FOREIGN KEY (tenant_id, work_order_id) {ORDER}"),
    ),
    Table(
        "manufacturing_work_order_notes",
        "One row is one note to a work order.",
        """
    id uuid NOT NULL | id of the note
    work_order_id uuid NOT NULL | the order
    author_id text NOT NULL | who wrote it
    body text NOT NULL | what was written
    created_at timestamptz NOT NULL | when
    """,
        "tenant_id, id",
        ("(tenant_id, work_order_id, created_at)",),
        constraints=(f"FOREIGN KEY (tenant_id, work_order_id) {ORDER}",),
    ),
)
"""Tables on SQLite; on Postgres views over the read models, which the log fills."""
