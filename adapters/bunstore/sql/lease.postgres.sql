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
