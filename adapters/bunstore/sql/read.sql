-- Snapshots and Find of tasks.Store.

-- PostgreSQL plans the statement once, and the tables may have been empty at that moment. For empty tables every index
-- and every join order seem good to the planner. Therefore the LATERAL joins fix the order. The CASE keeps the planner
-- from an index on the task's id: the server reads all tasks of a key, which are few.
-- name: snapshots
WITH @want
SELECT @now, k.*, t.*
FROM want
LEFT JOIN LATERAL (SELECT * FROM keyseat_keys k WHERE k.code = want.code LIMIT 1) k ON true
LEFT JOIN LATERAL (
	SELECT * FROM keyseat_tasks t
	WHERE t.code = k.code AND CASE t.id WHEN k.task_id THEN true END LIMIT 1) t ON true
ORDER BY want.place

-- name: snapshots sqlite
WITH @want
SELECT @now, k.*, t.*
FROM want
LEFT JOIN keyseat_keys k ON k.code = want.code
LEFT JOIN keyseat_tasks t ON t.code = k.code AND t.id = k.task_id
ORDER BY want.place

-- name: snapshots distributed
SELECT CAST(NULL AS timestamptz), k.*, t.* FROM keyseat_keys k
LEFT JOIN keyseat_tasks t ON t.code = k.code AND t.id = k.task_id
WHERE k.code = ANY (@codes)

-- name: find
SELECT k.* FROM keyseat_keys k WHERE k.code = ANY (@codes)

-- name: find sqlite
SELECT k.* FROM keyseat_keys k WHERE k.code IN (SELECT value FROM json_each(@codes))

-- The statement finds one key, at the least cost for the database.
-- name: find one
SELECT k.* FROM keyseat_keys k WHERE k.code = @code
