-- Lots that expire soon
-- What is on the shelf and runs out of time, first expired first.
-- :days integer 30 | expires within so many days
-- :material text | one material only
SELECT b.material_id, m.part_name, b.batch_number, b.expiration_date, b.expiration_date - current_date AS days_left,
  b.quantity, m.unit_of_measure, round(b.quantity * m.standard_cost, 2) AS cost, m.currency
FROM material_batches AS b JOIN materials AS m USING (tenant_id, material_id)
WHERE b.quantity > 0 AND b.expiration_date <= current_date + :'days'::int
  AND (:'material'::text IS NULL OR b.material_id = :'material')
ORDER BY b.expiration_date, b.material_id, b.batch_number
