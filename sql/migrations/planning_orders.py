"""Tables of what is planned: production orders, runs, schedules, changeovers, maintenance, OEE (document 004)."""

from sql.migrations.planning_ground import EDITED, ID, keys, of
from sql.migrations.tables import Table

# The columns are lines of a table: they read better long.
# ruff: noqa: E501

TABLES: tuple[Table, ...] = (
    Table(
        "production_orders",
        "One row is one production order: planned demand that runs and work orders are released from.",
        f"""
    {ID}
    production_order_number text NOT NULL | its number
    sales_order_id text | sales order behind it
    sales_order_line integer | line of that order
    customer text | who ordered
    product_id text NOT NULL | product to make
    product_name text | its name
    quantity numeric(18,6) NOT NULL CHECK (quantity > 0) | good units that are wanted
    quantity_completed numeric(18,6) NOT NULL DEFAULT 0 CHECK (quantity_completed >= 0) | good units that the last operation has made
    unit_of_measure text NOT NULL DEFAULT 'EA' | unit of the quantities
    priority text NOT NULL DEFAULT 'normal' CHECK (priority IN ('low','normal','high','urgent')) | how urgent it is
    due_date timestamptz NOT NULL | when it must be done
    status text NOT NULL DEFAULT 'planned' CHECK (status IN ('planned','expanded','scheduled','in_progress','completed','cancelled')) | where it stands
    routing_id uuid | how it is made
    material_available_at timestamptz | nothing of it can begin before, for want of material
    {EDITED}
    """,
        "id",
        (
            "idx_production_orders_status (tenant_id, status, due_date)",
            "idx_production_orders_routing (routing_id) WHERE routing_id IS NOT NULL",
        ),
        constraints=keys(
            "production_order",
            "CONSTRAINT uq_production_order_number UNIQUE (tenant_id, production_order_number)",
            "CONSTRAINT uq_production_order_sales_line UNIQUE (tenant_id, sales_order_id, sales_order_line)",
            "CONSTRAINT fk_production_order_routing FOREIGN KEY (routing_id) REFERENCES routing_templates (id)",
            of("production_order_routing_of_tenant", "routing_id", "routing_templates"),
        ),
    ),
    Table(
        "production_runs",
        "One row is one operation of a production order: where, when, how much, and what became of it.",
        f"""
    {ID}
    production_order_id uuid NOT NULL | the production order
    routing_operation_id uuid | operation of the routing it came from
    operation_id uuid NOT NULL | what is done
    sequence_number integer NOT NULL | place in the sequence
    predecessors integer[] NOT NULL DEFAULT '{{}}' | sequence numbers of what must be done before
    is_concurrent boolean NOT NULL DEFAULT false | may be done at the same time as the operation before it
    quantity numeric(18,6) NOT NULL CHECK (quantity > 0) | units to start, what will be lost included
    setup_minutes integer NOT NULL CHECK (setup_minutes >= 0) | to set up
    run_minutes integer NOT NULL CHECK (run_minutes >= 0) | for all units
    transfer_quantity numeric(18,6) | units after which the next operation may begin; absent: all
    setup_family text | what changeovers are told by
    work_center_id uuid NOT NULL | where it is done
    alternative_work_center_ids uuid[] NOT NULL DEFAULT '{{}}' | where it could be done as well
    work_instructions text | how it is done
    status text NOT NULL DEFAULT 'planned' CHECK (status IN ('planned','scheduled','released','in_progress','completed','cancelled')) | where it stands
    setup_start timestamptz | when its changeover begins, by the schedule
    scheduled_start timestamptz | when it begins, by the schedule
    scheduled_end timestamptz | when it is done, by the schedule
    is_frozen boolean NOT NULL DEFAULT false | whether planning must leave it where it is
    schedule_id uuid | schedule that says so
    work_order_id text | work order that machines count for
    work_order_version bigint NOT NULL DEFAULT 0 | version of that order which the quantities and times are of
    quantity_good numeric(18,6) NOT NULL DEFAULT 0 CHECK (quantity_good >= 0) | good units made
    quantity_scrapped numeric(18,6) NOT NULL DEFAULT 0 CHECK (quantity_scrapped >= 0) | scrap made
    actual_start timestamptz | when it began
    actual_end timestamptz | when it was done
    {EDITED}
    """,
        "id",
        (
            "idx_production_runs_order (production_order_id)",
            "idx_production_runs_center (tenant_id, work_center_id, scheduled_start)",
            "idx_production_runs_work_order (tenant_id, work_order_id) WHERE work_order_id IS NOT NULL",
        ),
        constraints=keys(
            "production_run",
            "CONSTRAINT uq_production_run_sequence UNIQUE (production_order_id, sequence_number)",
            "CONSTRAINT fk_production_run_order FOREIGN KEY (production_order_id) REFERENCES production_orders (id) ON DELETE CASCADE",
            "CONSTRAINT fk_production_run_operation FOREIGN KEY (operation_id) REFERENCES operations (id)",
            "CONSTRAINT fk_production_run_work_center FOREIGN KEY (work_center_id) REFERENCES work_centers (id)",
            of("production_run_order_of_tenant", "production_order_id", "production_orders", "ON DELETE CASCADE"),
            of("production_run_work_center_of_tenant", "work_center_id", "work_centers"),
            "CONSTRAINT chk_production_run_times CHECK (setup_start <= scheduled_start AND scheduled_start <= scheduled_end)",
            "CONSTRAINT chk_production_run_scheduled CHECK (status <> 'scheduled' OR scheduled_end IS NOT NULL)",
            "CONSTRAINT production_runs_not_double_booked EXCLUDE USING gist (tenant_id WITH =, work_center_id WITH =, "
            "tstzrange(coalesce(setup_start, scheduled_start), scheduled_end) WITH &&) "
            "WHERE (status IN ('scheduled','released','in_progress') AND scheduled_end IS NOT NULL) DEFERRABLE INITIALLY DEFERRED",
        ),
    ),
    Table(
        "changeover_details",
        "One row is one rule of the changeover matrix: minutes to set up from one family to another; the most particular one holds.",
        f"""
    {ID}
    work_center_id uuid | where it holds; absent: everywhere
    from_family text | family before; absent: any
    to_family text | family after; absent: any
    setup_minutes integer NOT NULL CHECK (setup_minutes >= 0) | minutes the work centre stands for it
    external_minutes integer NOT NULL DEFAULT 0 CHECK (external_minutes >= 0) | of these, what could be done while it still runs (SMED)
    reason text | why
    {EDITED}
    """,
        "id",
        constraints=keys(
            "changeover",
            "CONSTRAINT uq_changeover_rule UNIQUE NULLS NOT DISTINCT (tenant_id, work_center_id, from_family, to_family)",
            "CONSTRAINT chk_changeover_external CHECK (external_minutes <= setup_minutes)",
            of("changeover_work_center", "work_center_id", "work_centers"),
        ),
    ),
    Table(
        "equipment_status_log",
        "One row is what somebody noted of a work centre's state: why it stood, and which loss that is.",
        f"""
    {ID}
    work_center_id uuid NOT NULL | the work centre
    status text NOT NULL CHECK (status IN ('running','idle','stopped','breakdown','unknown')) | its state
    reason_code text | why
    started_at timestamptz NOT NULL | from when
    ended_at timestamptz CHECK (ended_at > started_at) | until when; absent: it still is
    {EDITED}
    """,
        "id",
        ("idx_equipment_status_log_center (tenant_id, work_center_id, started_at)",),
        constraints=keys("equipment_status", of("equipment_status_work_center", "work_center_id", "work_centers")),
    ),
    Table(
        "maintenance_records",
        "One row is one maintenance of a work centre, planned or done; while it lasts nothing else is planned there.",
        f"""
    {ID}
    work_center_id uuid NOT NULL | the work centre
    maintenance_type text NOT NULL CHECK (maintenance_type IN ('preventive','corrective','inspection','cleaning')) | kind
    status text NOT NULL DEFAULT 'planned' CHECK (status IN ('planned','in_progress','done','cancelled')) | where it stands
    begins_at timestamptz NOT NULL | from when
    ends_at timestamptz NOT NULL | until when
    description text | what is done
    {EDITED}
    """,
        "id",
        ("idx_maintenance_records_center (tenant_id, work_center_id, begins_at)",),
        constraints=keys(
            "maintenance",
            "CONSTRAINT chk_maintenance_times CHECK (ends_at > begins_at)",
            of("maintenance_work_center", "work_center_id", "work_centers"),
        ),
    ),
    Table(
        "asset_hierarchy",
        "One row is one asset in its place: site, area, line, work centre, machine (ISA-95).",
        f"""
    {ID}
    asset_code text NOT NULL CHECK (asset_code <> '') | its code
    asset_name text NOT NULL | its name
    asset_type text NOT NULL CHECK (asset_type IN ('site','area','line','work_center','machine')) | what it is
    parent_asset_id uuid CHECK (parent_asset_id <> id) | what it belongs to
    work_center_id uuid | the work centre it is
    machine_id text | the machine it is
    {EDITED}
    """,
        "id",
        constraints=keys(
            "asset",
            "CONSTRAINT uq_asset_code UNIQUE (tenant_id, asset_code)",
            of("asset_parent", "parent_asset_id", "asset_hierarchy"),
            of("asset_work_center", "work_center_id", "work_centers"),
        ),
    ),
    Table(
        "oee_calculations",
        "One row is the OEE of a machine or a line in one window: a shift or a day.",
        f"""
    {ID}
    level text NOT NULL CHECK (level IN ('machine','line')) | what it is of
    subject_id text NOT NULL | the machine or the line
    work_center_id uuid | work centre of the machine
    bucket text NOT NULL CHECK (bucket IN ('shift','day')) | kind of window
    shift_name text | the shift
    from_at timestamptz NOT NULL | beginning of the window
    to_at timestamptz NOT NULL | end of the window
    availability double precision | run time / planned time, as a share of 1; absent: no planned time
    performance double precision | ideal time of the units / run time; absent: no run time or no ideal
    quality double precision | good units / units; absent: no units
    oee double precision | product of the three; absent where one is
    inputs jsonb NOT NULL DEFAULT '{{}}' | every input and loss, in seconds and units
    restated_at timestamptz | when something late changed it
    calculated_at timestamptz NOT NULL DEFAULT now() | when it was computed
    version integer NOT NULL DEFAULT 1 | grows by one with each change
    """,
        "id",
        ("idx_oee_calculations_window (tenant_id, level, bucket, from_at)",),
        constraints=keys(
            "oee",
            "CONSTRAINT uq_oee_window UNIQUE (tenant_id, level, subject_id, bucket, from_at)",
            "CONSTRAINT chk_oee_window CHECK (to_at > from_at)",
            of("oee_work_center", "work_center_id", "work_centers"),
        ),
    ),
    Table(
        "production_schedules",
        "One row is one schedule: asked for, computed, proposed, accepted or let go.",
        f"""
    {ID}
    scenario text NOT NULL DEFAULT 'plan' | name of the what-if it belongs to
    status text NOT NULL DEFAULT 'queued' CHECK (status IN ('queued','running','proposed','accepted','superseded','cancelled','failed')) | where it stands
    progress_percentage integer NOT NULL DEFAULT 0 CHECK (progress_percentage BETWEEN 0 AND 100) | how far the computation is
    is_cancel_asked boolean NOT NULL DEFAULT false | whether somebody wants it to stop
    engine text | what found it
    seed integer NOT NULL DEFAULT 1 | seed of chance
    horizon_from timestamptz | nothing is planned before
    horizon_to timestamptz | nothing is planned after
    frozen_until timestamptz | what begins before stays where it is
    base_schedule_id uuid | schedule it changes
    request jsonb NOT NULL DEFAULT '{{}}' | what was asked for
    inputs jsonb NOT NULL DEFAULT '{{}}' | what it was computed from: versions and moments
    figures jsonb NOT NULL DEFAULT '{{}}' | objective, late orders, makespan, setup minutes, bound, gap
    lines jsonb NOT NULL DEFAULT '[]' | each run: where, setup, start, end
    failure text | why it failed
    started_at timestamptz | when the computation began
    finished_at timestamptz | when it was done
    accepted_at timestamptz | when it was accepted
    accepted_by text | who accepted it
    {EDITED}
    """,
        "id",
        ("idx_production_schedules_status (tenant_id, status, created_at DESC)",),
        constraints=keys("schedule", of("schedule_base", "base_schedule_id", "production_schedules")),
    ),
    Table(
        "capacity_planning",
        "One row is the load of a work centre in one stretch of time, as a plan has it.",
        f"""
    {ID}
    work_center_id uuid NOT NULL | the work centre
    from_at timestamptz NOT NULL | beginning of the stretch
    to_at timestamptz NOT NULL | end of the stretch
    available_minutes integer NOT NULL CHECK (available_minutes >= 0) | open time
    required_minutes integer NOT NULL CHECK (required_minutes >= 0) | planned work
    utilization_percent double precision | required of available; absent: never open
    is_bottleneck boolean NOT NULL | above 90 percent
    computed_at timestamptz NOT NULL DEFAULT now() | when
    """,
        "id",
        ("idx_capacity_planning_center (tenant_id, work_center_id, from_at)",),
        constraints=keys(
            "capacity",
            "CONSTRAINT uq_capacity_bucket UNIQUE (tenant_id, work_center_id, from_at, to_at)",
            "CONSTRAINT chk_capacity_times CHECK (to_at > from_at)",
            of("capacity_work_center", "work_center_id", "work_centers"),
        ),
    ),
    Table(
        "edit_audits",
        "One row is one change that somebody made to what people edit: a calendar, a work centre, a routing, an order.",
        """
    audit_id uuid NOT NULL DEFAULT uuid_generate_v7() | id of the row
    subject text NOT NULL | what was changed: work_center, calendar, routing, changeover, production_order
    subject_id uuid NOT NULL | id of it
    event_type text NOT NULL CHECK (event_type IN ('created','updated','deleted','restored')) | what was done
    subject_version integer NOT NULL | its version after it
    said_by text NOT NULL | who did it
    changes jsonb NOT NULL DEFAULT '{}' | what it was before and after, by field
    happened_at timestamptz NOT NULL DEFAULT clock_timestamp() | when
    """,
        "tenant_id, audit_id",
        ("(tenant_id, subject, subject_id, happened_at)",),
    ),
)
