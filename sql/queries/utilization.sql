-- Utilisation of machines by day
-- How long each machine ran of the time it was observed; gaps in which nobody saw it are told apart.
-- :days integer 7 | so many days back
-- :machine text | one machine only
SELECT day, machine_id, utilization_percentage, round((running_seconds / 3600)::numeric, 2) AS running_hours,
  round((idle_seconds / 3600)::numeric, 2) AS idle_hours, round((stopped_seconds / 3600)::numeric, 2) AS stopped_hours,
  round((breakdown_seconds / 3600)::numeric, 2) AS breakdown_hours,
  round((unseen_seconds / 3600)::numeric, 2) AS unseen_hours
FROM machine_utilization_by_day
WHERE day > current_date - :'days'::int AND (:'machine'::text IS NULL OR machine_id = :'machine')
ORDER BY day DESC, machine_id
