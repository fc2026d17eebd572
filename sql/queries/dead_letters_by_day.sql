-- Dead letters by day and cause
-- What failed, how often, and how much of it still waits for a person.
-- :days integer 14 | so many days back
SELECT failed_at::date AS day, integration_type, error_code, error_path, count(*) AS failures,
  count(*) FILTER (WHERE status = 'pending_manual_review') AS pending,
  count(*) FILTER (WHERE status = 'resolved') AS resolved, count(*) FILTER (WHERE status = 'discarded') AS discarded
FROM integration_failures
WHERE failed_at >= now() - make_interval(days => :'days'::int)
GROUP BY failed_at::date, integration_type, error_code, error_path
ORDER BY day DESC, failures DESC
