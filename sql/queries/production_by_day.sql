-- Production and scrap by day
-- What was made on each day and how much of it was scrap, by product.
-- :days integer 14 | so many days back
-- :machine text | one machine only
-- :product text | one product only
SELECT hour_at::date AS day, product_id, sum(units) AS units, sum(scrapped_units) AS scrapped_units,
  sum(good_units) AS good_units,
  round(100.0 * sum(scrapped_units) / nullif(sum(units), 0), 2) AS scrap_percentage,
  count(DISTINCT machine_id) AS machines
FROM production_by_hour
WHERE hour_at >= now() - make_interval(days => :'days'::int)
  AND (:'machine'::text IS NULL OR machine_id = :'machine')
  AND (:'product'::text IS NULL OR product_id = :'product')
GROUP BY hour_at::date, product_id
ORDER BY day DESC, units DESC
