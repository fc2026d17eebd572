-- Late and overdue orders
-- Orders that ended after their due date, or are past it and still open; the latest first.
-- :days integer 30 | due in the last so many days
-- :product text | one product only
SELECT work_order_id, erp_work_order_id, product_id, priority, status, outcome, progress_percentage, due_date, ended_at,
  round((lateness_seconds / 3600)::numeric, 1) AS late_hours
FROM order_lateness
WHERE outcome IN ('late', 'overdue') AND due_date >= now() - make_interval(days => :'days'::int)
  AND (:'product'::text IS NULL OR product_id = :'product')
ORDER BY lateness_seconds DESC, work_order_id
