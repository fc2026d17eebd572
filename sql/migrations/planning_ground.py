"""Tables of what planning stands on: calendars, work centres, operations, routings (document 004, section 4).

Names, keys and checks of `routing_templates` and `routing_operations` are the document's. Where it refers to another
table by its id alone, a second key says that both are of one tenant: the check of a foreign key sees all tenants.
"""

from sql.migrations.tables import Table

# The columns are lines of a table: they read better long.
# ruff: noqa: E501

ID = "id uuid NOT NULL DEFAULT uuid_generate_v7() | id of the row"
EDITED = """version integer NOT NULL DEFAULT 1 CHECK (version >= 1) | grows by one with each change; who changes it names the one they saw
    created_at timestamptz NOT NULL DEFAULT now() | when it was made
    created_by text | who made it
    updated_at timestamptz | when it was changed last
    updated_by text | who changed it last
    deleted_at timestamptz | when it was deleted; it stays for what refers to it
    deleted_by text | who deleted it"""


def keys(name: str, *more: str) -> tuple[str, ...]:
    """What every one of these tables has: a tenant that is known, and a key with it."""
    return (
        f"CONSTRAINT fk_{name}_tenant FOREIGN KEY (tenant_id) REFERENCES tenants (id)",
        f"CONSTRAINT uq_{name}_of_tenant UNIQUE (tenant_id, id)",
        *more,
    )


def of(name: str, column: str, table: str, then: str = "") -> str:
    """A reference within one tenant."""
    return f"CONSTRAINT fk_{name} FOREIGN KEY (tenant_id, {column}) REFERENCES {table} (tenant_id, id) {then}"


TABLES: tuple[Table, ...] = (
    Table(
        "work_calendars",
        "One row is one calendar: when work centres that follow it are open.",
        f"""
    {ID}
    calendar_code text NOT NULL CHECK (calendar_code <> '') | its code
    calendar_name text NOT NULL | its name
    definition jsonb NOT NULL | zone, shifts with breaks, holidays, overtime, maintenance; the strict form is in the API's description
    {EDITED}
    """,
        "id",
        constraints=keys("calendar", "CONSTRAINT uq_calendar_code UNIQUE (tenant_id, calendar_code)"),
    ),
    Table(
        "work_centers",
        "One row is one work centre: what does one operation at a time.",
        f"""
    {ID}
    work_center_code text NOT NULL CHECK (work_center_code <> '') | its code
    work_center_name text NOT NULL | its name
    work_center_type text | kind of work it does
    line text | line it stands in
    machine_id text | machine that counts for it
    calendar_id uuid | when it is open; absent: always
    hourly_rate numeric(12,2) CHECK (hourly_rate >= 0) | cost of an hour
    is_active boolean NOT NULL DEFAULT true | whether work may be planned on it
    {EDITED}
    """,
        "id",
        ("idx_work_centers_machine (tenant_id, machine_id) WHERE machine_id IS NOT NULL",),
        constraints=keys(
            "work_center",
            "CONSTRAINT uq_work_center_code UNIQUE (tenant_id, work_center_code)",
            of("work_center_calendar", "calendar_id", "work_calendars"),
        ),
    ),
    Table(
        "operations",
        "One row is one kind of operation; one without a tenant is in everybody's catalogue.",
        f"""
    {ID}
    operation_code text NOT NULL CHECK (operation_code <> '') | its code
    operation_name text NOT NULL | its name
    operation_type text | kind
    default_work_center_id uuid | where it is done unless a routing says otherwise
    setup_time_minutes numeric(10,2) CHECK (setup_time_minutes >= 0) | to set up, unless a routing says otherwise
    run_time_per_unit_seconds numeric(10,4) CHECK (run_time_per_unit_seconds >= 0) | for one unit, unless a routing says otherwise
    is_active boolean NOT NULL DEFAULT true | whether new routings may use it
    {EDITED}
    """,
        "id",
        constraints=(
            "CONSTRAINT fk_operation_tenant FOREIGN KEY (tenant_id) REFERENCES tenants (id)",
            "CONSTRAINT uq_operation_code UNIQUE NULLS NOT DISTINCT (tenant_id, operation_code)",
            of("operation_work_center", "default_work_center_id", "work_centers"),
        ),
        is_shared=True,
    ),
    Table(
        "routing_templates",
        "One row is one version of a routing: the operations that make a product.",
        f"""
    {ID}
    routing_code varchar(50) NOT NULL CHECK (routing_code <> '') | its code
    routing_name varchar(255) NOT NULL | its name
    routing_version integer NOT NULL DEFAULT 1 CHECK (routing_version >= 1) | version of the routing
    product_category varchar(100) | category of products it is for
    product_id text | product it is for
    is_active boolean NOT NULL DEFAULT true | whether new orders use it
    description text | what to know of it
    {EDITED}
    """,
        "id",
        (
            "idx_routing_templates_tenant (tenant_id)",
            "idx_routing_templates_active (tenant_id, is_active) WHERE deleted_at IS NULL",
            "idx_routing_templates_category (product_category) WHERE product_category IS NOT NULL",
            "idx_routing_templates_product (tenant_id, product_id) WHERE product_id IS NOT NULL",
        ),
        constraints=keys("routing", "CONSTRAINT uq_routing_code UNIQUE (tenant_id, routing_code, routing_version)"),
    ),
    Table(
        "routing_operations",
        "One row is one operation of a routing.",
        f"""
    {ID}
    routing_id uuid NOT NULL | the routing
    operation_id uuid NOT NULL | what is done
    sequence_number integer NOT NULL CHECK (sequence_number >= 1) | place in the sequence: 10, 20, 30
    setup_time_minutes numeric(10,2) CHECK (setup_time_minutes >= 0) | to set up; absent: as the operation says
    run_time_per_unit_seconds numeric(10,4) CHECK (run_time_per_unit_seconds >= 0) | for one unit; absent: as the operation says
    work_center_id uuid | where; absent: where the operation is done
    alternative_work_center_ids uuid[] NOT NULL DEFAULT '{{}}' | where it could be done as well
    yield_percentage numeric(5,2) NOT NULL DEFAULT 100.0 | share of what is started that leaves good
    scrap_percentage numeric(5,2) NOT NULL DEFAULT 0.0 | share of what is started that is thrown away
    is_concurrent boolean NOT NULL DEFAULT false | may be done at the same time as the operation before it
    predecessor_operation_id uuid | operation of this routing that must be done before; absent: the one before it in sequence
    transfer_quantity numeric(18,6) CHECK (transfer_quantity > 0) | units after which the next operation may begin; absent: all
    description text | what it is
    work_instructions text | how it is done
    {EDITED}
    """,
        "id",
        (
            "idx_routing_operations_tenant (tenant_id)",
            "idx_routing_operations_routing (routing_id) WHERE deleted_at IS NULL",
            "idx_routing_operations_sequence (routing_id, sequence_number) WHERE deleted_at IS NULL",
            "idx_routing_operations_operation (operation_id)",
            "idx_routing_operations_predecessor (predecessor_operation_id) WHERE predecessor_operation_id IS NOT NULL",
        ),
        constraints=(
            "CONSTRAINT fk_routing_op_tenant FOREIGN KEY (tenant_id) REFERENCES tenants (id)",
            "CONSTRAINT fk_routing_op_routing FOREIGN KEY (routing_id) REFERENCES routing_templates (id) ON DELETE CASCADE",
            "CONSTRAINT fk_routing_op_operation FOREIGN KEY (operation_id) REFERENCES operations (id)",
            "CONSTRAINT fk_routing_op_work_center FOREIGN KEY (work_center_id) REFERENCES work_centers (id)",
            "CONSTRAINT fk_routing_op_predecessor FOREIGN KEY (predecessor_operation_id) REFERENCES routing_operations (id) DEFERRABLE INITIALLY DEFERRED",
            "CONSTRAINT uq_routing_op_sequence UNIQUE (routing_id, sequence_number)",
            "CONSTRAINT chk_routing_op_yield CHECK (yield_percentage >= 0 AND yield_percentage <= 100)",
            "CONSTRAINT chk_routing_op_scrap CHECK (scrap_percentage >= 0 AND scrap_percentage <= 100)",
            "CONSTRAINT uq_routing_op_of_tenant UNIQUE (tenant_id, id)",
            of("routing_op_routing_of_tenant", "routing_id", "routing_templates", "ON DELETE CASCADE"),
            of("routing_op_work_center_of_tenant", "work_center_id", "work_centers"),
        ),
    ),
)
