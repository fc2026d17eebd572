-- Scrap by machine and hour of the day
-- Where and when scrap is made: a shift or a warm-up shows as an hour that is worse than the others.
-- :days integer 14 | so many days back
-- :product text | one product only
SELECT machine_id, extract(hour FROM hour_at)::int AS hour_of_day, sum(units) AS units,
  sum(scrapped_units) AS scrapped_units,
  round(100.0 * sum(scrapped_units) / nullif(sum(units), 0), 2) AS scrap_percentage
FROM production_by_hour
WHERE hour_at >= now() - make_interval(days => :'days'::int)
  AND (:'product'::text IS NULL OR product_id = :'product')
GROUP BY machine_id, extract(hour FROM hour_at)
ORDER BY machine_id, hour_of_day
