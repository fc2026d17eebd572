-- Calls to other systems: time and trouble
-- How long each system takes to answer, and how often it does not.
-- :days integer 7 | so many days back
SELECT external_system, direction, integration_type, count(*) AS calls,
  round(100.0 * count(*) FILTER (WHERE success) / count(*), 2) AS success_percentage,
  percentile_disc(0.5) WITHIN GROUP (ORDER BY processing_time_ms) AS median_milliseconds,
  percentile_disc(0.95) WITHIN GROUP (ORDER BY processing_time_ms) AS p95_milliseconds, max("timestamp") AS last_at
FROM integration_audit_log
WHERE "timestamp" >= now() - make_interval(days => :'days'::int)
GROUP BY external_system, direction, integration_type
ORDER BY calls DESC, external_system
