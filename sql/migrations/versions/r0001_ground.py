"""The ground: work orders, machines, materials, dead letters, alerts, audit, and the projector's offsets."""

from alembic import op

from sql.migrations.tables import Table, create

# The columns are lines of a table: they read better long.
# ruff: noqa: E501

revision = "0001"
down_revision = None

EXPLAINED = """
    event_topic text NOT NULL | topic of the event this row came from
    event_partition integer NOT NULL | partition of that event
    event_offset bigint NOT NULL | offset of that event
    caused_by text NOT NULL | message id of the event: processor, inbox partition and offset, number
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp() | when the row was written
"""

TABLES = (
    Table(
        "work_orders",
        "One row is one work order as it stands now.",
        """
    work_order_id text NOT NULL | our id of the order
    erp_work_order_id text NOT NULL | the ERP's id of the order
    work_order_number text | number on paper
    product_id text NOT NULL | product to make
    product_name text | its name
    product_variant text | its variant
    quantity_ordered numeric(18,6) NOT NULL CHECK (quantity_ordered >= 1) | units to make, in unit_of_measure
    quantity_produced numeric(18,6) NOT NULL CHECK (quantity_produced >= 0) | units made, scrap included
    quantity_scrapped numeric(18,6) NOT NULL CHECK (quantity_scrapped >= 0) | units made that are scrap
    quantity_good numeric(18,6) GENERATED ALWAYS AS (quantity_produced - quantity_scrapped) STORED | units made less scrap
    progress_percentage numeric(5,2) NOT NULL CHECK (progress_percentage BETWEEN 0 AND 100) | produced of ordered, 0 to 100
    unit_of_measure text NOT NULL | unit of the quantities
    status text NOT NULL CHECK (status IN ('received','released','assigned','in_progress','on_hold','completed','cancelled')) | where the order stands
    priority text NOT NULL CHECK (priority IN ('low','normal','high','urgent')) | how urgent it is
    due_date timestamptz NOT NULL | when it must be done
    customer_order_id text | customer's order behind it
    production_line_preference text | line the ERP would like
    special_instructions text | what to mind
    actual_start_at timestamptz | first unit or start command
    actual_end_at timestamptz | completion or cancellation
    is_interrupted boolean NOT NULL DEFAULT false | whether its machine is down
    inspection_count bigint NOT NULL DEFAULT 0 | inspections so far
    defect_count bigint NOT NULL DEFAULT 0 | defects found so far
    current_machine_id text | machine that counted for it last
    archived_at timestamptz | when it left the workers' memory
    version bigint NOT NULL | grows by one with each change
    created_at timestamptz NOT NULL | when it was received
    updated_at timestamptz NOT NULL | moment of the latest change, by the clock of its cause
    """,
        "tenant_id, work_order_id",
        (
            "(tenant_id, status, due_date)",
            "(tenant_id, due_date, work_order_id)",
            "(tenant_id, erp_work_order_id)",
            "(tenant_id, current_machine_id) WHERE current_machine_id IS NOT NULL",
        ),
    ),
    Table(
        "work_order_bom",
        "One row is one material that an order needs, for its whole quantity.",
        """
    work_order_id text NOT NULL | the order
    line integer NOT NULL | position in the bill of materials, from 1
    material_id text NOT NULL | the material
    part_number text | its part number
    part_name text | its name
    quantity_required numeric(18,6) NOT NULL | quantity for the whole order
    unit_of_measure text NOT NULL | unit of the quantity
    version bigint NOT NULL | version of the order that brought it
    """,
        "tenant_id, work_order_id, line",
        ("(tenant_id, material_id)",),
    ),
    Table(
        "production_logs",
        "One row is one counter reading that said something new.",
        f"""
    log_id text NOT NULL | message id of the reading
    work_order_id text NOT NULL | order it counts for
    machine_id text NOT NULL | machine that made the units
    produced_at timestamptz NOT NULL | moment of the reading, by the machine's clock
    received_at timestamptz NOT NULL | when we first had it
    is_late boolean NOT NULL | held back by a broker or a spool during an outage
    units bigint NOT NULL CHECK (units >= 0) | units not counted before
    scrapped_units bigint NOT NULL CHECK (scrapped_units >= 0) | scrap among them, or told late of earlier ones
    units_reported bigint NOT NULL | units the machine named in this message
    cumulative_units bigint NOT NULL | the counter's total
    counter_epoch bigint NOT NULL | how often the counter was reset before
    quality_status text NOT NULL | pass, fail or unknown
    cycle_time_seconds double precision | cycle time; absent where the machine gave none
    order_version bigint NOT NULL | version of the order after it
    {EXPLAINED.strip()}
    """,
        "tenant_id, log_id",
        ("(tenant_id, work_order_id, produced_at)", "(tenant_id, machine_id, produced_at)"),
    ),
    Table(
        "quality_inspections",
        "One row is one quality inspection.",
        f"""
    inspection_id text NOT NULL | the inspection's own id
    work_order_id text NOT NULL | order inspected
    machine_id text NOT NULL | machine inspected
    inspected_at timestamptz NOT NULL | when
    inspection_type text NOT NULL | kind of inspection
    result text NOT NULL CHECK (result IN ('pass','fail')) | outcome
    defect_detected boolean NOT NULL | whether a defect was found
    defect_type text | which
    inspector text | who or what inspected
    {EXPLAINED.strip()}
    """,
        "tenant_id, inspection_id",
        ("(tenant_id, work_order_id, inspected_at)",),
    ),
    Table(
        "machines",
        "One row is one machine as it stands now.",
        """
    machine_id text NOT NULL | the machine
    machine_name text NOT NULL | its name
    line text NOT NULL | line it stands in
    status text NOT NULL CHECK (status IN ('running','idle','stopped','breakdown','unknown')) | what it does
    status_since timestamptz NOT NULL | since when
    utilization_percentage double precision | utilisation, 0 to 100
    overall_equipment_effectiveness double precision | OEE as the MES says, 0 to 100
    current_work_order_id text | order it works on
    cycle_time_seconds double precision NOT NULL DEFAULT 0 | latest cycle time; 0 where none was given
    total_units bigint NOT NULL DEFAULT 0 | units counted since it was registered
    last_seen_at timestamptz NOT NULL | latest sign of life, to a few seconds
    version bigint NOT NULL | grows by one with each change
    updated_at timestamptz NOT NULL | moment of the latest change
    """,
        "tenant_id, machine_id",
    ),
    Table(
        "machine_status_history",
        "One row is one change of a machine's status, or a gap in which nobody saw it.",
        f"""
    machine_id text NOT NULL | the machine
    version bigint NOT NULL | version of the machine with this change; of a gap, the position of its message
    status text NOT NULL | status from then on; 'gap' where nothing was observed
    previous_status text | status before
    from_at timestamptz NOT NULL | since when
    to_at timestamptz | end, for a gap
    reason text | why
    {EXPLAINED.strip()}
    """,
        "tenant_id, machine_id, status, version",
        ("(tenant_id, machine_id, from_at)",),
    ),
    Table(
        "downtime_events",
        "One row is one downtime of a machine.",
        f"""
    downtime_id text NOT NULL | machine and start
    machine_id text NOT NULL | the machine
    downtime_reason_code text NOT NULL | reason code
    downtime_reason_description text NOT NULL | reason in words
    severity text NOT NULL | low, medium, high or critical
    started_at timestamptz NOT NULL | start
    ended_at timestamptz | end; absent while it lasts
    duration_seconds double precision | length; absent while it lasts
    estimated_repair_time_minutes double precision | estimate at its start
    work_order_affected text | order it interrupted
    {EXPLAINED.strip()}
    """,
        "tenant_id, downtime_id",
        ("(tenant_id, machine_id, started_at)",),
    ),
    Table(
        "materials",
        "One row is one material as it stands now.",
        """
    material_id text NOT NULL | the material
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
    on_hand_quantity numeric(18,6) NOT NULL CHECK (on_hand_quantity >= 0) | stock on hand
    allocated_quantity numeric(18,6) NOT NULL CHECK (allocated_quantity >= 0) | stock promised
    available_quantity numeric(18,6) NOT NULL CHECK (available_quantity >= 0) | on hand less allocated, never below 0
    safety_stock numeric(18,6) NOT NULL | below this a reorder alert is raised
    version bigint NOT NULL | grows by one with each change
    updated_at timestamptz NOT NULL | moment of the latest change
    """,
        "tenant_id, material_id",
    ),
    Table(
        "material_batches",
        "One row is one lot of a material on the shelf.",
        """
    material_id text NOT NULL | the material
    batch_number text NOT NULL | the lot
    quantity numeric(18,6) NOT NULL CHECK (quantity >= 0) | what is left of it
    expiration_date date | last day of use
    version bigint NOT NULL | version of the material that told of it
    """,
        "tenant_id, material_id, batch_number",
    ),
    Table(
        "integration_failures",
        "One row is one dead letter.",
        f"""
    failure_id text NOT NULL | id that people use
    failure_key text NOT NULL | the same for the same failed message
    integration_type text NOT NULL | which integration failed
    error_code text NOT NULL | code of the reason
    error_message text NOT NULL | the reason in a sentence
    error_path text | the field it is about
    trace_id text NOT NULL | id under which the log has more
    inbox text NOT NULL | topic a repaired message returns to
    source_address text NOT NULL | MQTT topic, node, route, or topic/partition/offset it came by
    original_message jsonb | the message, where it can be read
    original_bytes bytea NOT NULL | the message, exactly
    original_message_id text | its message id, where it has one
    correlation_id text NOT NULL | what it belongs to
    status text NOT NULL | pending_manual_review, retried, resolved or discarded
    retry_count integer NOT NULL | how often it was tried again
    last_retry_at timestamptz | when last
    failed_at timestamptz NOT NULL | when it failed
    {EXPLAINED.strip()}
    """,
        "tenant_id, failure_key",
        ("(tenant_id, status, failed_at DESC)", "(tenant_id, error_code, failed_at DESC)", "(tenant_id, failure_id)"),
    ),
    Table(
        "alerts",
        "One row is one thing that a person should look at.",
        f"""
    alert_id text NOT NULL | id of the alert
    alert_key text NOT NULL | the same for the same cause
    kind text NOT NULL | kind of alert
    severity text NOT NULL CHECK (severity IN ('info','warning','critical')) | how bad
    entity_type text NOT NULL | kind of thing it is about
    entity_id text NOT NULL | which one
    message text NOT NULL | the alert in a sentence
    raised_at timestamptz NOT NULL | when
    acknowledged_at timestamptz | when somebody took it on
    acknowledged_by text | who
    {EXPLAINED.strip()}
    """,
        "tenant_id, alert_id",
        ("(tenant_id, raised_at DESC)",),
    ),
    Table(
        "integration_audit_log",
        "One row is one call between us and another system.",
        """
    log_id bigint GENERATED ALWAYS AS IDENTITY | number of the call
    timestamp timestamptz NOT NULL DEFAULT now() | when
    integration_type text NOT NULL | which integration
    direction text NOT NULL CHECK (direction IN ('inbound','outbound')) | who called
    external_system text NOT NULL | the other system
    request_payload jsonb | request, secrets removed
    response_payload jsonb | answer, secrets removed
    http_status_code integer | HTTP status
    processing_time_ms integer | duration in milliseconds
    success boolean NOT NULL | whether it worked
    error_message text | why not
    user_id text | who
    correlation_id text | what it belongs to
    """,
        "tenant_id, log_id",
        ("(tenant_id, timestamp DESC)", "(tenant_id, correlation_id)"),
    ),
    Table(
        "ops.idempotency_keys",
        "One row is one answered request that may be sent again.",
        """
    client_id text NOT NULL | who asked
    idempotency_key text NOT NULL | the client's key
    request_hash text NOT NULL | SHA-256 of route and body
    status_code integer NOT NULL | HTTP status of the answer
    body bytea NOT NULL | the answer, byte for byte
    media_type text NOT NULL | its media type
    created_at timestamptz NOT NULL DEFAULT now() | when
    """,
        "tenant_id, client_id, idempotency_key",
    ),
    Table(
        "ops.work_order_keys",
        "One row is one ERP order id that is taken.",
        """
    erp_work_order_id text NOT NULL | the ERP's id
    work_order_id text NOT NULL | our id
    created_at timestamptz NOT NULL DEFAULT now() | when
    """,
        "tenant_id, erp_work_order_id",
    ),
    Table(
        "ops.projection_offsets",
        "One row is one partition of an event topic, and how far the read models are with it.",
        """
    topic text NOT NULL | topic
    partition integer NOT NULL | partition
    next_offset bigint NOT NULL | offset of the next record to project
    updated_at timestamptz NOT NULL DEFAULT now() | when last
    """,
        "topic, partition",
        is_of_tenant=False,
    ),
)


def upgrade() -> None:
    """Make the tables."""
    connection = op.get_bind()
    connection.exec_driver_sql("CREATE SCHEMA ops")
    connection.exec_driver_sql("GRANT USAGE ON SCHEMA public, ops TO plant_app")
    connection.exec_driver_sql("GRANT USAGE ON SCHEMA public TO plant_analyst")
    for table in TABLES:
        for statement in create(table):
            connection.exec_driver_sql(statement)


def downgrade() -> None:
    """Drop them."""
    for table in reversed(TABLES):
        op.execute(f"DROP TABLE {table.name}")
    op.execute("DROP SCHEMA ops")
    op.execute("REVOKE USAGE ON SCHEMA public FROM plant_app, plant_analyst")
