"""Tables of what the planner computes: MRP runs with orders, pegs and shortages, requisitions, proposals."""

from sql.migrations.planning_ground import EDITED, ID, keys, of
from sql.migrations.tables import Table

# The columns are lines of a table: they read better long.
# ruff: noqa: E501

ASKED = """is_cancel_asked boolean NOT NULL DEFAULT false | whether somebody wants it to stop
    failure text | why it failed, in a sentence
    inputs jsonb NOT NULL DEFAULT '{}' | what it was computed from: the moment, counts, a digest
    figures jsonb NOT NULL DEFAULT '{}' | what came of it, in numbers
    asked_at timestamptz NOT NULL DEFAULT now() | when it was asked for
    asked_by text NOT NULL | who asked
    started_at timestamptz | when the computation began
    finished_at timestamptz | when it was done"""
STATUS = "text NOT NULL DEFAULT 'queued' CHECK (status IN ('queued','running','finished','cancelled','failed'))"
OF_A_RUN = "mrp_run_id uuid NOT NULL | the run"
RUN = "FOREIGN KEY (tenant_id, mrp_run_id) REFERENCES mrp_runs (tenant_id, id) ON DELETE CASCADE"

TABLES: tuple[Table, ...] = (
    Table(
        "item_planning",
        "One row is how one item is ordered: in which lots, how long before it is needed, and from whom.",
        f"""
    {ID}
    item_id text NOT NULL CHECK (length(item_id) BETWEEN 1 AND 128) | the item, as orders and materials call it
    lot_policy text NOT NULL DEFAULT 'lot_for_lot' CHECK (lot_policy IN ('lot_for_lot','fixed','min_multiple','period')) | how large its orders are
    lot_size numeric(18,6) NOT NULL DEFAULT 1 CHECK (lot_size > 0) | of a fixed lot
    minimum numeric(18,6) NOT NULL DEFAULT 0 CHECK (minimum >= 0) | least quantity of an order
    multiple numeric(18,6) NOT NULL DEFAULT 1 CHECK (multiple > 0) | an order is several of it
    period_days integer NOT NULL DEFAULT 1 CHECK (period_days >= 1) | days whose need goes into one order
    smallest numeric(18,6) NOT NULL DEFAULT 1 CHECK (smallest > 0) | what quantities are rounded up to
    lead_time_days integer NOT NULL DEFAULT 0 CHECK (lead_time_days >= 0) | working days from an order's start to its due day
    safety_stock numeric(18,6) CHECK (safety_stock >= 0) | least stock; absent: as its master data say
    scrap_percentage numeric(5,2) NOT NULL DEFAULT 0 CHECK (scrap_percentage >= 0 AND scrap_percentage < 100) | share of an order that turns out no good
    is_purchased boolean | whether it is bought; absent: if it has no bill of materials
    supplier text | who delivers it
    {EDITED}
    """,
        "id",
        constraints=keys("item_planning", "CONSTRAINT uq_item_planning_item UNIQUE (tenant_id, item_id)"),
    ),
    Table(
        "mrp_runs",
        "One row is one run of material requirements planning.",
        f"""
    {ID}
    kind text NOT NULL CHECK (kind IN ('full','net_change')) | everything anew, or what changed since the run before
    status {STATUS} | where it stands
    progress_percentage integer NOT NULL DEFAULT 0 CHECK (progress_percentage BETWEEN 0 AND 100) | how far the computation is
    {ASKED}
    """,
        "id",
        ("idx_mrp_runs_asked (tenant_id, asked_at DESC, id)",),
        constraints=keys("mrp_run"),
    ),
    Table(
        "planned_orders",
        "One row is one order that a run plans: an item has one for each day at most.",
        f"""
    {OF_A_RUN}
    item_id text NOT NULL | the item
    due_date date NOT NULL | day it must be there
    start_date date NOT NULL | day it must be started or ordered
    quantity numeric(18,6) NOT NULL | what is started or bought
    good_quantity numeric(18,6) NOT NULL | what is left of it without scrap
    low_level_code integer NOT NULL | lowest level at which the item is used; 0: in nothing
    is_purchased boolean NOT NULL | whether it is bought
    """,
        "tenant_id, mrp_run_id, item_id, due_date",
        constraints=(RUN,),
    ),
    Table(
        "planned_order_pegs",
        "One row is how much of a planned order is there for one demand, however many levels above it.",
        f"""
    {OF_A_RUN}
    item_id text NOT NULL | the item
    due_date date NOT NULL | day of the planned order
    number integer NOT NULL | place among its pegs, from 1
    demand_id text | the demand; absent: for stock
    quantity numeric(18,6) NOT NULL | so much of the order's good quantity
    """,
        "tenant_id, mrp_run_id, item_id, due_date, number",
        ("(tenant_id, mrp_run_id, demand_id)",),
        constraints=(RUN,),
    ),
    Table(
        "mrp_shortages",
        "One row is what had to be started before the day of the run to be there in time.",
        f"""
    {OF_A_RUN}
    item_id text NOT NULL | the item
    due_date date NOT NULL | day it is needed on
    quantity numeric(18,6) NOT NULL | what is missing that day
    start_date date NOT NULL | day it had to be started
    possible_on date NOT NULL | day it can be there if it is started at once
    """,
        "tenant_id, mrp_run_id, item_id, due_date",
        ("(tenant_id, mrp_run_id, due_date, item_id)",),
        constraints=(RUN,),
    ),
    Table(
        "purchase_requisitions",
        "One row is one request to purchasing: what to order, how much, by when.",
        f"""
    {ID}
    mrp_run_id uuid | run that asks for it
    item_id text NOT NULL | what to order
    quantity numeric(18,6) NOT NULL CHECK (quantity > 0) | how much
    order_on date NOT NULL | day to order it
    due_date date NOT NULL | day it must be there
    supplier text | from whom
    status text NOT NULL DEFAULT 'proposed' CHECK (status IN ('proposed','ordered','received','cancelled','superseded')) | where it stands; superseded: a later run asks anew
    {EDITED}
    """,
        "id",
        ("idx_purchase_requisitions_status (tenant_id, status, order_on, id)",),
        constraints=keys("requisition"),
    ),
    Table(
        "plan_proposals",
        "One row is what the planner proposes to change in the accepted schedule because of something that happened.",
        f"""
    {ID}
    schedule_id uuid | schedule that it changes
    cause text NOT NULL CHECK (cause IN ('breakdown','rush','late_material')) | what happened
    cause_key text NOT NULL CHECK (cause_key <> '') | the same for the same happening
    cause_text text NOT NULL DEFAULT '' | what happened, in a sentence
    request jsonb NOT NULL DEFAULT '{{}}' | what was told of it
    status text NOT NULL DEFAULT 'queued' CHECK (status IN ('queued','running','open','accepted','dismissed','outdated','cancelled','failed')) | where it stands
    {ASKED}
    moves jsonb NOT NULL DEFAULT '[]' | operations that change their place
    orders jsonb NOT NULL DEFAULT '[]' | orders whose end changes, each with the reason in a sentence
    lines jsonb NOT NULL DEFAULT '[]' | the whole schedule with the proposal
    decided_at timestamptz | when somebody decided
    decided_by text | who
    """,
        "id",
        ("idx_plan_proposals_asked (tenant_id, asked_at DESC, id)",),
        constraints=keys(
            "proposal", of("proposal_schedule", "schedule_id", "production_schedules", "ON DELETE CASCADE")
        ),
    ),
    Table(
        "plan_archives",
        "One row is an old run, schedule or proposal in short; what it held in detail was deleted.",
        """
    id uuid NOT NULL | id it had
    subject text NOT NULL CHECK (subject IN ('mrp_run','schedule','proposal')) | what it was
    status text NOT NULL | where it stood
    asked_at timestamptz NOT NULL | when it was asked for
    asked_by text | who asked
    finished_at timestamptz | when it was done
    inputs jsonb NOT NULL | what it was computed from
    figures jsonb NOT NULL | what came of it, in numbers
    archived_at timestamptz NOT NULL DEFAULT now() | when it was archived
    """,
        "tenant_id, id",
        ("(tenant_id, subject, asked_at)",),
    ),
)
MACHINERY: tuple[Table, ...] = (
    Table(
        "ops.planning_offsets",
        "One row is one partition: how far the planner is with it.",
        """
    topic text NOT NULL | topic
    partition integer NOT NULL | partition
    next_offset bigint NOT NULL | offset it reads next
    updated_at timestamptz NOT NULL DEFAULT now() | when it moved last
    """,
        "topic, partition",
        is_of_tenant=False,
    ),
    Table(
        "ops.plan_jobs",
        "One row is a plan that the planner has accepted and not finished.",
        """
    plan_id uuid NOT NULL | the run, schedule or proposal
    owner_id uuid NOT NULL | tenant it belongs to
    kind text NOT NULL CHECK (kind IN ('mrp','schedule','proposal')) | what it is
    attempts integer NOT NULL DEFAULT 0 | how often a computation of it began
    accepted_at timestamptz NOT NULL DEFAULT now() | when it was accepted
    """,
        "plan_id",
        is_of_tenant=False,
    ),
)
