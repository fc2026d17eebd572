-- Materials to reorder
-- Materials below their safety stock, with the orders that wait for them; what costs most first.
-- :material text | one material only
SELECT material_id, part_number, part_name, available_quantity, safety_stock, missing_quantity, unit_of_measure,
  waiting_orders, shortage_quantity, missing_cost, currency
FROM stock_below_safety
WHERE :'material'::text IS NULL OR material_id = :'material'
ORDER BY waiting_orders DESC, missing_cost DESC NULLS LAST, material_id
