-- Statements of a distributed store.

-- The statement locks keys only so that COMMIT waits for a synchronous standby, or for other transactions about them.
-- name: lock keys
UPDATE keyseat_keys AS x SET version = x.version WHERE x.code = ANY (@codes) RETURNING x.code

-- A poll that finds nothing sends only this statement to all servers: the least and the greatest time at which an open
-- task is leasable.
-- name: lease limits
SELECT min(coalesce(t.leased_until, t.due)), max(coalesce(t.leased_until, t.due)) FROM keyseat_tasks t WHERE t.ended_at IS NULL

-- The keys of the group late of the statement lease.
-- name: late codes
SELECT t.code FROM keyseat_tasks t WHERE t.ended_at IS NULL AND coalesce(t.leased_until, t.due) <= @at
ORDER BY coalesce(t.leased_until, t.due) LIMIT @n

-- The snapshots of these keys, from the servers that have them.
-- name: late
SELECT @at, k.*, t.*
FROM keyseat_tasks t JOIN keyseat_keys k ON k.code = t.code
WHERE t.ended_at IS NULL AND coalesce(t.leased_until, t.due) <= @at AND t.code = ANY (@codes)
ORDER BY coalesce(t.leased_until, t.due) LIMIT @n

-- The group ahead, if the greatest time says that there may be one. A task without a lease is ahead only if its newest
-- history entry is ahead too. The entry h is the newest one if no entry g comes after it.
-- name: ahead
SELECT @at, k.*, t.*
FROM keyseat_tasks t JOIN keyseat_keys k ON k.code = t.code
LEFT JOIN keyseat_history h ON h.code = t.code AND h.task_id = t.id AND h.at > @ahead AND t.leased_until IS NULL
LEFT JOIN keyseat_history g ON g.code = h.code AND g.task_id = h.task_id AND g.seq > h.seq
WHERE t.ended_at IS NULL AND coalesce(t.leased_until, t.due) > @ahead
	AND (t.leased_until IS NOT NULL OR h.code IS NOT NULL AND g.code IS NULL)
ORDER BY coalesce(t.leased_until, t.due) LIMIT @n

-- The statement runs @command on each shard, and returns the results of the shards that can be reached.
-- name: reachable
SELECT coalesce(r.result, '[]') FROM run_command_on_shards('keyseat_tasks', @command) r WHERE r.success

-- The statement leases the candidates that are unchanged.
-- name: take candidates
UPDATE keyseat_tasks AS x SET fence = x.fence + 1, worker = @worker, leased_until = r.until,
	lost = x.lost + CASE WHEN x.leased_until IS NULL THEN 0 ELSE 1 END
FROM @r WHERE x.code = r.code AND x.id = r.id AND x.version = r.version AND x.fence = r.fence AND x.ended_at IS NULL
	AND coalesce(x.leased_until, x.due) = r.since AND x.code = ANY (@codes)
RETURNING x.code, x.id

-- The servers that get shards.
-- name: citus workers
SELECT count(*) FROM pg_dist_node WHERE isactive AND noderole = 'primary' AND shouldhaveshards

-- The shards of a table, the servers that have some, and the workers among them. The coordinator is group 0.
-- name: citus shards
SELECT count(DISTINCT s.shardid), count(DISTINCT p.groupid), count(DISTINCT nullif(p.groupid, 0))
FROM pg_dist_shard s JOIN pg_dist_placement p ON p.shardid = s.shardid
WHERE s.logicalrelid = CAST($1 AS text)::regclass

-- name: citus tables
SELECT CAST(c.relname AS text) FROM pg_dist_partition p JOIN pg_class c ON c.oid = p.logicalrelid
WHERE p.partmethod = 'h' AND c.oid = to_regclass(c.relname) AND c.relname LIKE 'keyseat%'

-- The statement removes the copy of a table's rows that Citus leaves on the disk of the coordinator, where no query
-- sees it. The copy holds sealed accounts, which must disappear together with their tasks. If a call of Distribute was
-- interrupted, the next call removes the copy.
-- name: drop local copy
SELECT truncate_local_data_after_distributing_table(CAST($1 AS text)::regclass)
WHERE pg_relation_size(CAST($1 AS text)::regclass) > 0
