"""What analysts read: documented views, each of them one question that is asked again and again."""

from dataclasses import dataclass

from alembic import op

# The columns are lines of a table: they read better long.
# ruff: noqa: E501

revision = "0013"
down_revision = "0012"


@dataclass(frozen=True)
class View:
    """A view: what one row means, its columns (`name | comment` a line, in their order), and where they come from."""

    name: str
    meaning: str
    columns: str
    query: str


VIEWS = (
    View(
        "production_by_hour",
        "One row is what one machine made of one product in one hour; hours begin by the session's time zone.",
        """
    tenant_id | tenant whose row this is
    hour_at | beginning of the hour
    machine_id | the machine
    product_id | product; absent where the order is not known
    units | units counted, scrap included
    scrapped_units | scrap among them
    good_units | units less scrap
    scrap_percentage | scrap of the units, 0 to 100; absent where none were made
    readings | counter readings that said something new
    mean_cycle_time_seconds | mean of the cycle times that were given
    """,
        """
    SELECT l.tenant_id, date_trunc('hour', l.produced_at), l.machine_id, o.product_id,
      sum(l.units)::bigint, sum(l.scrapped_units)::bigint, (sum(l.units) - sum(l.scrapped_units))::bigint,
      round(100.0 * sum(l.scrapped_units) / nullif(sum(l.units), 0), 2), count(*), avg(l.cycle_time_seconds)
    FROM production_logs AS l LEFT JOIN work_orders AS o USING (tenant_id, work_order_id)
    GROUP BY l.tenant_id, date_trunc('hour', l.produced_at), l.machine_id, o.product_id
    """,
    ),
    View(
        "order_lateness",
        "One row is one work order, and how it stands to its due date.",
        """
    tenant_id | tenant whose row this is
    work_order_id | the order
    erp_work_order_id | the ERP's id of the order
    product_id | product to make
    status | where the order stands
    priority | how urgent it is
    progress_percentage | produced of ordered, 0 to 100
    due_date | when it must be done
    ended_at | completion or cancellation
    outcome | on_time or late where it is completed, open or overdue while it is not, cancelled
    lateness_seconds | end less due date, of an open order now less due date; negative: early; absent if it was cancelled
    lead_time_seconds | from receipt to completion
    processing_seconds | from first unit or start command to completion
    """,
        """
    SELECT tenant_id, work_order_id, erp_work_order_id, product_id, status, priority, progress_percentage, due_date,
      actual_end_at,
      CASE WHEN status = 'cancelled' THEN 'cancelled'
        WHEN status = 'completed' THEN CASE WHEN actual_end_at > due_date THEN 'late' ELSE 'on_time' END
        WHEN now() > due_date THEN 'overdue' ELSE 'open' END,
      CASE WHEN status <> 'cancelled' THEN extract(epoch FROM coalesce(actual_end_at, now()) - due_date)::float END,
      CASE WHEN status = 'completed' THEN extract(epoch FROM actual_end_at - created_at)::float END,
      CASE WHEN status = 'completed' THEN extract(epoch FROM actual_end_at - actual_start_at)::float END
    FROM work_orders
    """,
    ),
    View(
        "downtime_by_reason",
        "One row is one reason of downtime: a Pareto over all downtimes, the longest together first by share.",
        """
    tenant_id | tenant whose row this is
    downtime_reason_code | reason code
    downtime_reason_description | reason in words, as it was told last
    downtimes | downtimes for that reason
    lasting | those of them that still last
    downtime_seconds | their length together; what still lasts counts until now
    mean_seconds | mean length
    longest_seconds | the longest
    share_percentage | share of all downtime, 0 to 100
    cumulative_percentage | share of this reason and all longer ones together
    first_at | when it happened first
    last_at | when it happened last
    """,
        """
    SELECT tenant_id, downtime_reason_code, description, downtimes, lasting, seconds, seconds / downtimes, longest,
      round((100 * seconds / nullif(sum(seconds) OVER all_reasons, 0))::numeric, 2),
      round((100 * sum(seconds) OVER longer_ones / nullif(sum(seconds) OVER all_reasons, 0))::numeric, 2),
      first_at, last_at
    FROM (
      SELECT tenant_id, downtime_reason_code,
        (array_agg(downtime_reason_description ORDER BY started_at DESC))[1] AS description,
        count(*) AS downtimes, count(*) FILTER (WHERE ended_at IS NULL) AS lasting,
        sum(length) AS seconds, max(length) AS longest, min(started_at) AS first_at, max(started_at) AS last_at
      FROM (SELECT *, coalesce(duration_seconds, greatest(extract(epoch FROM now() - started_at), 0)::float) AS length
        FROM downtime_events) AS each_one
      GROUP BY tenant_id, downtime_reason_code
    ) AS by_reason
    WINDOW all_reasons AS (PARTITION BY tenant_id),
      longer_ones AS (PARTITION BY tenant_id ORDER BY seconds DESC, downtime_reason_code)
    """,
    ),
    View(
        "machine_utilization_by_day",
        "One row is one day of one machine: how long it was in which status; days begin by the session's time zone.",
        """
    tenant_id | tenant whose row this is
    machine_id | the machine
    day | the day
    running_seconds | running
    idle_seconds | idle
    stopped_seconds | stopped
    breakdown_seconds | in breakdown
    unseen_seconds | status unknown, or a gap in which nobody saw it
    observed_seconds | running, idle, stopped and in breakdown together
    utilization_percentage | running of observed, 0 to 100; absent where nothing was observed
    """,
        """
    WITH spans AS (
      SELECT tenant_id, machine_id, status, tstzrange(from_at, greatest(from_at,
        lead(from_at, 1, now()) OVER (PARTITION BY tenant_id, machine_id ORDER BY from_at, version))) AS span
      FROM machine_status_history WHERE status <> 'gap'
    ), gaps AS (
      SELECT tenant_id, machine_id, range_agg(tstzrange(from_at, greatest(from_at, to_at))) AS unseen
      FROM machine_status_history WHERE status = 'gap' GROUP BY tenant_id, machine_id
    ), pieces AS (
      SELECT tenant_id, machine_id, status, unnest(tstzmultirange(span) - coalesce(unseen, '{}')) AS piece
      FROM spans LEFT JOIN gaps USING (tenant_id, machine_id)
      UNION ALL
      SELECT tenant_id, machine_id, 'gap', unnest(unseen) FROM gaps
    ), days AS (
      SELECT tenant_id, machine_id, status, day,
        extract(epoch FROM least(upper(piece), day + interval '1 day') - greatest(lower(piece), day))::float AS seconds
      FROM pieces
      CROSS JOIN LATERAL generate_series(date_trunc('day', lower(piece)), upper(piece), interval '1 day') AS day
    ), sums AS (
      SELECT tenant_id, machine_id, day::date AS day,
        coalesce(sum(seconds) FILTER (WHERE status = 'running'), 0) AS running,
        coalesce(sum(seconds) FILTER (WHERE status = 'idle'), 0) AS idle,
        coalesce(sum(seconds) FILTER (WHERE status = 'stopped'), 0) AS stopped,
        coalesce(sum(seconds) FILTER (WHERE status = 'breakdown'), 0) AS breakdown,
        coalesce(sum(seconds) FILTER (WHERE status IN ('unknown', 'gap')), 0) AS unseen
      FROM days WHERE seconds > 0 GROUP BY tenant_id, machine_id, day::date
    )
    SELECT tenant_id, machine_id, day, running, idle, stopped, breakdown, unseen, running + idle + stopped + breakdown,
      round((100 * running / nullif(running + idle + stopped + breakdown, 0))::numeric, 2)
    FROM sums
    """,
    ),
    View(
        "scrap_by_product",
        "One row is one product in one unit of measure: what its orders made, and how much of it was scrap.",
        """
    tenant_id | tenant whose row this is
    product_id | the product
    product_name | its name, as it was told last
    unit_of_measure | unit of the quantities
    orders | work orders, whatever became of them
    completed_orders | those that are completed
    quantity_ordered | units ordered
    quantity_produced | units made, scrap included
    quantity_scrapped | scrap among them
    quantity_good | units made less scrap
    scrap_percentage | scrap of what was made, 0 to 100; absent where nothing was
    inspections | quality inspections
    defects | inspections that found a defect
    """,
        """
    SELECT tenant_id, product_id, (array_agg(product_name ORDER BY updated_at DESC))[1], unit_of_measure, count(*),
      count(*) FILTER (WHERE status = 'completed'), sum(quantity_ordered), sum(quantity_produced),
      sum(quantity_scrapped), sum(quantity_good),
      round(100 * sum(quantity_scrapped) / nullif(sum(quantity_produced), 0), 2),
      sum(inspection_count)::bigint, sum(defect_count)::bigint
    FROM work_orders GROUP BY tenant_id, product_id, unit_of_measure
    """,
    ),
    View(
        "dead_letters_by_cause",
        "One row is the dead letters of one integration with one code at one field.",
        """
    tenant_id | tenant whose row this is
    integration_type | which integration failed
    error_code | code of the reason
    error_path | the field it is about; absent where it is about the whole message
    failures | dead letters
    pending | those that wait for a person
    retried | those of which a retry is under way
    resolved | those that are resolved
    discarded | those that were discarded
    retries | retries of all of them together
    first_at | when the first failed
    last_at | when the last failed
    example | the latest reason in a sentence
    """,
        """
    SELECT tenant_id, integration_type, error_code, error_path, count(*),
      count(*) FILTER (WHERE status = 'pending_manual_review'), count(*) FILTER (WHERE status = 'retried'),
      count(*) FILTER (WHERE status = 'resolved'), count(*) FILTER (WHERE status = 'discarded'),
      sum(retry_count)::bigint, min(failed_at), max(failed_at), (array_agg(error_message ORDER BY failed_at DESC))[1]
    FROM integration_failures GROUP BY tenant_id, integration_type, error_code, error_path
    """,
    ),
    View(
        "delivery_success_by_system",
        "One row is one kind of delivery to one external system, and how well it works.",
        """
    tenant_id | tenant whose row this is
    external_system | the other system
    kind | kind of delivery
    deliveries | deliveries made
    succeeded | those that succeeded
    failed | those that were given up
    cancelled | those that became needless
    pending | those that wait
    success_percentage | succeeded of those that succeeded or failed, 0 to 100; absent where none ended
    attempts | calls made
    mean_attempts | calls for one that succeeded
    mean_seconds_to_success | from its making to its success
    oldest_pending_at | since when the oldest waits
    """,
        """
    SELECT tenant_id, external_system, kind, count(*), count(*) FILTER (WHERE status = 'succeeded'),
      count(*) FILTER (WHERE status = 'failed'), count(*) FILTER (WHERE status = 'cancelled'),
      count(*) FILTER (WHERE status = 'pending'),
      round(100.0 * count(*) FILTER (WHERE status = 'succeeded')
        / nullif(count(*) FILTER (WHERE status IN ('succeeded', 'failed')), 0), 2),
      sum(attempts)::bigint, round(avg(attempts) FILTER (WHERE status = 'succeeded'), 2),
      (extract(epoch FROM avg(finished_at - created_at) FILTER (WHERE status = 'succeeded')))::float,
      min(created_at) FILTER (WHERE status = 'pending')
    FROM deliveries GROUP BY tenant_id, external_system, kind
    """,
    ),
    View(
        "stock_below_safety",
        "One row is one active material of which less is available than its safety stock.",
        """
    tenant_id | tenant whose row this is
    material_id | the material
    part_number | part number
    part_name | name
    unit_of_measure | unit of the quantities
    on_hand_quantity | stock on hand
    allocated_quantity | stock promised
    available_quantity | on hand less allocated, never below 0
    safety_stock | what should be available at least
    missing_quantity | safety stock less available
    waiting_orders | orders that did not get all they asked for
    shortage_quantity | what these orders lack together
    missing_cost | cost of the missing quantity, in currency; absent where the cost of a unit is not known
    currency | currency of the cost
    """,
        """
    SELECT m.tenant_id, m.material_id, m.part_number, m.part_name, m.unit_of_measure, m.on_hand_quantity,
      m.allocated_quantity, m.available_quantity, m.safety_stock, m.safety_stock - m.available_quantity,
      coalesce(short.orders, 0), coalesce(short.quantity, 0),
      (m.safety_stock - m.available_quantity) * m.standard_cost, m.currency
    FROM materials AS m LEFT JOIN (
      SELECT tenant_id, material_id, count(*) AS orders, sum(shortage) AS quantity
      FROM reservations WHERE status IN ('partial', 'refused') GROUP BY tenant_id, material_id
    ) AS short USING (tenant_id, material_id)
    WHERE m.is_active AND m.available_quantity < m.safety_stock
    """,
    ),
    View(
        "operator_hours",
        "One row is one shift of one operator in hours: planned, and worked as the HR system is told (002 section 5.2.2).",
        """
    tenant_id | tenant whose row this is
    operator_id | the operator
    employee_id | the HR system's id of the operator
    department | department, where the operator is known
    shift_date | the plant's day on which the shift begins
    shift_name | its name
    status | scheduled, working, ended or withdrawn
    is_overtime | whether it was planned as overtime
    planned_hours | planned hours less the planned break; absent where nobody planned it
    present_hours | from coming to going; absent until both are known
    break_hours | absence that was clocked, else the planned break as far as it lies between coming and going
    worked_hours | present less break
    is_absent | planned, over, and nobody came
    """,
        """
    SELECT s.tenant_id, s.operator_id, s.employee_id, o.department, s.shift_date, s.shift_name, s.status, s.is_overtime,
      CASE WHEN s.is_scheduled THEN round((extract(epoch FROM s.scheduled_end - s.scheduled_start
        - coalesce(s.break_end - s.break_start, interval '0')) / 3600)::numeric, 2) END,
      round((present / 3600)::numeric, 2), round((pause / 3600)::numeric, 2),
      CASE WHEN present IS NOT NULL THEN round((greatest(present - pause, 0) / 3600)::numeric, 2) END,
      s.is_scheduled AND s.status <> 'withdrawn' AND s.actual_clock_in IS NULL AND s.scheduled_end < now()
    FROM operator_shifts AS s
    LEFT JOIN operators AS o USING (tenant_id, operator_id)
    CROSS JOIN LATERAL (SELECT extract(epoch FROM s.actual_clock_out - s.actual_clock_in)::float AS present) AS clocked
    CROSS JOIN LATERAL (SELECT CASE WHEN present IS NULL THEN NULL WHEN s.away_seconds > 0 THEN s.away_seconds
      WHEN s.break_start IS NULL OR s.break_end IS NULL THEN 0
      ELSE greatest(extract(epoch FROM least(s.break_end, s.actual_clock_out)
        - greatest(s.break_start, s.actual_clock_in)), 0)::float END AS pause) AS paused
    """,
    ),
    View(
        "material_consumption_by_day",
        "One row is what orders used up of one material on one day; days begin by the session's time zone.",
        """
    tenant_id | tenant whose row this is
    day | the day
    material_id | the material
    part_number | its part number
    unit_of_measure | unit of the quantity
    quantity | used up
    orders | orders that used it up
    transactions | transactions
    unsynchronized | transactions that the ERP was not told of yet
    """,
        """
    SELECT tenant_id, occurred_at::date, material_id, max(part_number), unit_of_measure, sum(quantity),
      count(DISTINCT work_order_id), count(*), count(*) FILTER (WHERE synchronized_at IS NULL)
    FROM material_transactions GROUP BY tenant_id, occurred_at::date, material_id, unit_of_measure
    """,
    ),
)


def _create(view: View) -> list[str]:
    """The statements that make a view with its comments and rights; it shows each tenant its own rows."""
    columns = [[part.strip() for part in line.split("|", 1)] for line in view.columns.strip().splitlines()]
    names = ", ".join(name for name, _ in columns)
    return [
        f"CREATE VIEW {view.name} ({names}) WITH (security_invoker = true) AS {view.query}",
        f"COMMENT ON VIEW {view.name} IS {_text(view.meaning)}",
        *(f"COMMENT ON COLUMN {view.name}.{name} IS {_text(comment)}" for name, comment in columns),
        f"GRANT SELECT ON {view.name} TO plant_app, plant_analyst",
    ]


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def upgrade() -> None:
    """Make the views."""
    connection = op.get_bind()
    for view in VIEWS:
        for statement in _create(view):
            connection.exec_driver_sql(statement)


def downgrade() -> None:
    """Drop them."""
    for view in reversed(VIEWS):
        op.execute(f"DROP VIEW {view.name}")
