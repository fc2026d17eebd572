-- Cycle times by machine and product
-- Median and spread of the cycle times that machines gave; readings without one are left out.
-- :days integer 7 | so many days back
-- :machine text | one machine only
-- :product text | one product only
SELECT l.machine_id, o.product_id, count(*) AS readings,
  round((percentile_cont(0.1) WITHIN GROUP (ORDER BY l.cycle_time_seconds))::numeric, 2) AS p10_seconds,
  round((percentile_cont(0.5) WITHIN GROUP (ORDER BY l.cycle_time_seconds))::numeric, 2) AS median_seconds,
  round((percentile_cont(0.9) WITHIN GROUP (ORDER BY l.cycle_time_seconds))::numeric, 2) AS p90_seconds,
  round(avg(l.cycle_time_seconds)::numeric, 2) AS mean_seconds
FROM production_logs AS l JOIN work_orders AS o USING (tenant_id, work_order_id)
WHERE l.cycle_time_seconds IS NOT NULL AND l.produced_at >= now() - make_interval(days => :'days'::int)
  AND (:'machine'::text IS NULL OR l.machine_id = :'machine')
  AND (:'product'::text IS NULL OR o.product_id = :'product')
GROUP BY l.machine_id, o.product_id
ORDER BY l.machine_id, readings DESC
