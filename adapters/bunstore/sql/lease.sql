-- Lease and Extend of tasks.Store.
--
-- The statements use the index on coalesce(leased_until, due), because a poll that finds nothing must be cheap. There
-- are two groups of tasks:
--
--   late    open tasks that are due, or whose lease has expired
--   ahead   open tasks with a time more than 2×ttl in the future, set by a clock that was later set back. A task of
--           this group has a lease, or its newest history entry is also that far in the future.
--
-- The leases end one microsecond apart, so that tasks whose leases expire together keep their order.

-- PostgreSQL plans the statement once, perhaps while the tables are empty: see the statement snapshots.
-- name: lease
WITH late AS MATERIALIZED (
	SELECT t.code, t.id, coalesce(t.leased_until, t.due) AS since
	FROM keyseat_tasks t
	WHERE t.ended_at IS NULL AND coalesce(t.leased_until, t.due) <= @now
	ORDER BY coalesce(t.leased_until, t.due) LIMIT @n FOR UPDATE SKIP LOCKED),
ahead AS MATERIALIZED (
	SELECT t.code, t.id, coalesce(t.leased_until, t.due) AS since
	FROM keyseat_tasks t
	WHERE t.ended_at IS NULL AND coalesce(t.leased_until, t.due) > @now + @twice
		AND (t.leased_until IS NOT NULL OR (
			SELECT h.at FROM keyseat_history h
			WHERE h.code = t.code AND h.task_id = t.id ORDER BY h.seq DESC LIMIT 1) > @now + @twice)
	ORDER BY coalesce(t.leased_until, t.due) LIMIT @n FOR UPDATE SKIP LOCKED),
due AS MATERIALIZED (
	SELECT code, id, row_number() OVER (ORDER BY since) AS place
	FROM (SELECT * FROM late UNION ALL SELECT * FROM ahead) AS both_kinds ORDER BY since LIMIT @n),
taken AS (
	UPDATE keyseat_tasks AS x SET
		fence = x.fence + 1, worker = @worker, leased_until = @now + @ttl + due.place * @tick,
		lost = x.lost + CASE WHEN x.leased_until IS NULL THEN 0 ELSE 1 END
	FROM due
	JOIN LATERAL (SELECT o.ctid AS place FROM keyseat_tasks o WHERE o.code = due.code AND o.id = due.id LIMIT 1) o ON true
	WHERE x.ctid = o.place
	RETURNING x.*, due.place)
SELECT @now, k.*, t.*
FROM taken t
JOIN LATERAL (SELECT * FROM keyseat_keys k WHERE k.code = t.code LIMIT 1) k ON true
ORDER BY t.place

-- SQLite needs three statements, because it allows no UPDATE inside WITH.
-- name: lease due
WITH late AS MATERIALIZED (
	SELECT t.code, t.id, coalesce(t.leased_until, t.due) AS since
	FROM keyseat_tasks t
	WHERE t.ended_at IS NULL AND coalesce(t.leased_until, t.due) <= @now
	ORDER BY coalesce(t.leased_until, t.due) LIMIT @n),
ahead AS MATERIALIZED (
	SELECT t.code, t.id, coalesce(t.leased_until, t.due) AS since
	FROM keyseat_tasks t
	WHERE t.ended_at IS NULL AND coalesce(t.leased_until, t.due) > @now + @twice
		AND (t.leased_until IS NOT NULL OR (
			SELECT h.at FROM keyseat_history h
			WHERE h.code = t.code AND h.task_id = t.id ORDER BY h.seq DESC LIMIT 1) > @now + @twice)
	ORDER BY coalesce(t.leased_until, t.due) LIMIT @n)
SELECT code, id
FROM (SELECT * FROM late UNION ALL SELECT * FROM ahead) ORDER BY since LIMIT @n

-- name: lease take
WITH @due
UPDATE keyseat_tasks AS x SET
	fence = x.fence + 1, worker = @worker, leased_until = @now + @ttl + due.place * @tick,
	lost = x.lost + CASE WHEN x.leased_until IS NULL THEN 0 ELSE 1 END
FROM due WHERE x.code = due.code AND x.id = due.id

-- name: lease read
WITH @due
SELECT @now, k.*, t.*
FROM due
JOIN keyseat_tasks t ON t.code = due.code AND t.id = due.id
JOIN keyseat_keys k ON k.code = t.code
ORDER BY due.place

-- The server plans the statement each time, because a generic plan may have a bad join order. The statement must lock
-- the rows before it writes them, and such a statement cannot prescribe the join order.
-- name: extend
WITH @want, mine (its_code, its_id, its_place) AS MATERIALIZED (
	SELECT t.code, t.id, want.place FROM want
	JOIN keyseat_tasks t ON t.code = want.code AND t.id = want.id AND t.fence = want.fence
	WHERE t.ended_at IS NULL AND t.leased_until IS NOT NULL
	ORDER BY t.code, t.id FOR UPDATE OF t)
UPDATE keyseat_tasks SET leased_until = @now + @ttl + its_place * @tick
FROM mine WHERE code = its_code AND id = its_id
RETURNING code, id, fence

-- name: extend sqlite
WITH @want, mine (its_code, its_id, its_place) AS MATERIALIZED (
	SELECT t.code, t.id, want.place FROM want
	JOIN keyseat_tasks t ON t.code = want.code AND t.id = want.id AND t.fence = want.fence
	WHERE t.ended_at IS NULL AND t.leased_until IS NOT NULL
	ORDER BY t.code, t.id)
UPDATE keyseat_tasks SET leased_until = @now + @ttl + its_place * @tick
FROM mine WHERE code = its_code AND id = its_id
RETURNING code, id, fence

-- name: return leases
WITH @want, mine (its_code, its_id) AS MATERIALIZED (
	SELECT t.code, t.id FROM want
	JOIN keyseat_tasks t ON t.code = want.code AND t.id = want.id AND t.fence = want.fence
	WHERE t.ended_at IS NULL AND t.leased_until IS NOT NULL
	ORDER BY t.code, t.id FOR UPDATE OF t)
UPDATE keyseat_tasks SET leased_until = NULL, worker = NULL
FROM mine WHERE code = its_code AND id = its_id
RETURNING code, id, fence

-- name: return leases sqlite
WITH @want, mine (its_code, its_id) AS MATERIALIZED (
	SELECT t.code, t.id FROM want
	JOIN keyseat_tasks t ON t.code = want.code AND t.id = want.id AND t.fence = want.fence
	WHERE t.ended_at IS NULL AND t.leased_until IS NOT NULL
	ORDER BY t.code, t.id)
UPDATE keyseat_tasks SET leased_until = NULL, worker = NULL
FROM mine WHERE code = its_code AND id = its_id
RETURNING code, id, fence

-- name: extend distributed
UPDATE keyseat_tasks AS x SET leased_until = r.until
FROM @r WHERE x.code = r.code AND x.id = r.id AND x.fence = r.fence AND x.ended_at IS NULL
	AND x.leased_until IS NOT NULL AND x.code = ANY (@codes)
RETURNING x.code, x.id, x.fence

-- name: return leases distributed
UPDATE keyseat_tasks AS x SET leased_until = NULL, worker = NULL
FROM @r WHERE x.code = r.code AND x.id = r.id AND x.fence = r.fence AND x.ended_at IS NULL
	AND x.leased_until IS NOT NULL AND x.code = ANY (@codes)
RETURNING x.code, x.id, x.fence
