"""Reconciliation with the ERP: reports, and what differed."""

from alembic import op

from sql.migrations.tables import Table, create

# The columns are lines of a table: they read better long.
# ruff: noqa: E501

revision = "0006"
down_revision = "0005"

TABLES: tuple[Table, ...] = (
    Table(
        "reconciliation_reports",
        "One row is one comparison of the orders the ERP changed in a window with ours (002 section 3.4).",
        """
    report_id text NOT NULL | id of the report: REC-, its date, and a piece of the hash of its delivery
    delivery_id text NOT NULL | the question to the ERP that it answers
    report_date date NOT NULL | day of the report, by the plant's clock
    window_from timestamptz NOT NULL | orders the ERP changed since then were compared
    window_to timestamptz NOT NULL | when the question was due
    compared_at timestamptz NOT NULL | when the ERP's answer was compared with our rows
    orders_in_erp integer NOT NULL CHECK (orders_in_erp >= 0) | orders the ERP listed
    orders_in_ours integer NOT NULL CHECK (orders_in_ours >= 0) | of these and of the orders that came to us in the window, how many we have
    discrepancies integer NOT NULL CHECK (discrepancies >= 0) | things that differed, without those in transit
    auto_synced integer NOT NULL CHECK (auto_synced >= 0) | of these, put right by a compensating message
    manual_review integer NOT NULL CHECK (manual_review >= 0) | of these, left to a person
    in_transit integer NOT NULL CHECK (in_transit >= 0) | differences that a message under way may explain; not counted above
    counts jsonb NOT NULL | discrepancies by class
    status text NOT NULL CHECK (status IN ('clean','synced','review','reviewed')) | nothing differed, all put right, waits for a person, person is done
    text text NOT NULL | the report in the form of 002 section 3.4
    requested_by text NOT NULL | the clock, or who asked for it
    created_at timestamptz NOT NULL DEFAULT now() | when the row was written
    """,
        "tenant_id, report_id",
        ("(tenant_id, compared_at, report_id)",),
    ),
    Table(
        "reconciliation_items",
        "One row is one thing that differed between the ERP and us.",
        """
    report_id text NOT NULL | the report
    item integer NOT NULL CHECK (item >= 1) | number in the report
    erp_work_order_id text NOT NULL | the ERP's id of the order
    work_order_id text | our id of the order, if we have it
    class text NOT NULL CHECK (class IN ('missing_in_ours','missing_in_erp','status','quantity_ordered','quantity_produced','product','bill_of_materials','due_date','priority','description','unreadable')) | kind of difference
    risk text NOT NULL CHECK (risk IN ('low','high')) | low: may be put right without asking
    field text NOT NULL | what differs; order = the order as a whole
    erp_value jsonb | its value in the ERP
    our_value jsonb | its value here
    action text NOT NULL CHECK (action IN ('auto_synced','manual_review','in_transit','resolved')) | what was done, or is to be done
    reason text NOT NULL | why this action
    erp_timeline jsonb NOT NULL | what the ERP told of the order, and when
    our_timeline jsonb NOT NULL | what became of the order here, and when
    message_id text | id of the compensating message
    resolution text CHECK (resolution IN ('accept_erp','keep_ours','note')) | what a person chose
    resolved_by text | who
    resolved_at timestamptz | when
    note text | what they noted
    """,
        "tenant_id, report_id, item",
        ("(tenant_id, erp_work_order_id)", "(tenant_id, report_id) WHERE action = 'manual_review'"),
    ),
)


def upgrade() -> None:
    """Make the tables."""
    connection = op.get_bind()
    for table in TABLES:
        for statement in create(table):
            connection.exec_driver_sql(statement)
    connection.exec_driver_sql("CREATE INDEX work_orders_created_at ON work_orders (tenant_id, created_at)")


def downgrade() -> None:
    """Drop them."""
    op.execute("DROP INDEX work_orders_created_at")
    for table in reversed(TABLES):
        op.execute(f"DROP TABLE {table.name}")
