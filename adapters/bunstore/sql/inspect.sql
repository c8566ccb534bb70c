-- The inspector.

-- The statement counts the slots of the plan with the id, or of all plans: 1 by the tasks, 0 by the history.
-- name: count slots
SELECT plan_id, slot, 1, count(*) FROM keyseat_tasks
WHERE slot NOT IN ('', 'free') AND (@id = '' OR plan_id = @id) GROUP BY plan_id, slot
UNION ALL
SELECT plan_id, slot_to, 0, count(*) FROM keyseat_history
WHERE slot_to NOT IN ('', 'free') AND (@id = '' OR plan_id = @id) GROUP BY plan_id, slot_to
UNION ALL
SELECT plan_id, slot_from, 0, -count(*) FROM keyseat_history
WHERE slot_from NOT IN ('', 'free') AND (@id = '' OR plan_id = @id) GROUP BY plan_id, slot_from
