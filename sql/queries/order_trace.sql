-- Every reading behind an order's progress
-- Each counter reading with the running total, and the place in the log (topic, partition, offset) it came from.
-- :work_order text | the order; without one, the order that was counted for last
SELECT l.produced_at, l.machine_id, l.units, l.scrapped_units,
  sum(l.units) OVER so_far AS units_so_far, sum(l.scrapped_units) OVER so_far AS scrapped_so_far,
  l.cumulative_units, l.counter_epoch, l.is_late, l.event_topic, l.event_partition, l.event_offset
FROM production_logs AS l
WHERE l.work_order_id = coalesce(:'work_order'::text,
  (SELECT work_order_id FROM production_logs ORDER BY recorded_at DESC LIMIT 1))
WINDOW so_far AS (ORDER BY l.order_version, l.log_id)
ORDER BY l.order_version, l.log_id
