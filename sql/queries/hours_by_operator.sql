-- Hours by operator
-- Planned and worked hours, shifts nobody came to, and what was planned as overtime.
-- :days integer 30 | so many days back
SELECT h.operator_id, o.first_name, o.last_name, h.department, count(*) AS shifts, sum(h.planned_hours) AS planned_hours,
  sum(h.worked_hours) AS worked_hours, sum(h.worked_hours) FILTER (WHERE h.is_overtime) AS planned_overtime_hours,
  count(*) FILTER (WHERE h.is_absent) AS absences
FROM operator_hours AS h LEFT JOIN operators AS o USING (tenant_id, operator_id)
WHERE h.shift_date > current_date - :'days'::int AND h.status <> 'withdrawn'
GROUP BY h.operator_id, o.first_name, o.last_name, h.department
ORDER BY worked_hours DESC NULLS LAST, h.operator_id
