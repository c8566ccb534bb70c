WITH @due
UPDATE keyseat_tasks AS x SET
	fence = x.fence + 1, worker = @worker, leased_until = @now + @ttl + due.place * @tick,
	lost = x.lost + CASE WHEN x.leased_until IS NULL THEN 0 ELSE 1 END
FROM due WHERE x.code = due.code AND x.id = due.id
