-- On-time delivery by product
-- Share of completed orders that ended by their due date, and how long orders take.
-- :days integer 90 | completed in the last so many days
SELECT product_id, count(*) AS completed_orders, count(*) FILTER (WHERE outcome = 'on_time') AS on_time_orders,
  round(100.0 * count(*) FILTER (WHERE outcome = 'on_time') / count(*), 1) AS on_time_percentage,
  round((avg(lead_time_seconds) / 3600)::numeric, 1) AS mean_lead_time_hours,
  round((percentile_cont(0.9) WITHIN GROUP (ORDER BY lead_time_seconds) / 3600)::numeric, 1) AS lead_time_p90_hours,
  round((avg(processing_seconds) / 3600)::numeric, 1) AS mean_processing_hours
FROM order_lateness
WHERE outcome IN ('on_time', 'late') AND ended_at >= now() - make_interval(days => :'days'::int)
GROUP BY product_id
ORDER BY completed_orders DESC, product_id
