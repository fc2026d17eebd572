"""Items, units, bills of materials; the work orders of document 003 as views; an order keeps its bill's revision."""

from alembic import op

from sql.migrations.boms import TABLES, WORK_ORDERS
from sql.migrations.tables import create, lines_of, text_of

revision = "0016"
down_revision = "0015"

COLUMNS = {
    "origin": "who asked for it: erp, or plant where it was made here",
    "bom_id": "revision of the bill of materials it is made by, as it was named when the order came",
    "bom_revision": "name of that revision",
}
KINDS = {
    ("work_orders", "origin"): "text NOT NULL DEFAULT 'erp' CHECK (origin IN ('erp','plant'))",
    ("work_order_changes", "origin"): "text CHECK (origin IN ('erp','plant'))",
}
ID = "md5({})::uuid"
ORDER_ID = ID.format("o.work_order_id")

VIEWS = {
    "manufacturing_work_orders": f"""
        SELECT o.tenant_id, {ORDER_ID} AS id, coalesce(o.work_order_number, o.work_order_id) AS work_order_number,
          p.id AS product_id, b.id AS bom_id, r.scheduled_start, r.scheduled_end,
          o.status, o.priority, o.production_line_preference AS work_center_id, o.assigned_operator_id AS assigned_to,
          o.quantity_ordered AS quantity_to_build, o.quantity_good AS quantity_completed, o.created_at, o.updated_at
        FROM work_orders o
        LEFT JOIN item_master i ON i.tenant_id = o.tenant_id AND i.item_code = o.product_id
        LEFT JOIN products p ON p.tenant_id = i.tenant_id AND p.inventory_item_id = i.inventory_item_id
        LEFT JOIN manufacturing_boms b ON b.tenant_id = o.tenant_id AND b.id::text = o.bom_id
        LEFT JOIN LATERAL (
          SELECT min(scheduled_start) AS scheduled_start, max(scheduled_end) AS scheduled_end FROM production_runs
          WHERE tenant_id = o.tenant_id AND work_order_id = o.work_order_id
        ) r ON true""",
    "manufacturing_work_order_materials": f"""
        SELECT o.tenant_id, {ID.format("o.work_order_id || '/' || m.material_id")} AS id, {ORDER_ID} AS work_order_id,
          c.id AS component_id, m.reserved_quantity, m.consumed_quantity, m.inventory_reservation_id,
          o.created_at, o.updated_at
        FROM work_orders o
        JOIN work_order_materials m ON m.tenant_id = o.tenant_id AND m.work_order_id = o.work_order_id
        LEFT JOIN item_master i ON i.tenant_id = m.tenant_id AND i.item_code = m.material_id
        LEFT JOIN LATERAL (
          SELECT id FROM manufacturing_bom_components
          WHERE tenant_id = o.tenant_id AND bom_id::text = o.bom_id AND component_item_id = i.inventory_item_id
          ORDER BY line LIMIT 1
        ) c ON true""",
    "manufacturing_work_order_tasks": f"""
        SELECT o.tenant_id, {ID.format("o.task_id")} AS id, {ORDER_ID} AS work_order_id,
          (row_number() OVER (PARTITION BY o.tenant_id, o.work_order_id ORDER BY o.created_at, o.task_id))::integer
            AS sequence,
          o.title AS task_name, o.status, o.estimated_hours, o.actual_hours, o.assigned_to, o.started_at,
          o.done_at AS completed_at, o.notes
        FROM work_order_tasks o""",
    "manufacturing_work_order_notes": f"""
        SELECT o.tenant_id, {ID.format("o.note_id")} AS id, {ORDER_ID} AS work_order_id, o.written_by AS author_id,
          o.body, o.written_at AS created_at
        FROM work_order_notes o""",
}
# Two revisions of a bill never hold on the same day; SQLite cannot say so.
ONE_EFFECTIVE = """
ALTER TABLE manufacturing_boms ADD CONSTRAINT manufacturing_boms_one_is_effective EXCLUDE USING gist (
  tenant_id WITH =, item_master_id WITH =, daterange(effective_from, effective_to) WITH &&
) WHERE (lifecycle_status = 'active' AND deleted_at IS NULL) DEFERRABLE INITIALLY DEFERRED
"""
INDEXES = {
    "idx_work_orders_line": "(tenant_id, production_line_preference, due_date)",
    "idx_work_orders_machine": "(tenant_id, current_machine_id, due_date)",
    "idx_work_orders_status_line": "(tenant_id, status, production_line_preference, due_date)",
    "idx_work_orders_status_priority": "(tenant_id, status, priority, due_date)",
}
# What a text is looked for in. Row-level security lets Postgres use it only where ILIKE is known not to leak
# (compose/local/roles.py); without that, or without the extension, such searches are right and slow.
TEXTS = """
DO $$ BEGIN
  IF EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pg_trgm') THEN
    CREATE EXTENSION IF NOT EXISTS pg_trgm;
    CREATE INDEX idx_work_orders_texts ON work_orders USING gin (work_order_id gin_trgm_ops,
      erp_work_order_id gin_trgm_ops, work_order_number gin_trgm_ops, product_id gin_trgm_ops,
      product_name gin_trgm_ops);
  END IF;
END $$
"""
TASK_COLUMNS = {
    "estimated_hours": ("numeric(18,6) CHECK (estimated_hours >= 0)", "how long it should take, in hours"),
    "actual_hours": ("numeric(18,6) CHECK (actual_hours >= 0)", "how long it took, in hours"),
    "started_at": ("timestamptz", "when it was begun"),
    "notes": ("text CHECK (length(notes) <= 4000)", "what to mind"),
}


def upgrade() -> None:
    """Make the tables and views."""
    say = op.get_bind().exec_driver_sql
    for table in TABLES:
        for statement in create(table):
            say(statement)
    say(ONE_EFFECTIVE)
    for index, columns in INDEXES.items():
        say(f"CREATE INDEX {index} ON work_orders {columns}")
    say(TEXTS)
    for name in ("work_orders", "work_order_changes"):
        for column, meaning in COLUMNS.items():
            say(f"ALTER TABLE {name} ADD COLUMN {column} {KINDS.get((name, column), 'text')}")
            say(f"COMMENT ON COLUMN {name}.{column} IS {text_of(meaning)}")
    for column, (kind, meaning) in TASK_COLUMNS.items():
        say(f"ALTER TABLE work_order_tasks ADD COLUMN {column} {kind}")
        say(f"COMMENT ON COLUMN work_order_tasks.{column} IS {text_of(meaning)}")
    for table in WORK_ORDERS:
        say(f"CREATE VIEW {table.name} WITH (security_invoker = true) AS {VIEWS[table.name]}")
        say(f"COMMENT ON VIEW {table.name} IS {text_of(table.meaning)}")
        for column, _, comment in lines_of(table):
            say(f"COMMENT ON COLUMN {table.name}.{column} IS {text_of(comment)}")
        say(f"GRANT SELECT ON {table.name} TO plant_app, plant_analyst")


def downgrade() -> None:
    """Drop them."""
    for index in (*INDEXES, "idx_work_orders_texts"):
        op.execute(f"DROP INDEX IF EXISTS {index}")
    op.execute("DROP EXTENSION IF EXISTS pg_trgm")
    for view in reversed(WORK_ORDERS):
        op.execute(f"DROP VIEW {view.name}")
    for column in TASK_COLUMNS:
        op.execute(f"ALTER TABLE work_order_tasks DROP COLUMN {column}")
    for table in ("work_orders", "work_order_changes"):
        for column in COLUMNS:
            op.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
    for each in reversed(TABLES):
        op.execute(f"DROP TABLE {each.name}")
