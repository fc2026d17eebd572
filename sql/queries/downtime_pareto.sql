-- Downtime by reason: a Pareto
-- Which reasons cost most time: their length together, and the share of each with all longer ones.
-- :days integer 7 | downtimes that began in so many days
-- :machine text | one machine only
SELECT downtime_reason_code, max(downtime_reason_description) AS downtime_reason_description, count(*) AS downtimes,
  round(sum(seconds)::numeric / 3600, 2) AS downtime_hours,
  round((100 * sum(seconds) / nullif(sum(sum(seconds)) OVER (), 0))::numeric, 1) AS share_percentage,
  round((100 * sum(sum(seconds)) OVER (ORDER BY sum(seconds) DESC, downtime_reason_code)
    / nullif(sum(sum(seconds)) OVER (), 0))::numeric, 1) AS cumulative_percentage
FROM (
  SELECT *, coalesce(duration_seconds, greatest(extract(epoch FROM now() - started_at), 0)::float) AS seconds
  FROM downtime_events
  WHERE started_at >= now() - make_interval(days => :'days'::int)
    AND (:'machine'::text IS NULL OR machine_id = :'machine')
) AS downtimes
GROUP BY downtime_reason_code
ORDER BY sum(seconds) DESC, downtime_reason_code
