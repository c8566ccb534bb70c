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
