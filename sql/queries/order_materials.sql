-- Materials of open orders
-- What each open order needs, holds and has used up, and what is missing.
-- :work_order text | one order only
-- :material text | one material only
SELECT n.work_order_id, o.due_date, n.material_id, n.quantity_required, n.reserved_quantity, n.consumed_quantity,
  greatest(n.quantity_required - n.reserved_quantity - n.consumed_quantity, 0) AS missing_quantity,
  n.reservation_status
FROM work_order_materials AS n JOIN work_orders AS o USING (tenant_id, work_order_id)
WHERE o.status NOT IN ('completed', 'cancelled')
  AND (:'work_order'::text IS NULL OR n.work_order_id = :'work_order')
  AND (:'material'::text IS NULL OR n.material_id = :'material')
ORDER BY o.due_date, n.work_order_id, n.material_id
